"""The ledger: one row per input row of every source, and the proof that nothing was lost."""

from __future__ import annotations

import polars as pl

from speccraft.plan import Plan
from speccraft.report.tables import CHANNELS, LEDGER

WHOSE = ("speaker", "pcm_sha256")
"""Who is heard in an input and its samples, for `trace` and `revoke`: the ledger is a private table."""
COLUMNS = {**LEDGER, **dict.fromkeys(WHOSE, pl.String)}


def make_ledger(plan: Plan, recordings: pl.DataFrame, segments: pl.DataFrame, sampling_rate: int) -> pl.DataFrame:
    """One row per input row.

    Args:
        recordings: admitted rows with what became of them: `rule` and `reason` of a failure, `num_samples`, and whose they are (`WHOSE`).
        segments: every segment with `fate` (kept or dropped), `rule`, `value`, `limit`.

    Seconds are whole samples over the build's rate, so kept + dropped + unvoiced is the recording, sample for sample.
    """
    summed = segments.group_by("source", "input").agg(
        kept=pl.col("num_samples").filter(pl.col("fate") == "kept").sum(),
        dropped=pl.col("num_samples").filter(pl.col("fate") == "dropped").sum(),
        cuts=(pl.col("fate") == "kept").sum().cast(pl.Int64),
    )
    first = segments.filter(pl.col("fate") == "dropped").group_by("source", "input", maintain_order=True).agg(first=pl.struct("rule", "value", "limit").first())
    failed = pl.col("rule").is_not_null()
    kept = pl.col("cuts").fill_null(0) > 0
    nothing_heard = pl.struct(rule=pl.lit("speech"), value=pl.lit("no speech found", pl.String), limit=pl.lit(None, pl.String))
    away = pl.coalesce(pl.col("first"), nothing_heard)
    known = recordings.select("source", "input", "role", "rule", "reason", "num_samples", *CHANNELS, *WHOSE)
    joined = known.join(summed, on=["source", "input"], how="left").join(first, on=["source", "input"], how="left")
    table = joined.with_columns(
        fate=pl.when(failed).then(pl.lit("failed")).when(kept).then(pl.lit("kept")).otherwise(pl.lit("dropped")),
        away=pl.when(~failed & ~kept).then(away),
    )
    admitted = table.select(
        "input",
        "source",
        "role",
        "fate",
        rule=pl.coalesce("rule", pl.col("away").struct.field("rule")),
        value=pl.col("away").struct.field("value"),
        limit=pl.col("away").struct.field("limit"),
        reason="reason",
        seconds=pl.col("num_samples") / sampling_rate,
        seconds_kept=pl.col("kept").fill_null(0) / sampling_rate,
        seconds_dropped=pl.col("dropped").fill_null(0) / sampling_rate,
        seconds_unvoiced=(pl.col("num_samples") - pl.col("kept").fill_null(0) - pl.col("dropped").fill_null(0)) / sampling_rate,
        cuts=pl.col("cuts").fill_null(0),
        **{name: pl.col(name) for name in (*CHANNELS, *WHOSE)},
    )
    return pl.concat([admitted, _in_text(plan), _turned_away(plan)]).sort("source", "input")


def need_conservation(ledger: pl.DataFrame, rows: int) -> None:
    """Assert that rows in are rows out, each once, and that the seconds of every row add up."""
    assert ledger.height == rows, f"{rows} rows came in, {ledger.height} are in the ledger"
    assert not ledger.select("source", "input").is_duplicated().any(), "an input is in the ledger twice"
    gap = (pl.col("seconds") - pl.col("seconds_kept") - pl.col("seconds_dropped") - pl.col("seconds_unvoiced")).abs()
    lost = ledger.filter(gap > 1e-6)
    assert lost.is_empty(), f"seconds are lost in {lost['input'].to_list()[:3]}"


def _in_text(plan: Plan) -> pl.DataFrame:
    """Dialogues in which nothing is heard enter as they are."""
    seconds = dict.fromkeys(("seconds", "seconds_kept", "seconds_dropped", "seconds_unvoiced"), 0.0)
    rows = [
        {"input": item.row.input, "source": item.source.id, "role": item.source.role, "fate": "kept", "cuts": 0, "speaker": item.row.speaker, **seconds}
        for item in plan.admitted
        if item.row.is_text
    ]
    return pl.DataFrame(rows, schema=COLUMNS)


def _turned_away(plan: Plan) -> pl.DataFrame:
    rows = [
        {
            "input": item.row.input,
            "source": item.source.id,
            "role": item.source.role,
            "fate": item.fate,
            "rule": item.rule,
            "reason": item.reason,
            "cuts": 0,
            "speaker": item.row.speaker,
        }
        for item in plan.turned_away
    ]
    return pl.DataFrame(rows, schema=COLUMNS)
