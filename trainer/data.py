"""A committed build becomes training examples: dialogues, and the audio of their cuts heard in the place."""

from __future__ import annotations

import json
from array import array
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np
import torch
from numpy.random import Generator
from pydantic_core import from_json
from torch.utils.data import Dataset

from speccraft.errors import BrokenIntegrity
from speccraft.scenario.contracts import CutCustom, Demonstration, Message, Part, PlaceRanges, Split
from speccraft.sound.place import Bank, draw_place, generator_for, render_place
from speccraft.sound.shards import ShardReader
from speccraft.sound.speed import at_speed

from .adapters import Collate
from .batch import Audio, Example
from .features import N_WARPS
from .lines import Lines, Names
from .recipe import Augment, Recipe

if TYPE_CHECKING:
    from .voice import Aloud

CHARACTERS_PER_S = 15.0
"""Of read English speech. A dialogue without audio counts in a batch, which is measured in seconds of audio, for as long as it would take to be said."""


@dataclass(frozen=True)
class Cut:
    """What training needs to know of one cut."""

    id: str
    seconds: float
    text: str
    custom: CutCustom


@dataclass(frozen=True)
class Dialogue:
    """One dialogue to learn from; `seconds` is the audio in it, or how long it would take to say one in text alone."""

    id: str
    seconds: float
    messages: tuple[Message, ...]


class Cuts(Mapping[str, Cut]):
    """The cuts of a split by id, in the order of their file; each is read when it is asked for.

    `seconds` is float64 of shape (num_cuts,); `is_for_pretraining` and `is_transcribed` are bool: whether the cut serves that stage, and whether it has words.
    """

    def __init__(self, path: Path) -> None:
        ids: list[str] = []
        seconds, pretraining, written = array("d"), bytearray(), bytearray()

        def see(row: dict[str, Any]) -> None:
            ids.append(row["id"])
            seconds.append(row["duration"])
            pretraining.append("pretrain" in row["custom"]["stages"])
            written.append(bool(text_of(row)))

        self._lines = Lines.of(path, see)
        self.names = Names(ids)
        self.seconds = np.array(seconds)
        self.is_for_pretraining, self.is_transcribed = np.array(pretraining, bool), np.array(written, bool)

    def __getitem__(self, id: str) -> Cut:
        row = from_json(self._lines[self.names.number(id)])
        # read as JSON because the strict models take lists for tuples from JSON alone
        return Cut(row["id"], row["duration"], text_of(row), CutCustom.model_validate_json(json.dumps(row["custom"])))

    def __iter__(self) -> Iterator[str]:
        return iter(self.names)

    def __len__(self) -> int:
        return len(self.names)


@dataclass(frozen=True)
class Demonstrations(Sequence[Demonstration]):
    """The demonstrations of a split in the order of their file; each is read when it is asked for."""

    names: Names
    lines: Lines

    def __getitem__(self, number: Any) -> Any:
        return Demonstration.model_validate_json(self.lines[range(len(self))[number]])

    def __len__(self) -> int:
        return len(self.names)


class Dialogues:
    """What to learn from: names, the seconds of each (float64 of shape (num_dialogues,)), and its messages when they are asked for."""

    def __init__(self, names: Names, seconds: np.ndarray, messages: Callable[[int], tuple[Message, ...]]) -> None:
        self.names, self.seconds, self._messages = names, seconds, messages

    @classmethod
    def of(cls, dialogues: Sequence[Dialogue]) -> Dialogues:
        """A few dialogues that are there already."""
        names = Names(dialogue.id for dialogue in dialogues)
        return cls(names, np.array([dialogue.seconds for dialogue in dialogues]), [dialogue.messages for dialogue in dialogues].__getitem__)

    def __len__(self) -> int:
        return len(self.names)

    def __getitem__(self, id: str) -> Dialogue:
        return self._dialogue(self.names.number(id))

    def __iter__(self) -> Iterator[Dialogue]:
        return map(self._dialogue, range(len(self)))

    def __add__(self, other: Dialogues) -> Dialogues:
        """These and then those."""
        if not len(other):
            return self
        mine = len(self)
        messages = lambda number: self._messages(number) if number < mine else other._messages(number - mine)  # noqa: E731
        return Dialogues(Names([*self.names, *other.names]), np.concatenate([self.seconds, other.seconds]), messages)

    def _dialogue(self, number: int) -> Dialogue:
        return Dialogue(self.names[number], float(self.seconds[number]), self._messages(number))


def read_cuts(build: Path, split: Split) -> Cuts:
    """Every cut of a split, by id."""
    return Cuts(build / f"cuts.{split}.jsonl")


def read_demonstrations(build: Path, split: Split) -> Demonstrations:
    """Every demonstration of a split; a build whose job converses holds none until it has a job manual."""
    return _demonstrations(build, split, lambda row: None)


def _demonstrations(build: Path, split: Split, see: Callable[[dict[str, Any]], None]) -> Demonstrations:
    ids: list[str] = []

    def look(row: dict[str, Any]) -> None:
        ids.append(row["id"])
        see(row)

    file = build / f"demonstrations.{split}.jsonl"
    lines = Lines.of(file, look) if file.is_file() else Lines(file, np.zeros(1, np.int64))
    return Demonstrations(Names(ids), lines)


def learns_untranscribed(recipe: Recipe, cuts: Cuts) -> bool:
    """Whether there is speech without words, and the recipe learns from it."""
    return recipe.pretrain.masked_weight > 0 and bool((cuts.is_for_pretraining & ~cuts.is_transcribed).any())


