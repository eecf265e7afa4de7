"""What hangs together through shared values, and the few recordings that tie too much together: bridges, to be dropped."""

from __future__ import annotations

import math
from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

MOST_DROPPED = 0.2
"""Of what hangs together, the share of recordings that may be dropped to break it; beyond, the declared axes ask for more than the data can give."""
Tie: TypeAlias = tuple[str, str]
"""An axis and a value on it."""


@dataclass(frozen=True)
class Member:
    """One recording as the splitter sees it. `values` holds its value on each axis; `given` is its official split."""

    id: str
    seconds: float
    values: Mapping[str, str | None]
    given: str | None = None
    stratum: str | None = None


def connected(members: Sequence[Member], axes: Iterable[str]) -> list[tuple[Member, ...]]:
    """Groups of members that share a value on some axis, directly or through others."""
    sets, first = _Sets(len(members)), dict[Tie, int]()
    for index, member in enumerate(members):
        for axis in axes:
            value = member.values.get(axis)
            if value is not None:
                sets.unite(index, first.setdefault((axis, value), index))
    groups: dict[int, list[Member]] = defaultdict(list)
    for index, member in enumerate(members):
        groups[sets.root(index)].append(member)
    return [tuple(group) for group in groups.values()]


def bridges(members: Sequence[Member], axes: Sequence[str], most_s: float, others_s: float, fixed: frozenset[str]) -> dict[str, Tie]:
    """The members to drop, each with the tie it is dropped for, so that what hangs together can be split; none where that costs too much.

    Blocks of the first axis that tells members apart grow together along the ties that are dearest to cut, as Kruskal's algorithm grows a
    tree: one of them up to `most_s` seconds, the others up to `others_s`. Ties that are left are cut where they hold fewer recordings. That is
    few recordings, not always the fewest: the smallest such set is NP-hard to find. Members of `fixed` are never dropped.
    """
    ordered = sorted(members, key=lambda member: member.id)
    blocks = next((found for axis in axes if len(found := connected(ordered, [axis])) > 1), [])
    ties = _ties(blocks, axes)
    cluster = _grown(blocks, _costs(ties, fixed), most_s, others_s)
    dropped: dict[str, Tie] = {}
    for tie, sides in ties.items():
        by_cluster: dict[int, list[Member]] = defaultdict(list)
        for block, side in sides.items():
            by_cluster[cluster[block]] += [member for member in side if member.id not in dropped]
        kept = max(by_cluster, key=lambda name: (_is_fixed(by_cluster[name], fixed), len(by_cluster[name]), -name))
        dropped |= {member.id: tie for name, side in by_cluster.items() if name != kept for member in side}
    freed = _seconds_outside_largest([member for member in ordered if member.id not in dropped], axes)
    lost = sum(member.seconds for member in ordered if member.id in dropped)
    return dropped if len(dropped) <= MOST_DROPPED * len(ordered) and freed > lost else {}


def _ties(blocks: Sequence[tuple[Member, ...]], axes: Iterable[str]) -> dict[Tie, dict[int, list[Member]]]:
    """Values that stand in more than one block, with the members that have them, by block; in a fixed order."""
    where: dict[Tie, dict[int, list[Member]]] = defaultdict(lambda: defaultdict(list))
    for number, block in enumerate(blocks):
        for member in block:
            for axis in axes:
                value = member.values.get(axis)
                if value is not None:
                    where[axis, value][number].append(member)
    return {tie: sides for tie, sides in sorted(where.items()) if len(sides) > 1}


def _costs(ties: Mapping[Tie, Mapping[int, list[Member]]], fixed: frozenset[str]) -> dict[tuple[int, int], float]:
    """How many recordings it takes to part two blocks, infinitely many where both sides of a tie may not be dropped."""
    costs: dict[tuple[int, int], float] = defaultdict(float)
    for sides in ties.values():
        strongest = max(sides, key=lambda block: (_is_fixed(sides[block], fixed), len(sides[block]), -block))
        for block, side in sides.items():
            if block != strongest:
                costs[min(block, strongest), max(block, strongest)] += math.inf if _is_fixed(side, fixed) else len(side)
    return costs


def _grown(blocks: Sequence[tuple[Member, ...]], costs: Mapping[tuple[int, int], float], most_s: float, others_s: float) -> list[int]:
    """The cluster of every block: united where parting them costs most first; one cluster may outgrow the others."""
    sets = _Sets(len(blocks))
    seconds = [sum(member.seconds for member in block) for block in blocks]
    large = max(range(len(blocks)), key=lambda number: (seconds[number], -number), default=-1)
    if large >= 0 and seconds[large] <= others_s:
        large = -1
    for (one, other), cost in sorted(costs.items(), key=lambda item: (-item[1], item[0])):
        roots = {sets.root(one), sets.root(other)}
        together = sum(seconds[root] for root in roots)
        may_be_large = large < 0 or sets.root(large) in roots
        if len(roots) == 1 or not (cost == math.inf or together <= others_s or (together <= most_s and may_be_large)):
            continue
        sets.unite(one, other)
        seconds[sets.root(one)] = together
        if together > others_s and may_be_large:
            large = one
    return [sets.root(number) for number in range(len(blocks))]


def _is_fixed(members: Iterable[Member], fixed: frozenset[str]) -> bool:
    return any(member.id in fixed for member in members)


def _seconds_outside_largest(members: Sequence[Member], axes: Sequence[str]) -> float:
    sizes = [sum(member.seconds for member in group) for group in connected(members, axes)]
    return sum(sizes) - max(sizes, default=0.0)


class _Sets:
    """Disjoint sets of the numbers below a count (union-find, path halving)."""

    def __init__(self, count: int) -> None:
        self._parent = list(range(count))

    def root(self, index: int) -> int:
        parent = self._parent
        while parent[index] != index:
            parent[index] = parent[parent[index]]
            index = parent[index]
        return index

    def unite(self, one: int, other: int) -> None:
        self._parent[self.root(one)] = self.root(other)
