"""The words of a scenario: what people write, as models."""
