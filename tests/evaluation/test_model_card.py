"""The model card."""

from __future__ import annotations

from io import StringIO
from typing import Any

from evaluation_world import World, committed, scenario
from ruamel.yaml import YAML

from speccraft import store
from speccraft.evaluation.acceptance import judge
from speccraft.evaluation.card import model_card, training_data
from speccraft.evaluation.scores import groups_of, held_out_cuts, scores
from speccraft.scenario.model import Scenario


def card_of(world: World, asked: Scenario) -> str:
    cuts = held_out_cuts(world.build)
    rows = scores(list(world.answers(lambda text, condition: text)), cuts)
    verdict = judge(asked.acceptance.model, rows, {group: len(ids) for group, ids in groups_of(cuts).items()})
    return model_card(asked, world.run, world.build, training_data(world.build), rows, verdict)


def header_of(card: str) -> Any:
    _, header, _ = card.split("---\n", 2)
    return YAML(typ="safe").load(StringIO(header))


def test_the_header_is_yaml_that_the_hub_reads(world: World) -> None:
    header = header_of(card_of(world, scenario()))
    assert header["language"] == ["en"]
    assert header["pipeline_tag"] == "automatic-speech-recognition"
    (index,) = header["model-index"]
    assert len(index["results"]) == 4 * 3
    assert all([metric["type"] for metric in result["metrics"]] == ["wer", "cer"] for result in index["results"])
    assert all(set(result) == {"task", "dataset", "metrics"} for result in index["results"])


def test_the_card_states_origin_scores_licences_and_limits(world: World) -> None:
    card = card_of(world, scenario(wer={"clean": 0.1}, manual=0.5))
    for fact in (
        world.run.digest,
        world.build.digest,
        world.build.record.id,
        "recipe.yaml of the run (pretrain)",
        "| wer | clean | unseen | 0.000 | 0.000 | 0.000 | 25 |",
        "- CC-BY-SA-4.0 (https://creativecommons.org/licenses/by-sa/4.0/legalcode): 25 cuts",
        "- digits: Anna &amp; others, under CC-BY-SA-4.0 (https://creativecommons.org/licenses/by-sa/4.0/legalcode); changed: ",
        "- what is made of recordings under CC-BY-SA-4.0 and passed on is to be under CC-BY-SA-4.0",
        "basic-1",
    ):
        assert fact in card
    assert "## Acceptance: BLOCK" in card
    assert "manual: not proven" in card
    assert "speaker=" not in card


def test_noise_and_rooms_count_among_the_licences_when_training_hears_them(world: World) -> None:
    items = [{"id": split, "source": "hiss", "split": split, "licence": licence} for split, licence in (("train", "CC0-1.0"), ("test", "MIT"))]
    build = committed(
        world.workspace,
        "build",
        {"banks.jsonl": store.json_lines(items)} | {name: (world.build.path / name).read_bytes() for name in ("cuts.train.jsonl", "report.json")},
    )
    data = training_data(build)
    assert data.licences == {"CC-BY-SA-4.0": 25, "CC0-1.0": 1}
    assert (data.speakers, data.hours) == (5, 25 * 0.5 / 3600)


def test_a_waiver_is_on_the_card_with_who_decided_it_and_why(world: World) -> None:
    waiver = {"source": "digits", "licence": None, "rows": 9, "reason": "our own <b>voices</b>", "decided_by": "J. Doe", "until": "2027-01-01"}
    elsewhere = waiver | {"source": "another", "decided_by": "nobody"}
    files = {name: (world.build.path / name).read_bytes() for name in ("cuts.train.jsonl", "cuts.test.jsonl")}
    files["report.json"] = store.canonical_json({"attributions": [], "waivers": [waiver, elsewhere]})
    card = card_of(World(world.workspace, committed(world.workspace, "build", files), world.run, world.cuts), scenario())
    assert "- digits was let in by a waiver, until 2027-01-01: decided by J. Doe, because our own &lt;b&gt;voices&lt;/b&gt;" in card
    assert "nobody" not in card.replace("the source names nobody", "")
    assert "asks to name the authors, and the source names nobody" in card


def test_free_text_of_the_scenario_stays_text(world: World) -> None:
    base = scenario()
    loud = base.model_copy(update={"environment": base.environment.model_copy(update={"place": "a <script>\n| [x](javascript:y)"})})
    card = card_of(world, loud)
    assert "<script>" not in card
    assert "a &lt;script&gt; \\| \\[x](javascript:y)" in card


def test_the_recipe_is_the_runs_own_and_not_the_one_the_scenario_names(world: World) -> None:
    card = card_of(world, scenario())
    assert f"recipe.yaml of the run (pretrain) | {store.sha256_of(world.run.path / 'recipe.yaml')}" in card
