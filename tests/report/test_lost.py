from __future__ import annotations

from typing import Any

import polars as pl
from report_world import cut_row, ledger_row, segment_row

from speccraft.report.lost import MOST_SOURCES, MOST_STEPS, anchors, examples
from speccraft.report.tables import LEDGER, LICENCES, MEASURES, SEGMENTS, SplitCertificate, Tables
from speccraft.report.visible import SpeakerNames

NAMED, PRIVATE = (SpeakerNames(["anna-0"], pseudonyms=pseudonyms) for pseudonyms in (False, True))


def steps(ledger: list[dict[str, Any]], segments: list[dict[str, Any]] | None = None, names: SpeakerNames = NAMED) -> list[dict[str, Any]]:
    frames = pl.DataFrame(schema=MEASURES), pl.DataFrame(segments or [], schema=SEGMENTS), pl.DataFrame(ledger, schema=LEDGER), pl.DataFrame(schema=LICENCES)
    return examples(Tables(*frames, SplitCertificate(), ()), names)


def part(number: int, input: str, rule: str = "quality.snr_db") -> dict[str, Any]:
    return segment_row(cut_row(number, seconds=2.0), input, fate="dropped", rule=rule, value="3.5", limit=">= 5", start_s=4.0)


def test_a_step_tells_rows_that_were_lost_and_parts_of_rows_that_stayed() -> None:
    ledger = [ledger_row("a.wav", "kept", 9.0), ledger_row("b.wav", "dropped", 2.0, rule="quality.snr_db", value="1", limit=">= 5")]
    (step,) = steps(ledger, [part(1, "a.wav"), part(2, "b.wav")])
    assert (step["kind"], step["rule"], step["rows"], step["parts"]) == ("dropped", "quality.snr_db", 1, 1)
    whole, piece = step["sources"][0]["examples"]
    assert (whole["row"], whole["input"], whole["value"], whole["segment"]) == (1, "b.wav", "1", None)
    assert (piece["row"], piece["input"], piece["reason"], piece["segment"]) == (0, "a.wav", "2.00 s from 4.00 s on", cut_row(1)["cut"])


def test_refused_comes_before_failed_and_of_one_fate_the_heaviest_rule_first() -> None:
    ledger = [ledger_row(f"{number}.wav", "dropped", 1.0, rule="b" if number else "a") for number in range(3)]
    ledger += [ledger_row("f.wav", "failed", None, rule="missing"), ledger_row("r.wav", "refused", None, rule="rights")]
    assert [(step["kind"], step["rule"]) for step in steps(ledger)] == [("refused", "rights"), ("failed", "missing"), ("dropped", "b"), ("dropped", "a")]


def test_a_bar_finds_the_examples_of_its_rule_and_source_and_a_bar_without_a_rule_the_first() -> None:
    ledger = [ledger_row("a.wav", "failed", None, rule="missing"), ledger_row("b.wav", "failed", None, rule="not_audio", source="calls")]
    found = steps(ledger)
    links = anchors(found)
    assert links["failed", None, None] == found[0]["id"]
    assert links["failed", None, "calls"] == links["failed", "not_audio", "calls"] == found[1]["sources"][0]["id"]
    assert ("dropped", None, None) not in links


def test_where_speakers_are_private_no_file_is_named() -> None:
    ledger = [
        ledger_row("anna-0/x.wav", "failed", None, reason="anna-0/x.wav: x.wav of anna-0 is silent"),
        ledger_row("anna-0/y.wav", "dropped", 1.0, rule="duplicate", value="digits:anna-0/z.wav", limit="first of its samples"),
    ]
    assert "anna" not in str(steps(ledger, names=PRIVATE))
    assert "anna-0/z.wav" in str(steps(ledger))


def test_examples_and_lists_have_bounds() -> None:
    ledger = [ledger_row(f"{number}.wav", "dropped", 1.0, rule=f"r{number}") for number in range(60)]
    ledger += [ledger_row(f"s{number}.wav", "failed", 1.0, source=f"s{number}", reason="x" * 900) for number in range(40)] * 3
    found = steps(ledger)
    assert len(found) == MOST_STEPS
    assert (len(found[0]["sources"]), found[0]["more_sources"]) == (MOST_SOURCES, 28)
    assert all(len(own["examples"]) <= 6 for step in found for own in step["sources"])
    assert len(found[0]["sources"][0]["examples"][0]["reason"]) == 200


def test_nothing_lost_is_no_step() -> None:
    assert steps([ledger_row("a.wav", "kept", 1.0)]) == []
