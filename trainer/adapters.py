"""What stages and answers need to know of a model's class: its parts, how it is given a dialogue, its loss, and its answers."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol

import torch
from torch import nn
from transformers import AutoModelForCausalLM

from speccraft.errors import SpeccraftError

from .batch import Audio, Collator, Example, FrameMaker

if TYPE_CHECKING:
    from speccraft.scenario.contracts import Message

    from .checkpoint import Checkpoint


class Collate(Protocol):
    """Dialogues become batches."""

    def example(self, messages: Sequence[Message], tokenizer: Any, audio: Sequence[Audio], *, open_answer: bool = False) -> Example:
        """A dialogue and what is heard in it, as ids; `open_answer` ends where the assistant is to begin."""

    def __call__(self, examples: Sequence[Example], *, padding_side: Literal["left", "right"] = "right") -> dict[str, torch.Tensor]:
        """A batch: what is heard as `input_features` with `input_features_mask`, and what is to be said as `labels`."""


@dataclass(frozen=True)
class Adapter:
    """One way to be a model.

    Args:
        auto: class of transformers that loads it.
        parts: the modules of each part that it has.
        collator: what makes its batches.
        loss: of a batch.
        answers: texts that a model answers a batch with by its tokenizer, of at most so many tokens each.
    """

    auto: Any
    parts: Callable[[Any], dict[str, list[nn.Module]]]
    collator: Callable[[Checkpoint, FrameMaker], Collate]
    loss: Callable[[Any, dict[str, torch.Tensor]], torch.Tensor]
    answers: Callable[[Any, Any, dict[str, torch.Tensor], int], list[str]]


def continued(model: Any, tokenizer: Any, batch: dict[str, torch.Tensor], max_new_tokens: int) -> list[str]:
    """What a decoder of text and audio goes on with, greedily."""
    out = model.generate(**batch, max_new_tokens=max_new_tokens, do_sample=False, use_cache=True)
    return [tokenizer.decode(row, skip_special_tokens=True) for row in out[:, batch["input_ids"].shape[1] :]]


def heard_and_said(messages: Sequence[Message]) -> str:
    """What the assistant said in a dialogue of one piece of audio, for models that transcribe and do nothing else.

    Raises:
        SpeccraftError: more than one piece of audio is heard, or none, or the assistant speaks more than once.
    """
    heard = sum(part.type == "audio" for message in messages for part in message.content)
    said = [message.text for message in messages if message.role == "assistant"]
    if heard != 1 or len(said) > 1:
        raise SpeccraftError("this model transcribes one piece of audio, and takes part in no dialogue", try_this="a recipe of kind speech-lm or audio-llm")
    return said[0] if said else ""


def three_parts(model: Any) -> dict[str, list[nn.Module]]:
    """The parts of a model that is laid out as transformers' audio models are."""
    inner = model.model
    return {"encoder": [inner.audio_tower], "projector": [inner.multi_modal_projector], "language_model": [inner.language_model, model.lm_head]}


def _our_collator(checkpoint: Checkpoint, frames: FrameMaker) -> Collate:
    return Collator(frames, checkpoint.model.config, checkpoint.tokenizer.pad_token_id)


def _own_loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    loss: torch.Tensor = model(**batch, use_cache=False).loss
    return loss


def adapter_of(kind: str) -> Adapter:
    """The adapter of a kind of base."""
    from .audio_llm import AUDIO_LLM
    from .ctc import CTC
    from .whisper import WHISPER

    return {"speech-lm": SPEECH_LM, "whisper": WHISPER, "ctc": CTC, "audio-llm": AUDIO_LLM}[kind]


SPEECH_LM = Adapter(AutoModelForCausalLM, three_parts, _our_collator, _own_loss, continued)
"""Our own model."""
