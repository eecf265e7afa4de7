"""Recordings of a place: voiced bursts in noise, claps in rooms, as files."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import soundfile

RATE = 16000


def bursts(seconds: float = 4.0, *, noise: float = 1e-3, seed: int = 0, amplitude: float = 0.3, rate: int = RATE, every_s: float = 1.0) -> np.ndarray:
    """Half a second of voiced sound again and again, in white noise of an RMS: float64 of shape (num_samples,)."""
    t = np.arange(round(seconds * rate)) / rate
    # Harmonics of 150 Hz to nearly half the rate, at phases that keep the peaks low.
    voiced = sum(np.sin(2 * np.pi * 150 * k * t + k * k) / np.sqrt(k) for k in range(1, round(0.45 * rate / 150)))
    return amplitude / 3 * voiced * (t % every_s < 0.5) + noise * np.random.default_rng(seed).standard_normal(len(t))


def clap(rt60_s: float, *, noise_db: float = -60.0, rate: int = RATE, seed: int = 0) -> np.ndarray:
    """A click in a room that decays exponentially, half a second into a recording, with noise so far below its peak: float64 of shape (num_samples,)."""
    rng = np.random.default_rng(seed)
    length = round(2 * rt60_s * rate)
    tail = 0.1 * rng.standard_normal(length) * 10 ** (-3 * np.arange(length) / rt60_s / rate)
    tail[0] = 0.5
    sound = np.concatenate([np.zeros(rate // 2), tail, np.zeros(rate // 2)])
    return sound + 0.5 * 10 ** (noise_db / 20) * rng.standard_normal(len(sound))


def record(path: Path, samples: np.ndarray, rate: int = RATE, text: str | None = None, **format: Any) -> Path:
    """An audio file, with a transcript beside it where there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, samples, rate, **format)
    if text is not None:
        path.with_suffix(".txt").write_text(text)
    return path
