"""Keep train, dev and test apart: recordings that share a value on a declared axis stay together.

Recordings are nodes, shared values are edges; connected components are assigned whole, in the order of a seeded hash. A component that would
leave too little for dev and test is broken first, where few recordings tie it together.
"""

from __future__ import annotations

import hashlib
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field

from speccraft.errors import SpeccraftError
from speccraft.plan.bridges import Member, Tie, bridges, connected
from speccraft.scenario.contracts import SPLITS, Split
from speccraft.scenario.quality import Splits


@dataclass
class Assignment:
    """The split of every recording, which of them are `unseen`, and what a reader should know.

    `bridges` have no split: they are to be dropped, each for the axis and value by which it tied others together.
    """

    split: dict[str, Split]
    unseen: frozenset[str]
    bridges: dict[str, Tie] = field(default_factory=dict)
    notes: list[str] = field(default_factory=list)


@dataclass(frozen=True)
class _Component:
    members: tuple[Member, ...]
    rank: str

    @property
    def seconds(self) -> float:
        return sum(member.seconds for member in self.members)

    @property
    def given(self) -> set[str]:
        return {member.given for member in self.members if member.given is not None}


def assign(members: Sequence[Member], splits: Splits, seed: int) -> Assignment:
    """Give every recording a split.

    Values named in `unseen` go to test with everything that hangs on them; official splits are honoured; the rest fills test,
    then dev, up to their share of the seconds, and train takes what is left. Neither unseen nor officially assigned recordings are dropped.

    Raises:
        SpeccraftError: official splits contradict a declared axis, or nothing would be left to train on.
    """
    unseen = frozenset(m.id for m in members if any(m.values.get(axis) in values for axis, values in splits.unseen.items()))
    notes = [f"no recording of the unseen {axis} '{value}' is kept" for axis, value in _absent(members, splits)]
    dropped = _bridges(members, splits, unseen, notes)
    components = _components([member for member in members if member.id not in dropped], splits, seed)
    chosen: dict[str, Split] = {}
    free: list[_Component] = []
    official: list[_Component] = []
    for component in components:
        if any(member.id in unseen for member in component.members):
            _put(component, "test", chosen)
        elif not component.given:
            free.append(component)
        else:
            official.append(component)
            _put(component, _official(component, splits), chosen)
    _fill(official, free, splits, chosen)
    _say_what_is_missing(chosen, splits, notes)
    return Assignment(chosen, unseen, dropped, notes)


def shared_values(members: Iterable[Member], split: dict[str, Split], axis: str) -> tuple[dict[str, int], list[str]]:
    """Distinct values of an axis in each split, and the values that stand in more than one: the certificate's evidence."""
    where: dict[str, set[str]] = defaultdict(set)
    for member in members:
        value = member.values.get(axis)
        if value is not None and member.id in split:
            where[value].add(split[member.id])
    counts: dict[str, int] = {name: sum(name in places for places in where.values()) for name in SPLITS}
    return counts, sorted(value for value, places in where.items() if len(places) > 1)


def _components(members: Sequence[Member], splits: Splits, seed: int) -> list[_Component]:
    return sorted((_Component(group, _rank(seed, group)) for group in connected(members, splits.disjoint)), key=lambda component: component.rank)


def _bridges(members: Sequence[Member], splits: Splits, unseen: frozenset[str], notes: list[str]) -> dict[str, Tie]:
    """What to drop from components that leave dev and test less than half of their share; those that are official as a whole stay as they are."""
    total, share = sum(member.seconds for member in members), splits.dev + splits.test
    fixed = unseen | {member.id for member in members if member.given is not None}
    dropped: dict[str, Tie] = {}
    for group in connected(members, splits.disjoint) if share else []:
        given = {member.given for member in group}
        if sum(member.seconds for member in group) <= (1 - share / 2) * total or given == {"train"} or len(given - {None}) > 1:
            continue
        found = bridges(group, splits.disjoint, (1 - share) * total, min(part for part in (splits.dev, splits.test) if part > 0) * total, fixed)
        dropped |= found
        for axis, count in sorted(Counter(axis for axis, _ in found.values()).items()):
            notes.append(f"{count} of {len(group)} recordings are dropped because their {axis} ties together what is to stand in different splits")
    return dropped


