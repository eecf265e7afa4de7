"""Hold what was declared against what was delivered: one row for each property that a scenario speaks of."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from speccraft.report.match import wilson
from speccraft.report.numerals import number
from speccraft.report.sums import exact_sum
from speccraft.report.tables import Tables
from speccraft.scenario.language import primary
from speccraft.scenario.model import Scenario
from speccraft.scenario.source_base import HEARD

MOST_KINDS = 12
NEITHER = "a place changes neither the words nor the time they take"
OF_THE_ROW = "a place changes nothing about it"


def delivered(scenario: Scenario, tables: Tables, charts: Sequence[Mapping[str, Any]]) -> list[dict[str, Any]]:
    """The ten properties: SNR, reverberation, bandwidth, level, speech share, pauses, utterance length, speech rate, language, style.

    A row has `declared` (words, or None), `declared_by` (the field), `before` and `after` (n, quantiles, how many lie inside and the 95 % interval of
    their share; None where there is nothing), `scale` (both ends of its axis), `kinds` (for language and style) and a `note` where something is missing.

    Args:
        charts: as `distributions.distributions` gives them.
    """
    rows = [_of_chart(chart, scenario, tables.measures) for chart in charts if chart["axis"]]
    return [*rows, _language(scenario, tables), _style(scenario, tables.measures)]


def _of_chart(chart: Mapping[str, Any], scenario: Scenario, measures: pl.DataFrame) -> dict[str, Any]:
    before, *after = (panel if panel["n"] else None for panel in chart["panels"])
    rule = chart["kept_range"]
    declared = chart["declared"] or (rule and {"low": rule["min"], "high": rule["max"]})
    return {
        "axis": chart["axis"],
        "measure": chart["measure"],
        "unit": chart["unit"],
        "declared": declared and _words(declared["low"], declared["high"], chart["unit"]),
        "declared_by": chart["declared_by"] or (f"quality.{chart['measure']}" if rule else None),
        "band": declared,
        "scale": [chart["start"], round(chart["start"] + chart["step"] * chart["bins"], 9)],
        "before": _told(before),
        "after": _told(after[0]) if after else None,
        "kinds": [],
        "note": _note(before, bool(after), after[0] if after else None, scenario, measures),
    }


def _words(low: float | None, high: float | None, unit: str) -> str:
    ends = f"up to {number(high)}" if low is None else f"from {number(low)}" if high is None else f"{number(low)} to {number(high)}"
    return f"{ends} {unit}".rstrip()


def _told(panel: Mapping[str, Any] | None) -> dict[str, Any] | None:
    return None if panel is None else {name: panel[name] for name in ("of", "n", "not_measured", "p5", "median", "p95", "inside", "low", "high")}


def _note(before: Any, changes: bool, after: Any, scenario: Scenario, measures: pl.DataFrame) -> str:
    notes = [] if before else ["not measured as recorded: name it under quality.measure" if measures.height else "nothing was kept"]
    if not changes:
        notes.append(NEITHER)
    elif not after:
        notes.append(_why_not_in_place(scenario, measures))
    return "; ".join(notes)


def _why_not_in_place(scenario: Scenario, measures: pl.DataFrame) -> str:
    if not scenario.environment.does_something:
        return "no place is declared"
    if not measures.filter(pl.col("split") == "test").height:
        return "there is no test cut to hear in place"
    return "not measured in place"


def _language(scenario: Scenario, tables: Tables) -> dict[str, Any]:
    """Rows in other languages are dropped before they are decoded, so that the share is of rows, not of cuts."""
    wanted = {primary(tag) for tag in scenario.job.languages}
    judged = tables.ledger.filter(pl.col("role").is_in(HEARD), pl.col("fate").is_in(["kept", "dropped"]))
    outside = judged.filter(pl.col("rule") == "job.languages").height
    kinds = _kinds(tables.measures, "language", lambda tag: primary(tag) in wanted)
    row = _of_kinds("language", ", ".join(scenario.job.languages), "job.languages", kinds, judged.height - outside, judged.height)
    return {**row, "note": f"{outside} rows in other languages were dropped" if outside else OF_THE_ROW}


def _style(scenario: Scenario, measures: pl.DataFrame) -> dict[str, Any]:
    wanted = scenario.job.style
    kinds = _kinds(measures, "style", lambda style: wanted in ("mixed", style))
    inside = sum(kind["cuts"] for kind in kinds if kind["inside"])
    return _of_kinds("style", wanted, "job.style", kinds, inside, sum(kind["cuts"] for kind in kinds))


def _of_kinds(axis: str, declared: str, field: str, kinds: list[dict[str, Any]], inside: int, n: int) -> dict[str, Any]:
    low, high = (round(end, 6) for end in wilson(inside, n)) if n else (None, None)
    share = {"of": "every row" if axis == "language" else "every cut", "n": n, "not_measured": 0, "p5": None, "median": None, "p95": None}
    return {
        "axis": axis,
        "measure": axis,
        "unit": "",
        "declared": declared,
        "declared_by": field,
        "band": None,
        "scale": None,
        "before": {**share, "inside": inside, "low": low, "high": high} if n else None,
        "after": None,
        "kinds": kinds[:MOST_KINDS],
        "note": OF_THE_ROW if n else "nothing was kept",
    }


def _kinds(measures: pl.DataFrame, column: str, inside: Any) -> list[dict[str, Any]]:
    grouped = measures.group_by(name=pl.col(column).fill_null("not stated")).agg(cuts=pl.len(), seconds=exact_sum(pl.col("seconds")).round(3))
    rows = grouped.sort("seconds", "name", descending=[True, False]).to_dicts()
    return [{**row, "inside": row["name"] != "not stated" and inside(row["name"])} for row in rows]
