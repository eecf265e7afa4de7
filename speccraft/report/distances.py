"""How far two distributions of one measure lie apart: how far values moved, and how much of the whole did."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np


@dataclass(frozen=True)
class Distance:
    """Two distances between two samples of a measure.

    `moved` is the Wasserstein distance of order 1, in the unit of the measure: the mean way of a value when one sample is turned into the other with the
    least movement. `apart` is the Kolmogorov-Smirnov statistic, 0 (the same) to 1 (no overlap), whatever the unit.
    """

    moved: float
    apart: float


def distance(before: np.ndarray, after: np.ndarray) -> Distance:
    """Both distances between two samples of finite values, float64 of shape (num_before,) and (num_after,), in any order.

    With F and G the shares of the two samples up to x, `moved` is the integral of |F - G| over x (Vallender 1974, Theory of Probability and its Applications
    18:784-786) and `apart` its maximum (Smirnov 1948, Annals of Mathematical Statistics 19:279-281).

    Raises:
        ValueError: a sample is empty; nothing has no distance.
    """
    if not (len(before) and len(after)):
        raise ValueError("a sample is empty")
    before, after = np.sort(before), np.sort(after)
    points = np.concatenate([before, after])
    points.sort(kind="stable")  # merges two sorted runs
    gaps = np.diff(points)
    steps = np.flatnonzero(gaps)  # equal values count together
    below_before = np.searchsorted(before, points[steps], side="right") / len(before)
    below_after = np.searchsorted(after, points[steps], side="right") / len(after)
    difference = np.abs(below_before - below_after)
    return Distance(float(np.sum(difference * gaps[steps])), float(difference.max(initial=0.0)))
