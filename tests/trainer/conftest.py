"""Fixtures of the tests about training: a build of tones, and a run that learnt it."""

from __future__ import annotations

from pathlib import Path

import pytest
from tones_world import make_build, tiny_recipe

from speccraft import store
from speccraft.trainer.offline import go_offline
from speccraft.trainer.recipe import Recipe
from speccraft.trainer.run import train


def pytest_configure() -> None:
    """Before any test module imports transformers."""
    go_offline()


@pytest.fixture(scope="session")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The build of tones."""
    return make_build(tmp_path_factory.mktemp("tones"))


@pytest.fixture(scope="session")
def recipe() -> Recipe:
    """One layer each, 200 + 60 steps: enough for three tones."""
    return tiny_recipe()


@pytest.fixture(scope="session")
def trained(build: Path, recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> store.Artefact:
    """A run that learnt the tones through both stages."""
    return train(build, tmp_path_factory.mktemp("workspace"), recipe, stages=("pretrain", "align"), name="tones")
