"""Examples become tensors: features, placeholders expanded to encoder frames, labels on the assistant's words alone."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any, Literal, Protocol, TypeVar

import numpy as np
import torch

from .features import N_WARPS, Extracted, LogMel, change_tempo
from .model import IGNORED

if TYPE_CHECKING:
    from speccraft.scenario.contracts import Message

FrameMaker = LogMel | Extracted
"""What makes frames of waveforms: our log-mel, or the extractor of a published model."""


class Placeholders(Protocol):
    """What a collator has to know of a model's configuration: the placeholder, and how many of them so many frames fill."""

    @property
    def audio_token_id(self) -> int:
        """Of the placeholder."""

    def num_audio_tokens(self, num_frames: Any) -> Any:
        """Positions of the language model; ints or int tensors."""


class Timed(Protocol):
    """What can be put together by length."""

    @property
    def id(self) -> str:
        """Its name, by which what is equally long is put in order."""

    @property
    def seconds(self) -> float:
        """How long it counts."""


AnyTimed = TypeVar("AnyTimed", bound=Timed)


def by_length(items: Iterable[AnyTimed], batch_audio_s: float) -> Iterator[list[AnyTimed]]:
    """All of them in batches of similar length, shortest first, of about so many seconds of audio; the order they came in changes nothing."""
    batch: list[AnyTimed] = []
    for one in sorted(items, key=lambda one: (one.seconds, one.id)):
        if batch and sum(other.seconds for other in batch) + one.seconds > batch_audio_s:
            yield batch
            batch = []
        batch.append(one)
    if batch:
        yield batch


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
    """Make one batch of tensors of several examples.

    With `longest_tokens` an example is cut off after so many positions, and `cut_off` in the batch says of how many that is true.
    """

    log_mel: FrameMaker
    config: Placeholders
    pad_token_id: int
    longest_tokens: int | None = None

    def example(self, messages: Sequence[Message], tokenizer: Any, audio: Sequence[Audio], *, open_answer: bool = False) -> Example:
        """A dialogue in the layout of its tokenizer, and what is heard in it."""
        # here, for batches of ids need no tokenizer
        from .tokenizer import lay_out

        return Example(*lay_out(messages, tokenizer, open_answer=open_answer), audio)

    def __call__(self, examples: Sequence[Example], *, padding_side: Literal["left", "right"] = "right", audio_repeats: int = 1) -> dict[str, torch.Tensor]:
        """Tensors for the model: `input_ids`, `attention_mask`, `labels`, and where there is audio its features and mask.

        Args:
            padding_side: `right` to train, `left` to generate.
            audio_repeats: into so many equal parts the examples fall that hold the same audio; there are features of the first part's alone.
        """
        audio = [piece for example in examples[: len(examples) // audio_repeats] for piece in example.audio]
        batch = frames_of(audio, self.log_mel) if audio else {}
        tokens = self.config.num_audio_tokens(batch["input_features_mask"].sum(1)).tolist() * audio_repeats if audio else []
        if self.longest_tokens is not None:
            examples, tokens, batch = self._cut_off(examples, tokens, batch)
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

    def _cut_off(self, examples: Sequence[Example], tokens: Sequence[int], batch: dict[str, Any]) -> tuple[list[Example], list[int], dict[str, Any]]:
        """The beginnings of examples that are too long, with the features and positions of the audio that is still heard."""
        assert self.longest_tokens is not None
        short: list[Example] = []
        heard: list[int] = []
        first = 0
        for example in examples:
            pieces = tokens[first : first + len(example.audio)]
            short.append(fitting(example, pieces, self.config.audio_token_id, self.longest_tokens))
            heard += range(first, first + len(short[-1].audio))
            first += len(example.audio)
        kept = {name: batch[name][heard] for name in ("input_features", "input_features_mask") if heard}
        if kept:
            frames = int(kept["input_features_mask"].sum(1).max())
            kept = {name: tensor[:, :frames] for name, tensor in kept.items()}
        gone = sum(len(one.ids) < len(example.ids) for one, example in zip(short, examples, strict=True))
        return short, [tokens[number] for number in heard], {**kept, "cut_off": gone}

    def _expanded(self, examples: Sequence[Example], tokens: Sequence[int]) -> list[tuple[list[int], list[int]]]:
        """Ids and labels of each example, every placeholder repeated for the positions its audio fills."""
        counts = iter(tokens)
        return [_expand(example, counts, self.config.audio_token_id) for example in examples]


def frames_of(audio: Sequence[Audio], maker: FrameMaker) -> dict[str, torch.Tensor]:
    """Frames and their mask, as `input_features` of shape (pieces of audio, frames, width) and `input_features_mask` of shape (pieces of audio, frames)."""
    count = torch.tensor([len(piece.samples) for piece in audio])
    samples = torch.nn.utils.rnn.pad_sequence([torch.from_numpy(piece.samples) for piece in audio], batch_first=True)
    warp = torch.tensor([piece.warp for piece in audio]) if maker.widest_warp else None
    frames, mask = maker(samples, count, warp)
    if any(piece.tempo != 1.0 for piece in audio):
        frames, mask = change_tempo(frames, mask, torch.tensor([piece.tempo for piece in audio]))
    return {"input_features": frames, "input_features_mask": mask}


def fitting(example: Example, tokens: Sequence[int], audio_token_id: int, longest: int) -> Example:
    """The beginning of an example that fills at most so many positions; a piece of audio is heard whole or not at all.

    Args:
        tokens: positions that each piece of audio fills.
    """
    filled = pieces = 0
    for end, id in enumerate(example.ids):
        filled += tokens[pieces] if id == audio_token_id else 1
        if filled > longest:
            return Example(example.ids[:end], example.learnt[:end], example.audio[:pieces])
        pieces += id == audio_token_id
    return example


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
