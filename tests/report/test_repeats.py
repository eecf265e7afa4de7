from __future__ import annotations

from typing import Any

import polars as pl
from report_world import cut_row, facts_of, segment_row

from speccraft.report.repeats import repeats
from speccraft.report.tables import LEDGER, LICENCES, MEASURES, SEGMENTS, SplitCertificate, Tables


def found(*segments: dict[str, Any], **quality: Any) -> dict[str, Any]:
    frames = pl.DataFrame(schema=MEASURES), pl.DataFrame(list(segments), schema=SEGMENTS), pl.DataFrame(schema=LEDGER), pl.DataFrame(schema=LICENCES)
    return repeats(facts_of({"quality": quality}).scenario, Tables(*frames, SplitCertificate(), ()))


def repeated(number: int, rule: str, value: str, input: str = "x.wav") -> dict[str, Any]:
    return segment_row(cut_row(number, seconds=1.5), input, fate="dropped", rule=rule, value=value)


def test_recordings_count_once_whatever_they_are_cut_into() -> None:
    rows = found(repeated(0, "duplicate", "digits:a.wav"), repeated(1, "duplicate", "digits:a.wav"), repeated(2, "duplicate", "digits:b.wav", "y.wav"))["rows"]
    assert [(row["rule"], row["rows"], row["seconds"], row["least"]) for row in rows] == [("duplicate", 2, 4.5, None)]


def test_copies_tell_how_alike_they_are_even_where_a_file_name_holds_numbers() -> None:
    (row,) = found(repeated(0, "near_duplicate", "digits:a 0.5.wav, correlation 0.97"), repeated(1, "near_duplicate", "digits:b.wav, correlation 0.91", "y"))[
        "rows"
    ]
    assert (row["rows"], row["least"], row["most"]) == (2, 0.91, 0.97)


def test_what_was_looked_for_is_told_and_other_rules_are_not_repeats() -> None:
    assert found(repeated(0, "quality.snr_db", "1"), duplicates="exact") == {"sought": "exact", "near": False, "rows": []}
