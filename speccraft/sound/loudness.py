"""Measure loudness as broadcasters do: ITU-R BS.1770-4, K-weighted and gated."""

from __future__ import annotations

import numpy as np

BLOCK_S, HOP_S = 0.4, 0.1
"""A gating block, and how far each begins behind the one before."""


def loudness_lufs(samples: np.ndarray, sampling_rate: int, speech: np.ndarray) -> float:
    """Integrated loudness in LUFS: of mono samples, a sine of 997 Hz at full scale is -3.01.

    Args:
        samples: int16 of shape (num_samples,).
        speech: not looked at; the standard has gates of its own, at -70 LUFS and at 10 LU below what lies above that.

    NaN below 0.4 s, for which the standard has no loudness (`level_dbfs` has a level), and where nothing lies above the gates. An incomplete last block is
    left out, as the standard says. Against the standard's own filter, at 48 kHz, real speech reads 0.04 LU low; at most 0.06 off at 16 kHz and 0.18 at 8 kHz.
    """
    import pyloudnorm

    hop, block = round(HOP_S * sampling_rate), round(BLOCK_S * sampling_rate)
    if len(samples) < block:
        return np.nan
    whole = samples[: len(samples) - (len(samples) - block) % hop]
    meter = pyloudnorm.Meter(sampling_rate, block_size=BLOCK_S)
    found = float(meter.integrated_loudness(whole / 32768.0))
    return found if np.isfinite(found) else np.nan
