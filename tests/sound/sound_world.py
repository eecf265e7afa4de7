"""Signals in three lines each: tones, noise, bursts of speech-like sound, and one espeak sentence with a pause."""

from __future__ import annotations

import functools
import io
from pathlib import Path

import numpy as np
import soundfile
import soxr

from speccraft.sound.decode import to_int16
from speccraft.sound.espeak import speak


def tone(frequency: float, seconds: float, sampling_rate: int = 16000, amplitude: float = 0.5) -> np.ndarray:
    """A sine: float32 of shape (num_samples,)."""
    t = np.arange(round(seconds * sampling_rate)) / sampling_rate
    return (amplitude * np.sin(2 * np.pi * frequency * t)).astype(np.float32)


def white(num_samples: int, seed: int = 0, rms: float = 0.1) -> np.ndarray:
    """White noise: float32 of shape (num_samples,)."""
    return (rms * np.random.default_rng(seed).standard_normal(num_samples)).astype(np.float32)


def encoded(samples: np.ndarray, sampling_rate: int = 16000, format: str = "WAV", subtype: str | None = None) -> bytes:
    """The bytes of an audio file."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sampling_rate, format=format, subtype=subtype)
    return buffer.getvalue()


def written(path: Path, content: bytes) -> Path:
    """A file with this content."""
    path.write_bytes(content)
    return path


@functools.cache
def _spoken(sampling_rate: int) -> tuple[np.ndarray, tuple[tuple[int, int], ...]]:
    words = [speak(text, voice="en-us", words_per_minute=160, pitch=50) for text in ("which platform please", "buy a day ticket")]
    parts = [soxr.resample(samples / np.float32(32768), rate, sampling_rate) for samples, rate in words]
    gap = np.zeros(sampling_rate, np.float32)
    signal = np.concatenate([gap, parts[0], gap, parts[1], gap])
    second = 2 * sampling_rate + len(parts[0])
    spans = ((sampling_rate, sampling_rate + len(parts[0])), (second, second + len(parts[1])))
    return signal + white(len(signal), seed=1, rms=1e-4), spans


def two_sentences(sampling_rate: int = 16000, gain: float = 1.0) -> tuple[np.ndarray, tuple[tuple[int, int], ...]]:
    """Two espeak sentences a second apart in faint noise: int16 samples, and the sample ranges they were put at."""
    signal, spans = _spoken(sampling_rate)
    return to_int16(signal * np.float32(gain)), spans


def level_db(samples: np.ndarray) -> float:
    """Root mean square in dB relative to full scale."""
    return float(10 * np.log10(np.mean(samples.astype(np.float64) ** 2) + 1e-20))


def band_db(samples: np.ndarray, sampling_rate: int, low: float, high: float) -> float:
    """Energy between two frequencies in dB."""
    spectrum = np.abs(np.fft.rfft(samples.astype(np.float64) * np.hanning(len(samples)))) ** 2
    frequency = np.fft.rfftfreq(len(samples), 1 / sampling_rate)
    return float(10 * np.log10(spectrum[(frequency >= low) & (frequency < high)].sum() + 1e-20))
