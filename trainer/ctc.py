"""Encoders with a CTC head through their own classes: a transcript frame by frame, whatever the padding."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import groupby
from typing import TYPE_CHECKING, Any, Literal

import torch
from torch import nn
from torch.nn.utils.rnn import pad_sequence
from transformers import AutoModelForCTC

from .adapters import Adapter, heard_and_said
from .batch import Audio, Example, FrameMaker, frames_of
from .encoders import FAMILIES
from .model import IGNORED

if TYPE_CHECKING:
    from speccraft.scenario.contracts import Message

    from .checkpoint import Checkpoint


@dataclass(frozen=True)
class CtcCollator:
    """Batches of frames, and transcripts as the vocabulary can spell them, in its `case`."""

    frames: FrameMaker
    case: Callable[[str], str]

    def example(self, messages: Sequence[Message], tokenizer: Any, audio: Sequence[Audio], *, open_answer: bool = False) -> Example:
        """The transcript of one piece of audio; instructions mean nothing to a CTC head and are left out.

        Raises:
            SpeccraftError: the dialogue is more than that.
        """
        said = heard_and_said(messages)
        ids = [] if open_answer else spelt(self.case(said), tokenizer)
        return Example(ids, [True] * len(ids), audio)

    def __call__(self, examples: Sequence[Example], *, padding_side: Literal["left", "right"] = "right") -> dict[str, torch.Tensor]:
        """Frames, and labels in which padding is not learnt; the side means nothing here."""
        batch = frames_of([piece for example in examples for piece in example.audio], self.frames)
        labels = [torch.tensor(example.ids, dtype=torch.long) for example in examples]
        batch["labels"] = pad_sequence(labels, batch_first=True, padding_value=IGNORED)
        return batch


def case_of(tokenizer: Any) -> Callable[[str], str]:
    """What brings a text to the vocabulary's own case; one that has both leaves it as it is."""
    letters = [token for token in tokenizer.get_vocab() if token.isalpha()]
    return next((case for case in (str.upper, str.lower) if all(token == case(token) for token in letters)), str)


def spelt(text: str, tokenizer: Any) -> list[int]:
    """The ids of a text; what the vocabulary cannot spell, such as punctuation, is left out."""
    ids = tokenizer(text, add_special_tokens=False).input_ids
    return [id for id in ids if id not in (tokenizer.unk_token_id, tokenizer.pad_token_id)]


def encoder_of(model: Any) -> nn.Module:
    """The encoder under the head."""
    inside: nn.Module = getattr(model, model.base_model_prefix, None) or model.encoder
    return inside


def _head(model: Any) -> nn.Module:
    head: nn.Module = model.lm_head if hasattr(model, "lm_head") else model.ctc_head
    return head


def _parts(model: Any) -> dict[str, list[nn.Module]]:
    return {"encoder": [encoder_of(model)], "projector": [_head(model)]}


def _collator(checkpoint: Checkpoint, frames: FrameMaker) -> CtcCollator:
    return CtcCollator(frames, case_of(checkpoint.tokenizer))


def log_probs(model: Any, batch: dict[str, torch.Tensor]) -> tuple[torch.Tensor, torch.Tensor]:
    """Log-probabilities of shape (pieces of audio, frames, vocabulary), and how many frames each piece has.

    The model's own forward pass lets padding into the base models of wav2vec 2.0; this one does not.
    """
    encoder: Any = encoder_of(model)
    family, mask = FAMILIES[encoder.config.model_type], batch["input_features_mask"]
    hidden = family.run(encoder, batch["input_features"].to(encoder.dtype), mask)
    hidden = model.dropout(hidden) if hasattr(model, "dropout") else hidden
    return _head(model)(hidden).float().log_softmax(-1), family.num_frames(encoder.config, mask.sum(-1))


def _loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    """Per target token, as the recipes of these models train; audio too short for its text counts nothing."""
    scores, count = log_probs(model, batch)
    learnt = batch["labels"] != IGNORED
    blank = model.config.pad_token_id
    return nn.functional.ctc_loss(scores.transpose(0, 1), batch["labels"][learnt], count, learnt.sum(-1), blank=blank, zero_infinity=True)


def _answers(model: Any, tokenizer: Any, batch: dict[str, torch.Tensor], max_new_tokens: int) -> list[str]:
    scores, count = log_probs(model, batch)
    best = [row[:frames].tolist() for row, frames in zip(scores.argmax(-1), count.tolist(), strict=True)]
    said = [[id for id, _ in groupby(row) if id != model.config.pad_token_id][:max_new_tokens] for row in best]
    # folded already: what is written twice now was said twice
    return [tokenizer.decode(ids, group_tokens=False, skip_special_tokens=True) for ids in said]


CTC = Adapter(AutoModelForCTC, _parts, _collator, _loss, _answers)
