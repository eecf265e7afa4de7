"""The judgement of scores against what was asked."""

from __future__ import annotations

import pytest
from evaluation_world import scenario
from hypothesis import given
from hypothesis import strategies as st

from speccraft.evaluation.acceptance import Clause, Verdict, judge
from speccraft.scenario.contracts import Score

SIZES = {"all": 150, "seen": 125, "unseen": 25, **{f"speaker={one}": 25 for one in "abcdef"}}


def wer(value: float, low: float, high: float, *, condition: str = "clean", group: str = "seen", n: int = 125) -> Score:
    return Score(metric="wer", condition=condition, group=group, value=value, low=low, high=high, n=n)


def only(verdict: Verdict) -> Clause:
    (clause,) = verdict.clauses
    return clause


@pytest.mark.parametrize(
    ("score", "expected"),
    [
        (wer(0.1, 0.05, 0.15), "pass"),
        (wer(0.1, 0.05, 0.16), "block"),
        (wer(0.2, 0.1, 0.3), "block"),
        (wer(0.0, 0.0, 0.0, n=124), "not proven"),
    ],
)
def test_a_clause_passes_only_when_its_whole_interval_meets_the_target(score: Score, expected: str) -> None:
    verdict = judge(scenario(wer={"clean": 0.15}).acceptance.model, [score], SIZES)
    assert only(verdict).verdict == expected
    assert verdict.passed == (expected == "pass")
    assert expected == "pass" or only(verdict).fix


def test_too_few_cuts_prove_nothing_however_good_they_are() -> None:
    verdict = judge(scenario(wer={"clean": 0.5}).acceptance.model, [wer(0.0, 0.0, 0.0, group="all", n=19)], {"all": 19})
    assert only(verdict).verdict == "not proven"
    assert "19" in only(verdict).reason
    assert verdict.verdict == "BLOCK"


def test_each_clause_looks_at_its_condition_and_group() -> None:
    asked = scenario(wer={"clean": 0.1, "environment": 0.2, "unseen": 0.3}, real_time_factor=0.5).acceptance.model
    rows = [
        wer(0.01, 0.0, 0.02),
        wer(0.11, 0.1, 0.12, condition="place"),
        wer(0.21, 0.2, 0.22, group="unseen", n=25),
        wer(0.9, 0.9, 0.9, group="all", n=150),
        Score(metric="real_time_factor", condition="clean", group="all", value=0.1, low=0.1, high=0.1, n=150),
    ]
    verdict = judge(asked, rows, SIZES)
    assert {clause.clause: clause.measured for clause in verdict.clauses} == {
        "wer.clean": 0.01,
        "wer.environment": 0.11,
        "wer.unseen": 0.21,
        "real_time_factor": 0.1,
    }
    assert verdict.passed


def test_without_unseen_cuts_clean_means_all_and_unseen_is_not_proven() -> None:
    asked = scenario(wer={"clean": 0.1, "unseen": 0.3}).acceptance.model
    clean, unseen = judge(asked, [wer(0.0, 0.0, 0.0, group="all", n=150)], {"all": 150}).clauses
    assert (clean.verdict, clean.group) == ("pass", "all")
    assert unseen.verdict == "not proven"
    assert "splits.unseen" in unseen.fix


def test_a_place_nobody_heard_is_not_proven() -> None:
    verdict = judge(scenario(wer={"environment": 1.0}).acceptance.model, [wer(0.0, 0.0, 0.0)], SIZES)
    assert only(verdict).verdict == "not proven"


def test_what_this_version_cannot_measure_is_never_a_pass() -> None:
    verdict = judge(scenario(manual=0.5).acceptance.model, [wer(0.0, 0.0, 0.0)], SIZES)
    assert only(verdict).verdict == "not proven"
    assert not verdict.passed


def test_asking_nothing_passes_and_says_so() -> None:
    verdict = judge(scenario().acceptance.model, [wer(1.0, 1.0, 1.0)], SIZES)
    assert verdict.passed
    assert any("nothing was asked" in note for note in verdict.notes)


def test_fewer_than_five_speakers_are_noted() -> None:
    notes = judge(scenario().acceptance.model, [], {"all": 40, "speaker=a": 40}).notes
    assert any(note.startswith("speakers: not proven (1 ") for note in notes)
    assert not any(note.startswith("speakers") for note in judge(scenario().acceptance.model, [], SIZES).notes)


@given(st.floats(0, 2), st.floats(0, 2), st.floats(0, 2), st.integers(0, 125))
def test_the_whole_passes_only_if_every_clause_passes(clean: float, place: float, target: float, n: int) -> None:
    asked = scenario(wer={"clean": target, "environment": target}).acceptance.model
    verdict = judge(asked, [wer(clean, clean, clean, n=n), wer(place, place, place, condition="place", n=n)], SIZES)
    assert verdict.passed == all(clause.verdict == "pass" for clause in verdict.clauses)
    assert verdict.passed == (n == 125 and clean <= target and place <= target)


def test_few_cuts_that_all_miss_the_target_block_instead_of_asking_for_more() -> None:
    asked = scenario(wer={"clean": 0.2}).acceptance.model
    verdict = judge(asked, [wer(1.28, 1.15, 1.5, group="all", n=19)], {"all": 19})
    assert [clause.verdict for clause in verdict.clauses] == ["block"]
