"""Demonstrations that say the same: across splits they are leaks, within one they repeat or contradict each other."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from speccraft.scenario.diagnostics import Severity
from speccraft.scenario.manual import Manual
from speccraft.scenario.phrases import has_words, words_of

if TYPE_CHECKING:
    from .gather import Line


@dataclass(frozen=True)
class Alike:
    """Two demonstrations that have something in common, the later one second; `code` and `severity` as they are reported."""

    first: Line
    second: Line
    code: str
    severity: Severity
    message: str


def alike(lines: Sequence[Line], manual: Manual) -> Iterator[Alike]:
    """Pairs that share a recording or ask the same, or nearly the same. Questions that nobody wrote down are compared by their recordings alone."""
    yield from _same_recordings(lines)
    asked = [(line, question) for line in lines if (question := _question(line))]
    seen: dict[tuple[str, ...], Line] = {}
    for line, question in asked:
        first = seen.setdefault(words_of(question), line)
        if first is line:
            continue
        if first.split != line.split:
            yield Alike(first, line, "SC434", "error", f"asks '{question:.60}', as another does in {first.split}; this one is in {line.split}")
        elif _answers(first) != _answers(line):
            yield Alike(first, line, "SC435", "warning", f"asks '{question:.60}', as another does, and answers differently")
        elif first.is_heard == line.is_heard and not line.is_heard:
            yield Alike(first, line, "SC435", "warning", f"repeats another: '{question:.60}'")
    yield from _nearly(asked, manual)


def _nearly(asked: Sequence[tuple[Line, str]], manual: Manual) -> Iterator[Alike]:
    from speccraft.build.near import near_texts

    for near in near_texts([question for _, question in asked]):
        (first, one), (second, other) = asked[near.first], asked[near.second]
        if words_of(one) == words_of(other) or any(_is_held_out(question, manual) for question in (one, other)):
            continue
        if first.split != second.split:
            message = f"asks '{other:.60}' in {second.split}, and '{one:.60}' is asked in {first.split}"
            yield Alike(first, second, "SC434", "warning", message)


def _same_recordings(lines: Sequence[Line]) -> Iterator[Alike]:
    seen: dict[str, Line] = {}
    for line in lines:
        for file in line.files.values():
            first = seen.setdefault(file, line)
            if first.split != line.split:
                yield Alike(first, line, "SC434", "error", f"is heard in {line.split}, and its recording {Path(file).name} in {first.split} as well")


def _question(line: Line) -> str:
    return next((question or "" for _, _, question in line.turns), "")


def _answers(line: Line) -> list[str]:
    return [answer for _, answer, _ in line.turns][:1]


def _is_held_out(question: str, manual: Manual) -> bool:
    """Whether it says a value that is kept for test: it differs by just that from what training says."""
    return any(has_words(question, value) for values in manual.making.held_out.values() for value in values)
