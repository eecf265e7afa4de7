"""Fixtures of the evaluation tests."""

from __future__ import annotations

from pathlib import Path

import pytest
from evaluation_world import World, make_world


@pytest.fixture
def world(tmp_path: Path) -> World:
    """A small committed build and run."""
    return make_world(tmp_path)
