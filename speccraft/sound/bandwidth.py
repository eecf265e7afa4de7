"""Find the highest frequency that carries signal: narrowband sound in a wideband file, and where an encoder cut it off."""

from __future__ import annotations

import numpy as np

from speccraft.sound.frames import FRAME_S

MOST_APART_S = 0.256
ENOUGH_BLOCKS, MOST_BLOCKS = 80, 4096
"""Blocks of 32 ms that are looked at: of a long stretch four a second, of a short one more, so that there are 80 where there is room for them."""
FEWEST_BLOCKS = 4
BINS_PER_BAND = 3
LOWEST_CLIFF_HZ = 1500.0
"""Below, vowels fall as steeply as filters do."""
RANGE_DB = 70.0
"""What is farther below the strongest band is residue: of filters, of codecs, of rounding."""
LEVEL_BANDS, TRANSITION_BANDS = 4, 3
"""A cliff falls within this many bands of 94 Hz from the mean of those below it, and nothing above it comes up again."""
CLIFF_DB = 15.0
EDGE_DB, NOTHING_DB = 4.0, 1.5
"""Speech above its noise may end where the noise does not: it falls by 4 dB, to nothing."""
FALLEN_DB = 10.0
QUANTISATION = 1 / 12
"""Density of the rounding noise of integers."""


def bandwidth_hz(samples: np.ndarray, sampling_rate: int, speech: np.ndarray) -> float:
    """Highest frequency that carries signal, in Hz, up to half the sampling rate.

    It is read from the long-term spectrum of the speech, in bands of 94 Hz: the foot of the deepest cliff, at least 15 dB within 300 Hz, above which all
    stays low; if there is none, where speech ends above the noise of its quietest quarter, if it ends as suddenly; else the highest band within 70 dB of
    the strongest, which for speech in any noise is half the sampling rate. Slow fading is therefore never taken for a limit, and a limit below 1.5 kHz is not
    found. Noise that was added behind the limit hides it where speech does not stand out of it.

    Args:
        samples: int16 of shape (num_samples,).
        speech: bool of shape (num_frames,), one per 30 ms; without any, all of the sound is looked at.

    NaN below 0.08 s and for digital silence.
    """
    power, middles_s, band_hz = _bands(samples, sampling_rate)
    if len(power) < FEWEST_BLOCKS:
        return np.nan
    spoken = speech[np.minimum((middles_s / FRAME_S).astype(np.int64), len(speech) - 1)]
    sound = power[spoken].mean(axis=0) if spoken.any() else power.mean(axis=0)
    quietest = power[np.argsort(power.sum(axis=1), kind="stable")[: max(FEWEST_BLOCKS, len(power) // 4)]].mean(axis=0)
    level = _decibel(sound)
    floor = max(float(level.max()) - RANGE_DB, float(_decibel(np.zeros(1))[0]) + NOTHING_DB)
    top = _foot(np.maximum(level, floor), band_hz, CLIFF_DB, np.inf)
    if top is None:
        above_noise = np.maximum(_decibel(_smoothed(sound, 2)) - _decibel(_smoothed(quietest, 2)), 0)
        top = _foot(np.where(level > floor, above_noise, 0.0), band_hz, EDGE_DB, NOTHING_DB)
    if top is None:
        heard = np.flatnonzero(level > floor)
        top = len(heard) and int(heard[-1]) + 1
    return round(min(top * band_hz, sampling_rate / 2), 1) if top else np.nan


def _bands(samples: np.ndarray, sampling_rate: int) -> tuple[np.ndarray, np.ndarray, float]:
    """Power density of blocks of 32 ms, (num_blocks, num_bands), in squared steps of 16 bits; the middles of the blocks in seconds; the width of a band."""
    length = 32 * max(1, round(sampling_rate / 1000))
    hop = max(length // 2, min(round(MOST_APART_S * sampling_rate), len(samples) // ENOUGH_BLOCKS), len(samples) // MOST_BLOCKS)
    band_hz = BINS_PER_BAND * sampling_rate / length
    count = length // 2 // BINS_PER_BAND
    if len(samples) < length:
        return np.zeros((0, count), np.float32), np.zeros(0), band_hz
    blocks = np.lib.stride_tricks.sliding_window_view(samples, length)[::hop].astype(np.float32)
    taper = np.hanning(length).astype(np.float32)
    spectrum = np.fft.rfft((blocks - blocks.mean(axis=1, keepdims=True)) * taper, axis=1)[:, : count * BINS_PER_BAND]
    density = (spectrum.real**2 + spectrum.imag**2) / np.sum(taper**2)
    middles_s = (np.arange(len(blocks)) * hop + length / 2) / sampling_rate
    return density.reshape(len(blocks), count, BINS_PER_BAND).mean(axis=2), middles_s, band_hz


def _foot(level: np.ndarray, band_hz: float, least_db: float, most_above_db: float) -> int | None:
    """Number of bands up to the foot of the deepest cliff: where the level has fallen by 10 dB, or half the cliff; None without a cliff."""
    first = max(LEVEL_BANDS, int(LOWEST_CLIFF_HZ / band_hz))
    at = np.arange(first, len(level) - TRANSITION_BANDS)
    if not len(at):
        return None
    below = np.convolve(level, np.full(LEVEL_BANDS, 1 / LEVEL_BANDS), "valid")[at - LEVEL_BANDS]
    above = np.maximum.accumulate(_smoothed(level, 1)[::-1])[::-1][at + TRANSITION_BANDS]
    depth = np.where(above <= most_above_db, below - above, -np.inf)
    deepest = int(depth.argmax())
    if depth[deepest] < least_db:
        return None
    threshold = max((below[deepest] + above[deepest]) / 2, below[deepest] - FALLEN_DB)
    return int(np.flatnonzero(level[: at[deepest] + TRANSITION_BANDS + 1] > threshold)[-1]) + 1


def _smoothed(values: np.ndarray, reach: int) -> np.ndarray:
    """Mean of each value and its neighbours."""
    return np.convolve(np.pad(values, reach, mode="edge"), np.full(2 * reach + 1, 1 / (2 * reach + 1)), "valid")


def _decibel(density: np.ndarray) -> np.ndarray:
    return 10 * np.log10(density + QUANTISATION)
