"""How long the recordings of a plan are, without decoding them: from tables, headers, texts to be spoken, or by extrapolation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from speccraft.ingest.rows import Row, Utterance
from speccraft.sound.headers import header_seconds

MOST_HEADERS = 1000
"""Headers read per source, evenly over its rows; the rest of a larger source is taken to be as long as these on average."""
SPOKEN_AROUND_S, SPOKEN_CHARACTER_S = 0.32, 7.2
"""An utterance of espeak-ng takes 0.32 s + 7.2 s x characters / words per minute: least squares over the demo's 480 utterances."""

LONGEST_READING_S = 20.0
"""Headers that are not read by then are taken for the others' average: an estimate is worth no longer wait."""

Progress = Callable[[str, int, int], None]


def with_lengths(rows: Mapping[str, Sequence[Row]], on_progress: Progress = lambda *_: None) -> dict[str, tuple[Row, ...]]:
    """The same rows with `seconds` and `length_from` wherever they can be known or estimated, and with files that are missing marked.

    Reads the headers of at most `MOST_HEADERS` files of each source whose rows state no length.
    """
    silent = {id: [number for number, row in enumerate(some) if row.seconds is None and _is_a_file(row)] for id, some in rows.items()}
    asked = {id: numbers[:: -(-len(numbers) // MOST_HEADERS) or 1] for id, numbers in silent.items()}
    paths = [path for id, numbers in asked.items() for number in numbers if (path := rows[id][number].path) is not None]
    answers = iter(_read(paths, on_progress))
    known = {id: dict(zip(numbers, answers, strict=False)) for id, numbers in asked.items()}
    return {id: _filled(some, known[id]) for id, some in rows.items()}


def _read(paths: Sequence[Path], on_progress: Progress) -> list[float | None]:
    """What headers say, until all are read or too much time is spent."""
    found: list[float | None] = []
    end = time.monotonic() + LONGEST_READING_S
    for seconds in header_seconds(paths):
        found.append(seconds)
        on_progress("read headers", len(found), len(paths))
        if time.monotonic() > end:
            break
    return found


def _filled(rows: Sequence[Row], headers: Mapping[int, float | None]) -> tuple[Row, ...]:
    """Rows with what their headers say; a row whose header was not read is as long as the others on average."""
    # A header that cannot be read counts as nothing: others like it are among those that were not asked.
    average = fmean(seconds or 0.0 for seconds in headers.values()) if any(headers.values()) else None

    def one(number: int, row: Row) -> Row:
        if row.say is not None:
            return replace(row, seconds=_spoken_s(row.say), length_from="text")
        if row.path is None:
            return row
        if not row.path.exists():
            return replace(row, seconds=None, length_from="missing")
        if row.seconds is not None:
            return row
        if row.start is not None and row.end is not None:
            return replace(row, seconds=max(0.0, row.end - row.start), length_from="table")
        if number in headers:
            return replace(row, seconds=headers[number], length_from=None if headers[number] is None else "header")
        return replace(row, seconds=average, length_from=None if average is None else "average")

    return tuple(one(number, row) for number, row in enumerate(rows))


def _is_a_file(row: Row) -> bool:
    """Whether the header of its file tells how long the row is: not where it is a part of it, or packed in it."""
    return row.path is not None and row.inside is None and row.start is None and row.end is None


def _spoken_s(utterance: Utterance) -> float:
    return SPOKEN_AROUND_S + SPOKEN_CHARACTER_S * len(utterance.text) / utterance.words_per_minute