def _absent(members: Sequence[Member], splits: Splits) -> list[Tie]:
    present = {(axis, member.values.get(axis)) for member in members for axis in splits.unseen}
    return [(axis, value) for axis, values in splits.unseen.items() for value in values if (axis, value) not in present]


def _rank(seed: int, group: Sequence[Member]) -> str:
    return min(hashlib.sha256(f"{seed}|{member.id}".encode()).hexdigest() for member in group)


def _official(component: _Component, splits: Splits) -> Split:
    if len(component.given) > 1:
        axes = [axis for axis in splits.disjoint if len({m.values.get(axis) for m in component.members}) == 1] or list(splits.disjoint)
        axis, value = axes[0], component.members[0].values.get(axes[0])
        raise SpeccraftError(
            f"the official splits ({', '.join(sorted(component.given))}) contradict `splits.disjoint`: {axis} '{value}' stands in more than one",
            try_this=f"take `{axis}` out of splits.disjoint, or leave splits.given out",
        )
    return next(name for name in SPLITS if name in component.given)


def _fill(official: Sequence[_Component], free: Sequence[_Component], splits: Splits, chosen: dict[str, Split]) -> None:
    """Fill test, then dev, from components that may go there; an official training component may serve as dev only."""
    settled = [c for c in official if chosen[c.members[0].id] != "train"]
    have = {name: sum(c.seconds for c in settled if chosen[c.members[0].id] == name) for name in ("dev", "test")}
    total = sum(c.seconds for c in (*official, *free))
    left = list(free)
    training = [c for c in official if chosen[c.members[0].id] == "train"]
    dev_target = 0.0 if have["dev"] else splits.dev * total
    if not have["test"]:
        groups = len(left) + len(training)
        left = _take(left, "test", splits.test * total, chosen, most=max(groups - (2 if dev_target else 1), min(1, groups - 1)))
    if dev_target:
        candidates = sorted((*left, *training), key=lambda c: c.rank)
        left = [c for c in _take(candidates, "dev", dev_target, chosen, most=len(candidates) - 1) if c.members[0].id not in chosen]
    for component in left:
        _put(component, "train", chosen)


def _take(components: list[_Component], split: Split, target: float, chosen: dict[str, Split], *, most: int) -> list[_Component]:
    """Move components, at most so many, into a split until it has its seconds; return those not taken."""
    taken: set[str] = set()
    seconds = 0.0
    if target > 0 and components and most > 0:
        for component in components:
            if len(taken) < most and seconds + component.seconds / 2 <= target:
                taken.add(component.rank)
                seconds += component.seconds
        if not taken:
            taken.add(min(components, key=lambda c: (c.seconds, c.rank)).rank)
    for component in components:
        if component.rank in taken:
            _put(component, split, chosen)
    return [component for component in components if component.rank not in taken]


def _put(component: _Component, split: Split, chosen: dict[str, Split]) -> None:
    chosen.update(dict.fromkeys((member.id for member in component.members), split))


def _say_what_is_missing(chosen: dict[str, Split], splits: Splits, notes: list[str]) -> None:
    present = set(chosen.values())
    if chosen and "train" not in present:
        raise SpeccraftError(
            f"nothing is left to train on: keeping {', '.join(splits.disjoint)} apart leaves too few groups of recordings",
            try_this="add recordings, or take an axis out of splits.disjoint",
        )
    for split, share in (("dev", splits.dev), ("test", splits.test)):
        if share > 0 and split not in present:
            notes.append(f"{split} is empty: there are too few groups of recordings that can be kept apart")
