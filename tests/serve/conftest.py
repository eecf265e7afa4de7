"""Fixtures of the tests about serving: one trained run, and one server of it."""

from __future__ import annotations

from collections.abc import Iterator

import pytest
from serve_world import CONVERSES, Server, World, make_world, scenario_of, serving, tones

from speccraft.trainer.serve.server import served_of
from speccraft.trainer.serve.service import Served


@pytest.fixture(scope="session")
def world(tmp_path_factory: pytest.TempPathFactory) -> World:
    return make_world(tmp_path_factory.mktemp("served"))


@pytest.fixture(scope="session")
def transcriber(world: World) -> Served:
    return served_of(world.run, world.build, scenario_of(tones.SCENARIO))


@pytest.fixture(scope="session")
def converser(world: World) -> Served:
    """The same model under a job manual."""
    return served_of(world.run, world.build, scenario_of(CONVERSES))


@pytest.fixture(scope="session")
def server(transcriber: Served) -> Iterator[Server]:
    with serving(transcriber) as found:
        yield found


@pytest.fixture(scope="session")
def strict_server(converser: Served) -> Iterator[Server]:
    with serving(converser) as found:
        yield found
