"""The command: where the export is said to be, and what a refusal or a wrong name costs."""

from __future__ import annotations

import json
import shutil
from pathlib import Path

import pytest
from corpus import Corpus, build_here, speccraft

from speccraft.build.run import Built
from speccraft.verify import verify


@pytest.fixture
def corpus_with_build(tiny_build: tuple[Corpus, Built], tmp_path: Path) -> Corpus:
    corpus = Corpus(Path(shutil.copytree(tiny_build[0].folder, tmp_path / "corpus")))
    build_here(corpus)
    return corpus


@pytest.mark.slow
def test_a_scenario_exports_its_current_build(corpus_with_build: Corpus) -> None:
    done = speccraft("export", corpus_with_build.scenario, "--to", "nemo", "--split", "test", "--condition", "clean", "--condition", "place", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    said = json.loads(done.stdout)
    folder = Path(said["artifacts"]["export"])
    assert folder.parent == (corpus_with_build.workspace / "exports/tiny").resolve()
    assert said["counts"]["test"] == said["counts"]["test_place"] == len(list((folder / "test/audio").rglob("*.flac")))
    assert verify(folder).exit_code == 0


def test_a_build_is_exported_where_out_says_and_the_next_step_is_told(corpus_with_build: Corpus, tmp_path: Path) -> None:
    build = next(path for path in (corpus_with_build.workspace / "builds/tiny").iterdir() if path.is_dir())
    done = speccraft("export", build, "--to", "pointers", "--out", tmp_path / "out")
    assert done.returncode == 0
    assert done.stdout == f"exported  {next((tmp_path / 'out').iterdir())}\n"
    assert "export: " in done.stderr, "progress, in one line where there is no terminal"


def test_what_a_build_does_not_have_is_a_wrong_use_and_leaves_nothing(corpus_with_build: Corpus, tmp_path: Path) -> None:
    done = speccraft("export", corpus_with_build.scenario, "--to", "hf", "--condition", "snr_7", "--out", tmp_path / "out")
    assert done.returncode == 2
    assert "it has clean, place" in done.stderr
    assert not (tmp_path / "out").exists()
