"""`speccraft init`: ask, listen or copy, and write a scenario that passes `check`."""
