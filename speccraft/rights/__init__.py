"""May this recording be used? One gate, asked at every door."""
