"""What a path says by its folders and file name, read by a pattern with holes; in one pass, whatever the pattern."""

from __future__ import annotations

import re

_HOLE = re.compile(r"(\{[a-z]+\}|\*)")


def names_in(path: str, pattern: str) -> dict[str, str] | None:
    """The values of the holes `{name}` in a relative path, or None where it does not fit; `*` is anything within a level, a last `**` anything below."""
    levels, parts = pattern.split("/"), path.split("/")
    if levels[-1] == "**":
        levels = levels[:-1]
        if len(parts) <= len(levels):
            return None
    elif len(parts) != len(levels):
        return None
    found: dict[str, str] = {}
    for level, part in zip(levels, parts, strict=False):
        values = _in_level(level, part)
        if values is None:
            return None
        found |= values
    return found


def _in_level(level: str, part: str) -> dict[str, str] | None:
    """Holes of one level: each takes as little as it can before the words that follow it, and the last takes the rest."""
    first, *rest = _HOLE.split(level)
    if not rest:
        return {} if part == first else None
    *between, (name, last) = zip(rest[::2], rest[1::2], strict=True)
    if not (part.startswith(first) and part.endswith(last) and len(part) >= len(first) + len(last)):
        return None
    left, found = part[len(first) : len(part) - len(last)], {}
    for hole, words in between:
        value, parted, left = left.partition(words)
        if not parted:
            return None
        found[hole] = value
    found[name] = left
    named = {hole[1:-1]: value for hole, value in found.items() if hole != "*"}
    return named if all(named.values()) else None
