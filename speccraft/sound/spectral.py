"""Measures that look at the samples again, taken where a scenario names them: loudness, bandwidth, reverberation, fundamental frequency."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping

import numpy as np

from speccraft.sound.bandwidth import bandwidth_hz
from speccraft.sound.loudness import loudness_lufs
from speccraft.sound.pitch import f0_median_hz, f0_range_semitones, pitch
from speccraft.sound.reverberation import reverberation_s

SPECTRAL: Mapping[str, Callable[[np.ndarray, int, np.ndarray], float]] = {
    "loudness_lufs": loudness_lufs,
    "bandwidth_hz": bandwidth_hz,
    "reverberation_s": reverberation_s,
    "f0_median_hz": f0_median_hz,
    "f0_range_semitones": f0_range_semitones,
}
"""Every spectral measure by name: of int16 samples, their rate in Hz and which 30 ms frames hold speech, it gives a number, NaN where it cannot be taken."""
PITCH = ("f0_median_hz", "f0_range_semitones")
"""Two that are found together, for the price of one."""


def spectral(names: Iterable[str], samples: np.ndarray, sampling_rate: int, speech: np.ndarray) -> dict[str, float | None]:
    """The named measures of a stretch of a waveform, rounded to six decimals; None where one cannot be taken.

    Args:
        samples: int16 of shape (num_samples,).
        speech: bool of shape (num_frames,), one for each 30 ms.
    """
    wanted = list(names)
    found = dict(zip(PITCH, pitch(samples, sampling_rate, speech), strict=True)) if set(PITCH) & set(wanted) else {}
    values = {name: found[name] if name in PITCH else SPECTRAL[name](samples, sampling_rate, speech) for name in wanted}
    return {name: round(value, 6) if np.isfinite(value) else None for name, value in values.items()}
