"""Locate: a scenario means its current artefact, a folder means itself."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from corpus import Corpus, build_here

from speccraft import store
from speccraft.build.run import Built
from speccraft.errors import SpeccraftError, UnreadableInput
from speccraft.locate import build_behind, find, workspace_of
from speccraft.rights.doors import scenario_of
from speccraft.scenario import load_scenario


def test_a_workspace_lies_beside_the_scenario_unless_named(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.chdir(tmp_path)
    assert workspace_of(Path("scenario.yaml"), None) == tmp_path / "speccraft-work"
    assert workspace_of(Path("scenario.yaml"), Path("/elsewhere")) == Path("/elsewhere")


def test_a_scenario_means_its_current_build_and_a_folder_itself(tiny_build: tuple[Corpus, Built]) -> None:
    corpus, built = tiny_build
    by_scenario, by_folder = find("build", corpus.scenario, None), find("build", built.artefact.path, None)
    assert by_scenario == by_folder
    assert by_scenario.artefact == built.artefact
    assert by_scenario.workspace == corpus.workspace


def test_a_relative_folder_is_understood(tiny_build: tuple[Corpus, Built], monkeypatch: pytest.MonkeyPatch) -> None:
    corpus, built = tiny_build
    monkeypatch.chdir(built.artefact.path)
    assert find("build", Path(), None).workspace == corpus.workspace


def test_a_build_that_was_copied_out_of_its_workspace_is_found_with_a_workspace_beside_it(tiny_build: tuple[Corpus, Built], tmp_path: Path) -> None:
    copied = Path(shutil.copytree(tiny_build[1].artefact.path, tmp_path / "copied"))
    assert find("build", copied, None).workspace == tmp_path / "speccraft-work"
    assert find("build", copied, tmp_path / "mine").workspace == tmp_path / "mine"


def test_a_scenario_that_was_not_built_says_what_to_run(corpus: Corpus) -> None:
    for kind, command in (("build", "build-manifest"), ("run", "train")):
        with pytest.raises(UnreadableInput, match=f"tiny has no {kind}") as caught:
            find(kind, corpus.scenario, None)
        assert caught.value.try_this == f"speccraft {command} {corpus.scenario}"


def test_a_scenario_that_changed_since_its_build_is_not_mistaken_for_it(corpus: Corpus) -> None:
    build_here(corpus)
    corpus.write_scenario(seed=5)
    with pytest.raises(SpeccraftError, match="is not the text that build") as caught:
        find("build", corpus.scenario, None)
    assert "build-manifest" in caught.value.try_this


def test_a_folder_that_is_no_artefact_and_a_file_that_is_not_there_are_unreadable(tmp_path: Path) -> None:
    for path in (tmp_path, tmp_path / "nothing.yaml", Path("/")):
        with pytest.raises(UnreadableInput):
            find("build", path, None)


def test_a_current_build_that_was_deleted_is_unreadable(corpus: Corpus) -> None:
    shutil.rmtree(build_here(corpus).artefact.path)
    with pytest.raises(UnreadableInput, match="not a committed build"):
        find("build", corpus.scenario, None)


def test_the_scenario_of_a_build_is_the_one_it_was_made_from(corpus: Corpus) -> None:
    before = load_scenario(corpus.scenario).scenario
    built = build_here(corpus)
    corpus.write_scenario(seed=5)
    assert scenario_of(built.artefact) == before


def test_the_build_behind_a_run_is_found_in_the_runs_own_workspace(corpus: Corpus) -> None:
    built = build_here(corpus)
    shelf = corpus.workspace / "runs" / "tiny"
    with store.scratch_folder(shelf) as scratch:
        run = store.commit(scratch, shelf, kind="run", name="tiny", derives_from=[built.artefact.as_parent], info=json.loads("{}"))
    found = find("run", run.path, None)
    assert build_behind(found) == built.artefact
    shutil.rmtree(built.artefact.path)
    with pytest.raises(UnreadableInput):
        build_behind(found)
