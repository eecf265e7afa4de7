"""Fixtures that every room's tests may use."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

import pytest

if TYPE_CHECKING:
    from corpus import Corpus

    from speccraft.build.run import Built


@pytest.fixture(autouse=True)
def _own_data(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever runs the tests may have named a data folder; commands under test have their own."""
    monkeypatch.delenv("SPECCRAFT_DATA", raising=False)


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    """A fresh corpus of tone bursts."""
    from corpus import make_corpus

    return make_corpus(tmp_path / "corpus")


@pytest.fixture(scope="session")
def tiny_build(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, Built]:
    """A corpus and its build, to be read only."""
    from corpus import build_here, make_corpus

    corpus = make_corpus(tmp_path_factory.mktemp("tiny"))
    return corpus, build_here(corpus)
