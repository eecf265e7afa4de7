"""Measure loudness as broadcasters do: ITU-R BS.1770-4, K-weighted and gated."""

from __future__ import annotations

import math
from functools import cache

import numpy as np

HOP_S = 0.1
HOPS_IN_BLOCK = 4
"""A gating block lasts 0.4 s, and each begins 0.1 s behind the one before."""
OFFSET_LU = -0.691
"""What the standard adds, so that a sine of 997 Hz at full scale in one channel reads -3.01."""
ABSOLUTE_GATE_LUFS, RELATIVE_GATE_LU = -70.0, -10.0


def loudness_lufs(samples: np.ndarray, sampling_rate: int, speech: np.ndarray) -> float:
    """Integrated loudness in LUFS: of mono samples, a sine of 997 Hz at full scale is -3.01.

    Args:
        samples: int16 of shape (num_samples,).
        speech: not looked at; the standard has gates of its own, at -70 LUFS and at 10 LU below what lies above that.

    NaN below 0.4 s, for which the standard has no loudness (`level_dbfs` has a level), and where nothing lies above the gates. An incomplete last block is
    left out, as the standard says. Against the standard's own filter, at 48 kHz, real speech reads 0.04 LU low; at most 0.06 off at 16 kHz and 0.18 at 8 kHz.
    """
    from scipy.signal import sosfilt

    hop = round(HOP_S * sampling_rate)
    count = len(samples) // hop if hop else 0
    if count < HOPS_IN_BLOCK:
        return np.nan
    weighted = sosfilt(k_weighting(sampling_rate), samples[: count * hop] / 32768.0).reshape(count, hop)
    energy = np.einsum("ij,ij->i", weighted, weighted)
    power = np.convolve(energy, np.ones(HOPS_IN_BLOCK), "valid") / (HOPS_IN_BLOCK * hop)
    loud = power[power > _power(ABSOLUTE_GATE_LUFS)]
    if not len(loud):
        return np.nan
    gate = max(_power(ABSOLUTE_GATE_LUFS), float(loud.mean()) * 10 ** (RELATIVE_GATE_LU / 10))
    return OFFSET_LU + 10 * math.log10(float(loud[loud > gate].mean()))


@cache
def k_weighting(sampling_rate: int) -> np.ndarray:
    """The standard's shelf and high pass, as second-order sections of shape (2, 6).

    pyloudnorm's coefficients, in one pass: its own meter filters twice and looks at each sample in four blocks, for three times the time.
    """
    from pyloudnorm.iirfilter import IIRfilter

    filters = IIRfilter(4.0, 2**-0.5, 1500.0, sampling_rate, "high_shelf"), IIRfilter(0.0, 0.5, 38.0, sampling_rate, "high_pass")
    return np.array([[*one.b, *one.a] for one in filters])


def _power(lufs: float) -> float:
    return float(10 ** ((lufs - OFFSET_LU) / 10))
