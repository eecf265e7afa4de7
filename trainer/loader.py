"""An endless, resumable stream of batches of similar length: Lhotse's bucketing, owned by (epoch, position) and dealt out to the ranks."""

from __future__ import annotations

from collections import deque
from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field
from itertools import islice, pairwise
from statistics import median
from typing import Any

import numpy as np
import torch
from lhotse import MonoCut
from lhotse.dataset import DynamicBucketingSampler
from lhotse.dataset.sampling.dynamic_bucketing import estimate_duration_buckets
from torch.utils.data import DataLoader, Sampler

from speccraft.errors import SpeccraftError

from .data import Dialogues, SpeechDialogues
from .ranks import ALONE, Ranks

CUTS_FOR_BINS = 10_000
GROUPS_TOGETHER = 8
"""So many groups of batches, one batch a rank, are sorted by length before they are dealt out: ranks wait for the longest batch of each step."""


@dataclass
class Throughput:
    """What went through the loader since the last reading."""

    useful_frames: int = 0
    frames: int = 0
    cut_off: int = 0

    def add(self, batch: dict[str, Any]) -> None:
        """Count a batch, and take out of it what says how many of its dialogues were cut off, which is no input of a model."""
        self.cut_off += batch.pop("cut_off", 0)
        if "input_features_mask" in batch:
            self.useful_frames += int(batch["input_features_mask"].sum())
            self.frames += batch["input_features_mask"].numel()


class BatchOrder(Sampler[tuple[int, list[str]]]):
    """One epoch's batches as (epoch, dialogue ids), beginning at a position; nothing is decoded to skip.

    Every rank draws the same batches and takes its own share of them, so no two share a dialogue, and all come to an epoch's end together.

    Args:
        position: batches of this rank to leave out.
        rank: number of this process, and `world` of how many.
    """

    def __init__(
        self, dialogues: Dialogues, *, batch_audio_s: float, buckets: int, seed: int, epoch: int, position: int = 0, rank: int = 0, world: int = 1
    ) -> None:
        if len(dialogues) < world:
            raise SpeccraftError(f"{len(dialogues)} dialogues are too few for {world} processes", try_this="fewer processes (--nproc)")
        bins = _bins(dialogues, buckets)
        self._sampler = DynamicBucketingSampler(
            _Lengths(dialogues, seed, epoch), max_duration=batch_audio_s, duration_bins=bins, shuffle=True, drop_last=False, seed=seed, rank=0, world_size=1
        )
        self._dialogues, self._seed, self._epoch, self._position, self._rank, self._world = dialogues, seed, epoch, position, rank, world

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        self._sampler.set_epoch(self._epoch)
        batches = ([cut.id for cut in cuts] for cuts in _rest(iter(self._sampler)))
        mine = batches if self._world == 1 else (group[self._rank] for group in self._dealt(batches))
        return ((self._epoch, ids) for ids in islice(mine, self._position, None))

    def _dealt(self, batches: Iterator[list[str]]) -> Iterator[list[list[str]]]:
        """Groups of one batch a rank, those of a group about as long as each other."""
        rng = np.random.default_rng([self._seed, self._epoch, self._world])
        before: list[list[str]] | None = None
        while block := list(islice(batches, GROUPS_TOGETHER * self._world)):
            block.sort(key=lambda ids: (max(self._seconds(ids)), ids))
            groups = [block[start : start + self._world] for start in range(0, len(block), self._world)]
            rest = groups.pop() if len(groups[-1]) < self._world else []
            for number in rng.permutation(len(groups)):
                if before is not None:
                    yield before
                before = groups[number]
            if rest:
                # Only an epoch's last block is not full.
                yield from self._shared(before, [id for ids in rest for id in ids])
                return
        if before is not None:
            yield before

    def _shared(self, before: list[list[str]] | None, left: list[str]) -> Iterator[list[list[str]]]:
        """What is left at an epoch's end, too few batches for every rank to have one, as shares; too few dialogues even for that join the group before."""
        left.sort(key=lambda id: (self._seconds([id])[0], id))
        if len(left) < self._world and before is not None:
            before, left = [ids + left[rank : rank + 1] for rank, ids in enumerate(before)], []
        if before is not None:
            yield before
        if left:
            ends = [len(left) * rank // self._world for rank in range(self._world + 1)]
            yield [left[start:end] for start, end in pairwise(ends)]

    def _seconds(self, ids: Sequence[str]) -> list[float]:
        found: list[float] = self._dialogues.seconds[self._dialogues.names.numbers(ids)].tolist()
        return found


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

    With `longest_first` the batch that takes most memory comes before all others, to see whether it fits.
    `position` counts the batches of this rank that were given out in this epoch, and `latest` says which dialogues the last of them holds.
    """

    dataset: SpeechDialogues
    batch_audio_s: float
    buckets: int
    seed: int
    workers: int = 0
    epoch: int = 0
    position: int = 0
    ranks: Ranks = ALONE
    throughput: Throughput = field(default_factory=Throughput)
    latest: tuple[int, list[str]] = (0, [])
    longest_first: bool = False
    batch_size: None = None

    def state_dict(self) -> dict[str, int]:
        """Where the stream stands: the epoch, and how many of its batches were given out."""
        return {"epoch": self.epoch, "position": self.position}

    def load_state_dict(self, state: dict[str, int]) -> None:
        """Go on where another loader of the same data, seed and number of ranks stood."""
        self.epoch, self.position = state["epoch"], state["position"]

    def __iter__(self) -> Iterator[dict[str, torch.Tensor]]:
        if self.longest_first:
            batch = self.longest()
            self.throughput.add(batch)
            yield batch
        while True:
            keys = _Remembered(self._order())
            # A generator of its own: else every epoch, and every resumption, would draw a number from the one that dropout draws from.
            for batch in DataLoader(self.dataset, sampler=keys, batch_size=None, num_workers=self.workers, generator=torch.Generator()):
                self.position += 1
                self.latest = keys.given.popleft()
                self.throughput.add(batch)
                yield batch
            self.epoch, self.position = self.epoch + 1, 0

    def longest(self) -> dict[str, torch.Tensor]:
        """The batch that takes most memory: the longest dialogue, and as many of its bucket's shortest, all padded to it, as a batch can hold."""
        dialogues = self.dataset.dialogues
        by_length = dialogues.seconds.argsort()
        bucket = by_length[dialogues.seconds[by_length] >= min(_bins(dialogues, self.buckets)[-1], dialogues.seconds.max())]
        others = bucket[:-1][: int(np.searchsorted(dialogues.seconds[bucket[:-1]].cumsum() + dialogues.seconds.max(), self.batch_audio_s))]
        return self.dataset[0, [dialogues.names[int(number)] for number in (bucket[-1], *others)]]

    def _order(self) -> BatchOrder:
        return BatchOrder(
            self.dataset.dialogues,
            batch_audio_s=self.batch_audio_s,
            buckets=self.buckets,
            seed=self.seed,
            epoch=self.epoch,
            position=self.position,
            rank=self.ranks.number,
            world=self.ranks.world,
        )


class _Remembered(Sampler[tuple[int, list[str]]]):
    """An order that remembers what it gave to the workers, which are ahead of whoever reads the batches."""

    def __init__(self, order: BatchOrder) -> None:
        self._order = order
        self.given: deque[tuple[int, list[str]]] = deque()

    def __iter__(self) -> Iterator[tuple[int, list[str]]]:
        for key in self._order:
            self.given.append(key)
            yield key
