"""Count measured values into bins, beside the band that was declared or the range a rule keeps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from speccraft.report.axes import ASKED, AXES, UNCHANGED, Axis, allowed_error, declared_band
from speccraft.report.match import wilson
from speccraft.report.sums import at_rank
from speccraft.report.tables import Tables
from speccraft.scenario.base import Band
from speccraft.scenario.model import Scenario
from speccraft.scenario.quality import Rule
from speccraft.sound.errors_published import ERRORS

ABOUT_BINS = 32
RECORDED, IN_PLACE = "as recorded", "in place"
ALL, EVERY_TEST_CUT, SAMPLED = "every segment", "every test cut", "a sample of the test cuts"
MOST_ROOMS = 200


BY_SPELLING = "counted by spelling: within 14 % for nineteen of twenty sentences, and not in every language"


@dataclass(frozen=True)
class Panel:
    """Values that share a panel, by series, of which cuts they are, and the error that is allowed to them."""

    name: str
    series: Mapping[str, pl.Series]
    of: str
    slack: float = 0.0


def distributions(scenario: Scenario, tables: Tables, sample: pl.DataFrame) -> list[dict[str, Any]]:
    """Every chart of values as data: the axes first, then what else was asked for.

    A chart has a title and unit, the declared band, the range a rule keeps, and one panel as recorded and one in place (or only the first), each with
    counts over common bins and, where something is declared, how many lie inside with the 95 % interval of their share.

    Args:
        sample: test cuts measured as recorded and in place, as `heard.heard` gives them.
    """
    rules = scenario.quality.rules()
    charts = [_axis_chart(axis, scenario, tables, sample) for axis in AXES]
    named = {measure: words for measure, words in ASKED.items() if measure in rules or measure in scenario.quality.measure}
    segments = _by_fate(tables.speech_segments)
    for measure, (title, unit) in named.items():
        charts.append(_chart(measure, title, unit, [Panel(RECORDED, segments(measure), ALL)], None, rules.get(measure)))
    cuts = tables.measures
    for chart in charts:
        measure = chart["measure"]
        chart["uncertain"] = _doubt(measure)
        chart["cuts"] = {
            "taken": cuts[measure].is_not_null().sum(),
            "of": cuts.height,
            "is_sample": measure in scenario.quality.measure and measure not in rules,
        }
    return charts


def _axis_chart(axis: Axis, scenario: Scenario, tables: Tables, sample: pl.DataFrame) -> dict[str, Any]:
    declared, rule = declared_band(axis.measure, scenario), scenario.quality.rules().get(axis.measure)
    panels = [_recorded(axis, tables, sample)]
    if axis.measure not in UNCHANGED:
        panels.append(_in_place(axis, scenario, tables, sample))
    chart = _chart(axis.measure, axis.title, axis.unit, panels, declared and declared[0], rule)
    return {**chart, "axis": axis.name, "declared_by": declared[1] if declared else None}


def _recorded(axis: Axis, tables: Tables, sample: pl.DataFrame) -> Panel:
    """Of all segments, or of the sample where the build took the measure of none."""
    segments = tables.speech_segments
    if axis.measure in sample.columns and not segments[axis.measure].is_not_null().any():
        return Panel(RECORDED, {"kept": sample.filter(condition="clean")[axis.measure]}, SAMPLED)
    return Panel(RECORDED, _by_fate(segments)(axis.measure), ALL)


def _in_place(axis: Axis, scenario: Scenario, tables: Tables, sample: pl.DataFrame) -> Panel:
    """As the build measured it on every test cut, or of the sample where it had no reason to."""
    test = tables.measures.filter(pl.col("split") == "test")
    if axis.delivered is not None and test[axis.delivered].is_not_null().any():
        return Panel(IN_PLACE, {"in place": test[axis.delivered]}, EVERY_TEST_CUT, allowed_error(axis, scenario))
    own = sample.filter(condition="place")
    values = own[axis.measure] if axis.measure in own.columns else pl.Series([], dtype=pl.Float64)
    return Panel(IN_PLACE, {"in place": values}, SAMPLED, allowed_error(axis, scenario))


def _doubt(measure: str) -> str | None:
    """Why a measure should be doubted; docs/measures.md has the numbers."""
    if measure == "syllables_per_s":
        return BY_SPELLING
    known = ERRORS.get(measure)
    if known is None or known.certain:
        return None
    if known.median_absolute_error is None:
        return "its error is not known"
    return f"half of all values are {known.median_absolute_error:.2g} {known.unit} or more from the truth"


def channel_problems(ledger: pl.DataFrame) -> dict[str, int]:
    """How many recordings have several channels that were mixed, and how many of these have dead, repeated or cancelling ones."""
    mixed = ledger.filter(pl.col("dead_channels").is_not_null())
    return {
        "mixed": mixed.height,
        "dead": mixed.filter(pl.col("dead_channels") > 0).height,
        "duplicated": mixed.filter(pl.col("duplicated_channels") > 0).height,
        "antiphase": mixed.filter(pl.col("rule") == "antiphase").height,
    }


def rooms(scenario: Scenario, tables: Tables) -> dict[str, Any]:
    """Reverberation times: the rooms of the banks, and the recorded ones that were left out for theirs."""
    used = [
        {"id": item.id, "source": item.source, "rt60_s": round(item.rt60_s, 3), "split": item.split, "simulated": item.simulated}
        for item in tables.banks
        if item.role == "rir" and item.rt60_s is not None
    ]
    outside = tables.ledger.filter(pl.col("role") == "rir", pl.col("fate") == "dropped", pl.col("rule") == "environment.rt60_s")
    left_out = [
        {"id": f"ledger row {row}", "source": source, "rt60_s": round(value, 3), "split": "left out", "simulated": False}
        for row, source, value in tables.ledger.with_row_index("row")
        .join(outside.select("source", "input"), on=["source", "input"], how="semi")
        .select("row", "source", pl.col("value").cast(pl.Float64, strict=False))
        .drop_nulls("value")
        .iter_rows()
    ]
    dots = sorted(used + left_out, key=lambda dot: (dot["rt60_s"], dot["split"], dot["id"]))
    unmeasured = sum(item.role == "rir" and item.rt60_s is None for item in tables.banks)
    return {"declared": _band(scenario.environment.rt60_s), "dots": dots[:MOST_ROOMS], "more": len(dots[MOST_ROOMS:]), "not_measured": unmeasured}


def binning(values: Iterable[float], ends: Iterable[float] = ()) -> tuple[float, float, int]:
    """Start, step and number of bins of a round width that cover finite values and the ends of a band."""
    points = [*values, *ends]
    low, high = (min(points), max(points)) if points else (0.0, 1.0)
    step = _round_step(high - low) if high - low > 1e-9 * max(1.0, abs(low)) else 1.0
    first = math.floor(low / step)
    count = max(1, math.ceil(high / step - 1e-9) - first)
    return round(first * step, 9), step, count


def counts_in(values: pl.Series, start: float, step: float, bins: int) -> list[int]:
    """How many values fall into each bin; the last bin is closed on both sides."""
    index = ((values - start) / step + 1e-9).floor().clip(0, bins - 1).cast(pl.Int64)
    found = dict(index.value_counts().iter_rows())
    return [found.get(bin, 0) for bin in range(bins)]


def _by_fate(segments: pl.DataFrame) -> Any:
    kept = segments["fate"] == "kept"
    return lambda measure: {"kept": segments[measure].filter(kept), "dropped": segments[measure].filter(~kept)}


def _chart(measure: str, title: str, unit: str, panels: Sequence[Panel], band: Band | None, rule: Rule | None) -> dict[str, Any]:
    finite = [{name: _finite(values) for name, values in panel.series.items()} for panel in panels]
    everything = pl.concat([values for own in finite for values in own.values()]).to_numpy()
    extremes = [float(everything.min()), float(everything.max())] if len(everything) else []
    start, step, bins = binning(extremes, (band.low, band.high) if band else ())
    wanted = (band.low, band.high) if band else (rule.min, rule.max) if rule else None
    return {
        "measure": measure,
        "axis": None,
        "declared_by": None,
        "title": title,
        "unit": unit,
        "declared": _band(band),
        "kept_range": None if rule is None else {"min": rule.min, "max": rule.max},
        "start": start,
        "step": step,
        "bins": bins,
        "panels": [
            {
                "name": panel.name,
                "of": panel.of,
                "series": [{"name": name, "counts": counts_in(values, start, step, bins)} for name, values in own.items()],
                "not_measured": sum(len(values) for values in panel.series.values()) - sum(len(values) for values in own.values()),
                **_summary(pl.concat(list(own.values())), wanted, panel.slack),
            }
            for panel, own in zip(panels, finite, strict=True)
        ],
    }


def _finite(values: pl.Series) -> pl.Series:
    known = values.drop_nulls()
    return known.filter(known.is_finite())


def _summary(values: pl.Series, wanted: tuple[float | None, float | None] | None, slack: float) -> dict[str, Any]:
    if not len(values):
        return {"n": 0, **dict.fromkeys(("min", "p5", "median", "p95", "max", "inside", "low", "high"))}
    ranked = values.sort()
    at = {name: round(at_rank(ranked, q), 4) for name, q in (("min", 0), ("p5", 0.05), ("median", 0.5), ("p95", 0.95), ("max", 1))}
    if wanted is None:
        return {"n": len(values), **at, "inside": None, "low": None, "high": None}
    bottom, top = (-math.inf if wanted[0] is None else wanted[0] - slack), (math.inf if wanted[1] is None else wanted[1] + slack)
    inside = int(values.is_between(bottom, top).sum())
    low, high = wilson(inside, len(values))
    return {"n": len(values), **at, "inside": inside, "low": round(low, 6), "high": round(high, 6)}


def _band(band: Band | None) -> dict[str, float] | None:
    return None if band is None else {"low": band.low, "high": band.high}


def _round_step(span: float) -> float:
    rough = span / ABOUT_BINS
    scale = 10.0 ** math.floor(math.log10(rough))
    return next(factor * scale for factor in (1, 2, 2.5, 5, 10) if factor * scale >= rough)
