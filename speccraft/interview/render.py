"""Write plain data as YAML that people read: sections with a comment above, notes at the end of lines."""

from __future__ import annotations

import re
import textwrap
from collections.abc import Iterator, Mapping
from typing import Any

from speccraft.scenario.document import Where

WIDTH = 118
NOTE_COLUMN = 30
"""Notes of neighbouring lines start here, where the lines are short enough."""

_PLAIN = re.compile(r"[A-Za-z_/][A-Za-z0-9_./+-]*( [A-Za-z0-9_./+-]+)*")
_OTHER_TYPE = {"true", "false", "null", "yes", "no", "on", "off", "y", "n"}
"""Plain words that YAML 1.2 or its elder reads as something else than text."""


def render(data: Mapping[str, Any], *, above: Mapping[Where, str], beside: Mapping[Where, str]) -> str:
    """YAML of a mapping: two levels in blocks, deeper ones on one line.

    Args:
        above: comments over a key, by its path; wrapped, one line of comment a line of text.
        beside: notes at the end of a key's line.
    """
    return "".join(f"{line}\n" for line in _mapping((), data, 0, above, beside))


def comment(text: str, indent: int = 0) -> list[str]:
    """A comment as lines; line breaks in the text stay."""
    lines: list[str] = []
    for part in text.splitlines():
        deeper = " " * (len(part) - len(part.lstrip()))
        first = " " * indent + "# "
        lines += textwrap.wrap(part, WIDTH, initial_indent=first, subsequent_indent=first + deeper, break_on_hyphens=False) or [first.rstrip()]
    return lines


def flow(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(item)}" for key, item in value.items()) + "}"
    if isinstance(value, list | tuple):
        return "[" + ", ".join(map(flow, value)) + "]"
    if value is None or isinstance(value, bool):
        return {None: "null", True: "true", False: "false"}[value]
    return _text(value) if isinstance(value, str) else f"{value:.6f}".rstrip("0").rstrip(".")


def _mapping(where: Where, data: Mapping[str, Any], indent: int, above: Mapping[Where, str], beside: Mapping[Where, str]) -> Iterator[str]:
    for key, value in data.items():
        path = (*where, key)
        if path in above:
            yield from [] if where else [""]
            yield from comment(above[path], indent)
        start = f"{' ' * indent}{key}:"
        if key == "sources":
            yield start
            for index, source in enumerate(value):
                yield from _item((*path, index), source, indent + 2, above, beside)
        elif isinstance(value, Mapping) and (not where or any(len(noted) > len(path) and noted[: len(path)] == path for noted in (*above, *beside))):
            yield _noted(start, beside.get(path))
            yield from _mapping(path, value, indent + 2, above, beside)
        else:
            yield _noted(f"{start} {flow(value)}", beside.get(path))


def _item(where: Where, source: Mapping[str, Any], indent: int, above: Mapping[Where, str], beside: Mapping[Where, str]) -> Iterator[str]:
    """An entry of a list, as a block whose first key follows the dash."""
    if where in above:
        yield from comment(above[where], indent)
    lines = list(_mapping(where, source, indent + 2, above, beside))
    yield " " * indent + "- " + lines[0][indent + 2 :]
    yield from lines[1:]


def _noted(line: str, note: str | None) -> str:
    return line if note is None else f"{line:<{NOTE_COLUMN}}  # {note}"


def _text(text: str) -> str:
    """A string of printable characters, in quotes where it would be read as something else."""
    if _PLAIN.fullmatch(text) and text.lower() not in _OTHER_TYPE:
        return text
    return '"' + text.replace("\\", "\\\\").replace('"', '\\"') + '"'
