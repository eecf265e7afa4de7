"""An endless, resumable stream of batches of similar length: Lhotse's bucketing, owned by (epoch, position)."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, field
from statistics import median
from typing import Any

import numpy as np
import torch
from lhotse import MonoCut
from lhotse.dataset import DynamicBucketingSampler
from lhotse.dataset.sampling.dynamic_bucketing import estimate_duration_buckets
from torch.utils.data import DataLoader, Sampler

from .data import Dialogues, SpeechDialogues

CUTS_FOR_BINS = 10_000


@dataclass
class Throughput:
    """What went through the loader since the last reading."""

    useful_frames: int = 0
    frames: int = 0

    def add(self, batch: dict[str, torch.Tensor]) -> None:
        """Count a batch."""
        if "input_features_mask" in batch:
            self.useful_frames += int(batch["input_features_mask"].sum())
            self.frames += batch["input_features_mask"].numel()


class BatchOrder(Sampler[tuple[int, list[str]]]):
    """One epoch's batches as (epoch, dialogue ids), beginning at a position; nothing is decoded to skip."""

    def __init__(self, dialogues: Dialogues, *, batch_audio_s: float, buckets: int, seed: int, epoch: int, position: int = 0) -> None:
        bins = _bins(dialogues, buckets)
        self._sampler = DynamicBucketingSampler(
            _Lengths(dialogues, seed, epoch), max_duration=batch_audio_s, duration_bins=bins, shuffle=True, drop_last=False, seed=seed, rank=0, world_size=1
        )
        self._epoch, self._position = epoch, position

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        self._sampler.set_epoch(self._epoch)
        batches = iter(self._sampler)
        for position, cuts in enumerate(_rest(batches)):
            if position >= self._position:
                yield self._epoch, [cut.id for cut in cuts]


def _rest(batches: Iterator[Any]) -> Iterator[Any]:
    """What is left of a Lhotse sampler: a `for` over it would call `iter`, which starts it again."""
    while True:
        try:
            yield next(batches)
        except StopIteration:
            return


@dataclass(frozen=True)
class _Lengths:
    """Dialogues as cuts without audio, made when the sampler asks: it holds 20,000 at once (2 MB), not a million.

    It mixes no more than those, and the cuts of a source stand together, so they come in an order drawn anew from (seed, epoch): 4 MB for a million.
    """

    dialogues: Dialogues
    seed: int
    epoch: int

    def __iter__(self) -> Iterator[MonoCut]:
        order = np.arange(len(self.dialogues), dtype=np.int32)
        np.random.default_rng([self.seed, self.epoch]).shuffle(order)
        for number in order:
            yield _length(self.dialogues, int(number))


def _length(dialogues: Dialogues, number: int) -> MonoCut:
    return MonoCut(dialogues.names[number], start=0, duration=float(dialogues.seconds[number]), channel=0)


def _bins(dialogues: Dialogues, buckets: int) -> list[float]:
    """Where buckets of about the same amount of audio end, by dialogues from everywhere."""
    step = max(1, len(dialogues) // CUTS_FOR_BINS)
    some = [_length(dialogues, number) for number in range(0, len(dialogues), step)]
    bins = estimate_duration_buckets(some, buckets) if len(some) >= 2 * buckets else []
    return bins or [median(cut.duration for cut in some)]


@dataclass
class EndlessLoader:
    """Batches without end. The training loop takes as many as it has steps; epochs are the loader's own affair.

    It stands in for a torch DataLoader in transformers' Trainer and is never handed to `accelerator.prepare`, which
    would split batches of our lengths by number.
    """

    dataset: SpeechDialogues
    batch_audio_s: float
    buckets: int
    seed: int
    workers: int = 0
    epoch: int = 0
    position: int = 0
    throughput: Throughput = field(default_factory=Throughput)
    batch_size: None = None

    def state_dict(self) -> dict[str, int]:
        """Where the stream stands: the epoch, and how many of its batches were given out."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where another loader of the same data and seed stood."""
        self.epoch, self.position = state["epoch"], state["position"]

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        while True:
            for batch in DataLoader(self.dataset, sampler=self._order(), batch_size=None, num_workers=self.workers):
                self.position += 1
                self.throughput.add(batch)
                yield batch
            self.epoch, self.position = self.epoch + 1, 0

    def _order(self) -> BatchOrder:
        return BatchOrder(
            self.dataset.dialogues, batch_audio_s=self.batch_audio_s, buckets=self.buckets, seed=self.seed, epoch=self.epoch, position=self.position
        )
