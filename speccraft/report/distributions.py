"""Count measured values into bins, beside the band that was declared or the range a rule keeps."""

from __future__ import annotations

import math
from collections.abc import Iterable, Mapping
from typing import Any

import polars as pl

from speccraft.report.tables import Tables
from speccraft.scenario.base import Band
from speccraft.scenario.model import Scenario
from speccraft.sound.errors_published import ERRORS

ABOUT_BINS = 32
MOST_ROOMS = 200
RULED = {
    "duration_s": ("Length of utterances", "s"),
    "level_dbfs": ("Level of speech", "dBFS"),
    "characters_per_s": ("Speaking rate", "characters/s"),
    "speech_share": ("Share of speech frames", ""),
}
ASKED = {
    "syllables_per_s": ("Syllables", "syllables/s"),
    "peak_dbfs": ("Peak", "dBFS"),
    "clipped_fraction": ("Clipped samples", ""),
    "dc_offset": ("Offset", ""),
    "zero_fraction": ("Samples that are zero", ""),
    "dropouts": ("Dropouts", "per utterance"),
    "leading_silence_s": ("Silence before speech", "s"),
    "trailing_silence_s": ("Silence behind speech", "s"),
    "longest_pause_s": ("Longest pause", "s"),
    "loudness_lufs": ("Loudness", "LUFS"),
    "bandwidth_hz": ("Bandwidth", "Hz"),
    "reverberation_s": ("Reverberation time of speech", "s"),
    "f0_median_hz": ("Fundamental frequency, median", "Hz"),
    "f0_range_semitones": ("Fundamental frequency, range", "semitones"),
}
"""Shown where a rule judges by them or `quality.measure` asks for them."""
BY_SPELLING = "counted by spelling: within 14 % for nineteen of twenty sentences, and not in every language"


def distributions(scenario: Scenario, tables: Tables) -> list[dict[str, Any]]:
    """Every chart of values as data: title, unit, declared band, kept range, and panels of counts over common bins."""
    rules = scenario.quality.rules()
    segments, in_place = _by_fate(tables.speech_segments), tables.measures.filter(pl.col("split") == "test")
    snr = {"as recorded": segments("snr_db"), "in place (test)": {"in place": in_place["delivered_snr_db"]}}
    charts = [_chart("snr_db", "Signal-to-noise ratio", "dB", snr, scenario.environment.snr_db, rules.get("snr_db"))]
    asked = {measure: named for measure, named in ASKED.items() if measure in rules or measure in scenario.quality.measure}
    for measure, (title, unit) in {**RULED, **asked}.items():
        charts.append(_chart(measure, title, unit, {"segments": segments(measure)}, None, rules.get(measure)))
    cuts = tables.measures
    for chart in charts:
        chart["uncertain"] = _doubt(chart["measure"])
        chart["cuts"] = {"taken": cuts[chart["measure"]].is_not_null().sum(), "of": cuts.height, "is_sample": chart["measure"] in asked.keys() - rules.keys()}
    return charts


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


def _chart(measure: str, title: str, unit: str, panels: Mapping[str, Mapping[str, pl.Series]], band: Band | None, rule: Any) -> dict[str, Any]:
    finite = {name: {series: values.drop_nulls().filter(values.drop_nulls().is_finite()) for series, values in own.items()} for name, own in panels.items()}
    everything = pl.concat([values for own in finite.values() for values in own.values()]).to_numpy()
    extremes = [float(everything.min()), float(everything.max())] if len(everything) else []
    start, step, bins = binning(extremes, (band.low, band.high) if band else ())
    return {
        "measure": measure,
        "title": title,
        "unit": unit,
        "declared": _band(band),
        "kept_range": None if rule is None else {"min": rule.min, "max": rule.max},
        "start": start,
        "step": step,
        "bins": bins,
        "panels": [
            {
                "name": name,
                "series": [{"name": series, "counts": counts_in(values, start, step, bins)} for series, values in own.items()],
                "not_measured": sum(len(values) for values in panels[name].values()) - sum(len(values) for values in own.values()),
                **_summary(pl.concat(list(own.values())), band),
            }
            for name, own in finite.items()
        ],
    }


def _summary(values: pl.Series, band: Band | None) -> dict[str, Any]:
    if not len(values):
        return {"n": 0, "min": None, "p5": None, "median": None, "p95": None, "max": None, "inside": None}
    ranked = values.sort()
    at = {name: round(float(ranked[round(q * (len(ranked) - 1))]), 4) for name, q in (("min", 0), ("p5", 0.05), ("median", 0.5), ("p95", 0.95), ("max", 1))}
    return {"n": len(values), **at, "inside": None if band is None else values.is_between(band.low, band.high).sum()}


def _band(band: Band | None) -> dict[str, float] | None:
    return None if band is None else {"low": band.low, "high": band.high}


def _round_step(span: float) -> float:
    rough = span / ABOUT_BINS
    scale = 10.0 ** math.floor(math.log10(rough))
    return next(factor * scale for factor in (1, 2, 2.5, 5, 10) if factor * scale >= rough)
