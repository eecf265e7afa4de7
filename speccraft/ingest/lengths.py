"""How long the recordings of a plan are, without decoding them: from tables, headers, texts to be spoken, or by extrapolation."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from statistics import fmean

from speccraft.ingest.rows import Row, TtsUtterance, Utterance
from speccraft.remote.ahead import heads
from speccraft.sound.headers import header_seconds

MOST_HEADERS = 1000
"""Headers read per source, evenly over its rows; the rest of a larger source is taken to be as long as these on average."""
MOST_HEADS = 100
"""Objects in remote storage of which the beginning is fetched, per source."""
SPOKEN_AROUND_S, SPOKEN_CHARACTER_S = 0.32, 7.2
"""An utterance of espeak-ng takes 0.32 s + 7.2 s x characters / words per minute: least squares over the demo's 480 utterances."""
READ_CHARACTERS_PER_S = 15.0
"""About how fast people read English aloud, and checkpoints that learnt from them; a round number, for nothing says how fast one speaks."""

LONGEST_READING_S = 20.0
"""Headers that are not read by then are taken for the others' average: an estimate is worth no longer wait."""

Progress = Callable[[str, int, int], None]


def with_lengths(rows: Mapping[str, Sequence[Row]], on_progress: Progress = lambda *_: None) -> dict[str, tuple[Row, ...]]:
    """The same rows with `seconds` and `length_from` wherever they can be known or estimated, and with files that are missing marked.

    Reads the headers of at most `MOST_HEADERS` files of each source whose rows state no length; of objects that are not here, at most `MOST_HEADS`.
    """
    silent = {id: [number for number, row in enumerate(some) if row.seconds is None and _is_a_file(row)] for id, some in rows.items()}
    asked = {id: numbers[:: -(-len(numbers) // _most(rows[id], numbers)) or 1] for id, numbers in silent.items()}
    wanted = [rows[id][number] for id, numbers in asked.items() for number in numbers]
    with heads([row.remote for row in wanted if row.remote is not None]) as fetched:
        remote = iter(fetched)
        answers = iter(_read([next(remote) if row.remote is not None else row.path or Path() for row in wanted], on_progress))
    known = {id: dict(zip(numbers, answers, strict=False)) for id, numbers in asked.items()}
    return {id: _filled(some, known[id]) for id, some in rows.items()}


def _most(rows: Sequence[Row], numbers: Sequence[int]) -> int:
    return MOST_HEADS if numbers and rows[numbers[0]].remote is not None else MOST_HEADERS


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
    # Of an object it only means that the beginning does not say.
    asked = [seconds or 0.0 for number, seconds in headers.items() if seconds or rows[number].remote is None]
    average = fmean(asked) if any(asked) else None

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
        if number in headers and (headers[number] is not None or row.remote is None):
            return replace(row, seconds=headers[number], length_from=None if headers[number] is None else "header")
        return replace(row, seconds=average, length_from=None if average is None else "average")

    return tuple(one(number, row) for number, row in enumerate(rows))


def _is_a_file(row: Row) -> bool:
    """Whether the header of its file tells how long the row is: not where it is a part of it, or packed in it."""
    return row.path is not None and row.inside is None and row.start is None and row.end is None


def _spoken_s(utterance: Utterance | TtsUtterance) -> float:
    if isinstance(utterance, TtsUtterance):
        return len(utterance.text) / READ_CHARACTERS_PER_S / utterance.speaking_rate
    return SPOKEN_AROUND_S + SPOKEN_CHARACTER_S * len(utterance.text) / utterance.words_per_minute
