"""Rows that are parts of recordings: which times make sense, and how a part is named."""

from __future__ import annotations

from dataclasses import replace

from speccraft.ingest.rows import Row

LONGEST_S = 1e6
"""No recording is longer than 11 days."""
SAME_S = 0.1
"""Tables round: an end and a duration may differ by so much."""
MOST_CHANNELS = 32


def part_of(row: Row, start: float | None, end: float | None, channel: int | None) -> Row:
    """A row of a whole recording as one of a part of it, named `input#start-end` in seconds; times that make no sense are its problem.

    The row's own `seconds`, where it states them, are the length of the part.
    """
    if start is None and end is None and channel is None:
        return row
    named = replace(row, input=part_name(row.input, start, end, channel), recording=row.input)
    if problem := _problem(start, end, channel, row.seconds):
        return replace(named, path=None, problem=named.problem or problem)
    begin = start or 0.0
    if end is None and start is not None and row.seconds is not None:
        end = begin + row.seconds
    seconds = row.seconds if end is None else end - begin
    return replace(named, start=start, end=end, channel=channel, seconds=seconds, length_from=None if seconds is None else "table")


def part_name(recording: str, start: float | None, end: float | None, channel: int | None) -> str:
    """What the ledger calls a part: `a.wav#1.500-3.250`, `a.wav#1.500-`, `a.wav#channel1`, `a.wav#1.500-3.250,channel1`."""
    times = "" if start is None and end is None else f"{start or 0.0:.3f}-" + ("" if end is None else f"{end:.3f}")
    return f"{recording}#" + ",".join(filter(None, (times, "" if channel is None else f"channel{channel}")))


def _problem(start: float | None, end: float | None, channel: int | None, seconds: float | None) -> str:
    begin = start or 0.0
    if not 0 <= begin < LONGEST_S:
        return f"it cannot start at {start:g} s"
    if end is not None and not begin < end < LONGEST_S:
        return f"it cannot end at {end:g} s, for it starts at {begin:g} s"
    if end is not None and seconds is not None and abs(end - begin - seconds) > SAME_S:
        return f"from {begin:g} to {end:g} s it is not {seconds:g} s long"
    if channel is not None and not 0 <= channel < MOST_CHANNELS:
        return f"there is no channel {channel}: channels count from 0"
    return ""
