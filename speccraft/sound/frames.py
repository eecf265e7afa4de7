"""Cut a waveform into 30 ms frames once; every cheap measure of any segment is a slice of this table."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

FRAME_S = 0.03
FULL_SCALE = 32767
"""Samples at or beyond this magnitude count as clipped (16 bit)."""


@dataclass(frozen=True)
class Frames:
    """Per 30 ms frame of int16 samples: mean power (full scale is 1), peak magnitude and count of clipped samples.

    The last frame may be shorter than the others; `num_samples` is the length of the waveform.
    """

    length: int
    num_samples: int
    power: np.ndarray
    peak: np.ndarray
    clipped: np.ndarray

    def slice(self, start: int, end: int) -> slice:
        """The frames that samples [start, end) touch."""
        return slice(start // self.length, -(-end // self.length))


def frame_length(sampling_rate: int) -> int:
    """Samples in a frame of 30 ms."""
    return round(FRAME_S * sampling_rate)


def frames_of(samples: np.ndarray, sampling_rate: int) -> Frames:
    """The frame table of int16 samples of shape (num_samples,)."""
    length = frame_length(sampling_rate)
    padded = np.pad(samples, (0, -len(samples) % length)).reshape(-1, length)
    magnitude = np.abs(padded.astype(np.int32))
    sizes = np.full(len(padded), length)
    if len(samples) % length:
        sizes[-1] = len(samples) % length
    power = np.einsum("ij,ij->i", padded, padded, dtype=np.float64) / sizes / 32768.0**2
    return Frames(length, len(samples), power, magnitude.max(axis=1, initial=0), (magnitude >= FULL_SCALE).sum(axis=1))
