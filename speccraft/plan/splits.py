"""Keep train, dev and test apart: recordings that share a value on a declared axis stay together.

Recordings are nodes, shared values are edges; connected components are assigned whole, in the order of a seeded hash, and within the share of every
declared stratum. A component that would leave too little for dev and test is broken first, where few recordings tie it together.
"""

from __future__ import annotations

import hashlib
from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from functools import cached_property

import numpy as np
import polars as pl
from scipy.sparse import coo_array
from scipy.sparse.csgraph import connected_components

from speccraft.errors import SpeccraftError
from speccraft.plan.bridges import Tie, bridges
from speccraft.plan.members import DIALOGUE, NOT_KNOWN, members_of
from speccraft.scenario.contracts import SPLITS, Split
from speccraft.scenario.quality import Splits

ASSIGNED = {"id": pl.String, "split": pl.String, "unseen": pl.Boolean}
TRAIN, DEV, TEST = range(3)
"""Splits by their place in `SPLITS`."""
FREE = -1


@dataclass
class Assignment:
    """The split of every recording and whether it is `unseen`, a row each, and what a reader should know.

    `bridges` have no split: they are to be dropped, each for the axis and value by which it tied others together.
    """

    table: pl.DataFrame = field(default_factory=lambda: pl.DataFrame(schema=ASSIGNED))
    bridges: dict[str, Tie] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)

    @cached_property
    def split(self) -> dict[str, Split]:
        """The split of every recording, by id."""
        return dict(self.table.select("id", "split").iter_rows())

    @cached_property
    def unseen(self) -> frozenset[str]:
        """Ids of the recordings that are unseen."""
        return frozenset(self.table.filter("unseen")["id"])


@dataclass(frozen=True)
class _Components:
    """What hangs together, numbered in the order of a seeded hash.

    `of` is the component of each member; `given` are the official splits of each component, a bit for each, `is_unseen` whether it holds somebody
    unseen. Its seconds by stratum are `seconds[first[number] : first[number + 1]]` of the strata beside them.
    """

    of: np.ndarray
    given: list[int]
    is_unseen: list[bool]
    first: list[int]
    strata: list[int]
    seconds: list[float]

    def parts(self, number: int) -> list[tuple[int, float]]:
        """Strata and seconds of a component."""
        part = slice(self.first[number], self.first[number + 1])
        return list(zip(self.strata[part], self.seconds[part], strict=True))

    def seconds_of(self, numbers: Iterable[int]) -> Counter[int]:
        """Seconds of some components, by stratum."""
        total: Counter[int] = Counter()
        for number in numbers:
            for stratum, seconds in self.parts(number):
                total[stratum] += seconds  # type: ignore[assignment]  # a Counter of seconds
        return total


def assign(members: pl.DataFrame, splits: Splits, seed: int) -> Assignment:
    """Give every recording a split.

    Values named in `unseen` go to test with everything that hangs on them; official splits are honoured; the rest fills test,
    then dev, up to their share of the seconds of every stratum, and train takes what is left. Neither unseen nor officially assigned recordings
    are dropped. Where speakers are kept apart, all recordings of nobody known are one group, for they may be of one person.

    Args:
        members: a row each, with the columns of `MEMBERS`.

    Raises:
        SpeccraftError: official splits contradict a declared axis, or nothing would be left to train on.
    """
    named = [pl.col(axis).is_in(list(values)).fill_null(False) for axis, values in splits.unseen.items()]
    members = members.with_columns(unseen=pl.any_horizontal(pl.lit(False), *named))
    if "speaker" in splits.disjoint:
        # Whoever is not known may be anybody, so all of them are kept in one split.
        members = members.with_columns(pl.col("speaker").fill_null(NOT_KNOWN))
    notes = list(_strangers(members, splits))
    notes += [f"no recording of the unseen {axis} '{value}' is kept" for axis, value in _absent(members, splits)]
    bridged = _bridges(members, splits, notes)
    members = members.filter(~pl.col("id").is_in(list(bridged)))
    components = _components(members, splits, seed)
    chosen = _chosen(components, members, splits)
    _say_what_is_missing(set(chosen.tolist()), splits, notes)
    split = pl.Series("split", SPLITS, dtype=pl.String).gather(chosen[components.of])
    return Assignment(members.select("id", split, "unseen"), bridged, notes)


