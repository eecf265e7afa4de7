from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tones_world import RATE
from trl import SFTTrainer

from speccraft import store
from speccraft.trainer import checkpoint as checkpoints
from speccraft.trainer.align import align
from speccraft.trainer.data import PlacedAudio, SpeechDialogues, dialogues, read_cuts
from speccraft.trainer.loader import EndlessLoader
from speccraft.trainer.recipe import Augment, Recipe
from speccraft.trainer.stage import Session


def session(build: Path, recipe: Recipe, folder: Path, steps: int) -> Session:
    cuts, checkpoint = read_cuts(build, "train"), checkpoints.fresh(recipe, RATE, seed=0)
    audio = PlacedAudio(build, cuts, RATE, Augment(), 0)
    dataset = SpeechDialogues(dialogues(build, "train", cuts), audio, checkpoint.tokenizer, checkpoint.collator())
    stage = recipe.align.model_copy(update={"steps": steps, "log_every": 1})
    return Session("align", checkpoint, EndlessLoader(dataset, 2.0, 2, 0), stage, 0, str(folder), lambda *_: None)


def test_the_model_keeps_its_own_forward_and_its_tied_weights(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    one = session(build, recipe, tmp_path, steps=2)
    before = one.checkpoint.model.lm_head.weight.detach().clone()
    align(one)
    model = one.checkpoint.model
    assert "forward" not in vars(model)
    assert model.lm_head.weight is model.get_input_embeddings().weight
    assert not torch.equal(model.lm_head.weight, before)


def test_trl_sees_the_loss_of_our_own_forward(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    # with no dropout and the first step not yet taken, TRL's fused loss and ours are the same number
    seen: list[float] = []
    one = session(build, recipe, tmp_path, steps=1)
    one = Session(**(vars(one) | {"on_progress": lambda _stage, _step, _steps, metrics: seen.append(metrics["loss"])}))
    first = next(iter(session(build, recipe, tmp_path, steps=1).loader))
    with torch.no_grad():
        ours = float(one.checkpoint.model(**first).loss)
    align(one)
    assert abs(seen[0] - ours) < 1e-3


def test_the_hook_we_override_is_still_one_of_trl() -> None:
    assert callable(SFTTrainer.get_train_dataloader)


@pytest.mark.slow
def test_alignment_starts_where_pretraining_ended(trained: store.Artefact) -> None:
    stages = [checkpoints.load(store.open_artefact(trained.path / "checkpoints" / stage, "checkpoint")) for stage in ("pretrain", "align")]
    before, after = (stage.model.model.audio_tower.conv1.weight.detach() for stage in stages)
    assert 0 < (after - before).abs().mean() < before.abs().mean()
