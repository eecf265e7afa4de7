"""Sums of seconds: the same in any order, and right."""

from __future__ import annotations

import math

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.report.sums import exact_sum, total_of
from speccraft.report.tables import LEDGER, SEGMENTS
from speccraft.report.waterfall import flows_of

SAMPLES = st.lists(st.integers(1, 400_000), min_size=2, max_size=60)


@given(SAMPLES, st.sampled_from([8000, 16000, 22050, 44100]), st.randoms(use_true_random=False))
def test_the_order_of_rows_changes_no_digit_of_a_sum(samples, rate, random):
    seconds = [number / rate for number in samples]
    shuffled = random.sample(seconds, len(seconds))
    assert total_of(pl.Series(seconds)) == total_of(pl.Series(shuffled))
    assert total_of(pl.Series(seconds)) == pytest.approx(math.fsum(seconds), abs=1e-9 * len(seconds))


def test_nothing_adds_up_to_nothing_and_nulls_are_left_out():
    assert total_of(pl.Series([], dtype=pl.Float64)) == 0.0
    assert total_of(pl.Series([None, 0.5, None])) == 0.5
    assert pl.DataFrame({"group": ["a", "a", "b"], "s": [0.25, None, 1.5]}).group_by("group").agg(exact_sum(pl.col("s"))).sort("group")["s"].to_list() == [
        0.25,
        1.5,
    ]


@given(SAMPLES, st.randoms(use_true_random=False))
def test_a_waterfall_does_not_depend_on_the_order_of_its_rows(samples, random):
    rows = [ledger_row(f"{number}.wav", length / 16000) for number, length in enumerate(samples)]
    one, other = (flows_of(pl.DataFrame(some, schema=LEDGER), pl.DataFrame(schema=SEGMENTS)) for some in (rows, random.sample(rows, len(rows))))
    assert one == other


def ledger_row(input: str, seconds: float) -> dict[str, object]:
    parts = {"seconds": seconds, "seconds_kept": 0.0, "seconds_dropped": seconds, "seconds_unvoiced": 0.0}
    return {"input": input, "source": "digits", "role": "speech", "fate": "dropped", "rule": "quality.snr_db", "cuts": 0, **parts}
