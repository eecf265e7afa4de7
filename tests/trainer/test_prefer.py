from __future__ import annotations

import copy
import math
from pathlib import Path
from typing import Any

import pytest
import torch
from tones_world import RATE, make_build
from trl import DPOTrainer, KTOTrainer

from speccraft.trainer.base import Parts
from speccraft.trainer.checkpoint import Checkpoint, fresh
from speccraft.trainer.data import PlacedAudio, SpeechDialogues, dialogues, read_cuts
from speccraft.trainer.loader import EndlessLoader
from speccraft.trainer.parts import prepared
from speccraft.trainer.prefer import AdditionsOff, prefer, reference_of, without_dropout
from speccraft.trainer.preferences import Rehearsal, SpeechPreferences, read_pairs
from speccraft.trainer.recipe import Augment, PreferRecipe, Recipe
from speccraft.trainer.stage import Session

SHORT = {"steps": 1, "learning_rate": 0.002, "batch_audio_s": 2.0, "log_every": 1, "nll_weight": 0.0, "rehearsal_weight": 0.0}
LORA = {"parts": {"encoder": "frozen", "projector": "full", "language_model": "lora"}, "lora": {"rank": 4}}


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build(tmp_path_factory.mktemp("preferred"), pairs=True)


def learnt(build: Path, recipe: Recipe, folder: Path, **changes: Any) -> tuple[Checkpoint, list[dict[str, float]]]:
    """A fresh model with dropout after some steps of preferences, and what was measured in each."""
    encoder = recipe.model.encoder
    assert encoder is not None
    model = recipe.model.model_copy(update={"encoder": encoder.model_copy(update={"dropout": 0.3})})
    checkpoint = fresh(recipe.model_copy(update={"model": model}), RATE, seed=0)
    settings = PreferRecipe.model_validate(SHORT | changes)
    loader = loader_of(build, checkpoint, settings)
    rows: list[dict[str, float]] = []
    session = Session("prefer", checkpoint, loader, settings, 0, str(folder), lambda _stage, _step, _steps, row: rows.append(dict(row)))
    with prepared(checkpoint.model, checkpoint.parts(), settings, seed=0):
        prefer(session, settings)
    return checkpoint, rows


def loader_of(build: Path, checkpoint: Checkpoint, settings: PreferRecipe) -> EndlessLoader:
    cuts = read_cuts(build, "train")
    audio, collator = PlacedAudio(build, cuts, RATE, Augment(), 0), checkpoint.collator()
    earlier = SpeechDialogues(dialogues(build, "train", cuts), audio, checkpoint.tokenizer, collator)
    rehearsal = Rehearsal(earlier, 0) if settings.rehearsal_weight else None
    dataset = SpeechPreferences(read_pairs(build, "train"), cuts, audio, checkpoint.tokenizer, collator, settings.method, rehearsal)  # type: ignore[arg-type]
    return EndlessLoader(dataset, settings.batch_audio_s, 2, 0)  # type: ignore[arg-type]


@pytest.mark.parametrize("changes", [{}, LORA], ids=["copy", "additions off"])
def test_before_the_first_step_the_model_is_its_own_reference_whatever_its_dropout(build: Path, recipe: Recipe, tmp_path: Path, changes: dict) -> None:
    _, (row,) = learnt(build, recipe, tmp_path, **changes)
    assert row["loss"] == pytest.approx(math.log(2), abs=1e-5)
    assert row["rewards/margins"] == pytest.approx(0, abs=1e-5)


