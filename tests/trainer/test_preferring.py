from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from tones_world import SCENARIO, make_build

from speccraft import store
from speccraft.errors import SpeccraftError
from speccraft.scenario import Scenario
from speccraft.scenario.text import check, parse
from speccraft.trainer import pairs as answering
from speccraft.trainer.data import read_cuts
from speccraft.trainer.order import Order
from speccraft.trainer.preferring import given, wanted, work
from speccraft.trainer.recipe import Recipe, load_recipe
from speccraft.trainer.run import STAGES, train
from speccraft.verify import verify

PREFER = {"steps": 4, "learning_rate": 0.001, "batch_audio_s": 2.0, "log_every": 2}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build(tmp_path_factory.mktemp("preferred"), pairs=True)


def quick(recipe: Recipe, **prefer: Any) -> Recipe:
    """A few steps of every stage; nothing is learnt."""
    few = {stage: getattr(recipe, stage).model_copy(update={"steps": 4, "log_every": 2}) for stage in ("pretrain", "align")}
    return Recipe.model_validate_json(json.dumps(recipe.model_copy(update=few).model_dump(mode="json") | {"prefer": PREFER | prefer}))


def run_of(build: Path, workspace: Path, recipe: Recipe, **options: Any) -> store.Artefact:
    return train(build, workspace, recipe, stages=STAGES, name="tones", **{"say": lambda _: None, **options})


def order(build: Path, recipe: Recipe, stages: tuple[str, ...] = STAGES) -> Order:
    return Order(store.open_artefact(build, "build"), build.parent, recipe, stages, "tones", 0)


@pytest.mark.slow
def test_a_run_through_all_stages_says_what_preferences_cost_and_what_they_were(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    told: list[str] = []
    run = run_of(build, tmp_path, quick(recipe), say=told.append)
    info = run.record.info
    assert info["pairs"] == {"given": 12, "left_out": 0}
    assert {(row["split"], row["condition"], row["group"]) for row in info["alignment_tax"]} >= {("test", "clean", "all"), ("dev", "place", "seen")}
    rows = json.loads((run.path / "checkpoints" / "prefer" / "tax.json").read_text())
    assert {row["group"] for row in rows} == {"all", "seen", "speaker=osc"}
    assert any("alignment tax" in text for text in told)
    parents = store.open_artefact(run.path / "checkpoints" / "prefer", "checkpoint").record.derives_from
    assert [parent.id for parent in parents] == ["tones", f"{run.record.id}-align"]
    metrics = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    assert {"rewards/margins", "rehearsal_loss"} <= metrics[-1].keys()
    assert metrics[-1]["stage"] == "prefer"


@pytest.mark.slow
def test_automatic_pairs_lie_in_the_run_as_an_artefact_that_is_verified(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    run = run_of(build, tmp_path, quick(recipe, automatic={"share": 0.2, "prompts": 8, "answers": 2}))
    pairs = store.open_artefact(run.path / "pairs", "pairs")
    store.check_files(pairs)
    assert run.record.info["pairs"] == {"automatic": 3, "given": 12, "left_out": 0}
    assert [parent.kind for parent in pairs.record.derives_from] == ["build", "checkpoint"]
    assert pairs.record.derives_from[1].id == f"{run.record.id}-align"
    for folder in (run.path / "pairs", run.path):
        report = verify(folder)
        assert not report.problems
        assert report.unreadable is None
    checked = [note for note in verify(run.path / "pairs").notes if "checkpoint" in note]
    assert not checked, "the checkpoint that answered lies beside them"


@pytest.mark.slow
def test_a_run_that_was_stopped_among_its_preferences_goes_on_to_the_same_weights_and_does_not_answer_again(
    build: Path, recipe: Recipe, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings = quick(recipe, automatic={"share": 1.0, "prompts": 6, "answers": 2}, save_every=2)
    whole = run_of(build, tmp_path / "whole", settings)

    def stop(stage: str, step: int, total: int) -> None:
        if (stage, step) == ("prefer", 3):
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_of(build, tmp_path, settings, on_step=stop)
    monkeypatch.setattr(answering, "answered", lambda *_, **__: pytest.fail("it answers again"))
    told: list[str] = []
    again = run_of(build, tmp_path, settings, say=told.append)
    assert "prefer: going on from step 2 of 4" in told
    assert (again.path / "pairs" / "pairs.jsonl").read_bytes() == (whole.path / "pairs" / "pairs.jsonl").read_bytes()
    weights = [(run.path / "checkpoints" / "prefer" / "model.safetensors").read_bytes() for run in (whole, again)]
    assert weights[0] == weights[1]


def test_what_cannot_be_preferred_is_refused_before_anything_is_trained(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    without = make_build(tmp_path)
    for where, settings, stages, problem in (
        (without, quick(recipe), STAGES, "holds no pair for training that dpo can learn from"),
        (build, recipe, STAGES, "no section `prefer`"),
        (build, quick(recipe), ("prefer",), "cannot begin with random weights"),
    ):
        with pytest.raises(SpeccraftError, match=problem):
            work(order(where, settings, stages), read_cuts(where, "train"))
        with pytest.raises(SpeccraftError, match=problem):
            train(where, tmp_path / "runs", settings, stages=stages, name="tones")
    assert not list((tmp_path / "runs").glob("runs/*/*/checkpoints/*"))


def test_automatic_pairs_alone_leave_given_ones_out(build: Path, recipe: Recipe) -> None:
    assert given(order(build, quick(recipe, automatic={"share": 1.0}))) == ([], 12)
    assert len(given(order(build, quick(recipe)))[0]) == 12


def test_the_dev_split_is_looked_at_by_what_was_preferred(build: Path) -> None:
    (first, *_) = wanted(build, "dev", read_cuts(build, "dev"))
    assert first.messages[-1].content[0].text == "it is ba."
    assert len(first.messages) == 2


def test_what_a_scenario_says_of_preferences_holds_in_the_recipe_unless_it_is_set_by_hand() -> None:
    from speccraft.cli.train import _preferred

    text = SCENARIO + "preference: {criteria: [natural], method: kto, automatic_pairs: 0.25}\n"
    scenario = check(parse(text + "training: {stages: [pretrain, align, prefer]}\n"), Scenario)
    recipe = load_recipe("tiny-cpu", [*_preferred(scenario), "prefer.method=dpo"])
    assert recipe.prefer is not None
    assert (recipe.prefer.method, recipe.prefer.automatic.share) == ("dpo", 0.25)
    assert _preferred(check(parse(text), Scenario)) == []
