"""Tell how many of the in-place test cuts lie in the bands that were declared, each widened by the error of its measure."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from speccraft.scenario.base import Band
from speccraft.scenario.contracts import PLACE_MEASURES
from speccraft.scenario.environment import Environment
from speccraft.sound.channel import upper_limit_hz

SNR_ERROR_DB = 1.0
"""Error allowed to the measured SNR of an in-place cut, in dB."""
RT60_ERROR = 0.05
"""Error allowed to the T60 of its room, as a share: less is not heard (ISO 3382-1), and trimming, distance and 16 bits stay within it."""
LEVEL_ERROR_DB = 0.1
"""Error allowed to its level, in dB: what 16 bits make of a quiet one."""
BANDWIDTH_ERROR_HZ = 500.0
"""Error allowed to its measured bandwidth, in Hz: that of the estimator (docs/measures.md)."""
DELIVERED = {
    "environment.snr_db": "delivered_snr_db",
    "environment.rt60_s": "delivered_rt60_s",
    "environment.level_dbfs": "delivered_level_dbfs",
    "environment.channel": "delivered_bandwidth_hz",
}
"""Fields that declare a band, and the column of what was measured on the cut in its place."""


@dataclass(frozen=True)
class Match:
    """How many of the in-place test cuts lie inside every declared band, and on how many each declared axis was measured.

    A cut on which a declared axis could not be measured is not inside.
    """

    inside: int
    n: int
    measured: Mapping[str, int]

    @property
    def unmeasured(self) -> tuple[str, ...]:
        """Declared axes that were measured on no cut."""
        return tuple(axis for axis, count in self.measured.items() if count == 0)


def environment_match(environment: Environment, measures: pl.DataFrame) -> Match:
    """Compare what test cuts sound like in place with what the scenario declares.

    A channel declares that nothing reaches above its band; what a recording lacks below it is a matter of its quality.
    """
    test, declared = in_place_tests(measures), insides(environment)
    inside = test.filter(*declared.values()).height if declared else 0
    return Match(inside, test.height, {axis: test.filter(pl.col(DELIVERED[axis]).is_finite()).height for axis in declared})


def in_place_tests(measures: pl.DataFrame) -> pl.DataFrame:
    """Test cuts to which the place did something."""
    return measures.filter(pl.col("split") == "test", pl.any_horizontal(pl.col(PLACE_MEASURES).is_not_null()))


def bands(environment: Environment) -> dict[str, tuple[Band | None, float]]:
    """For each field that can declare a band, the one that it declares, and the error allowed to what is measured in place, in the unit of the band."""
    limit = upper_limit_hz(environment.channel, environment.sampling_rate)
    rt60_error_s = RT60_ERROR * environment.rt60_s.high if environment.rt60_s else 0.0
    return {
        "environment.snr_db": (environment.snr_db, SNR_ERROR_DB),
        "environment.rt60_s": (environment.rt60_s, rt60_error_s),
        "environment.level_dbfs": (environment.level_dbfs, LEVEL_ERROR_DB),
        "environment.channel": (None if limit is None else Band(low=0.0, high=limit), BANDWIDTH_ERROR_HZ),
    }


def insides(environment: Environment) -> dict[str, pl.Expr]:
    """For each declared axis, whether a cut lies in its band; false where it could not be measured."""
    return {
        axis: pl.col(DELIVERED[axis]).is_between(band.low - slack, band.high + slack).fill_null(False)
        for axis, (band, slack) in bands(environment).items()
        if band is not None
    }


def wilson(hits: int, n: int, z: float = 1.96) -> tuple[float, float]:
    """Score interval of a share (Wilson 1927), 95 % with the default z.

    Raises:
        ValueError: n is zero.
    """
    if n == 0:
        raise ValueError("a share of nothing has no interval")
    share, spread = hits / n, z * z / n
    centre = (share + spread / 2) / (1 + spread)
    half = z * math.sqrt(share * (1 - share) / n + spread / (4 * n)) / (1 + spread)
    return max(0.0, centre - half), min(1.0, centre + half)
