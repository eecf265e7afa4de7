"""A YAML text as plain data that knows where each of its keys and values stands."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import Any, TypeAlias

from speccraft.errors import InvalidScenario

from .diagnostics import Diagnostic, Severity, Span, in_order

Where: TypeAlias = tuple[str | int, ...]
"""The way to a value: keys and list indices."""

Related: TypeAlias = tuple[tuple[Span, str], ...]
"""Other places that belong to a problem, with what stands there."""

START = Span(1, 1, 1, 1)

_LINE_END = re.compile(r"\r\n|\r|\n")


@dataclass(frozen=True)
class Document:
    """One YAML text as plain data, with the place of every key and value.

    `problems` are about the text itself; at paths in `broken` the data is not what was written.
    """

    file: str
    text: str
    data: Any
    keys: Mapping[Where, Span] = field(default_factory=dict)
    values: Mapping[Where, Span] = field(default_factory=dict)
    problems: tuple[Diagnostic, ...] = ()
    broken: frozenset[Where] = frozenset()

    @cached_property
    def lines(self) -> list[str]:
        """The lines of the text."""
        return lines_of(self.text)

    def key(self, where: Where) -> Span:
        """Place of a key; of the first line of a list item; or of the nearest thing around."""
        while where and where not in self.keys and where not in self.values:
            where = where[:-1]
        return self.keys.get(where) or self.values.get(where, START)

    def shown(self, where: Where) -> Span:
        """Where a field is underlined: at its value when that stands on one line, else at its key."""
        span = self.values.get(where)
        return span if span is not None and span.line == span.end_line else self.key(where)

    def diagnostic(
        self, code: str, message: str, where: Where, *, span: Span | None = None, severity: Severity = "error", help: str = "", related: Related = ()
    ) -> Diagnostic:
        """A diagnostic about a field of this text; at `shown` unless a `span` says otherwise."""
        place = span or self.shown(where)
        return diagnostic(self.file, self.lines, code, message, place, path=dotted(where), severity=severity, help=help, related=related)


def diagnostic(
    file: str,
    lines: Sequence[str],
    code: str,
    message: str,
    span: Span,
    *,
    path: str = "",
    severity: Severity = "error",
    help: str = "",
    related: Related = (),
) -> Diagnostic:
    """A diagnostic at a place of a text given as lines; the place is kept inside the text."""
    line, col = _inside(span.line, span.col, lines)
    end_line, end_col = _inside(max(span.end_line, line), span.end_col, lines)
    if end_line == line:
        end_col = max(end_col, col)
    places = tuple((*_inside(place.line, place.col, lines), text) for place, text in related)
    return Diagnostic(code, severity, message, file, line, col, end_line, end_col, path, help, places, lines[line - 1])


def invalid(file: str, problems: Iterable[Diagnostic]) -> InvalidScenario:
    """The error that carries these problems, in the order of the text."""
    findings = in_order(problems)
    count = sum(one.severity == "error" for one in findings)
    return InvalidScenario(f"{file}: {count} problem{'s' if count > 1 else ''}", findings=findings)


def lines_of(text: str) -> list[str]:
    """The lines of a text as YAML counts them, without their ends."""
    return _LINE_END.split(text)


def dotted(where: Where) -> str:
    """A path as people write it: `sources[0].columns.audio`."""
    return "".join(f"[{part}]" if isinstance(part, int) else f".{part}" for part in where).removeprefix(".")


def _inside(line: int, col: int, lines: Sequence[str]) -> tuple[int, int]:
    line = min(max(line, 1), len(lines))
    return line, min(max(col, 1), len(lines[line - 1]) + 1)
