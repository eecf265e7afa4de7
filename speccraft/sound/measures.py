"""Measure stretches of a waveform: level, peak, clipping, silence and pauses, signal-to-noise ratio.

Each measure reads the 30 ms frame table of the whole recording and the mask of its speech frames, for all stretches at once; none touches
samples again. Sums are of whole numbers, so that no machine and no order of summation changes a digit. What is uncertain about a measure
is told in docs/measures.md.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np

from speccraft.sound.frames import FRAME_S, Frames

FULL_POWER = 32768.0**2
"""Power of a full-scale sample."""
QUANTISATION_POWER = FULL_POWER * 2.0**-30 / 12
"""Power of 16-bit quantisation noise: no noise floor is taken to be lower."""
FEWEST_NOISE_FRAMES = 3
QUIETEST = 4
"""A quarter of the frames tells the noise as well: in noise near the level of speech a detector hears speech everywhere."""
LOWEST = 20
"""What one frame in twenty stays below is the floor that a quarter has to be even with."""
EVEN_POWER_RATIO = 10**0.5
"""A quarter whose median is more than 5 dB above the floor is soft speech, as in a clean clip that is speech from end to end. With 3 dB, noise in one-second
words is not believed (median error 1.3 dB for 0.5 at 10 dB); with 8 dB, soft speech is (3.5 dB too low in one word of twenty at 30 dB)."""
SOFT_SPEECH = 20
"""One frame in twenty that hold no speech may hold some: the loudest are left out, because soft ends of words are far above a low noise."""


@dataclass(frozen=True)
class Stretches:
    """Samples [start, end) of a recording, many of them, with the recording's frame table and speech mask (bool, one per frame).

    `starts` and `ends` are int64 of shape (num_stretches,).
    """

    starts: np.ndarray
    ends: np.ndarray
    sampling_rate: int
    frames: Frames
    speech: np.ndarray

    @classmethod
    def of(cls, bounds: Sequence[tuple[int, int]], sampling_rate: int, frames: Frames, speech: np.ndarray) -> Stretches:
        """From (start, end) pairs."""
        table = np.array(bounds, np.int64).reshape(-1, 2)
        return cls(table[:, 0], table[:, 1], sampling_rate, frames, speech)

    @cached_property
    def first(self) -> np.ndarray:
        """The first frame that each stretch touches."""
        return self.starts // self.frames.length

    @cached_property
    def behind(self) -> np.ndarray:
        """The frame behind the last that each stretch touches."""
        return -(-self.ends // self.frames.length)

    @cached_property
    def active(self) -> np.ndarray:
        """Indices of the recording's speech frames, in order."""
        return np.flatnonzero(self.speech)

    @cached_property
    def active_range(self) -> tuple[np.ndarray, np.ndarray]:
        """For each stretch, where its speech frames begin and end in `active`."""
        return np.searchsorted(self.active, self.first), np.searchsorted(self.active, self.behind)

    @cached_property
    def active_power(self) -> np.ndarray:
        """Mean power of the speech frames of each stretch, NaN without any."""
        frames, (start, end) = self.frames, self.active_range
        return _ratio(_between(frames.energy[self.active], start, end), _between(frames.sizes[self.active], start, end))

    @cached_property
    def noise_power(self) -> float:
        """Mean power of the recording's frames without speech but for the loudest twentieth, or the median of its quietest quarter if that is higher and even.

        Where neither tells, the power that one frame in twenty stays below. At least that of 16-bit quantisation; NaN where both are fewer than three frames.
        """
        power = self.frames.energy / self.frames.sizes
        order = np.argsort(power, kind="stable")
        quarter, silent = order[: -(-len(order) // QUIETEST)], order[~self.speech[order]]
        silent = silent[: len(silent) - len(silent) // SOFT_SPEECH]
        if max(len(quarter), len(silent)) < FEWEST_NOISE_FRAMES:
            return np.nan
        mean = float(self.frames.energy[silent].sum() / self.frames.sizes[silent].sum()) if len(silent) >= FEWEST_NOISE_FRAMES else 0.0
        floor, median = max(float(power[order[len(order) // LOWEST]]), QUANTISATION_POWER), float(power[quarter[(len(quarter) - 1) // 2]])
        return max(mean, median if median <= EVEN_POWER_RATIO * floor else 0.0, QUANTISATION_POWER if mean else floor)

    def total(self, per_frame: np.ndarray) -> np.ndarray:
        """Sums of a column of the frame table over each stretch."""
        return _between(per_frame, self.first, self.behind)

    def highest(self, per_frame: np.ndarray) -> np.ndarray:
        """Highest value of a column of the frame table in each stretch, 0 in an empty one."""
        return _highest(per_frame, self.first, self.behind)


def duration_s(stretches: Stretches) -> np.ndarray:
    """Length in seconds, exact."""
    return (stretches.ends - stretches.starts) / stretches.sampling_rate


def level_dbfs(stretches: Stretches) -> np.ndarray:
    """Root mean square of the speech frames, in dB relative to full scale (a full-scale sine is -3.01); NaN without speech or for digital silence.

    As far from the truth as the detector is from the speech: a frame too many of silence among ten lowers it by 0.4 dB.
    """
    return _decibel(stretches.active_power / FULL_POWER)


def peak_dbfs(stretches: Stretches) -> np.ndarray:
    """Highest sample magnitude, in dB relative to full scale, exact (not the true peak between samples); NaN for digital silence."""
    return _decibel(stretches.highest(stretches.frames.peak) ** 2.0 / FULL_POWER)


def clipped_fraction(stretches: Stretches) -> np.ndarray:
    """Share of samples at full scale, 0 to 1, exact. Clipping that was turned down afterwards, or below full scale, is not seen.

    Resampling hides about half of it: builds and `speccraft measure` count what was decoded, and share it out over a recording as what is left of it.
    """
    return _share(stretches.total(stretches.frames.clipped), stretches)


def dc_offset(stretches: Stretches) -> np.ndarray:
    """Mean of the samples relative to full scale, -1 to 1, exact; a healthy recording lies within 0.001."""
    return _share(stretches.total(stretches.frames.total), stretches) / 32768.0


def zero_fraction(stretches: Stretches) -> np.ndarray:
    """Share of samples that are exactly zero, 0 to 1, exact. Microphones do not give zeros; gates, dropouts and synthesis do."""
    return _share(stretches.total(stretches.frames.zeros), stretches)


def dropouts(stretches: Stretches) -> np.ndarray:
    """Number of dropouts: 10 to 100 ms of exact zeros between sounds that begin in a speech frame; exact but for what the detector takes for speech.

    Lost packets and buffers that ran dry leave them; so do gates and synthesis, within words.
    """
    return stretches.total(np.where(stretches.speech, stretches.frames.holes, 0)).astype(np.float64)


def speech_share(stretches: Stretches) -> np.ndarray:
    """Share of 30 ms frames that the detector takes for speech, 0 to 1."""
    start, end = stretches.active_range
    return np.nan_to_num(_ratio(end - start, stretches.behind - stretches.first))


def leading_silence_s(stretches: Stretches) -> np.ndarray:
    """Seconds before the first speech frame, in steps of 30 ms; NaN without speech."""
    start, end = stretches.active_range
    found = np.append(stretches.active, 0)[start] - stretches.first
    return np.where(end > start, found * FRAME_S, np.nan)


def trailing_silence_s(stretches: Stretches) -> np.ndarray:
    """Seconds behind the last speech frame, in steps of 30 ms; NaN without speech."""
    start, end = stretches.active_range
    found = stretches.behind - 1 - np.append(stretches.active, 0)[end - 1]
    return np.where(end > start, found * FRAME_S, np.nan)


def pauses(stretches: Stretches) -> np.ndarray:
    """Number of pauses: runs of frames without speech between speech."""
    start, end = stretches.active_range
    jumps = np.append(np.diff(stretches.active) > 1, False).astype(np.int64)
    return np.where(end > start, _between(jumps, start, np.maximum(end - 1, start)), 0).astype(np.float64)


def longest_pause_s(stretches: Stretches) -> np.ndarray:
    """Seconds of the longest pause, in steps of 30 ms; 0 without a pause."""
    start, end = stretches.active_range
    gaps = np.append(np.diff(stretches.active) - 1, 0)
    return _highest(gaps, start, np.maximum(end - 1, start)) * FRAME_S


def snr_db(stretches: Stretches) -> np.ndarray:
    """Signal-to-noise ratio over speech frames, in dB; meant for -5 to 40.

    (P_active - P_noise) / P_noise, where P_noise is the mean power of the recording's frames without speech, but for the loudest twentieth of them, or
    the median power of the quietest quarter of all its frames if that is higher, and even (within 5 dB of what one frame in twenty stays below); where neither
    tells, what one frame in twenty stays below; never below 16-bit quantisation noise. Noise that comes and goes (barks, cries, ticks) and is taken for speech
    by the detector is no noise to it: it reads too high. In one clean word without a pause, nothing tells soft speech from noise: it can read 12 dB.
    NaN without speech, below 0.27 s, and where nothing rises above the noise.
    """
    return _decibel((stretches.active_power - stretches.noise_power) / stretches.noise_power)


MEASURES: Mapping[str, Callable[[Stretches], np.ndarray]] = {
    "duration_s": duration_s,
    "level_dbfs": level_dbfs,
    "peak_dbfs": peak_dbfs,
    "clipped_fraction": clipped_fraction,
    "dc_offset": dc_offset,
    "zero_fraction": zero_fraction,
    "dropouts": dropouts,
    "speech_share": speech_share,
    "leading_silence_s": leading_silence_s,
    "trailing_silence_s": trailing_silence_s,
    "pauses": pauses,
    "longest_pause_s": longest_pause_s,
    "snr_db": snr_db,
}
"""Every measure of a stretch by name; each gives float64 of shape (num_stretches,). A new one is a function and an entry."""


def measure(stretches: Stretches) -> list[dict[str, float | None]]:
    """All measures of each stretch, rounded to six decimals; None where one cannot be taken."""
    columns = [np.round(function(stretches).astype(np.float64), 6).tolist() for function in MEASURES.values()]
    return [{name: None if value != value else value for name, value in zip(MEASURES, row, strict=True)} for row in zip(*columns, strict=True)]


def _between(values: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """Sums of values[start:end]."""
    summed = np.concatenate([[0], np.cumsum(values, dtype=np.int64)])
    return np.asarray(summed[end] - summed[start])


def _highest(values: np.ndarray, start: np.ndarray, end: np.ndarray) -> np.ndarray:
    """The highest of values[start:end], 0 where that is nothing."""
    found = np.maximum.reduceat(np.append(values, 0), np.stack([start, end], axis=1).ravel())[::2]
    return np.where(end > start, found, 0)


def _share(count: np.ndarray, stretches: Stretches) -> np.ndarray:
    return count / np.maximum(1, stretches.ends - stretches.starts)


def _ratio(one: np.ndarray, other: np.ndarray) -> np.ndarray:
    """One over other, NaN where other is 0."""
    return np.divide(one, other, out=np.full(len(one), np.nan), where=np.asarray(other) != 0)


def _decibel(power: np.ndarray) -> np.ndarray:
    """Ten times the logarithm, NaN of what is not above 0."""
    return 10 * np.log10(power, out=np.full(len(power), np.nan), where=power > 0) if len(power) else power
