"""Examples become tensors: features, placeholders expanded to encoder frames, labels on the assistant's words alone."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any, Literal

import numpy as np
import torch

from .features import N_WARPS, LogMel, change_tempo
from .model import IGNORED, SpeechLMConfig


@dataclass(frozen=True)
class Audio:
    """One piece of audio, and how it is varied in training.

    `samples` is float32 of shape (num_samples,); `warp` one of the `N_WARPS` warps; `tempo` a factor on the speaking rate.
    """

    samples: np.ndarray
    warp: int = N_WARPS // 2
    tempo: float = 1.0


@dataclass(frozen=True)
class Example:
    """A dialogue as token ids with one placeholder for each piece of audio, and which ids the assistant is to learn."""

    ids: Sequence[int]
    learnt: Sequence[bool]
    audio: Sequence[Audio]


@dataclass(frozen=True)
class Collator:
    """Make one batch of tensors of several examples."""

    log_mel: LogMel
    config: SpeechLMConfig
    pad_token_id: int

    def __call__(self, examples: Sequence[Example], *, padding_side: Literal["left", "right"] = "right") -> dict[str, torch.Tensor]:
        """Tensors for the model: `input_ids`, `attention_mask`, `labels`, and where there is audio its features and mask.

        Args:
            padding_side: `right` to train, `left` to generate.
        """
        audio = [piece for example in examples for piece in example.audio]
        batch = self.features(audio) if audio else {}
        tokens = self.config.num_audio_tokens(batch["input_features_mask"].sum(1)).tolist() if audio else []
        rows = self._expanded(examples, tokens)
        longest = max(len(ids) for ids, _ in rows)
        batch["input_ids"] = torch.full((len(rows), longest), self.pad_token_id)
        batch["attention_mask"] = torch.zeros((len(rows), longest), dtype=torch.long)
        batch["labels"] = torch.full((len(rows), longest), IGNORED)
        for row, (ids, labels) in enumerate(rows):
            span = slice(0, len(ids)) if padding_side == "right" else slice(longest - len(ids), longest)
            batch["input_ids"][row, span] = torch.tensor(ids)
            batch["labels"][row, span] = torch.tensor(labels)
            batch["attention_mask"][row, span] = 1
        return batch

    def features(self, audio: Sequence[Audio]) -> dict[str, torch.Tensor]:
        """Log-mel frames and their mask."""
        count = torch.tensor([len(piece.samples) for piece in audio])
        samples = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(piece.samples) for piece in audio], batch_first=True)
        warp = torch.tensor([piece.warp for piece in audio]) if self.log_mel.widest_warp else None
        frames, mask = self.log_mel(samples, count, warp)
        if any(piece.tempo != 1.0 for piece in audio):
            frames, mask = change_tempo(frames, mask, torch.tensor([piece.tempo for piece in audio]))
        return {"input_features": frames, "input_features_mask": mask}

    def _expanded(self, examples: Sequence[Example], tokens: Sequence[int]) -> list[tuple[list[int], list[int]]]:
        """Ids and labels of each example, every placeholder repeated for the positions its audio fills."""
        counts = iter(tokens)
        return [_expand(example, counts, self.config.audio_token_id) for example in examples]


def _expand(example: Example, counts: Any, audio_token_id: int) -> tuple[list[int], list[int]]:
    if list(example.ids).count(audio_token_id) != len(example.audio):
        raise ValueError(f"{len(example.audio)} pieces of audio for {list(example.ids).count(audio_token_id)} placeholders")
    ids: list[int] = []
    labels: list[int] = []
    for id, learn in zip(example.ids, example.learnt, strict=True):
        repeats = next(counts) if id == audio_token_id else 1
        ids += [id] * repeats
        labels += [id if learn and id != audio_token_id else IGNORED] * repeats
    return ids, labels
