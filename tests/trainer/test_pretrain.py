from __future__ import annotations

from pathlib import Path

import pytest
import torch
from tones_world import RATE

from speccraft.trainer.checkpoint import Checkpoint, fresh
from speccraft.trainer.data import PlacedAudio, SpeechDialogues, read_cuts, transcripts
from speccraft.trainer.pretrain import Listener
from speccraft.trainer.recipe import Augment, Recipe


@pytest.fixture(scope="module")
def checkpoint(recipe: Recipe) -> Checkpoint:
    return fresh(recipe, RATE, seed=0)


@pytest.fixture(scope="module")
def batch(build: Path, checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    cuts = read_cuts(build, "train")
    dataset = SpeechDialogues(transcripts(cuts), PlacedAudio(build, cuts, RATE, Augment(), 0), checkpoint.tokenizer, checkpoint.collator())
    return dataset[0, list(cuts)]


def listener(checkpoint: Checkpoint, weight: float) -> Listener:
    torch.manual_seed(0)
    return Listener(checkpoint.model, weight, checkpoint.tokenizer.eos_token_id, checkpoint.tokenizer.pad_token_id).eval()


def test_the_loss_is_the_weighted_sum(checkpoint: Checkpoint, batch: dict[str, torch.Tensor]) -> None:
    plain, with_ctc = listener(checkpoint, 0.0)(**batch), listener(checkpoint, 0.5)(**batch)
    assert "ctc_loss" not in plain
    torch.testing.assert_close(with_ctc["loss"], plain["loss"] + 0.5 * with_ctc["ctc_loss"])


def test_ctc_is_that_of_each_row_alone_whatever_the_padding(checkpoint: Checkpoint, batch: dict[str, torch.Tensor]) -> None:
    heard = listener(checkpoint, 1.0)
    together = heard(**batch)["ctc_loss"]
    rows = []
    for row in range(len(batch["input_ids"])):
        frames, tokens = int(batch["input_features_mask"][row].sum()), int(batch["attention_mask"][row].sum())
        cut = {name: batch[name][row : row + 1, : frames if name.startswith("input_features") else tokens] for name in batch}
        rows.append(heard(**cut)["ctc_loss"])
    torch.testing.assert_close(together, torch.stack(rows).mean(), atol=1e-4, rtol=1e-4)


def test_ctc_teaches_the_encoder_and_not_the_language_model(checkpoint: Checkpoint, batch: dict[str, torch.Tensor]) -> None:
    heard = listener(checkpoint, 1.0)
    hidden, _ = checkpoint.model.model.encode(batch["input_features"], batch["input_features_mask"])
    heard.ctc_loss(hidden, batch["input_features_mask"], batch["labels"]).backward()
    assert all(weight.grad is not None for weight in checkpoint.model.model.audio_tower.layers.parameters())
    assert all(weight.grad is None for weight in checkpoint.model.model.language_model.parameters())
    checkpoint.model.zero_grad()


def test_audio_too_short_for_its_text_gives_no_infinite_loss(checkpoint: Checkpoint, batch: dict[str, torch.Tensor]) -> None:
    hidden, mask = torch.randn(1, 2, 32), torch.ones(1, 4, dtype=torch.long)
    labels = torch.full((1, 20), 80)
    assert torch.isfinite(listener(checkpoint, 1.0).ctc_loss(hidden, mask, labels))
