"""Supply: hours and speakers of each stage as the splits would fall, and what to collect."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from corpus import Corpus, build_here, plan_of, table_of
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_world import JOB, plan_with, speech

from speccraft.ingest.rows import Row
from speccraft.plan.supply import assigned, hours_words, missing, needed_hours, supply

THIRDS = {"dev": 0.1, "test": 0.1}


def wanting(hours: float | None = None, speakers: int | None = None) -> dict[str, Any]:
    data: dict[str, Any] = {} if hours is None else {"hours": {"pretrain": hours}}
    return {"data": data | ({} if speakers is None else {"speakers": speakers})}


def test_recordings_are_split_as_the_build_splits_them(corpus: Corpus) -> None:
    """By the lengths that were kept, so that silence and rounding decide nothing."""
    corpus.edit_row("words/anna-ba.wav", text="  Ba ")
    corpus.write_scenario(splits__disjoint=["speaker"], quality={"duplicates": "exact"})
    made, kept = plan_of(corpus), table_of(build_here(corpus), "measures")
    inputs = dict(table_of(build_here(corpus), "segments").select("segment", "input").iter_rows())
    lengths = {inputs[cut]: seconds for cut, seconds in kept.select("cut", "seconds").iter_rows()}
    speech = [replace(item, row=replace(item.row, seconds=lengths[item.row.input])) for item in made.admitted if item.source.role == "speech"]
    splits, problem = assigned(made, speech)
    assert problem == ""
    assert splits.split == {f"words:{inputs[cut]}": split for cut, split in kept.select("cut", "split").iter_rows()}


def test_nothing_is_missing_when_every_target_is_met() -> None:
    made = plan_with(speech(20, 6), splits=THIRDS, acceptance=wanting(hours=1.0, speakers=10))
    assert missing(made, supply(made)) == ()


def test_missing_hours_and_speakers_are_asked_for_in_one_sentence_with_the_style_of_the_job() -> None:
    job = JOB | {"style": "spontaneous"}
    made = plan_with(speech(10, 6), job=job, splits=THIRDS, acceptance=wanting(hours=4.0, speakers=12))
    (sentence,) = missing(made, supply(made))
    # 4.0 h of training is 5.0 h in all, of which 1.0 h is there; 12 speakers in training are 15 in all, of whom 10 are there
    assert sentence.startswith("you need 4.0 more hours of spontaneous speech for `pretrain` from at least 5 more speakers: ")
    assert sentence.endswith("of 4.0 h are there, and 80% of what you record goes to training")


def test_a_lack_of_speakers_alone_is_said_without_hours() -> None:
    made = plan_with(speech(5, 60), splits=THIRDS, acceptance=wanting(hours=1.0, speakers=8))
    found = supply(made)
    assert missing(made, found) == (f"you need speech from at least 5 more speakers: {found.training_speakers} of 8 speakers are in training",)


def test_speakers_need_not_be_shared_out_where_splits_do_not_keep_them_apart() -> None:
    made = plan_with(speech(5, 60), splits=THIRDS | {"disjoint": ["recording"]}, acceptance=wanting(speakers=8))
    assert supply(made).short_speakers == 3


def test_an_official_test_split_takes_nothing_of_what_is_recorded_next() -> None:
    rows = (*speech(9, 6, split="train"), *(replace(row, input=f"t/{row.input}", speaker="tom", split="test") for row in speech(1, 6)))
    made = plan_with(rows, splits={"dev": 0.0, "test": 0.3, "given": "split"}, acceptance=wanting(hours=1.9))
    found = supply(made)
    assert found.training_share == 1.0
    assert needed_hours(found) == pytest.approx(1.0)
    assert "goes to training" not in missing(made, found)[0]


def test_rows_of_unknown_length_are_counted_as_such_and_not_as_hours() -> None:
    rows = (*speech(4, 6), Row("x", text="ba", speaker="xaver"))
    found = supply(plan_with(rows, splits={"dev": 0.0, "test": 0.0}))
    assert found.lengths == {"table": 40, "unknown": 1}
    assert sum(found.hours.values()) == pytest.approx(0.4)
    assert found.training_speakers == 5


def test_splits_that_cannot_be_made_are_told_before_the_build() -> None:
    rows = [Row(f"{n}", text="ba", speaker="anna", seconds=1.0, split=split) for n, split in enumerate(["train", "test"])]
    found = supply(plan_with(rows, splits={"disjoint": ["speaker"], "given": "split"}))
    assert "contradict `splits.disjoint`: speaker 'anna'" in found.split_problem
    assert found.hours == {"train": 0.0, "dev": 0.0, "test": 0.0}


def test_a_plan_without_speech_supplies_nothing() -> None:
    found = supply(plan_with(()))
    assert sum(found.hours.values()) == 0
    assert found.style_hours == {}


@given(speakers=st.integers(3, 20), wanted=st.floats(0.5, 8), dev=st.sampled_from([0.0, 0.1]), test=st.sampled_from([0.1, 0.2]), strangers=st.integers(0, 2))
@settings(deadline=None, max_examples=30)
def test_what_is_asked_for_is_enough_when_it_is_recorded_and_split_again(speakers: int, wanted: float, dev: float, test: float, strangers: int) -> None:
    splits = {"dev": dev, "test": test, "disjoint": ["recording"], "unseen": {"speaker": [f"s{n}" for n in range(strangers)]}}
    rows = speech(speakers, 6, takes=6)
    made = plan_with(rows, splits=splits, acceptance=wanting(hours=wanted))
    short = supply(made).stages[0].short_hours
    if not short:
        assert supply(made).stages[0].training_hours >= wanted
        return
    added = tuple(replace(row, input=f"new/{row.input}", speaker=f"new{row.speaker}") for row in speech(1, short * 60, takes=200))
    again = supply(plan_with((*rows, *added), splits=splits, acceptance=wanting(hours=wanted)))
    # The splitter takes whole recordings, so a share may be missed by half of one.
    assert again.stages[0].training_hours >= wanted - 2 * 60 / 3600 - short / 200


@pytest.mark.parametrize(("hours", "words"), [(2.0, "2.0 h"), (0.5, "30.0 min"), (0.01, "36 s"), (0.0, "0 s")])
def test_lengths_are_said_as_people_say_them(hours: float, words: str) -> None:
    assert hours_words(hours) == words
