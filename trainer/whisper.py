"""Whisper through its own class: windows of 30 s in, a transcript out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from transformers import GenerationMixin, WhisperForConditionalGeneration

from speccraft.errors import SpeccraftError

from .adapters import Adapter, heard_and_said
from .batch import Audio, Example, FrameMaker, frames_of
from .model import IGNORED

if TYPE_CHECKING:
    from speccraft.scenario.contracts import Message

    from .checkpoint import Checkpoint

START, TRANSCRIBE, NO_TIMES = "<|startoftranscript|>", "<|transcribe|>", "<|notimestamps|>"


@dataclass(frozen=True)
class WhisperCollator:
    """Batches of windows, and transcripts behind Whisper's own prompt.

    Args:
        prompt: ids that begin a transcript.
        longest: positions of the decoder.
    """

    frames: FrameMaker
    prompt: tuple[int, ...]
    longest: int
    pad_token_id: int

    def example(self, messages: Sequence[Message], tokenizer: Any, audio: Sequence[Audio], *, open_answer: bool = False) -> Example:
        """The transcript of one piece of audio; instructions mean nothing to Whisper and are left out.

        Raises:
            SpeccraftError: the dialogue is more than that, or too long for the decoder.
        """
        text = heard_and_said(messages)
        prompt = self.prompt
        said = [] if open_answer else [*tokenizer(text, add_special_tokens=False, split_special_tokens=True).input_ids, tokenizer.eos_token_id]
        if len(prompt) + len(said) > self.longest:
            raise SpeccraftError(f"a transcript of {len(said)} tokens is longer than Whisper can write: '{text[:60]}...'", try_this="shorter cuts")
        return Example([*prompt, *said], [False] * len(prompt) + [True] * len(said), audio)

    def __call__(self, examples: Sequence[Example], *, padding_side: Literal["left", "right"] = "right") -> dict[str, torch.Tensor]:
        """`decoder_input_ids` that are one behind the labels, or the prompt alone where there is to be an answer (`left`)."""
        batch = frames_of([piece for example in examples for piece in example.audio], self.frames)
        last = None if padding_side == "left" else -1
        batch["decoder_input_ids"] = pad_sequence([torch.tensor(one.ids[:last]) for one in examples], batch_first=True, padding_value=self.pad_token_id)
        labels = [torch.tensor([id if learn else IGNORED for id, learn in zip(one.ids[1:], one.learnt[1:], strict=True)]) for one in examples]
        batch["labels"] = pad_sequence(labels, batch_first=True, padding_value=IGNORED)
        return batch


def prompt_ids(tokenizer: Any, language: str | None) -> list[int]:
    """Ids that begin a transcript without times.

    Raises:
        SpeccraftError: the tokenizer does not know the language.
    """
    tokens = [START, *([f"<|{language}|>", TRANSCRIBE] if language else []), NO_TIMES]
    known = tokenizer.get_vocab()
    if unknown := [token for token in tokens if token not in known]:
        raise SpeccraftError(f"this Whisper's tokenizer has no {unknown[0]}", try_this="--set model.base.language=en, or none for English alone")
    return [known[token] for token in tokens]


def _parts(model: Any) -> dict[str, list[nn.Module]]:
    return {"encoder": [model.model.encoder], "language_model": [model.model.decoder, model.proj_out]}


def _collator(checkpoint: Checkpoint, frames: FrameMaker) -> WhisperCollator:
    prompt = tuple(prompt_ids(checkpoint.tokenizer, checkpoint.language))
    return WhisperCollator(frames, prompt, checkpoint.model.config.max_target_positions, checkpoint.tokenizer.pad_token_id)


def _loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    out = model(input_features=batch["input_features"].transpose(1, 2), decoder_input_ids=batch["decoder_input_ids"], labels=batch["labels"], use_cache=False)
    loss: torch.Tensor = out.loss
    return loss


def _answers(model: Any, tokenizer: Any, batch: dict[str, torch.Tensor], max_new_tokens: int) -> list[str]:
    prompt = batch["decoder_input_ids"]
    room = model.config.max_target_positions - prompt.shape[1]
    # not Whisper's own `generate`, which detects languages and stitches windows: here there is one window, and the prompt is given
    out = GenerationMixin.generate(
        model,
        input_features=batch["input_features"].transpose(1, 2),
        decoder_input_ids=prompt,
        max_new_tokens=min(max_new_tokens, room),
        do_sample=False,
        num_beams=1,
        use_cache=True,
    )
    return [tokenizer.decode(row, skip_special_tokens=True) for row in out[:, prompt.shape[1] :]]


WHISPER = Adapter(WhisperForConditionalGeneration, _parts, _collator, _loss, _answers)
