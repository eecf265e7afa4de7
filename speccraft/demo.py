"""What the demo starts from: a scenario of synthetic voices, and a metro platform made of noise and simulated rooms."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import numpy as np

from speccraft import store
from speccraft.resources import PACKAGE
from speccraft.sound.place import generator_for
from speccraft.sound.rooms import simulate_room
from speccraft.sound.shards import encode_flac

SAMPLING_RATE = 16000
NOISE_S = 8.0
ROOM_RT60_S = (0.3, 0.45, 0.6, 0.75)


def write_demo(folder: Path) -> Path:
    """Write the demo's scenario and its noise and room recordings, where they are not there yet; return the scenario's path."""
    files = {"scenario.yaml": (PACKAGE / "demo_scenario.yaml").read_bytes()}
    files |= {f"noise/{name}.flac": _flac(make(_rng(name))) for name, make in NOISES.items()}
    files |= {f"rooms/hall-{rt60_s:g}s.flac": _flac(0.99 * simulate_room(rt60_s, SAMPLING_RATE, _rng(str(rt60_s)))) for rt60_s in ROOM_RT60_S}
    for name, content in files.items():
        if not (folder / name).exists():
            store.write_bytes(folder / name, content)
    return folder / "scenario.yaml"


def hum(rng: np.random.Generator) -> np.ndarray:
    """A ventilation hum: harmonics of 50 Hz over red noise. Float32 of shape (num_samples,)."""
    t = np.arange(int(NOISE_S * SAMPLING_RATE)) / SAMPLING_RATE
    tones = sum(np.sin(2 * np.pi * 50 * k * t + rng.uniform(0, 6.28)) / k for k in range(1, 12))
    return _levelled(tones + _coloured(rng, len(t), 2.0))


def rumble(rng: np.random.Generator) -> np.ndarray:
    """A passing train: red noise that swells and fades. Float32 of shape (num_samples,)."""
    n = int(NOISE_S * SAMPLING_RATE)
    swell = 0.2 + np.sin(np.linspace(0, np.pi, n)) ** 2
    return _levelled(_coloured(rng, n, 1.6) * swell)


def brakes(rng: np.random.Generator) -> np.ndarray:
    """Squealing brakes: gliding tones over pink noise. Float32 of shape (num_samples,)."""
    n = int(NOISE_S * SAMPLING_RATE)
    glide = np.cumsum(np.linspace(2600, 1500, n) + rng.normal(0, 30, n))
    return _levelled(0.3 * np.sin(2 * np.pi * glide / SAMPLING_RATE) * np.hanning(n) + _coloured(rng, n, 1.0))


def crowd(rng: np.random.Generator) -> np.ndarray:
    """A murmuring crowd: pink noise in syllable-like bursts. Float32 of shape (num_samples,)."""
    n = int(NOISE_S * SAMPLING_RATE)
    bursts = sum(1 + np.sin(2 * np.pi * rng.uniform(2, 6) * np.arange(n) / SAMPLING_RATE + rng.uniform(0, 6.28)) for _ in range(8))
    return _levelled(_coloured(rng, n, 1.0) * bursts)


NOISES: dict[str, Callable[[np.random.Generator], np.ndarray]] = {"hum": hum, "rumble": rumble, "brakes": brakes, "crowd": crowd}
"""The demo's platform, as functions of a generator."""


def _rng(name: str) -> np.random.Generator:
    return generator_for(0, name, 0)


def _coloured(rng: np.random.Generator, num_samples: int, slope: float) -> np.ndarray:
    """Noise whose power falls with frequency to the power of `slope`: 1 is pink, 2 is red."""
    spectrum = np.fft.rfft(rng.standard_normal(num_samples))
    frequency = np.maximum(np.fft.rfftfreq(num_samples, 1 / SAMPLING_RATE), 40.0)
    noise = np.fft.irfft(spectrum * frequency ** (-slope / 2), num_samples)
    return noise / np.sqrt(np.mean(noise**2))


def _levelled(samples: np.ndarray) -> np.ndarray:
    return (0.5 * samples / np.abs(samples).max()).astype(np.float32)


def _flac(samples: np.ndarray) -> bytes:
    return encode_flac(samples, SAMPLING_RATE)
