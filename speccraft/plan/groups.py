"""What hangs together: things that are tied to one another, directly or through others, are one group."""

from __future__ import annotations

from collections.abc import Hashable, Iterable, Sequence
from typing import Any, TypeVar

Thing = TypeVar("Thing", bound=Hashable)


def groups(tied: Iterable[Sequence[Thing]]) -> dict[Thing, Thing]:
    """For each thing that is tied to another, the first of its group in their order.

    Args:
        tied: sequences of things that hang together.
    """
    above: dict[Any, Any] = {}

    def root(one: Any) -> Any:
        while above.setdefault(one, one) != one:
            above[one] = above[above[one]]
            one = above[one]
        return one

    for things in tied:
        for one in things:
            first, second = sorted((root(things[0]), root(one)))
            above[second] = first
    return {one: root(one) for one in list(above)}
