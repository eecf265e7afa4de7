"""Fixtures of the tests about lineage."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus import Corpus
from lineage_world import voices


@pytest.fixture
def world(tmp_path: Path) -> Corpus:
    """A fresh corpus in which everybody sounds different."""
    return voices(tmp_path / "corpus")
