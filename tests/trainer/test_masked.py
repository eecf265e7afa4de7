"""Speech that nobody wrote down teaches the encoder: parts of it are hidden, and guessed from the rest."""

from __future__ import annotations

import json
import math
from pathlib import Path

import pytest
import torch
from tones_world import RATE, make_build

from speccraft.trainer.checkpoint import Checkpoint, fresh
from speccraft.trainer.data import PlacedAudio, SpeechDialogues, read_cuts, transcripts
from speccraft.trainer.masked import CODES, NOISE, MaskedPrediction
from speccraft.trainer.model import IGNORED
from speccraft.trainer.pretrain import Listener
from speccraft.trainer.recipe import Augment, Recipe
from speccraft.trainer.run import train

N_MELS = 20


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build(tmp_path_factory.mktemp("tones"), untranscribed=2)


@pytest.fixture(scope="module", params=["whisper", "parakeet"])
def checkpoint(recipe: Recipe, request: pytest.FixtureRequest) -> Checkpoint:
    encoder = recipe.model.encoder.model_copy(update={"kind": request.param})
    made = fresh(recipe.model_copy(update={"model": recipe.model.model_copy(update={"encoder": encoder})}), RATE, seed=0)
    made.model.eval()
    return made


@pytest.fixture(scope="module")
def masked(checkpoint: Checkpoint) -> MaskedPrediction:
    return MaskedPrediction(checkpoint.model.config, N_MELS, seed=0)


def heard(lengths: list[int]) -> tuple[torch.Tensor, torch.Tensor]:
    """Random log-mel frames of pieces of audio of these lengths, and their mask."""
    mask = (torch.arange(max(lengths))[None] < torch.tensor(lengths)[:, None]).long()
    return torch.randn(*mask.shape, N_MELS, generator=torch.Generator().manual_seed(0)) * mask[..., None], mask


def batch_of(build: Path, checkpoint: Checkpoint) -> dict[str, torch.Tensor]:
    cuts = read_cuts(build, "train")
    dataset = SpeechDialogues(transcripts(cuts, untranscribed=True), PlacedAudio(build, cuts, RATE, Augment(), 0), checkpoint.tokenizer, checkpoint.collator())
    return dataset[0, list(cuts)]


def listener(checkpoint: Checkpoint, masked: MaskedPrediction | None, **weights: float) -> Listener:
    torch.manual_seed(0)
    asked = {"ctc_weight": 0.5, "masked_weight": 0.5} | weights
    tokenizer = checkpoint.tokenizer
    return Listener(checkpoint.model, asked["ctc_weight"], tokenizer.eos_token_id, tokenizer.pad_token_id, masked, asked["masked_weight"]).eval()


def test_there_is_a_code_for_every_frame_of_the_encoder(checkpoint: Checkpoint, masked: MaskedPrediction) -> None:
    for length in (1, 7, 40, 163):
        frames, mask = heard([length])
        encoded, count = checkpoint.model.model.encode(frames, mask)
        assert masked.targets(frames).shape == masked.hide(frames, mask)[1].shape == encoded.shape[:2] == (1, int(count))


def test_whole_stretches_are_hidden_in_every_piece_and_nothing_else_changes(masked: MaskedPrediction) -> None:
    torch.manual_seed(0)
    frames, mask = heard([3, 40, 200])
    changed, hidden = masked.hide(frames, mask)
    at = hidden.repeat_interleave(masked.factor, 1)[:, : frames.shape[1]] & mask.bool()
    assert hidden.any(1).all()
    assert torch.equal(changed[~at], frames[~at])
    assert changed[at].std() == pytest.approx(NOISE, rel=0.1)
    assert 0.2 < float(at.sum() / mask.sum()) < 0.8


def test_the_codes_of_a_sound_do_not_depend_on_what_stands_beside_it(masked: MaskedPrediction) -> None:
    frames, _ = heard([64, 200])
    alone = masked.targets(frames[:1, :64])
    assert torch.equal(masked.targets(frames)[:1, : alone.shape[1]], alone)
    assert len(torch.unique(masked.targets(frames)[1])) > 3


