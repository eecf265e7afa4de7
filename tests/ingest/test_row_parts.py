"""Parts of recordings: named by their times, and refused where the times make no sense."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.ingest.parts import part_of
from speccraft.ingest.rows import Row

WHOLE = Row(input="a.wav", path=Path("/a.wav"))


def test_without_times_and_channel_a_row_is_all_of_its_recording() -> None:
    assert part_of(WHOLE, None, None, None) == WHOLE


@pytest.mark.parametrize(
    ("start", "end", "channel", "name"),
    [(1.5, 3.25, None, "a.wav#1.500-3.250"), (None, 3, None, "a.wav#0.000-3.000"), (1.5, None, 1, "a.wav#1.500-,channel1"), (None, None, 0, "a.wav#channel0")],
)
def test_a_part_is_named_by_its_recording_times_and_channel(start: float | None, end: float | None, channel: int | None, name: str) -> None:
    part = part_of(WHOLE, start, end, channel)
    assert (part.input, part.recording, part.start, part.end, part.channel, part.problem) == (name, "a.wav", start, end, channel, "")


def test_start_and_length_give_the_end_and_start_and_end_the_length() -> None:
    timed = Row(input="a.wav", path=Path("/a.wav"), seconds=2.0, length_from="table")
    assert part_of(timed, 1.5, None, None).end == 3.5
    assert part_of(WHOLE, 1.5, 3.5, None).seconds == 2.0
    assert part_of(timed, 1.5, 3.55, None).problem == ""
    assert "is not 2 s long" in part_of(timed, 1.5, 4.5, None).problem


@given(st.none() | st.floats(), st.none() | st.floats(), st.none() | st.integers(-3, 40), st.none() | st.floats(0.1, 1e5))
def test_whatever_the_numbers_a_part_makes_sense_or_has_a_problem(start: float | None, end: float | None, channel: int | None, seconds: float | None) -> None:
    part = part_of(Row(input="a.wav", path=Path("/a.wav"), seconds=seconds, length_from="table"), start, end, channel)
    if part.problem:
        assert part.path is None
    else:
        assert 0 <= (part.start or 0) < (part.end or 2e6)
        assert part.channel is None or 0 <= part.channel < 32
        assert part.seconds is None or 0 < part.seconds < 2e6