def transcripts(cuts: Cuts, *, untranscribed: bool = False) -> Dialogues:
    """Pre-training as dialogues: audio without an instruction, answered by what was said.

    Args:
        untranscribed: with audio that nobody wrote down, which is not answered.
    """
    chosen = np.flatnonzero(cuts.is_for_pretraining & (cuts.is_transcribed | untranscribed))
    return Dialogues(Names(cuts.names[number] for number in chosen.tolist()), cuts.seconds[chosen], partial(_transcript, cuts, chosen))


def _transcript(cuts: Cuts, chosen: np.ndarray, number: int) -> tuple[Message, ...]:
    cut = cuts[cuts.names[int(chosen[number])]]
    heard = Message(role="user", content=(Part(type="audio", cut=cut.id),))
    return (heard, Message(role="assistant", content=(Part(type="text", text=cut.text),))) if cut.text else (heard,)


def dialogues(build: Path, split: Split, cuts: Cuts) -> Dialogues:
    """Demonstrations of a split with the seconds of audio in them; of those in text alone, the seconds that it would take to say them.

    Raises:
        BrokenIntegrity: a demonstration names a cut that its split does not have.
    """
    heard: list[str] = []
    ends, characters = array("q", [0]), array("q")

    def listen(row: dict[str, Any]) -> None:
        parts = [part for message in row["messages"] for part in message["content"]]
        heard.extend(part["cut"] for part in parts if part["type"] == "audio")
        ends.append(len(heard))
        characters.append(sum(len(part["text"]) for part in parts if part["type"] == "text"))

    demonstrations = _demonstrations(build, split, listen)
    owners, numbers = np.repeat(np.arange(len(demonstrations)), np.diff(ends)), cuts.names.numbers(heard)
    if (numbers < 0).any():
        first = int(np.argmax(numbers < 0))
        what = f"demonstration {demonstrations.names[owners[first]]} names cut {heard[first]}, which is not in its split"
        raise BrokenIntegrity(what, try_this="build it again")
    seconds = np.bincount(owners, cuts.seconds[numbers], len(demonstrations))
    return Dialogues(demonstrations.names, np.where(seconds > 0, seconds, np.maximum(characters, 1) / CHARACTERS_PER_S), partial(_messages, demonstrations))


def _messages(demonstrations: Demonstrations, number: int) -> tuple[Message, ...]:
    messages: tuple[Message, ...] = demonstrations[number].messages
    return messages


class PlacedAudio:
    """The audio of training cuts, heard in the place; every draw belongs to (seed, cut id, epoch)."""

    def __init__(self, build: Path, cuts: Mapping[str, Cut], sampling_rate: int, augment: Augment, seed: int) -> None:
        self._build, self._cuts, self._sampling_rate, self._augment, self._seed = build, cuts, sampling_rate, augment, seed

    @cached_property
    def _shards(self) -> ShardReader:
        return ShardReader(self._build / "shards" / "train")

    @cached_property
    def _bank(self) -> Bank:
        return Bank.load(self._build, "train", self._sampling_rate)

    def hear(self, cut_id: str, epoch: int) -> Audio:
        """A cut as it sounds in this epoch."""
        samples, place = self._shards.samples(cut_id), self._cuts[cut_id].custom.place
        rng, seconds = generator_for(self._seed, cut_id, epoch), len(samples) / self._sampling_rate
        if self._augment.speed:
            # From numbers of its own, so that a place is the same with and without it.
            faster = float(generator_for(self._seed, f"{cut_id}|speed", epoch).uniform(-1, 1))
            samples = at_speed(samples, round(1 + self._augment.speed * faster, 3))
        if isinstance(place, PlaceRanges):
            samples = render_place(samples, draw_place(place, self._bank, rng, seconds), self._bank)
        return self._varied(samples, rng)

    def _varied(self, samples: Any, rng: Generator) -> Audio:
        warp = int(rng.integers(N_WARPS)) if self._augment.vocal_tract_warp else N_WARPS // 2
        tempo = round(1 + self._augment.tempo * float(rng.uniform(-1, 1)), 3)
        return Audio(samples, warp, tempo)


def heard_in(messages: Sequence[Message]) -> list[str]:
    """The cuts that are heard in a dialogue, in order."""
    return [part.cut for message in messages for part in message.content if part.type == "audio" and part.cut]


class SpeechDialogues(Dataset[dict[str, torch.Tensor]]):
    """Batches of dialogues by (epoch, ids); the same batch whoever asks for it, and whenever. With `aloud` their answers are spoken."""

    def __init__(self, dialogues: Dialogues, audio: PlacedAudio, tokenizer: Any, collator: Collate, aloud: Aloud | None = None) -> None:
        self.dialogues = dialogues
        self._audio, self._tokenizer, self._collator, self._aloud = audio, tokenizer, collator, aloud

    def __getitem__(self, key: tuple[int, Sequence[str]]) -> dict[str, torch.Tensor]:
        epoch, ids = key
        return self._collator([self._example(id, epoch) for id in ids])

    def _example(self, id: str, epoch: int) -> Example:
        messages = self.dialogues[id].messages
        if self._aloud is not None:
            return self._aloud.example(messages, self._collator, self._tokenizer, lambda cut: self._audio.hear(cut, epoch), id=id, epoch=epoch)
        heard = [self._audio.hear(cut, epoch) for cut in heard_in(messages)]
        return self._collator.example(messages, self._tokenizer, heard)


def text_of(row: dict[str, Any]) -> str:
    """The words of a line of cuts."""
    return " ".join(supervision["text"] for supervision in row["supervisions"] if supervision.get("text"))