def _strangers(members: pl.DataFrame, splits: Splits) -> Iterator[str]:
    count = members.filter(speaker=NOT_KNOWN).height if "speaker" in splits.disjoint else 0
    if count:
        yield f"nobody knows who speaks in {count} of {len(members)} recordings: they may all be of one person, so they are in one split"


def _axes(splits: Splits) -> tuple[str, ...]:
    return (*splits.disjoint, DIALOGUE)


def _connected(members: pl.DataFrame, axes: Iterable[str]) -> np.ndarray:
    """The component of each member: those that share a value on some axis, directly or through others, have the same number."""
    count, position = len(members), pl.col("position")
    firsts = [pl.when(pl.col(axis).is_null()).then(position).otherwise(position.first().over(axis)).cast(pl.Int64).alias(axis) for axis in axes]
    if not count:
        return np.zeros(0, np.int64)
    others = members.with_row_index("position").select(firsts).to_numpy().T.ravel()
    ones = np.tile(np.arange(count), len(firsts))
    ties = others != ones
    graph = coo_array((np.ones(int(ties.sum()), bool), (ones[ties], others[ties])), shape=(count, count))
    return np.asarray(connected_components(graph, directed=False)[1])


def _components(members: pl.DataFrame, splits: Splits, seed: int) -> _Components:
    found = _connected(members, _axes(splits))
    count = int(found.max(initial=-1)) + 1
    ranks = np.array([int.from_bytes(hashlib.sha256(f"{seed}|{id}".encode()).digest()[:8], "big") for id in members["id"]], np.uint64)
    lowest = np.full(count, np.iinfo(np.uint64).max, np.uint64)
    np.minimum.at(lowest, found, ranks)
    place = np.empty(count, np.int64)
    place[np.argsort(lowest, kind="stable")] = np.arange(count)
    of = place[found]
    given, unseen = np.zeros(count, np.int64), np.zeros(count, bool)
    for number, name in enumerate(SPLITS):
        given[of[(members["given"] == name).fill_null(False).to_numpy()]] |= 1 << number
    unseen[of[members["unseen"].to_numpy()]] = True
    strata = members["stratum"].fill_null("").rank("dense").to_numpy().astype(np.int64) if count else of
    parts, part_of = np.unique(of * (len(members) + 1) + strata, return_inverse=True)
    seconds = np.bincount(part_of, members["seconds"].to_numpy(), len(parts))
    first = np.searchsorted(parts, np.arange(count + 1) * (len(members) + 1))
    return _Components(of, given.tolist(), unseen.tolist(), first.tolist(), (parts % (len(members) + 1)).tolist(), seconds.tolist())


def _bridges(members: pl.DataFrame, splits: Splits, notes: list[str]) -> dict[str, Tie]:
    """What to drop from a component that leaves dev and test less than half of their share; one that is official as a whole stays as it is."""
    share, seconds = splits.dev + splits.test, members["seconds"].to_numpy()
    if not share or not len(members):
        return {}
    total, found = sum(seconds.tolist()), _connected(members, _axes(splits))
    sizes = np.bincount(found, seconds)
    largest = int(sizes.argmax())
    if sizes[largest] <= (1 - share / 2) * total:
        return {}
    group = members.filter(pl.Series(found == largest))
    given = set(group["given"].unique())
    if given == {"train"} or len(given - {None}) > 1:
        return {}
    fixed = frozenset(group.filter(pl.col("unseen") | pl.col("given").is_not_null())["id"])
    least = min(part for part in (splits.dev, splits.test) if part > 0)
    dropped = bridges(members_of(group), _axes(splits), (1 - share) * total, least * total, fixed)
    for axis, count in sorted(Counter(axis for axis, _ in dropped.values()).items()):
        notes.append(f"{count} of {len(group)} recordings are dropped because their {axis} ties together what is to stand in different splits")
    return dropped


