"""Licences and recipes that nobody knows are told at their place, with the near one."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus import Corpus

from speccraft.plan.words import unknown_words
from speccraft.resources import recipe_file
from speccraft.scenario import load_scenario


def told(corpus: Corpus) -> list[tuple[str, str, str, str]]:
    return [(one.code, one.severity, one.path, one.help) for one in unknown_words(load_scenario(corpus.scenario))]


def test_a_scenario_of_known_words_is_told_nothing(corpus: Corpus) -> None:
    assert told(corpus) == []


@pytest.mark.parametrize(("id", "near"), [("CC-BY", "CC-BY-4.0"), ("cc0", "CC0-1.0"), ("Apache 2.0", "Apache-2.0")])
def test_an_accepted_licence_that_nobody_knows_is_an_error_at_its_place(corpus: Corpus, id: str, near: str) -> None:
    corpus.write_scenario(rights__accept=["CC0-1.0", id])
    ((code, severity, path, help),) = told(corpus)
    assert (code, severity, path) == ("SC301", "error", "rights.accept[1]")
    assert help.startswith("did you mean 'CC" if near.startswith("CC") else f"did you mean '{near}'")


def test_a_sources_licence_that_is_none_is_a_warning_for_only_the_plan_can_refuse_it(corpus: Corpus) -> None:
    corpus.write_scenario(sources__0__licence="CC-ZERO")
    assert [row[:3] for row in told(corpus)] == [("SC301", "warning", "sources[0].licence")]


def test_a_recipe_is_looked_for_beside_the_scenario(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus.write_scenario(training={"recipe": "mine.yaml"})
    assert [row[:3] for row in told(corpus)] == [("SC302", "error", "training.recipe")]
    (corpus.folder / "mine.yaml").write_text(recipe_file("tiny-cpu").read_text())
    monkeypatch.chdir(tmp_path)
    assert told(corpus) == []
