from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest
from transformers import Trainer, TrainerCallback

from speccraft.trainer.recipe import Recipe
from speccraft.trainer.run import train
from speccraft.trainer.stage import Session


def five_steps(recipe: Recipe) -> Recipe:
    stages = {stage: getattr(recipe, stage).model_copy(update={"steps": 5, "log_every": 3}) for stage in ("pretrain", "align")}
    return recipe.model_copy(update=stages)


def test_progress_comes_at_every_log_and_at_the_last_step_with_what_was_measured(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    calls: list[tuple] = []
    train(build, tmp_path, five_steps(recipe), stages=("pretrain", "align"), name="tones", on_progress=lambda *call: calls.append(call))
    assert [call[:3] for call in calls] == [("pretrain", 3, 5), ("pretrain", 5, 5), ("align", 3, 5), ("align", 5, 5)]
    for *_, metrics in calls:
        assert metrics["audio_s_per_s"] > 0
        assert 0 <= metrics["padding_share"] < 1
    assert "ctc_loss" in calls[0][3]
    assert "mean_token_accuracy" in calls[-1][3]


def test_the_hooks_we_override_are_still_transformers_own() -> None:
    assert callable(Trainer.get_train_dataloader)
    assert callable(TrainerCallback.on_log)
    assert callable(TrainerCallback.on_step_end)


def test_both_trainers_take_the_arguments_of_a_session(recipe: Recipe, tmp_path: Path) -> None:
    from transformers import TrainingArguments
    from trl import SFTConfig

    from speccraft.trainer.checkpoint import fresh

    arguments = Session("pretrain", fresh(recipe, 8000, 0), None, recipe.pretrain, 0, str(tmp_path), print).arguments()  # type: ignore[arg-type]
    for kind in (TrainingArguments, SFTConfig):
        made = kind(**arguments)
        assert (made.max_steps, made.bf16, made.save_strategy, made.report_to) == (recipe.pretrain.steps, False, "no", [])


@pytest.mark.slow
def test_training_prints_nothing_of_its_own(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    code = (
        "import sys; from pathlib import Path; from speccraft.trainer.recipe import Recipe; from speccraft.trainer.run import train;"
        "build, workspace, recipe = sys.argv[1:];"
        "train(Path(build), Path(workspace), Recipe.model_validate_json(recipe), stages=('pretrain', 'align'), name='tones')"
    )
    command = [sys.executable, "-c", code, str(build), str(tmp_path), json.dumps(five_steps(recipe).model_dump(mode="json"))]
    done = subprocess.run(command, capture_output=True, text=True, check=True)
    assert (done.stdout, done.stderr) == ("", "")
