"""Mix: how loud speech and noise are where somebody speaks, and the gain that brings them to a ratio."""

from __future__ import annotations

import numpy as np

from speccraft.sound.frames import FRAME_S

ACTIVE_RANGE_DB = 30.0
"""Frames within this range of the loudest frame count as speech-active when SNR is set."""


def power(samples: np.ndarray) -> float:
    """Mean square of samples of shape (num_samples,), 0 of none; summed as float64, so that the order of summation changes no sample."""
    return float(np.einsum("i,i->", samples, samples, dtype=np.float64)) / len(samples) if len(samples) else 0.0


def active_frames(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Mask of the 30 ms frames within 30 dB of the loudest one: bool of shape (num_frames,); the last frame may be shorter."""
    energy = _energy(samples, sampling_rate)
    return (energy > 0) & (energy >= energy.max(initial=0.0) * 10 ** (-ACTIVE_RANGE_DB / 10))


def active_power(samples: np.ndarray, active: np.ndarray, sampling_rate: int) -> float:
    """Mean square over active frames, 0 without any.

    Args:
        active: mask as of `active_frames`, perhaps of another signal of the same length.
    """
    length = _frame_length(sampling_rate)
    sizes = np.full(len(active), length)
    sizes[-1:] = len(samples) - length * (len(active) - 1)
    return float(_energy(samples, sampling_rate)[active].sum()) / max(int(sizes[active].sum()), 1)


def gain_to(speech_power: float, noise_power: float, snr_db: float) -> float:
    """Factor on noise after which speech is `snr_db` above it, 0 where one of them is silent."""
    return float(np.sqrt(speech_power / noise_power / 10 ** (snr_db / 10))) if speech_power > 0 and noise_power > 0 else 0.0


def decibels(ratio: float) -> float | None:
    """A ratio of powers in dB, None where there is nothing to compare."""
    return float(10 * np.log10(ratio)) if 0 < ratio < np.inf else None


def stretch(noise: np.ndarray, start: int, num_samples: int) -> np.ndarray:
    """A stretch of a noise clip; the clip repeats when it is too short."""
    start %= len(noise)
    if start + num_samples <= len(noise):
        return noise[start : start + num_samples]
    return np.take(noise, np.arange(start, start + num_samples), mode="wrap")


def clipped(samples: np.ndarray, share: float) -> np.ndarray:
    """Samples of which the loudest share is cut off at the height of the quietest among them; silence stays."""
    count = round(share * len(samples))
    if not count:
        return samples
    highest = float(np.partition(np.abs(samples), -count)[-count])
    return np.clip(samples, -highest, highest) if highest else samples


def _frame_length(sampling_rate: int) -> int:
    return round(FRAME_S * sampling_rate)


def _energy(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Sum of squares of each frame: float64 of shape (num_frames,)."""
    length = _frame_length(sampling_rate)
    whole = len(samples) // length
    frames = samples[: whole * length].reshape(whole, length)
    energy = np.einsum("ij,ij->i", frames, frames, dtype=np.float64)
    rest = samples[whole * length :]
    return np.append(energy, power(rest) * len(rest)) if len(rest) else energy
