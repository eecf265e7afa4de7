"""Noise made of speech: babble of several people, and noise with the spectrum of speech."""

from __future__ import annotations

from collections.abc import Sequence

import numpy as np

from speccraft.sound.mix import active_frames, active_power, power

MADE_RMS = 0.05
"""Level that made noise is stored at, -26 dBFS: high over 16-bit steps, and far from clipping."""
FFT = 1024
"""Length of the windows that a long-term spectrum is averaged over."""


def levelled(speech: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Float32 speech with a root mean square of 1 over its active samples; silence stays."""
    loud = active_power(speech, active_frames(speech, sampling_rate), sampling_rate)
    return (speech / np.sqrt(loud)).astype(np.float32) if loud > 0 else speech


def babble(talkers: Sequence[Sequence[np.ndarray]], num_samples: int, sampling_rate: int) -> np.ndarray:
    """Several people at once, each as loud as the others and each saying one thing after another, from the beginning when there is no more.

    Args:
        talkers: for each, utterances as float32 of shape (num_samples,).

    Returns:
        float32 of shape (num_samples,).
    """
    together = np.zeros(num_samples, np.float32)
    for utterances in talkers:
        together += np.resize(np.concatenate([levelled(one, sampling_rate) for one in utterances]), num_samples)
    return _stored(together)


def long_term_spectrum(utterances: Sequence[np.ndarray], sampling_rate: int) -> np.ndarray:
    """Mean power spectrum of speech, every utterance at the same level and for as long as it lasts: float64 of shape (513,)."""
    window = np.hanning(FFT)
    total = np.zeros(FFT // 2 + 1)
    for utterance in utterances:
        samples = np.pad(levelled(utterance, sampling_rate), (0, max(0, FFT - len(utterance))))
        frames = np.lib.stride_tricks.sliding_window_view(samples, FFT)[:: FFT // 2]
        total += (np.abs(np.fft.rfft(frames * window, axis=1)) ** 2).sum(axis=0)
    return total


def speech_shaped(spectrum: np.ndarray, num_samples: int, rng: np.random.Generator) -> np.ndarray:
    """Steady noise with a power spectrum: white Gaussian noise, filtered in one piece.

    Args:
        spectrum: power at evenly spaced frequencies from 0 to half the sampling rate.

    Returns:
        float32 of shape (num_samples,).
    """
    white = np.fft.rfft(rng.standard_normal(num_samples))
    at = np.linspace(0, len(spectrum) - 1, len(white))
    return _stored(np.fft.irfft(white * np.sqrt(np.interp(at, np.arange(len(spectrum)), spectrum)), num_samples))


def _stored(noise: np.ndarray) -> np.ndarray:
    loud = power(noise)
    scaled = noise * (MADE_RMS / np.sqrt(loud)) if loud > 0 else noise
    return np.clip(scaled, -0.99, 0.99).astype(np.float32)
