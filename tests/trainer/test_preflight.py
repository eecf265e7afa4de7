from __future__ import annotations

from pathlib import Path

import pytest
from tones_world import make_build

from speccraft.errors import BrokenIntegrity, SpeccraftError
from speccraft.trainer.preflight import shortened
from speccraft.trainer.recipe import Recipe
from speccraft.trainer.run import preflight

BOTH = ("pretrain", "align")


def test_a_preflight_says_what_each_stage_takes_and_leaves_nothing_behind(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    pretrain, align = preflight(build, tmp_path, recipe, stages=BOTH, name="tones")
    assert (pretrain.stage, align.stage) == BOTH
    assert (pretrain.steps, align.steps) == (200, 60)
    assert pretrain.dialogues == 12
    assert 0 < pretrain.trained <= pretrain.parameters
    assert pretrain.state_bytes == 4 * (pretrain.parameters + 3 * pretrain.trained)
    # of at most 2 s, and the longest take has 0.35 s
    assert 1.5 < pretrain.longest_batch_s < 3.5
    assert 0 < pretrain.step_s < 60
    assert pretrain.peak_bytes > 1e8
    assert pretrain.hours == pytest.approx(200 * pretrain.step_s / 3600)
    assert not list(tmp_path.iterdir())


def test_a_preflight_finds_what_training_would(recipe: Recipe, tmp_path: Path) -> None:
    build = make_build(tmp_path, demonstrations=False)
    with pytest.raises(SpeccraftError, match="no demonstration"):
        list(preflight(build, tmp_path, recipe, stages=BOTH, name="tones"))
    (build / "cuts.train.jsonl").write_bytes((build / "cuts.train.jsonl").read_bytes()[:-2])
    with pytest.raises(BrokenIntegrity):
        list(preflight(build, tmp_path, recipe, stages=BOTH, name="tones"))


def test_a_shortened_recipe_logs_looks_and_saves_within_its_few_steps(recipe: Recipe) -> None:
    few = shortened(recipe, BOTH, 20)
    for stage in (few.pretrain, few.align):
        assert (stage.steps, stage.warmup_steps, stage.evaluate_every) == (20, 0, 20)
        assert stage.log_every < 20
