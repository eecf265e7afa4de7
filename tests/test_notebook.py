"""What a notebook calls: a scenario that plans, and both as HTML."""

from __future__ import annotations

from pathlib import Path

import pytest
from corpus import Corpus, build_here

import speccraft
from speccraft import store
from speccraft.errors import InvalidScenario, UnreadableInput
from speccraft.notebook import look_ahead, training_work
from speccraft.plan import plan_of
from speccraft.scenario import Scenario
from speccraft.scenario import load_scenario as load


def test_an_opened_scenario_is_the_scenario_with_its_file(corpus: Corpus) -> None:
    scenario = speccraft.load_scenario(str(corpus.scenario))
    assert isinstance(scenario, Scenario)
    assert scenario.model_dump() == load(corpus.scenario).scenario.model_dump()
    assert scenario.loaded.path == corpus.scenario


def test_it_plans_as_the_command_does(corpus: Corpus) -> None:
    seen = speccraft.load_scenario(corpus.scenario).plan(as_of="2026-01-01")
    assert seen.plan.as_of == "2026-01-01"
    assert len(seen.plan.admitted) == len(plan_of(load(corpus.scenario), as_of="2026-01-01").admitted)
    assert seen.supply.lengths == {"header": 30}
    assert [cost.what for cost in seen.estimate.training] == ["train pretrain", "train align"]


def test_paths_start_from_the_data_folder_that_is_named(corpus: Corpus, tmp_path: Path) -> None:
    moved = tmp_path / "elsewhere" / "scenario.yaml"
    moved.parent.mkdir()
    moved.write_text(corpus.scenario.read_text())
    scenario = speccraft.load_scenario(moved)
    with pytest.raises(UnreadableInput, match="does not exist"):
        scenario.plan()
    assert len(scenario.plan(data=str(corpus.folder)).plan.admitted) == 36


def test_the_html_of_a_scenario_shows_job_sources_and_advice_escaped(corpus: Corpus) -> None:
    corpus.write_scenario(environment__place="<b>hall</b>", preference={"criteria": ["safe"]})
    page = speccraft.load_scenario(corpus.scenario)._repr_html_()
    assert "&lt;b&gt;hall" in page
    assert "<b>" not in page
    assert "source words" in page
    assert page.count("SC290") == 1


def test_a_scenario_with_problems_raises_them_all(corpus: Corpus) -> None:
    corpus.write_scenario(seed=-1, name="bad name")
    with pytest.raises(InvalidScenario) as caught:
        speccraft.load_scenario(corpus.scenario)
    assert len(caught.value.findings) == 2


def test_the_next_plan_is_scaled_by_what_the_last_whole_build_took(corpus: Corpus) -> None:
    made = plan_of(load(corpus.scenario), as_of="2026-01-01", lengths=True)
    before = look_ahead(made, corpus.workspace, workers=1).estimate
    build_here(corpus)
    logged = store.last_logged(corpus.workspace, "build", having="over_estimate")
    assert logged is not None
    after = look_ahead(made, corpus.workspace, workers=1).estimate
    assert before.scale == 1.0
    assert after.scale == logged["over_estimate"]
    # the corpus states no lengths and its headers are right, so what the build took over its own estimate is what the plan would now say
    assert after.build_s == pytest.approx(logged["wall_s"], abs=0.2, rel=0.05)


def test_a_build_from_the_cache_says_nothing_about_time(corpus: Corpus) -> None:
    build_here(corpus)
    first = store.last_logged(corpus.workspace, "build", having="over_estimate")
    corpus.write_scenario(seed=99)
    build_here(corpus)
    assert store.last_logged(corpus.workspace, "build", having="over_estimate") == first
    assert store.last_logged(corpus.workspace, "build", having="id") != first


def test_a_recipe_that_states_no_speed_promises_nothing(corpus: Corpus, tmp_path: Path) -> None:
    from speccraft.resources import recipe_file

    text = recipe_file("tiny-cpu").read_text()
    silent = tmp_path / "silent.yaml"
    silent.write_text("\n".join(line for line in text.splitlines() if not line.startswith("expect:")))
    scenario = load(corpus.scenario).scenario
    assert training_work(str(silent), scenario) == ()
    assert [work.audio_s for work in training_work("tiny-cpu", scenario)] == [12000.0, 3000.0]
