"""A committed build becomes training examples: dialogues, and the audio of their cuts heard in the place."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any

import torch
from numpy.random import Generator
from torch.utils.data import Dataset

from speccraft.errors import BrokenIntegrity
from speccraft.scenario.contracts import CutCustom, Demonstration, Message, Part, PlaceRanges, Split
from speccraft.sound.place import Bank, draw_place, generator_for, render_place
from speccraft.sound.shards import ShardReader

from .batch import Audio, Collator, Example
from .features import N_WARPS
from .recipe import Augment
from .tokenizer import lay_out

TEXT_ONLY_S = 0.1
"""What a dialogue without audio counts in a batch that is measured in seconds of audio."""


@dataclass(frozen=True)
class Cut:
    """What training needs to know of one cut."""

    id: str
    seconds: float
    text: str
    custom: CutCustom


@dataclass(frozen=True)
class Dialogue:
    """One dialogue to learn from; `seconds` is the audio in it."""

    id: str
    seconds: float
    messages: tuple[Message, ...]


def read_cuts(build: Path, split: Split) -> dict[str, Cut]:
    """Every cut of a split, by id."""
    return {cut.id: cut for cut in map(_cut, _rows(build / f"cuts.{split}.jsonl"))}


def read_demonstrations(build: Path, split: Split) -> list[Demonstration]:
    """Every demonstration of a split; a build whose job converses holds none until it has a job manual."""
    file = build / f"demonstrations.{split}.jsonl"
    return [Demonstration.model_validate_json(json.dumps(row)) for row in _rows(file)] if file.is_file() else []


def transcripts(cuts: dict[str, Cut]) -> list[Dialogue]:
    """Pre-training as dialogues: audio without an instruction, answered by what was said."""
    return [Dialogue(cut.id, cut.seconds, _transcript(cut)) for cut in cuts.values() if "pretrain" in cut.custom.stages and cut.text]


def _transcript(cut: Cut) -> tuple[Message, ...]:
    heard, said = Part(type="audio", cut=cut.id), Part(type="text", text=cut.text)
    return Message(role="user", content=(heard,)), Message(role="assistant", content=(said,))


def dialogues(demonstrations: Sequence[Demonstration], cuts: dict[str, Cut]) -> list[Dialogue]:
    """Demonstrations with the seconds of audio in them.

    Raises:
        BrokenIntegrity: a demonstration names a cut that its split does not have.
    """
    found = []
    for demonstration in demonstrations:
        names = [part.cut or "" for message in demonstration.messages for part in message.content if part.type == "audio"]
        unknown = [name for name in names if name not in cuts]
        if unknown:
            raise BrokenIntegrity(f"demonstration {demonstration.id} names cut {unknown[0]}, which is not in its split", try_this="build it again")
        found.append(Dialogue(demonstration.id, sum(cuts[name].seconds for name in names) or TEXT_ONLY_S, demonstration.messages))
    return found


class PlacedAudio:
    """The audio of training cuts, heard in the place; every draw belongs to (seed, cut id, epoch)."""

    def __init__(self, build: Path, cuts: dict[str, Cut], sampling_rate: int, augment: Augment, seed: int) -> None:
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
        rng = generator_for(self._seed, cut_id, epoch)
        if isinstance(place, PlaceRanges):
            samples = render_place(samples, draw_place(place, self._bank, rng), self._bank)
        return self._varied(samples, rng)

    def _varied(self, samples: Any, rng: Generator) -> Audio:
        warp = int(rng.integers(N_WARPS)) if self._augment.vocal_tract_warp else N_WARPS // 2
        tempo = round(1 + self._augment.tempo * float(rng.uniform(-1, 1)), 3)
        return Audio(samples, warp, tempo)


class SpeechDialogues(Dataset[dict[str, torch.Tensor]]):
    """Batches of dialogues by (epoch, ids); the same batch whoever asks for it, and whenever."""

    def __init__(self, dialogues: Sequence[Dialogue], audio: PlacedAudio, tokenizer: Any, collator: Collator) -> None:
        self.dialogues = {dialogue.id: dialogue for dialogue in dialogues}
        self._layouts = {dialogue.id: lay_out(dialogue.messages, tokenizer) for dialogue in dialogues}
        self._audio, self._collator = audio, collator

    def __getitem__(self, key: tuple[int, Sequence[str]]) -> dict[str, torch.Tensor]:
        epoch, ids = key
        return self._collator([self._example(id, epoch) for id in ids])

    def _example(self, id: str, epoch: int) -> Example:
        parts = [part for message in self.dialogues[id].messages for part in message.content]
        return Example(*self._layouts[id], [self._audio.hear(part.cut, epoch) for part in parts if part.type == "audio" and part.cut is not None])


def _rows(path: Path) -> Iterator[dict[str, Any]]:
    with path.open() as file:
        yield from map(json.loads, file)


def _cut(row: dict[str, Any]) -> Cut:
    text = " ".join(supervision["text"] for supervision in row["supervisions"] if supervision.get("text"))
    # read as JSON because the strict models take lists for tuples from JSON alone
    return Cut(row["id"], row["duration"], text, CutCustom.model_validate_json(json.dumps(row["custom"])))
