"""Measure audio that is in no build: recordings, a place that was recorded on site, and a cut in its place."""
