from __future__ import annotations

import json
from typing import Any

import polars as pl
from report_world import cut_row

from speccraft.report.groups import by_group, by_language, by_source, by_speaker, by_split, by_stage, by_style
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
    assert by_source(measures()) == by_stage(measures()) == by_language(measures()) == by_style(measures()) == by_group(measures()) == []


def test_languages_and_styles_that_nobody_states_are_shown_as_such() -> None:
    table = measures(cut_row(0, language="en", style="scripted", seconds=3.0), cut_row(1, seconds=1.0))
    assert [(row["name"], row["seconds"]) for row in by_language(table)] == [("en", 3.0), ("not stated", 1.0)]
    assert [row["name"] for row in by_style(table)] == ["scripted", "not stated"]


def people(*values: tuple[str | None, int]) -> pl.DataFrame:
    """For each value of the group `accent`, so many speakers with two cuts of a second."""
    rows = []
    for value, speakers in values:
        groups = json.dumps({} if value is None else {"accent": value})
        rows += [cut_row(0, groups=groups, speaker=f"{value}-{speaker}", seconds=1.0) for speaker in range(speakers) for _ in range(2)]
    return measures(*rows)


def test_a_group_of_five_is_told_with_its_speakers_and_smaller_ones_together() -> None:
    (found,) = by_group(people(("scottish", 6), ("welsh", 3), ("irish", 2), (None, 5)))
    assert found["group"] == "accent"
    assert [(row["name"], row["speakers"], row["seconds"]) for row in found["rows"]] == [
        ("scottish", 6, 12.0),
        ("not stated", 5, 10.0),
        ("2 values together, some of fewer than 5 speakers", 5, 10.0),
    ]


def test_a_small_group_takes_the_next_one_with_it_so_that_no_total_tells_it() -> None:
    (found,) = by_group(people(("scottish", 9), ("welsh", 6), ("irish", 1)))
    assert [(row["name"], row["speakers"]) for row in found["rows"]] == [("scottish", 9), ("2 values together, some of fewer than 5 speakers", 7)]


def test_a_handful_of_people_is_not_told_apart_at_all() -> None:
    (found,) = by_group(people(("scottish", 2), ("welsh", 1)))
    assert [(row["cuts"], row["seconds"], row["speakers"]) for row in found["rows"]] == [(None, None, None)]


def test_cuts_of_nobody_known_are_no_group_of_people() -> None:
    table = measures(*(cut_row(number, groups='{"accent": "scottish"}', speaker=None) for number in range(50)))
    assert by_group(table)[0]["rows"][0]["cuts"] is None
