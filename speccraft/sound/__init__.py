"""One waveform at a time: decode it, find the speech, measure it, put it in a place."""
