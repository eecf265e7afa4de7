"""The build that the tests of every format export."""

from __future__ import annotations

import pytest
from export_world import odd_build

from speccraft.store import Artefact


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Artefact:
    """A build with odd names and texts, to be read only."""
    return odd_build(tmp_path_factory.mktemp("odd"))