def test_what_was_hidden_decides_the_loss_and_nothing_else(masked: MaskedPrediction) -> None:
    frames, mask = heard([64, 200])
    _, hidden = masked.hide(frames, mask)
    encoded = torch.randn(*hidden.shape, masked.head.in_features)
    loss = masked(encoded, frames, hidden)
    torch.testing.assert_close(masked(torch.where(hidden[..., None], encoded, 7.0), frames, hidden), loss)
    assert not torch.isclose(masked(torch.where(hidden[..., None], 7.0, encoded), frames, hidden), loss)


def test_a_row_without_words_leaves_the_other_losses_as_they_are(build: Path, checkpoint: Checkpoint, masked: MaskedPrediction) -> None:
    batch = batch_of(build, checkpoint)
    written = (batch["labels"] != IGNORED).any(1)
    assert int(written.sum()) == int((~written).sum()) == 6
    together = listener(checkpoint, masked)(**batch)
    alone = listener(checkpoint, None)(**{name: values[written] for name, values in batch.items()})
    torch.testing.assert_close(together["ctc_loss"], alone["ctc_loss"], atol=1e-4, rtol=1e-4)
    torch.testing.assert_close(together["loss"] - 0.5 * together["masked_loss"], alone["loss"], atol=1e-4, rtol=1e-4)
    assert 0 < float(together["masked_loss"]) < 2 * math.log(CODES)


def test_the_encoder_does_not_hear_what_it_is_to_guess(build: Path, checkpoint: Checkpoint, masked: MaskedPrediction) -> None:
    batch = batch_of(build, checkpoint)
    frames, mask, untranscribed = batch["input_features"], batch["input_features_mask"], (batch["labels"] == IGNORED).all(1)
    learner, heard = listener(checkpoint, masked), []
    hook = checkpoint.model.register_forward_pre_hook(lambda _model, _args, given: heard.append(given["input_features"]), with_kwargs=True)
    torch.manual_seed(1)
    found = learner(**batch)["masked_loss"]
    hook.remove()
    torch.manual_seed(1)
    expected, hidden = masked.hide(frames[untranscribed], mask[untranscribed])
    assert torch.equal(heard[0][untranscribed], expected)
    assert torch.equal(heard[0][~untranscribed], frames[~untranscribed])
    assert not torch.equal(expected, frames[untranscribed])
    encoded, _ = checkpoint.model.model.encode(heard[0], mask)
    torch.testing.assert_close(found, masked(encoded[untranscribed], frames[untranscribed], hidden).detach(), atol=1e-4, rtol=1e-4)


def test_it_teaches_the_encoder_and_not_the_language_model(build: Path, checkpoint: Checkpoint, masked: MaskedPrediction) -> None:
    batch = batch_of(build, checkpoint)
    untranscribed = (batch["labels"] == IGNORED).all(1)
    listener(checkpoint, masked)(**{name: values[untranscribed] for name, values in batch.items()})["loss"].backward()
    assert all(bool(weight.grad.any()) for weight in checkpoint.model.model.audio_tower.layers.parameters() if weight.grad is not None and weight.ndim > 1)
    assert not any(weight.grad is not None and bool(weight.grad.any()) for weight in checkpoint.model.model.language_model.parameters())
    checkpoint.model.zero_grad()


@pytest.mark.slow
def test_training_learns_to_guess_and_says_so_and_without_a_weight_leaves_that_speech_out(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    def losses(weight: float, left_out: int) -> list[float]:
        asked = recipe.model_copy(update={"pretrain": recipe.pretrain.model_copy(update={"masked_weight": weight})})
        run = train(build, tmp_path / str(weight), asked, stages=["pretrain"], name="tones")
        assert run.record.info["left_out"] == left_out
        rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
        return [row["masked_loss"] for row in rows if "masked_loss" in row]

    guessed = losses(0.5, 0)
    assert guessed[-1] < 0.8 * guessed[0]
    assert losses(0.0, 6) == []
