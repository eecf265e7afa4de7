"""How the distribution of each measure moved between two builds: distances, percentiles, and both histograms over the same bins."""

from __future__ import annotations

from typing import Any

import numpy as np
import polars as pl

from speccraft.report.axes import ASKED, RULED
from speccraft.report.distances import distance
from speccraft.report.distributions import binning
from speccraft.report.sides import Side
from speccraft.report.sums import at_rank
from speccraft.report.tables import MEASURED, MEASURES
from speccraft.scenario.contracts import PLACE_MEASURES

TITLES = {
    "snr_db": ("Signal-to-noise ratio", "dB"),
    **RULED,
    **ASKED,
    "pauses": ("Pauses", "per utterance"),
    "delivered_snr_db": ("Signal-to-noise ratio in place", "dB"),
    "delivered_rt60_s": ("Reverberation time of the room in place", "s"),
    "delivered_level_dbfs": ("Level in place", "dBFS"),
    "delivered_bandwidth_hz": ("Bandwidth in place", "Hz"),
}
COMPARED = tuple(
    name for name in (*MEASURED, *PLACE_MEASURES) if MEASURES[name] == pl.Float64 and name != "seconds" and (name in MEASURED or name.startswith("delivered_"))
)
"""Every number about a cut that was measured; `seconds` is `duration_s` once more, and what a place was asked to be is no measure."""
OUTER = 0.005
"""Share of the values that may lie beyond either end of a chart; they are counted in its first and last bin."""
DIGITS = 6


def measure_shifts(before: Side, after: Side) -> dict[str, Any]:
    """Every measure of the kept cuts: those that moved, furthest apart first, and the names of those that did not."""
    shifts = [_shift(name, _values(before, name), _values(after, name)) for name in COMPARED]
    found = [shift for shift in shifts if shift["before"]["n"] or shift["after"]["n"]]
    moved = [shift for shift in found if shift["apart"] != 0.0]
    return {
        "moved": sorted(moved, key=lambda shift: (shift["apart"] is None, -(shift["apart"] or 0.0), shift["measure"])),
        "same": [shift["title"] for shift in found if shift not in moved],
    }


def _values(side: Side, name: str) -> np.ndarray:
    """The finite values of a measure, float64 of shape (num_measured,), sorted."""
    if name not in side.measured:
        return np.empty(0)
    return side.table("measures", [name]).filter(pl.col(name).is_finite()).sort(name).collect()[name].to_numpy()


def _shift(name: str, before: np.ndarray, after: np.ndarray) -> dict[str, Any]:
    title, unit = TITLES[name]
    apart = distance(before, after) if len(before) and len(after) else None
    start, step, bins = binning(_ends(before, after))
    return {
        "measure": name,
        "title": title,
        "unit": unit,
        "moved": apart and _rounded(apart.moved),
        "apart": apart and _rounded(apart.apart),
        "start": start,
        "step": step,
        "before": _summary(before, start, step, bins),
        "after": _summary(after, start, step, bins),
    }


def _ends(before: np.ndarray, after: np.ndarray) -> list[float]:
    """What a chart of both reaches from and to."""
    return [at_rank(values, q) for values in (before, after) if len(values) for q in (OUTER, 1 - OUTER)]


def _summary(values: np.ndarray, start: float, step: float, bins: int) -> dict[str, Any]:
    at = {name: _rounded(at_rank(values, q)) if len(values) else None for name, q in (("p5", 0.05), ("median", 0.5), ("p95", 0.95))}
    # An edge that was computed may miss the value that it stands for by its last digit.
    edges = start + step * (np.arange(1, bins) - 1e-9)
    below = np.concatenate([[0], np.searchsorted(values, edges, side="left"), [len(values)]])
    return {"n": len(values), **at, "counts": np.diff(below).tolist()}


def _rounded(value: float) -> float:
    """With so many significant digits, since the last ones of a sum may differ between machines."""
    return float(f"{value:.{DIGITS}g}") + 0.0
