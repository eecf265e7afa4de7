"""Draws that depend on names alone: the same manual and seed give the same demonstrations, whatever else stands beside."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator, Sequence
from math import gcd
from typing import TypeVar

from speccraft.scenario.contracts import Split
from speccraft.scenario.quality import Splits

Item = TypeVar("Item")
LEAST_TO_SHARE = 3
"""Phrases or voices of which one can be kept for test alone, and others are left."""


def number_of(*names: object) -> int:
    """A number of 64 bits that belongs to some names."""
    return int.from_bytes(hashlib.sha256("|".join(map(str, names)).encode()).digest()[:8], "big")


def drawn(count: int, wanted: int, *names: object) -> Iterator[int]:
    """Different numbers below `count`, at most so many; all of them where they are no more than that."""
    if count <= wanted:
        yield from range(count)
        return
    # A step that shares no factor with the count meets every number once before it comes round.
    start, step = number_of(*names, "start") % count, number_of(*names, "step") % count
    while gcd(step, count) != 1:
        step += 1
    yield from ((start + turn * step) % count for turn in range(wanted))


def split_by_chance(splits: Splits, *names: object) -> Split:
    """The split that belongs to some names, by the shares that the scenario wants."""
    place = number_of(*names) / 2**64
    return "test" if place < splits.test else "dev" if place < splits.test + splits.dev else "train"


def shared_out(items: Sequence[Item], splits: Splits, *names: object) -> dict[Split, list[Item]]:
    """Things that each serve one split: test and dev get their share, at least one where they want any and enough are left, train the rest."""
    ranked = sorted(items, key=lambda item: number_of(*names, item))
    test = max(1, round(len(ranked) * splits.test)) if splits.test and len(ranked) >= LEAST_TO_SHARE else 0
    dev = max(1, round(len(ranked) * splits.dev)) if splits.dev and len(ranked) > LEAST_TO_SHARE else 0
    return {"test": ranked[:test], "dev": ranked[test : test + dev], "train": ranked[test + dev :]}
