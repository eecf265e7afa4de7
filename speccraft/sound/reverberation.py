"""Estimate how long a room rings from the speech in it, without its impulse response: how steeply sound can fade there."""

from __future__ import annotations

import numpy as np

from speccraft.sound.frames import FRAME_S

WINDOW_S = 0.032
LOWEST_HZ, HIGHEST_HZ = 250.0, 3400.0
"""What every channel down to the telephone passes."""
BANDS_PER_OCTAVE = 3
FADE_WINDOWS = 14
"""Half windows that a fade is followed over: 0.22 s."""
ABOVE_FLOOR_DB = 20.0
"""A fade starts this far above the quietest twentieth of its band: what starts lower ends in noise, and looks slower than it is."""
STEEPEST_PERCENTILE = 95.0
FEWEST_FADES = 50
WINDOWS_AT_ONCE = 128
"""More do not stay in the cache: three times the time."""

CALIBRATION = (
    (47.7, 2.356),
    (55.4, 2.036),
    (67.7, 1.427),
    (84.7, 0.988),
    (108.8, 0.593),
    (139.7, 0.357),
    (167.2, 0.228),
    (191.5, 0.165),
    (207.7, 0.144),
    (244.2, 0.126),
)
"""Fades in dB/s and the reverberation times in seconds that they mean, on read English in simulated rooms: `python -m benchmarks.measures --calibrate`."""


def reverberation_s(samples: np.ndarray, sampling_rate: int, speech: np.ndarray) -> float:
    """Reverberation time T60 in seconds, estimated blindly from speech; 0.13 to 2.36, what is beyond reads as the nearer of them.

    In each third of an octave from 250 to 3400 Hz a straight line is put through the level of every 0.22 s that begin in speech, 20 dB above the quietest
    twentieth of the band. Nothing fades faster than the room lets it, so the steepest twentieth of all that falls tells the room. That decay rates of speech
    tell the room is from Wen, Habets and Naylor, Blind estimation of reverberation time based on the distribution of signal decay rates (ICASSP 2008); which
    of them do, and what they mean in seconds, was chosen here on read English, mostly in simulated rooms.

    It is one number for all frequencies, and ranks sounds better than it measures one: docs/measures.md has its error. Rooms below 0.3 s are hardly told
    apart, because speech fades no faster by itself; what dies away slowly in the recording (music, a voice that sings) passes for a room.

    Args:
        samples: int16 of shape (num_samples,).
        speech: bool of shape (num_frames,), one per 30 ms.

    Returns:
        Seconds, rounded to milliseconds. NaN where fewer than 50 such fades are: in much less than 1 s, without speech, in noise near the level of speech.
    """
    fades, seconds = np.log(CALIBRATION).T
    fade = steepest_fade_db_per_s(samples, sampling_rate, speech)
    return round(float(np.exp(np.interp(np.log(fade), fades, seconds))), 3)


def steepest_fade_db_per_s(samples: np.ndarray, sampling_rate: int, speech: np.ndarray) -> float:
    """What `reverberation_s` goes by: the 95th percentile of how fast bands fade after speech; NaN where there are fewer than 50 such fades."""
    levels, hop_s = _levels_db(samples, sampling_rate)
    count = len(levels) - FADE_WINDOWS + 1
    if count < 1 or not speech.any():
        return np.nan
    rate = _fades_db_per_s(levels, hop_s)
    middles = (np.arange(count) + 1) * hop_s
    from_speech = speech[np.minimum((middles / FRAME_S).astype(np.int64), len(speech) - 1)]
    loud = levels[:count] > np.percentile(levels, 5, axis=0) + ABOVE_FLOOR_DB
    falling = rate[loud & from_speech[:, None] & (rate > 0)]
    return float(np.percentile(falling, STEEPEST_PERCENTILE)) if len(falling) >= FEWEST_FADES else np.nan


def _levels_db(samples: np.ndarray, sampling_rate: int) -> tuple[np.ndarray, float]:
    """Level of each band in windows of 32 ms that overlap by half, float32 of shape (num_windows, num_bands); and seconds from one to the next."""
    # numpy's transform of single precision takes four to eight times as long.
    from scipy.fft import rfft

    length = 64 * round(WINDOW_S / 64 * sampling_rate)
    hop = length // 2
    if length == 0 or len(samples) < length:
        return np.zeros((0, 1), np.float32), WINDOW_S / 2
    windows = np.lib.stride_tricks.sliding_window_view(samples, length)[::hop]
    taper = np.hanning(length).astype(np.float32)
    octaves = np.log2(min(HIGHEST_HZ, 0.45 * sampling_rate) / LOWEST_HZ)
    edges = LOWEST_HZ * 2 ** (np.arange(int(octaves * BANDS_PER_OCTAVE) + 1) / BANDS_PER_OCTAVE)
    bins = np.unique(np.round(edges * length / sampling_rate).astype(np.int64))
    # Quantisation noise of 16 bits: digital silence is no steeper a fade than that.
    rounding = float((taper**2).sum()) / 12 * np.diff(bins)
    levels, offset = np.empty((len(windows), len(bins) - 1), np.float32), np.float32(samples.mean())
    for start in range(0, len(windows), WINDOWS_AT_ONCE):
        spectrum = rfft((windows[start : start + WINDOWS_AT_ONCE] - offset) * taper, axis=1)[:, : bins[-1]]
        power = np.add.reduceat(spectrum.real**2 + spectrum.imag**2, bins[:-1], axis=1)
        levels[start : start + WINDOWS_AT_ONCE] = 10 * np.log10(power + rounding)
    return levels, hop / sampling_rate


def _fades_db_per_s(levels: np.ndarray, hop_s: float) -> np.ndarray:
    """How fast the level falls over each `FADE_WINDOWS` windows: the least-squares slope, turned round, of shape (num_windows - 13, num_bands)."""
    steps = np.arange(FADE_WINDOWS) - (FADE_WINDOWS - 1) / 2
    count = len(levels) - FADE_WINDOWS + 1
    slope = np.zeros((count, levels.shape[1]))
    for at, step in enumerate(steps):
        slope -= step * levels[at : at + count]
    return slope / (steps**2).sum() / hop_s
