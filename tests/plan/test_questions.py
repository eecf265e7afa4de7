"""The three questions: each has an answer from the scenario and the data, and a consequence."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from corpus import SCENARIO
from plan_world import JOB, plan_with, speech

from speccraft.ingest.rows import Row
from speccraft.plan.estimate import Work, estimate
from speccraft.plan.questions import Answer, questions, untranscribed_hours
from speccraft.plan.supply import supply

CONVERSE = {"task": "converse", "languages": ["en"], "output": ["text", "speech"], "longest_utterance_s": 1e6}
SHORT = {"data": {"hours": {"pretrain": 5.0}}}
GPU = (Work("pretrain", 36000.0, 1.0, "one H100", on_gpu=True),)


def asked(rows: Any = None, training: tuple[Work, ...] = (), **changes: Any) -> tuple[Answer, ...]:
    made = plan_with(speech(10, 6) if rows is None else rows, splits={"dev": 0.1, "test": 0.1}, **changes)
    found = supply(made)
    return questions(made, found, estimate(made, found, workers=2, training=training))


def test_the_three_questions_are_those_of_stage_one() -> None:
    assert [answer.question for answer in asked()] == [
        "Transcription or interaction?",
        "Scripted or spontaneous?",
        "Is extra annotation and compute worth it?",
    ]
    assert all(answer.answer and answer.consequence for answer in asked())


def test_a_job_that_transcribes_hears_what_it_costs_to_have_no_transcript() -> None:
    rows = (*speech(10, 6), Row("silent", speaker="zoe", seconds=1800.0))
    answer = asked(rows)[0]
    assert answer.answer == "transcription"
    assert "(rows dropped for want of them: 1)" in answer.consequence


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"voice": {"kind": "stock"}}, ["has no rules yet", "stock voice speaks"]),
        ({"manual": {"rules": [{"id": "a", "must": "refuse"}]}, "job": CONVERSE | {"output": ["text"]}}, ["manual's 1 rules", "answers are text"]),
        ({"voice": {"kind": "licensed", "speaker": "nora", "consent": "nora-1"}}, ["under its consent"]),
    ],
)
def test_a_job_that_converses_hears_about_its_manual_and_its_voice(changes: dict[str, Any], words: list[str]) -> None:
    answer = asked(**{"job": CONVERSE} | changes)[0]
    assert answer.answer == "interaction"
    assert all(word in answer.consequence for word in words)


@pytest.mark.parametrize("style", ["scripted", "spontaneous", "mixed"])
def test_the_style_of_the_data_is_held_against_the_style_of_the_job(style: str) -> None:
    words = SCENARIO["sources"][0] | {"style": "scripted"}
    answer = asked(job=JOB | {"style": style}, sources=[words, *SCENARIO["sources"][1:]])[1]
    assert answer.answer == f"{style}; there is 1.0 h scripted"
    assert ("1.0 h of what is there is of another style" in answer.consequence) == (style == "spontaneous")


@pytest.mark.parametrize(
    ("budget", "answer"),
    [
        ({}, "`budget.annotation_hours` does not say what you have"),
        ({"annotation_hours": 100.0}, "within the budget of 100 hours of people's time"),
        ({"annotation_hours": 1.0}, "over the budget: "),
    ],
)
def test_missing_hours_are_priced_in_peoples_time_and_held_against_the_budget(budget: dict[str, float], answer: str) -> None:
    found = asked(job=JOB | {"style": "scripted"}, acceptance=SHORT, budget=budget)[2]
    # 5 h of training are 6.25 h in all, of which 1 h is there: 5.25 h at 4 hours of work each
    assert answer in found.answer
    assert "5.3 hours are missing; at about 4 hours of work an hour of speech, that is 21.0 hours of work" in found.consequence


def test_free_speech_costs_more_to_transcribe() -> None:
    spontaneous, scripted = (asked(job=JOB | {"style": style}, acceptance=SHORT)[2].consequence for style in ("spontaneous", "scripted"))
    assert "73.5 hours of work" in spontaneous
    assert "21.0 hours of work" in scripted


def test_speech_without_transcripts_is_offered_before_new_recordings() -> None:
    rows = (*speech(10, 6), Row("silent", speaker="zoe", seconds=1800.0))
    assert untranscribed_hours(plan_with(rows)) == 0.5
    assert "30.0 min that you have lack a transcript: 7.0 hours of work would admit them" in asked(rows, acceptance=SHORT)[2].consequence


def test_nothing_is_asked_of_a_scenario_without_targets() -> None:
    assert asked()[2].answer == "not needed for the targets"
    assert "No target of hours is set." in asked()[2].consequence


@pytest.mark.parametrize(
    ("training", "budget", "words"),
    [
        ((), {}, "How long training takes is not known"),
        (tuple(replace(work, on_gpu=False) for work in GPU), {"gpu_hours": 8.0}, "takes no GPU; the 8 GPU hours of the budget are not used"),
        (GPU, {"gpu_hours": 8.0}, "about 10.0 GPU hours: over the budget"),
        (GPU, {"gpu_hours": 12.0}, "within the budget of 12 GPU hours"),
        (GPU, {}, "`budget.gpu_hours` does not say"),
    ],
)
def test_compute_is_held_against_the_budget(training: tuple[Work, ...], budget: dict[str, float], words: str) -> None:
    assert words in asked(training=training, budget=budget)[2].consequence
