"""Serve a run: a page to speak to it, and an API that OpenAI's clients speak."""
