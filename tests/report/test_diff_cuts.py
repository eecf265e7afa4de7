"""Cuts that entered and left, and inputs that met another fate: none lost, each with its reason."""

from __future__ import annotations

import tempfile
from pathlib import Path
from typing import Any

import pytest
from diff_world import committed, dropped
from hypothesis import given, settings
from hypothesis import strategies as st
from report_world import SCENARIO, cut_row, ledger_row

from speccraft.report.aliases import Aliases
from speccraft.report.diff_cuts import cut_changes, input_changes
from speccraft.report.sides import Side, side_of

SPEAKERS = {f"anna-{number}": f"spk-{number}" for number in range(8)}
PRIVATE, OPEN = Aliases(SPEAKERS, private=True), Aliases({name: name for name in SPEAKERS}, private=False)
A, B, C = cut_row(0), cut_row(1), cut_row(2)


def side(home: Path, cuts: list[dict[str, Any]], lost: Any = None, segments: Any = None, **more: Any) -> Side:
    return side_of(committed(home, cuts, lost, segments, **more))


def reasons(before: Side, after: Side) -> list[tuple[str, str, str | None, int]]:
    return [(group["way"], group["why"], group["rule"], group["cuts"]) for group in cut_changes(before, after, PRIVATE)["groups"]]


def test_a_cut_that_a_rule_dropped_left_by_that_rule_at_that_value(tmp_path: Path) -> None:
    row, segment = dropped(C, "quality.snr_db", "1.5")
    before, after = side(tmp_path, [A, B, C]), side(tmp_path, [A, B], [row], [segment])
    found = cut_changes(before, after, PRIVATE)
    assert (found["stayed"], found["left"], found["entered"]["cuts"]) == (2, {"cuts": 1, "seconds": 0.7}, 0)
    assert reasons(before, after) == [("left", "dropped", "quality.snr_db", 1)]
    (example,) = found["groups"][0]["examples"]
    assert (example["cut"], example["speaker"], example["value"], example["limit"]) == (C["cut"], "spk-2", "1.5", ">= 5")
    assert reasons(after, before) == [("entered", "dropped", "quality.snr_db", 1)]


@pytest.mark.parametrize("fate", ["failed", "refused", "dropped"])
def test_a_cut_whose_whole_input_fell_left_by_the_fate_of_that(tmp_path: Path, fate: str) -> None:
    lost = ledger_row(f"{C['speaker']}/{C['cut']}.wav", fate, C["seconds"], rule="decode")
    assert reasons(side(tmp_path, [A, B, C]), side(tmp_path, [A, B], [lost])) == [("left", fate, "decode", 1)]


def test_a_recording_that_is_cut_otherwise_gives_other_cuts(tmp_path: Path) -> None:
    still_kept = ledger_row(f"{C['speaker']}/{C['cut']}.wav", "kept", C["seconds"])
    assert reasons(side(tmp_path, [A, B, C]), side(tmp_path, [A, B], [still_kept])) == [("left", "cut otherwise", None, 1)]


def test_a_cut_whose_input_or_source_is_not_there_any_more_says_which(tmp_path: Path) -> None:
    before = side(tmp_path, [A, B, C])
    assert reasons(before, side(tmp_path, [A, B])) == [("left", "no input", None, 1)]
    other_source = [{**source, "id": "books"} if source["id"] == "digits" else source for source in SCENARIO["sources"]]
    assert reasons(before, side(tmp_path, [], scenario={"sources": other_source})) == [("left", "no source", None, 3)]


def test_cuts_in_another_split_or_with_other_words_are_counted(tmp_path: Path) -> None:
    found = cut_changes(side(tmp_path, [A, B, C]), side(tmp_path, [{**A, "split": "test"}, {**B, "text": "eight"}, {**C, "speaker": None}]), PRIVATE)
    assert found["moved"] == [{"before": "train", "after": "test", "cuts": 1}]
    assert found["edited"] == {"text": 1, "speaker": 1, "licence": 0}


@settings(max_examples=12, deadline=None)
@given(st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)), st.sets(st.integers(0, 9)))
def test_every_cut_and_every_input_is_counted_once(first: set[int], second: set[int], taken: set[int]) -> None:
    rows, segments = zip(*(dropped(cut_row(number), "quality.snr_db") for number in taken - second), strict=True) if taken - second else ((), ())
    with tempfile.TemporaryDirectory() as folder:
        before = side(Path(folder), [cut_row(number) for number in first])
        after = side(Path(folder), [cut_row(number) for number in second], list(rows), list(segments))
        cuts, inputs = cut_changes(before, after, PRIVATE), input_changes(before, after, PRIVATE)
    assert cuts["stayed"] + cuts["left"]["cuts"] == len(first)
    assert cuts["stayed"] + cuts["entered"]["cuts"] == len(second)
    for way in ("left", "entered"):
        assert sum(group["cuts"] for group in cuts["groups"] if group["way"] == way) == cuts[way]["cuts"]
    assert inputs["same"] + inputs["changed"] + inputs["came"] + inputs["gone"] == len(first | second | taken)
    assert sum(group["inputs"] for group in inputs["groups"]) == inputs["changed"] + inputs["came"] + inputs["gone"]


def test_an_input_is_an_example_by_its_row_where_its_name_may_not_be_told(tmp_path: Path) -> None:
    row, segment = dropped(C, "duplicate", value="digits:anna-1/other.wav")
    before, after = side(tmp_path, [A, B, C]), side(tmp_path, [A, B], [row], [segment])
    (hidden,), (shown,) = (input_changes(before, after, called)["groups"] for called in (PRIVATE, OPEN))
    assert (hidden["before"], hidden["after"]) == ({"fate": "kept", "rule": None}, {"fate": "dropped", "rule": "duplicate"})
    assert hidden["examples"] == [{"input": None, "row_before": 2, "row_after": 2, "value": "", "limit": ">= 5"}]
    assert (shown["examples"][0]["input"], shown["examples"][0]["value"]) == (f"anna-2/{C['cut']}.wav", "digits:anna-1/other.wav")


def test_personal_data_in_a_transcript_is_masked(tmp_path: Path) -> None:
    found = cut_changes(side(tmp_path, [{**A, "text": "write to eva@example.org"}]), side(tmp_path, []), OPEN)
    assert found["groups"][0]["examples"][0]["text"] == "write to [email]"
