from __future__ import annotations

from typing import Any

import polars as pl
from report_world import cut_row

from speccraft.report.groups import by_source, by_speaker, by_split, by_stage
from speccraft.report.tables import MEASURES
from speccraft.report.visible import SpeakerNames


def measures(*cuts: dict[str, Any]) -> pl.DataFrame:
    return pl.DataFrame(cuts, schema=MEASURES)


def cuts_of(speaker: str | None, n: int, first: int = 0) -> list[dict[str, Any]]:
    return [cut_row(first + number, speaker=speaker, seconds=1.0) for number in range(n)]


def test_a_speaker_with_few_cuts_is_not_shown_alone() -> None:
    table = measures(*cuts_of("anna", 5), *cuts_of("ben", 4), *cuts_of("carla", 3))
    rows = by_speaker(table, SpeakerNames(["anna", "ben", "carla"], pseudonyms=False))
    assert rows == [{"name": "anna", "cuts": 5, "seconds": 5.0}, {"name": "2 speakers with fewer than 5 cuts each", "cuts": 7, "seconds": 7.0}]


def test_a_fold_that_is_itself_small_tells_nothing_but_that_it_is_there() -> None:
    rows = by_speaker(measures(*cuts_of("anna", 5), *cuts_of("ben", 4)), SpeakerNames(["anna", "ben"], pseudonyms=True))
    assert rows[1] == {"name": "1 speaker with fewer than 5 cuts each", "cuts": None, "seconds": None}


def test_the_speech_of_very_many_speakers_adds_up() -> None:
    speakers = [f"s{number}" for number in range(60)]
    rows = by_speaker(measures(*(cut for speaker in speakers for cut in cuts_of(speaker, 6))), SpeakerNames(speakers, pseudonyms=True))
    assert len(rows) == 41
    assert sum(row["seconds"] for row in rows) == 360.0


def test_cuts_without_a_speaker_are_shown_as_not_stated() -> None:
    assert by_speaker(measures(*cuts_of(None, 6)), SpeakerNames([], pseudonyms=True))[0]["name"] == "not stated"


def test_every_split_has_a_row_even_an_empty_one() -> None:
    rows = by_split(measures(cut_row(0, "test", seconds=2.0)))
    assert [(row["name"], row["cuts"], row["seconds"], row["speakers"]) for row in rows] == [("train", 0, 0.0, 0), ("dev", 0, 0.0, 0), ("test", 1, 2.0, 1)]


def test_a_cut_counts_for_each_stage_it_may_serve_in_training() -> None:
    rows = by_stage(measures(cut_row(0, seconds=1.0), cut_row(1, seconds=1.0, stages=["align"]), cut_row(2, "test")))
    assert {row["name"]: row["cuts"] for row in rows} == {"align": 2, "pretrain": 1}


def test_nothing_kept_has_no_groups() -> None:
    assert by_source(measures()) == by_stage(measures()) == []
