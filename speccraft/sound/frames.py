"""Cut a waveform into 30 ms frames once; every cheap measure of any segment is a slice of this table."""

from __future__ import annotations

from dataclasses import dataclass
from functools import cached_property

import numpy as np

FRAME_S = 0.03
FULL_SCALE = 32767
"""Samples at or beyond this magnitude count as clipped (16 bit)."""
HOLE_S = (0.01, 0.1)
"""Length of a hole: exact zeros between sounds, too many to be a crossing of the axis and too few to be a pause."""
FRAMES_AT_ONCE = 1024
"""Frames worked on together (30 s): what is made of them stays in the processor's cache."""


@dataclass(frozen=True)
class Frames:
    """Per 30 ms frame of int16 samples: their sum of squares about their mean, sum, peak magnitude, how many are at full scale and zero, and how many holes
    begin there; all int64.

    The last frame may be shorter than the others; `num_samples` is the length of the waveform.
    """

    length: int
    num_samples: int
    energy: np.ndarray
    total: np.ndarray
    peak: np.ndarray
    clipped: np.ndarray
    zeros: np.ndarray
    holes: np.ndarray

    @cached_property
    def sizes(self) -> np.ndarray:
        """Samples in each frame."""
        return _sizes(len(self.energy), self.length, self.num_samples)

    @cached_property
    def offset(self) -> float:
        """Mean of the samples."""
        return int(self.total.sum()) / max(1, self.num_samples)

    @cached_property
    def power(self) -> np.ndarray:
        """Mean power of each frame about its mean, full scale is 1."""
        return self.energy / self.sizes / 32768.0**2


def frame_length(sampling_rate: int) -> int:
    """Samples in a frame of 30 ms."""
    return round(FRAME_S * sampling_rate)


def frames_of(samples: np.ndarray, sampling_rate: int) -> Frames:
    """The frame table of int16 samples of shape (num_samples,)."""
    length = frame_length(sampling_rate)
    count = -(-len(samples) // length)
    energy, total, peak, clipped, zeros = np.zeros((5, count), np.int64)
    for start in range(0, count, FRAMES_AT_ONCE):
        block = framed(samples[start * length : (start + FRAMES_AT_ONCE) * length], length)
        here = slice(start, start + len(block))
        energy[here] = np.einsum("ij,ij->i", block, block, dtype=np.int64)
        total[here] = block.sum(axis=1, dtype=np.int64)
        peak[here] = np.maximum(block.max(axis=1).astype(np.int64), -block.min(axis=1).astype(np.int64))
        zeros[here] = length - np.count_nonzero(block, axis=1)
        loud = start + np.flatnonzero(peak[here] >= FULL_SCALE)
        clipped[loud] = np.count_nonzero(np.abs(block[loud - start].astype(np.int32)) >= FULL_SCALE, axis=1)
    # The last frame is filled up with zeros that are no samples.
    zeros[-1:] -= -len(samples) % length
    # A constant offset is neither speech nor noise.
    energy -= total**2 // _sizes(count, length, len(samples))
    return Frames(length, len(samples), energy, total, peak, clipped, zeros, _holes(samples, sampling_rate))


def _holes(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    """How many holes begin in each frame; only where every tenth of a hole's length is zero are all samples looked at."""
    length, (shortest, longest) = frame_length(sampling_rate), (round(bound * sampling_rate) for bound in HOLE_S)
    found = np.zeros(-(-len(samples) // length), np.int64)
    step = shortest // 10
    silent = samples[::step] == 0
    for reach in (1, 2, 4):
        silent = silent[:-reach] & silent[reach:]
    # Now each tells of eight in a row, two fewer than lie in any hole.
    edges = np.flatnonzero(np.diff(np.concatenate([[False], silent, [False]])))
    for first, behind in edges.reshape(-1, 2):
        start, end = max(0, first - 1) * step, (behind + 7) * step
        sounding = start + np.flatnonzero(samples[start : end + 1])
        pauses = np.diff(sounding) - 1
        np.add.at(found, (sounding[:-1][(pauses >= shortest) & (pauses <= longest)] + 1) // length, 1)
    return found


def _sizes(count: int, length: int, num_samples: int) -> np.ndarray:
    """Samples in each of the frames of a waveform."""
    sizes = np.full(count, length)
    sizes[-1:] = num_samples - length * (count - 1)
    return sizes


def framed(samples: np.ndarray, length: int) -> np.ndarray:
    """Samples as (num_frames, length), zeros behind the last."""
    return (np.pad(samples, (0, -len(samples) % length)) if len(samples) % length else samples).reshape(-1, length)