def _absent(members: pl.DataFrame, splits: Splits) -> list[Tie]:
    present = {axis: set(members[axis].unique()) for axis in splits.unseen}
    return [(axis, value) for axis, values in splits.unseen.items() for value in values if value not in present[axis]]


def _chosen(components: _Components, members: pl.DataFrame, splits: Splits) -> np.ndarray:
    """The split of each component, by its place in `SPLITS`."""
    chosen = np.full(len(components.given), FREE)
    official: list[int] = []
    for number, given in enumerate(components.given):
        if components.is_unseen[number]:
            chosen[number] = TEST
        elif given:
            if given & (given - 1):
                _refuse(members.filter(pl.Series(components.of == number)), splits)
            chosen[number] = given.bit_length() - 1
            official.append(number)
    _fill(components, official, np.flatnonzero(chosen == FREE).tolist(), splits, chosen)
    return chosen


def _refuse(members: pl.DataFrame, splits: Splits) -> None:
    """Raise SpeccraftError that names what ties members of several official splits together."""
    axes = [axis for axis in _axes(splits) if members[axis].drop_nulls().n_unique() == 1] or list(splits.disjoint)
    axis, value = axes[0], next(iter(members[axes[0]].drop_nulls()), None)
    raise SpeccraftError(
        f"the official splits ({', '.join(members['given'].drop_nulls().unique().sort())}) contradict `splits.disjoint`: "
        f"{axis} '{value}' stands in more than one",
        try_this="give the sources whose dialogues hear the same recordings one `split`"
        if axis == DIALOGUE
        else f"take `{axis}` out of splits.disjoint, or leave splits.given out",
    )


def _fill(components: _Components, official: Sequence[int], free: list[int], splits: Splits, chosen: np.ndarray) -> None:
    """Fill test, then dev, from components that may go there; an official training component may serve as dev only."""
    total = components.seconds_of((*official, *free))
    # What counts nothing for the shares is of no use in dev and test.
    free = [number for number in free if any(seconds for _, seconds in components.parts(number))]
    training = [number for number in official if chosen[number] == TRAIN]
    has_dev, has_test = (any(chosen[number] == split for number in official) for split in (DEV, TEST))
    is_heard = sum(total.values()) > 0
    wants_dev = is_heard and splits.dev > 0 and not has_dev
    if is_heard and splits.test > 0 and not has_test:
        groups = len(free) + len(training)
        chosen[_taken(components, free, total, splits.test, most=max(groups - (2 if wants_dev else 1), min(1, groups - 1)))] = TEST
    if wants_dev:
        candidates = sorted([number for number in free if chosen[number] == FREE] + training)
        chosen[_taken(components, candidates, total, splits.dev, most=len(candidates) - 1)] = DEV
    chosen[chosen == FREE] = TRAIN


def _taken(components: _Components, candidates: Sequence[int], total: Counter[int], share: float, *, most: int) -> list[int]:
    """Components, at most so many, that together have their share of every stratum: each is taken that brings all of its strata nearer to it.

    So a stratum gets no more than its share and half of one component. Where none is so small, the smallest alone is taken.
    """
    if not candidates or most <= 0:
        return []
    have: Counter[int] = Counter()
    taken: list[int] = []
    for number in candidates:
        parts = components.parts(number)
        if len(taken) < most and all(have[stratum] + seconds / 2 <= share * total[stratum] for stratum, seconds in parts):
            taken.append(number)
            have.update(dict(parts))
    return taken or [min(candidates, key=lambda number: (sum(seconds for _, seconds in components.parts(number)), number))]


def _say_what_is_missing(present: set[int], splits: Splits, notes: list[str]) -> None:
    if present and TRAIN not in present:
        raise SpeccraftError(
            f"nothing is left to train on: keeping {', '.join(splits.disjoint)} apart leaves too few groups of recordings",
            try_this="add recordings, or take an axis out of splits.disjoint",
        )
    for split, share in ((DEV, splits.dev), (TEST, splits.test)):
        if share > 0 and split not in present:
            notes.append(f"{SPLITS[split]} is empty: there are too few groups of recordings that can be kept apart")
