"""Account for every input row and second: in, refused, failed, dropped by each rule, unvoiced, kept."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import Literal

import polars as pl

from speccraft.report.sums import exact_sum
from speccraft.scenario.source_base import HEARD

StepKind = Literal["in", "refused", "failed", "dropped", "unvoiced", "kept"]
ORDER: tuple[StepKind, ...] = ("in", "refused", "failed", "dropped", "unvoiced", "kept")
UNSTATED = "not stated"


@dataclass(frozen=True)
class Step:
    """One step of the waterfall: rows whose fate it is, and the seconds it takes away (or lets in, or keeps)."""

    kind: StepKind
    rule: str | None
    rows: int
    seconds: float


@dataclass(frozen=True)
class Flow:
    """The waterfall of one source, or of several together.

    `rows_without_length` counts rows whose duration nobody knows: they stand in rows, not in seconds.
    """

    source: str
    role: str
    steps: tuple[Step, ...]
    rows_without_length: int

    def seconds(self, kind: StepKind) -> float:
        """Seconds of all steps of a kind."""
        return sum(step.seconds for step in self.steps if step.kind == kind)

    def rows(self, kind: StepKind) -> int:
        """Rows of all steps of a kind."""
        return sum(step.rows for step in self.steps if step.kind == kind)

    @property
    def dropped(self) -> tuple[Step, ...]:
        """One step per rule that dropped something."""
        return tuple(step for step in self.steps if step.kind == "dropped")


def flows_of(ledger: pl.DataFrame, segments: pl.DataFrame) -> list[Flow]:
    """The waterfall of every source, in order of role (speech, dialogues, noise, rooms) and source."""
    steps = pl.concat([_whole(ledger), _refused_and_failed(ledger), _dropped(ledger, segments)])
    unknown = ledger.group_by("source", "role").agg(unknown=pl.col("seconds").null_count())
    flows = []
    for source, role, rows_without_length in unknown.iter_rows():
        own = steps.filter(pl.col("source") == source, pl.col("role") == role)
        found = [Step(kind, rule, rows, round(seconds, 6)) for kind, rule, rows, seconds in own.select("kind", "rule", "rows", "seconds").iter_rows()]
        flows.append(Flow(source, role, _ordered(found), rows_without_length))
    return sorted(flows, key=lambda flow: ((*HEARD, "noise", "rir").index(flow.role), flow.source))


def together(flows: Iterable[Flow], roles: Sequence[str]) -> Flow:
    """One waterfall of all sources of some roles, called by the first."""
    chosen = [flow for flow in flows if flow.role in roles]
    keys = dict.fromkeys((step.kind, step.rule) for flow in chosen for step in flow.steps)
    steps = [
        Step(
            kind,
            rule,
            sum(step.rows for flow in chosen for step in flow.steps if (step.kind, step.rule) == (kind, rule)),
            round(sum(step.seconds for flow in chosen for step in flow.steps if (step.kind, step.rule) == (kind, rule)), 6),
        )
        for kind, rule in keys
    ]
    return Flow("all", roles[0], _ordered(steps), sum(flow.rows_without_length for flow in chosen))


def _ordered(steps: Iterable[Step]) -> tuple[Step, ...]:
    return tuple(sorted(steps, key=lambda step: (ORDER.index(step.kind), -step.seconds, step.rule or "")))


def _whole(ledger: pl.DataFrame) -> pl.DataFrame:
    by_source = ledger.group_by("source", "role")
    everything = by_source.agg(rows=pl.len(), seconds=exact_sum(pl.col("seconds")))
    unvoiced = by_source.agg(rows=pl.lit(0, pl.UInt32), seconds=_pipeline("seconds_unvoiced"))
    kept = by_source.agg(rows=(pl.col("fate") == "kept").sum(), seconds=_pipeline("seconds_kept"))
    return pl.concat([_steps(everything, "in"), _steps(unvoiced, "unvoiced"), _steps(kept, "kept")])


def _pipeline(column: str) -> pl.Expr:
    return exact_sum(pl.col(column).filter(pl.col("fate").is_in(["kept", "dropped"])))


def _refused_and_failed(ledger: pl.DataFrame) -> pl.DataFrame:
    return pl.concat(
        [
            _steps(ledger.filter(pl.col("fate") == kind).group_by("source", "role").agg(rows=pl.len(), seconds=exact_sum(pl.col("seconds"))), kind)
            for kind in ("refused", "failed")
        ]
    )


def _dropped(ledger: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """Rows and seconds dropped by each rule.

    A kept row may have lost segments, so seconds are charged to the rules of its dropped segments; what the ledger
    says was dropped beyond them (a row dropped as a whole, rounding) is charged to the row's own rule.
    """
    rows = ledger.filter(pl.col("fate").is_in(["kept", "dropped"])).select("source", "role", "input", "fate", "rule", "seconds_dropped")
    lost = (
        segments.filter(pl.col("fate") == "dropped")
        .group_by("source", "input", pl.col("rule").fill_null(UNSTATED).alias("segment_rule"))
        .agg(lost=exact_sum(pl.col("seconds")))
        .sort("source", "input", "segment_rule")
    )
    by_segment = rows.select("source", "role", "input").join(lost, on=["source", "input"]).select("source", "role", rule="segment_rule", seconds="lost")
    per_row = lost.group_by("source", "input", maintain_order=True).agg(exact_sum(pl.col("lost")), pl.col("segment_rule").first())
    rest = rows.join(per_row, on=["source", "input"], how="left").select(
        "source",
        "role",
        rule=pl.coalesce("rule", "segment_rule", pl.lit(UNSTATED)),
        seconds=pl.col("seconds_dropped").fill_null(0) - pl.col("lost").fill_null(0),
        rows=(pl.col("fate") == "dropped").cast(pl.Int64),
    )
    both = pl.concat([by_segment.with_columns(rows=pl.lit(0, pl.Int64)), rest.filter((pl.col("rows") > 0) | (pl.col("seconds") != 0))])
    return _steps(both.group_by("source", "role", "rule").agg(pl.col("rows").sum(), exact_sum(pl.col("seconds"))), "dropped")


def _steps(grouped: pl.DataFrame, kind: StepKind) -> pl.DataFrame:
    rule = pl.col("rule") if "rule" in grouped.columns else pl.lit(None, pl.String)
    return grouped.select("source", "role", kind=pl.lit(kind), rule=rule, rows=pl.col("rows").cast(pl.Int64), seconds=pl.col("seconds").cast(pl.Float64))
