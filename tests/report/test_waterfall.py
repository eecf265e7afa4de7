from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_world import cut_row, ledger_row, segment_row

from speccraft.report.tables import LEDGER, SEGMENTS
from speccraft.report.waterfall import Flow, flows_of, together

lengths = st.floats(0, 1e4).map(lambda seconds: round(seconds, 4))


def flows(ledger: list[dict[str, Any]], segments: list[dict[str, Any]] | None = None) -> list[Flow]:
    return flows_of(pl.DataFrame(ledger, schema=LEDGER), pl.DataFrame(segments or [], schema=SEGMENTS))


def segment(input: str, rule: str | None, seconds: float, **changes: Any) -> dict[str, Any]:
    return segment_row(cut_row(0, seconds=seconds), input, fate="dropped" if rule else "kept", rule=rule, **changes)


def steps(flow: Flow) -> dict[tuple[str, str | None], tuple[int, float]]:
    return {(step.kind, step.rule): (step.rows, step.seconds) for step in flow.steps}


@st.composite
def ledgers(draw: st.DrawFn) -> tuple[list[dict[str, Any]], list[dict[str, Any]]]:
    rows, segments = [], []
    for number in range(draw(st.integers(0, 12))):
        fate = draw(st.sampled_from(["kept", "dropped", "failed", "refused"]))
        source, role = draw(st.sampled_from([("digits", "speech"), ("calls", "speech"), ("trains", "noise")]))
        input = f"{number}.wav"
        if fate in ("failed", "refused"):
            seconds = draw(st.none() | lengths)
            rows.append(ledger_row(input, fate, seconds, source=source, role=role))
            continue
        kept, unvoiced = draw(lengths) if fate == "kept" else 0.0, draw(lengths)
        lost = draw(st.lists(st.tuples(st.sampled_from(["snr_db", "level_dbfs"]), lengths), max_size=4))
        rest = draw(lengths) if fate == "dropped" else 0.0
        segments += [segment(input, rule, seconds, source=source) for rule, seconds in lost]
        dropped = sum(seconds for _, seconds in lost) + rest
        told = {"seconds_kept": kept, "seconds_dropped": dropped, "seconds_unvoiced": unvoiced, "rule": "language" if fate == "dropped" else None}
        rows.append(ledger_row(input, fate, kept + dropped + unvoiced, source=source, role=role, **told))
    return rows, segments


@given(ledgers())
def test_rows_in_are_rows_out_and_seconds_in_are_seconds_out(made: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    rows, segments = made
    for flow in flows(rows, segments):
        own = [row for row in rows if row["source"] == flow.source]
        losses = ("refused", "failed", "dropped", "unvoiced", "kept")
        assert flow.rows("in") == len(own) == sum(flow.rows(kind) for kind in losses)  # type: ignore[arg-type]
        assert flow.seconds("in") == pytest.approx(sum(row["seconds"] or 0 for row in own), abs=1e-4)
        assert flow.seconds("in") == pytest.approx(sum(flow.seconds(kind) for kind in losses), abs=1e-4)  # type: ignore[arg-type]
        assert flow.seconds("kept") == pytest.approx(sum(row["seconds_kept"] or 0 for row in own), abs=1e-4)
        assert flow.rows_without_length == sum(row["seconds"] is None for row in own)


@given(ledgers())
def test_all_speech_together_is_the_sum_of_the_speech_sources(made: tuple[list[dict[str, Any]], list[dict[str, Any]]]) -> None:
    found = flows(*made)
    speech = together(found, ("speech",))
    assert speech.rows("in") == sum(flow.rows("in") for flow in found if flow.role == "speech")
    assert speech.seconds("dropped") == pytest.approx(sum(flow.seconds("dropped") for flow in found if flow.role == "speech"), abs=1e-4)


def test_segments_lost_from_a_kept_row_are_charged_to_their_rule_without_a_row() -> None:
    row = ledger_row("a.wav", "kept", 10.0, seconds_kept=6.0, seconds_dropped=3.0, seconds_unvoiced=1.0)
    found = steps(flows([row], [segment("a.wav", "snr_db", 3.0), segment("a.wav", None, 6.0)])[0])
    assert found == {("in", None): (1, 10.0), ("dropped", "snr_db"): (0, 3.0), ("unvoiced", None): (0, 1.0), ("kept", None): (1, 6.0)}


def test_a_row_dropped_as_a_whole_is_charged_to_its_own_rule() -> None:
    found = steps(flows([ledger_row("a.wav", "dropped", 31.0, rule="job.longest_utterance_s")])[0])
    assert found["dropped", "job.longest_utterance_s"] == (1, 31.0)


def test_the_same_file_name_in_two_sources_is_two_rows() -> None:
    rows = [ledger_row("a.wav", "dropped", 2.0, rule="snr_db"), ledger_row("a.wav", "dropped", 5.0, rule="snr_db", source="calls")]
    found = flows(rows, [segment("a.wav", "snr_db", 2.0), segment("a.wav", "snr_db", 5.0, source="calls")])
    assert [(flow.source, flow.seconds("dropped")) for flow in found] == [("calls", 5.0), ("digits", 2.0)]


def test_a_row_of_unknown_length_stands_in_rows_alone() -> None:
    flow = flows([ledger_row("a.wav", "failed", None)])[0]
    assert (flow.rows("failed"), flow.seconds("failed"), flow.rows_without_length) == (1, 0.0, 1)


def test_nothing_in_is_nothing_out() -> None:
    assert flows([]) == []
    assert together([], ("speech",)).steps == ()
