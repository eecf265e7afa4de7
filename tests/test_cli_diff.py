"""`report --diff`: two real builds compared by the command, as a person and as a script would."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from corpus import SPEAKERS, Corpus, build_here, bytes_of, make_corpus, speccraft, word_samples

from speccraft import store
from speccraft.errors import UnreadableInput
from speccraft.locate import Found, compared_with
from speccraft.shelf import collect, shelf_of


@pytest.fixture(scope="module")
def two(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, store.Artefact, store.Artefact]:
    """A corpus built twice: the second time a rule took what is quiet."""
    corpus = make_corpus(tmp_path_factory.mktemp("diff"))
    corpus.add_row("words/anna-quiet.wav", word_samples("di", pitch=1.6, seed=9) * 0.01)
    before = build_here(corpus).artefact
    corpus.write_scenario(quality={"level_dbfs": {"min": -40.0}})
    return corpus, before, build_here(corpus).artefact


def test_what_changed_is_told_line_by_line_and_the_page_is_named(two: tuple[Corpus, store.Artefact, store.Artefact]) -> None:
    corpus, before, after = two
    there = bytes_of(corpus.workspace / "builds")
    done = speccraft("report", corpus.scenario, "--diff", before.record.id[:6])
    assert (done.returncode, "Traceback" in done.stderr) == (0, False)
    assert "scenario  quality.level_dbfs: nothing -> {min: -40}" in done.stdout
    assert "inputs    1 of words: kept -> dropped by quality.level_dbfs" in done.stdout
    assert not any(name in done.stdout for name in SPEAKERS)
    page = Path(done.stdout.splitlines()[-1].removeprefix("page").strip())
    assert page.name == f"diff-{before.record.id}-{after.record.id}.html"
    assert page.is_file()
    assert bytes_of(corpus.workspace / "builds") == there


def test_a_script_gets_one_object_with_all_of_it(two: tuple[Corpus, store.Artefact, store.Artefact]) -> None:
    corpus, before, after = two
    done = speccraft("report", after.path, "--diff", before.path, "--json")
    printed = json.loads(done.stdout)
    (found,) = printed["findings"]
    assert (printed["ok"], done.stderr) == (True, "")
    assert printed["counts"]["stayed"] + printed["counts"]["left"] == found["before"]["cuts"] == 31
    assert json.loads((Path(printed["artifacts"]["comparison"]) / "diff.json").read_bytes()).items() <= found.items()
    assert corpus.workspace in Path(printed["artifacts"]["comparison"]).parents


def test_a_build_that_is_not_there_ends_with_3_and_the_ids_there_are(two: tuple[Corpus, store.Artefact, store.Artefact]) -> None:
    corpus, before, _ = two
    done = speccraft("report", corpus.scenario, "--diff", "zzz")
    assert (done.returncode, done.stdout) == (3, "")
    assert "no build is called 'zzz'" in done.stderr
    assert before.record.id in done.stderr


def test_another_build_is_named_by_a_path_or_the_start_of_its_id(two: tuple[Corpus, store.Artefact, store.Artefact]) -> None:
    corpus, before, after = two
    found = Found(after, corpus.workspace)
    assert compared_with(found, before.record.id[:5]) == before.path
    assert compared_with(found, str(corpus.scenario)) == corpus.scenario
    with pytest.raises(UnreadableInput, match="no build is called 'nothing'"):
        compared_with(found, "nothing")


def test_a_comparison_keeps_no_build_and_goes_with_it(two: tuple[Corpus, store.Artefact, store.Artefact]) -> None:
    corpus, before, _ = two
    made = speccraft("report", corpus.scenario, "--diff", before.record.id, "--json")
    comparison = Path(json.loads(made.stdout)["artifacts"]["comparison"])
    waste = {one.path for one in collect(shelf_of(corpus.workspace), keep=1).waste}
    assert {before.path, comparison.resolve()} <= {path.resolve() for path in waste}
    assert comparison not in {one.path for one in collect(shelf_of(corpus.workspace)).waste}
