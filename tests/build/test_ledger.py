"""The ledger: every row once, every second somewhere."""

from __future__ import annotations

import json

import polars as pl
import pytest
from corpus import SCENARIO
from hypothesis import given
from hypothesis import strategies as st

from speccraft.build.ledger import COLUMNS, WHOSE, make_ledger, need_conservation
from speccraft.build.rules import FATE_SCHEMA
from speccraft.ingest.rows import Row
from speccraft.plan import Admitted, Plan, TurnedAway
from speccraft.report.tables import CHANNELS
from speccraft.rights.doors import NOBODYS_VOICE
from speccraft.rights.papers import Papers
from speccraft.scenario import Scenario

RATE = 8000
RECORDINGS = {
    **{"source": pl.String, "input": pl.String, "role": pl.String, "rule": pl.String, "reason": pl.String, "num_samples": pl.Int64},
    **dict.fromkeys(CHANNELS, pl.Int64),
    **dict.fromkeys(WHOSE, pl.String),
}
SEGMENTS = {"source": pl.String, "input": pl.String, "num_samples": pl.Int64, "fate": pl.String, **FATE_SCHEMA}
ADMITTED = ("kept", "some", "none", "silent", "failed")
TURNED_AWAY = ("refused", "dropped", "broken")


def world(fates: list[str], lengths: list[int]) -> tuple[Plan, pl.DataFrame, pl.DataFrame]:
    """A plan with rows of these fates, and what the units would have found about them."""
    scenario = Scenario.model_validate_json(json.dumps(SCENARIO))
    source = scenario.sources[0]
    admitted, turned_away, recordings, segments = [], [], [], []
    for number, fate in enumerate(fates):
        row = Row(input=f"r{number}")
        key = {"source": source.id, "input": row.input}
        if fate in TURNED_AWAY:
            turned_away.append(TurnedAway(source, row, "failed" if fate == "broken" else fate, "rule", "because"))
            continue
        admitted.append(Admitted(source, row, "CC0-1.0"))
        samples = lengths[number % len(lengths)]
        failed = fate == "failed"
        recordings.append(
            {**key, "role": "speech", "rule": "empty" if failed else None, "reason": "0 bytes" if failed else None, "num_samples": None if failed else samples}
        )
        pieces = {"kept": ["kept"], "some": ["dropped", "kept"], "none": ["dropped", "dropped"]}.get(fate, [])
        for piece in pieces:
            drop = {"rule": "quality.snr_db", "value": "1.0", "limit": ">= 5"} if piece == "dropped" else {}
            segments.append({**key, "num_samples": samples // (len(pieces) + 1), "fate": piece, **drop})
    return (
        Plan(scenario, tuple(admitted), tuple(turned_away), as_of="2026-01-01", voice=NOBODYS_VOICE, papers=Papers(scenario.rights, "2026-01-01")),
        pl.DataFrame(recordings, schema=RECORDINGS),
        pl.DataFrame(segments, schema=SEGMENTS),
    )


@given(fates=st.lists(st.sampled_from(ADMITTED + TURNED_AWAY)), lengths=st.lists(st.integers(1, 10**7), min_size=1, max_size=5))
def test_every_row_is_in_the_ledger_once_and_its_seconds_add_up(fates: list[str], lengths: list[int]) -> None:
    plan, recordings, segments = world(fates, lengths)
    ledger = make_ledger(plan, recordings, segments, RATE)
    need_conservation(ledger, len(fates))
    assert ledger.schema == COLUMNS
    assert ledger["input"].sort().to_list() == sorted(f"r{number}" for number in range(len(fates)))
    wanted = {"some": "kept", "none": "dropped", "silent": "dropped", "broken": "failed"}
    found = dict(ledger.select("input", "fate").iter_rows())
    assert found == {f"r{number}": wanted.get(fate, fate) for number, fate in enumerate(fates)}
    known = ledger.filter(pl.col("seconds").is_not_null())
    sums = known.select(pl.col("seconds", "seconds_kept", "seconds_dropped", "seconds_unvoiced").sum()).row(0)
    assert sums[0] == pytest.approx(sum(sums[1:]))
    assert sums[0] == pytest.approx((recordings["num_samples"].sum() or 0) / RATE)
    assert ledger.filter((pl.col("fate") != "kept") & pl.col("rule").is_null()).is_empty()
    assert ledger.filter((pl.col("fate") == "kept") != (pl.col("cuts") > 0)).is_empty()


def test_a_dropped_row_names_the_rule_its_value_and_its_limit() -> None:
    ledger = make_ledger(*world(["none"], [900]), RATE)
    assert ledger.select("rule", "value", "limit", "seconds_dropped").row(0) == ("quality.snr_db", "1.0", ">= 5", 600 / RATE)


def test_a_row_without_speech_says_so() -> None:
    ledger = make_ledger(*world(["silent"], [900]), RATE)
    assert ledger.select("fate", "rule", "value", "seconds_unvoiced").row(0) == ("dropped", "speech", "no speech found", 900 / RATE)


def test_a_kept_row_names_no_rule_even_where_a_part_was_dropped() -> None:
    ledger = make_ledger(*world(["some"], [900]), RATE)
    assert ledger.select("fate", "rule", "cuts", "seconds_kept", "seconds_dropped", "seconds_unvoiced").row(0) == ("kept", None, 1, *[300 / RATE] * 3)


@pytest.mark.parametrize(
    "damage",
    [
        lambda ledger: ledger.head(2),
        lambda ledger: pl.concat([ledger.head(2), ledger.head(1)]),
        lambda ledger: ledger.with_columns(seconds_kept=pl.col("seconds_kept") + 0.001),
    ],
    ids=["a lost row", "a row twice", "lost seconds"],
)
def test_a_ledger_that_loses_something_is_caught(damage) -> None:
    ledger = make_ledger(*world(["kept", "some", "none"], [900]), RATE)
    need_conservation(ledger, 3)
    with pytest.raises(AssertionError):
        need_conservation(damage(ledger), 3)
