"""Where a voice, a recording, a cut or a run went and came from, and how a voice is taken out again."""