def test_before_the_first_step_kto_finds_every_answer_as_good_as_its_reference(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    _, (row,) = learnt(build, recipe, tmp_path, method="kto")
    assert row["loss"] == pytest.approx(0.5, abs=1e-5)
    assert row["kl"] == pytest.approx(0, abs=1e-5)


@pytest.mark.parametrize("changes", [{}, LORA, {"method": "kto"}], ids=["copy", "additions off", "kto"])
def test_preferred_answers_become_likelier_than_the_others(build: Path, recipe: Recipe, tmp_path: Path, changes: dict) -> None:
    checkpoint, rows = learnt(build, recipe, tmp_path, steps=12, beta=0.5, **changes)
    assert rows[-1]["rewards/margins"] > 0.1
    assert rows[-1]["loss"] < rows[0]["loss"]
    assert "forward" not in vars(checkpoint.model)
    assert checkpoint.model.lm_head.weight is checkpoint.model.get_input_embeddings().weight
    assert not any("lora" in name for name, _ in checkpoint.model.named_parameters())


def test_rehearsal_and_the_preferred_answers_as_such_are_added_with_their_weights(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    _, (plain,) = learnt(build, recipe, tmp_path)
    _, (row,) = learnt(build, recipe, tmp_path, rehearsal_weight=0.5)
    assert row["loss"] == pytest.approx(plain["loss"] + 0.5 * row["rehearsal_loss"], rel=1e-4)
    checkpoint, (with_nll,) = learnt(build, recipe, tmp_path, nll_weight=2.0, learning_rate=1e-12)
    batch = next(iter(loader_of(build, checkpoint, loader_settings())))
    labels = batch["input_ids"].masked_fill(batch["completion_mask"] == 0, -100)
    half = len(labels) // 2
    with torch.no_grad():
        inputs = {name: batch[name] for name in ("input_features", "input_features_mask")}
        nll = checkpoint.model(input_ids=batch["input_ids"][:half], attention_mask=batch["attention_mask"][:half], labels=labels[:half], **inputs).loss
    assert with_nll["loss"] == pytest.approx(plain["loss"] + 2 * float(nll), rel=1e-3)


def loader_settings() -> PreferRecipe:
    return PreferRecipe.model_validate(SHORT)


def test_a_reference_of_additions_that_are_off_keeps_no_weights_and_moves_with_nothing(recipe: Recipe) -> None:
    checkpoint = fresh(recipe, RATE, seed=0)
    settings = PreferRecipe.model_validate(SHORT | LORA)
    ids = torch.tensor([[7, 8, 9]])
    before = checkpoint.model.eval().model(ids, use_cache=False).last_hidden_state.detach()
    with prepared(checkpoint.model, checkpoint.parts(), settings, seed=0):
        reference = reference_of(checkpoint.model)
        assert isinstance(reference, AdditionsOff)
        assert not list(reference.parameters())
        with torch.no_grad():
            for name, weight in checkpoint.model.named_parameters():
                if "lora_" in name:
                    weight.add_(0.5)
        torch.testing.assert_close(reference.base_model(ids, use_cache=False).last_hidden_state, before)
        assert (checkpoint.model.model(ids, use_cache=False).last_hidden_state - before).abs().max() > 0.01


def test_a_whole_model_has_a_frozen_copy_as_its_reference(recipe: Recipe) -> None:
    model = fresh(recipe, RATE, seed=0).model
    trained = [name for name, weight in model.named_parameters() if weight.requires_grad]
    reference = reference_of(model)
    assert not any(weight.requires_grad for weight in reference.parameters())
    assert [name for name, weight in model.named_parameters() if weight.requires_grad] == trained
    with torch.no_grad():
        model.lm_head.weight.zero_()
    assert float(reference.lm_head.weight.abs().sum()) > 0  # type: ignore[union-attr]


def test_without_dropout_a_model_in_training_says_the_same_twice(recipe: Recipe) -> None:
    model = copy.deepcopy(fresh(recipe, RATE, seed=0).model)
    for module in model.modules():
        for name in ("dropout", "attention_dropout"):
            if isinstance(getattr(module, name, None), float):
                setattr(module, name, 0.5)
    features, mask = torch.randn(1, 40, 20), torch.ones(1, 40, dtype=torch.long)
    model.train()
    assert not torch.equal(model.model.encode(features, mask)[0], model.model.encode(features, mask)[0])
    without_dropout(model)
    assert torch.equal(model.model.encode(features, mask)[0], model.model.encode(features, mask)[0])


@pytest.mark.parametrize("trainer", [DPOTrainer, KTOTrainer])
def test_the_hooks_we_override_are_still_those_of_trl(trainer: type) -> None:
    for hook in ("_prepare_dataset", "compute_loss", "get_train_dataloader", "training_step"):
        assert callable(getattr(trainer, hook))


def test_what_a_stage_trains_is_part_of_its_recipe() -> None:
    assert PreferRecipe.model_validate(SHORT | LORA).parts == Parts(encoder="frozen", projector="full", language_model="lora")
