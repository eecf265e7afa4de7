"""Preferences become batches: both answers to a prompt beside each other, the audio of the prompt once."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, Literal

import numpy as np
import torch
from torch.utils.data import Dataset

from speccraft.errors import BrokenIntegrity
from speccraft.scenario.contracts import Message, Pair, Split
from speccraft.sound.place import generator_for
from speccraft.sound.shards import ShardReader

from .batch import Audio, Collator, Example
from .data import CHARACTERS_PER_S, Cuts, Dialogues, PlacedAudio, SpeechDialogues, heard_in
from .lines import Names
from .tokenizer import lay_out

PAIRS_FILE = "pairs.jsonl"
Method = Literal["dpo", "kto"]


def read_pairs(folder: Path, split: Split) -> list[Pair]:
    """The preferences of a split that a build, or an artefact of automatic pairs, holds; none where it has no such file."""
    file = folder / PAIRS_FILE
    if not file.is_file():
        return []
    with file.open("rb") as lines:
        return [pair for line in lines if (pair := Pair.model_validate_json(line)).split == split]


def can_be_learnt(pair: Pair, method: Method) -> bool:
    """Whether a method can learn from a pair: DPO needs both answers, KTO one, and an answer that is heard has no words to learn yet."""
    heard = any(part.type == "audio" for message in (*pair.chosen, *pair.rejected) for part in message.content)
    needed = (pair.chosen and pair.rejected) if method == "dpo" else (pair.chosen or pair.rejected)
    return bool(needed) and not heard


def prompts(pairs: Iterable[Pair], cuts: Cuts) -> Dialogues:
    """What is asked in each pair, by its id, with the seconds of audio in it; of those in text alone, the seconds that it would take to say them.

    Raises:
        BrokenIntegrity: a prompt names a cut that its split does not have.
    """
    asked = list(pairs)
    seconds = np.array([seconds_of(pair.prompt, cuts, f"pair {pair.id}") for pair in asked])
    return Dialogues(Names(pair.id for pair in asked), seconds, lambda number: asked[number].prompt)


def seconds_of(messages: Sequence[Message], cuts: Cuts, what: str) -> float:
    """Seconds of audio in a prompt; of one in text alone, the seconds that it would take to say it.

    Raises:
        BrokenIntegrity: it names a cut that its split does not have; `what` is what names it.
    """
    heard = heard_in(messages)
    numbers = cuts.names.numbers(heard)
    if (numbers < 0).any():
        raise BrokenIntegrity(f"{what} names cut {heard[int(np.argmax(numbers < 0))]}, which is not in its split", try_this="build it again")
    said = sum(len(message.text) for message in messages)
    return float(cuts.seconds[numbers].sum()) if len(numbers) else max(said, 1) / CHARACTERS_PER_S


def hearing(shards: ShardReader, messages: Sequence[Message], condition: str = "clean") -> Callable[[], list[np.ndarray]]:
    """What gives the audio of a prompt when it is asked."""
    return lambda: [shards.samples(cut, condition) for cut in heard_in(messages)]


@dataclass(frozen=True)
class Rehearsal:
    """What an earlier stage learnt from, some of it again beside every batch: as many dialogues as the batch has pairs."""

    earlier: SpeechDialogues
    seed: int

    def beside(self, epoch: int, ids: Sequence[str]) -> dict[str, torch.Tensor]:
        """The dialogues that belong to a batch, the same whoever asks for them."""
        names = self.earlier.dialogues.names
        drawn = generator_for(self.seed, f"{ids[0]}|rehearsal", epoch).integers(len(names), size=len(ids))
        return self.earlier[epoch, [names[int(number)] for number in drawn]]


class SpeechPreferences(Dataset[dict[str, Any]]):
    """Batches of preferences by (epoch, ids), as TRL's trainers take them; the same batch whoever asks for it, and whenever.

    For DPO the rows are all chosen answers and then all rejected ones, `completion_mask` says which tokens are of the answer, and `audio_repeats` is 2,
    since both halves hear the same audio. With `goes_on`, for models that speak, it leaves out where an answer ends: sound is to follow.
    For KTO `label` says which rows are liked, and `KL_input_ids` hold every prompt with the answer to another.
    """

    def __init__(
        self,
        pairs: Sequence[Pair],
        cuts: Cuts,
        audio: PlacedAudio,
        tokenizer: Any,
        collator: Collator,
        method: Method,
        rehearsal: Rehearsal | None = None,
        *,
        goes_on: bool = False,
    ) -> None:
        self.dialogues = prompts(pairs, cuts)
        self._pairs: Mapping[str, Pair] = {pair.id: pair for pair in pairs}
        self._audio, self._tokenizer, self._collator, self._method, self._rehearsal = audio, tokenizer, collator, method, rehearsal
        self._goes_on = goes_on

    def __getitem__(self, key: tuple[int, Sequence[str]]) -> dict[str, Any]:
        epoch, ids = key
        pairs = [self._pairs[id] for id in ids]
        batch = self._compared(pairs, epoch) if self._method == "dpo" else self._judged(pairs, epoch)
        return batch | ({"rehearsal": self._rehearsal.beside(epoch, ids)} if self._rehearsal else {})

    def _compared(self, pairs: Sequence[Pair], epoch: int) -> dict[str, Any]:
        heard = [self._hear(pair, epoch) for pair in pairs]
        examples = [self._example(pair.prompt, answer, sound) for answers in _sides(pairs) for pair, answer, sound in zip(pairs, answers, heard, strict=True)]
        return _as_completions(self._collator(examples, audio_repeats=2)) | {"audio_repeats": 2}

    def _judged(self, pairs: Sequence[Pair], epoch: int) -> dict[str, Any]:
        """Every answer is a row of its own, for not every prompt has two."""
        liked, disliked = _sides(pairs)
        rows = [(pair, answer, label) for label, answers in ((True, liked), (False, disliked)) for pair, answer in zip(pairs, answers, strict=True) if answer]
        heard = {pair.id: self._hear(pair, epoch) for pair in pairs}
        batch = _as_completions(self._collator([self._example(pair.prompt, answer, heard[pair.id]) for pair, answer, _ in rows]))
        others = [rows[number - 1][1] for number in range(len(rows))]
        unrelated = self._collator([self._example(pair.prompt, other, heard[pair.id]) for (pair, *_), other in zip(rows, others, strict=True)])
        kl = {f"KL_{name}": tensor for name, tensor in _as_completions(unrelated).items() if not name.startswith("input_features")}
        return batch | kl | {"label": torch.tensor([label for *_, label in rows])}

    def _hear(self, pair: Pair, epoch: int) -> list[Audio]:
        return [self._audio.hear(cut, epoch) for cut in heard_in(pair.prompt)]

    def _example(self, prompt: Sequence[Message], answer: Sequence[Message], heard: Sequence[Audio]) -> Example:
        """Nothing of the prompt is learnt, though the assistant may speak in it."""
        ids, learnt = lay_out((*prompt, *answer), self._tokenizer)
        asked = len(lay_out(prompt, self._tokenizer)[0])
        ends = 1 if self._goes_on else 0
        return Example(ids, [False] * asked + list(learnt[asked : len(ids) - ends]) + [False] * ends, heard)


def _sides(pairs: Sequence[Pair]) -> tuple[list[Sequence[Message]], list[Sequence[Message]]]:
    return [pair.chosen for pair in pairs], [pair.rejected for pair in pairs]


def _as_completions(batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A batch with a mask of the answers, which TRL makes labels of, in place of labels."""
    labels = batch.pop("labels")
    return batch | {"completion_mask": (labels >= 0).long()}
