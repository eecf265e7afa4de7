"""Judge a run: error rates with intervals, acceptance, model card. No torch here."""
