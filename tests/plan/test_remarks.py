"""What the rows say about the scenario, before anything is built."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from plan_world import JOB, plan_with, speech

from speccraft.ingest.rows import Row
from speccraft.plan.remarks import remarks
from speccraft.plan.supply import supply

ROWS = speech(5, 1)
CONVERSE = {"task": "converse", "languages": ["en"], "output": ["text", "speech"], "longest_utterance_s": 1e6}


def test_a_plan_as_its_author_expects_gets_no_remark() -> None:
    assert remarks(plan_with(ROWS)) == ()


def test_files_that_are_not_there_are_counted_and_not_supplied() -> None:
    gone = tuple(replace(row, seconds=None, length_from="missing") for row in ROWS[:7])
    made = plan_with((*gone, *ROWS[7:]))
    (said,) = remarks(made)
    assert said.startswith("7 of 50 files of source 'words' are not there, s0/0 among them; --data")
    assert supply(made).lengths == {"table": 43}


def test_recordings_longer_than_the_job_allows_are_told_and_not_counted() -> None:
    rows = (*ROWS, Row("long", text="ba", speaker="s0", seconds=99.0), Row("silent", speaker="s0", seconds=99.0))
    made = plan_with(rows, job=JOB | {"longest_utterance_s": 20})
    assert remarks(made) == ("1 recordings are longer than `job.longest_utterance_s` (20 s) and are not counted: what has a transcript is never cut apart",)
    assert sum(supply(made).hours.values()) == pytest.approx(5 / 60)


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"splits": {"unseen": {"speaker": ["bob", "s1"]}}}, "`splits.unseen` names the speaker bob, and no recording is of that speaker"),
        ({"job": JOB | {"languages": ["en", "de"]}}, "`job.languages` names de, and no recording is in it"),
        (
            {
                "job": CONVERSE,
                "voice": {"kind": "licensed", "speaker": "nora", "consent": "n"},
                "rights": {"use": ["train", "synthesise"], "consents": "c.yaml"},
            },
            "the voice is to be nora's, and no recording is by nora",
        ),
    ],
)
def test_people_and_languages_that_nobody_has_are_named(changes: dict[str, Any], words: str) -> None:
    assert remarks(plan_with(ROWS, **changes)) == (words,)
