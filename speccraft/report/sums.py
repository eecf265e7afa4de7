"""Sums of seconds that come out the same in any order, on any number of threads, and values at a rank."""

from __future__ import annotations

import numpy as np
import polars as pl

NANOSECONDS = 1e9
"""Of a second. A sample at 8, 16 or 32 kHz is a whole number of them, at other rates each sum is off by half of one a row at most; 292 years fit."""


def exact_sum(seconds: pl.Expr) -> pl.Expr:
    """The sum of seconds, nulls left out.

    Floats add up to other last digits in another order, and Polars adds in as many parts as it has threads. Half of all lengths at 16 kHz lie on the
    edge between two roundings, so such a digit would be seen in a report.
    """
    return (seconds * NANOSECONDS).round().cast(pl.Int64).sum() / NANOSECONDS


def total_of(seconds: pl.Series) -> float:
    """The sum of a column of seconds."""
    return float(seconds.to_frame("seconds").select(exact_sum(pl.col("seconds"))).item())


def at_rank(ordered: pl.Series | np.ndarray, q: float) -> float:
    """The value below which a share q of some sorted values lies, one of them: 0 is the first, 1 the last. There has to be one."""
    return float(ordered[round(q * (len(ordered) - 1))])
