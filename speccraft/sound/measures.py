"""Measure one stretch of a waveform: level, peak, clipping, speech share, signal-to-noise ratio.

Each measure reads the 30 ms frame table of the whole recording and the mask of its speech frames; none touches samples again.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass

import numpy as np

from speccraft.sound.frames import Frames

QUANTISATION_POWER = 2.0**-30 / 12
"""Power of 16-bit quantisation noise (full scale 1): no noise floor is taken to be lower."""
FEWEST_NOISE_FRAMES = 3


@dataclass(frozen=True)
class Stretch:
    """Samples [start, end) of a recording, with the recording's frame table and speech mask (bool, one per frame)."""

    start: int
    end: int
    sampling_rate: int
    frames: Frames
    speech: np.ndarray

    @property
    def window(self) -> slice:
        """The frames that the stretch touches."""
        return self.frames.slice(self.start, self.end)


def duration_s(stretch: Stretch) -> float:
    """Length in seconds."""
    return (stretch.end - stretch.start) / stretch.sampling_rate


def level_dbfs(stretch: Stretch) -> float | None:
    """Root mean square of the speech-active frames, dB relative to full scale; None without speech or for digital silence."""
    power = stretch.frames.power[stretch.window][stretch.speech[stretch.window]]
    return _decibel(float(power.mean())) if len(power) else None


def peak_dbfs(stretch: Stretch) -> float | None:
    """Highest sample magnitude, dB relative to full scale; None for digital silence."""
    return _decibel((float(stretch.frames.peak[stretch.window].max(initial=0)) / 32768) ** 2)


def clipped_fraction(stretch: Stretch) -> float:
    """Share of samples at full scale, 0 to 1."""
    return float(stretch.frames.clipped[stretch.window].sum()) / max(1, stretch.end - stretch.start)


def speech_share(stretch: Stretch) -> float:
    """Share of 30 ms frames that hold speech, 0 to 1."""
    speech = stretch.speech[stretch.window]
    return float(speech.mean()) if len(speech) else 0.0


def snr_db(stretch: Stretch) -> float | None:
    """Signal-to-noise ratio over speech-active frames, in dB.

    (P_active - P_noise) / P_noise, where P_noise is the mean power of the recording's frames without speech, never below
    16-bit quantisation noise. None with fewer than three such frames (90 ms), without speech, or where noise is as loud as speech.
    """
    active = stretch.frames.power[stretch.window][stretch.speech[stretch.window]]
    noise = stretch.frames.power[~stretch.speech]
    if not len(active) or len(noise) < FEWEST_NOISE_FRAMES:
        return None
    noise_power = max(float(noise.mean()), QUANTISATION_POWER)
    return _decibel((float(active.mean()) - noise_power) / noise_power)


MEASURES: Mapping[str, Callable[[Stretch], float | None]] = {
    "duration_s": duration_s,
    "level_dbfs": level_dbfs,
    "peak_dbfs": peak_dbfs,
    "clipped_fraction": clipped_fraction,
    "speech_share": speech_share,
    "snr_db": snr_db,
}
"""Every measure of a stretch by name; a new one is a function and an entry."""


def measure(stretch: Stretch) -> dict[str, float | None]:
    """All measures of a stretch, rounded to six decimals."""
    return {name: None if (value := function(stretch)) is None else round(value, 6) for name, function in MEASURES.items()}


def _decibel(power: float) -> float | None:
    return float(10 * np.log10(power)) if power > 0 else None
