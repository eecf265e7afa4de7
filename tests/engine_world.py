"""Recordings and units for engines: short ones, one that keeps a worker busy, and what became of each."""

from __future__ import annotations

from pathlib import Path

import numpy as np
from corpus import RATE, lines_of, word_samples

from speccraft.build.units import RECORDINGS, Job, Part, Unit
from speccraft.scenario.quality import Segmentation
from speccraft.sound.shards import encode_flac

BUSY_S = 240
"""A recording that keeps a worker busy for about a second."""


def write_recordings(folder: Path, shorts: int) -> Path:
    """`short0.flac` and so on, and `busy.flac`."""
    for number in range(shorts):
        (folder / f"short{number}.flac").write_bytes(encode_flac(word_samples("ba", seed=number), RATE))
    (folder / "busy.flac").write_bytes(busy_flac())
    return folder


def busy_flac() -> bytes:
    return encode_flac(np.random.default_rng(0).standard_normal(BUSY_S * 48000).clip(-4, 4) * 0.1, 48000)


def unit(audio: Path, number: int, *names: str) -> Unit:
    jobs = tuple(Job(name, audio / f"{name}.flac", None, (Part(name, whole=True),)) for name in names)
    return Unit(f"u/{number:05d}", "u", "speech", RATE, Segmentation(detector="energy"), 600.0, jobs)


def fates(folder: Path) -> dict[str, str | None]:
    return {row["input"]: row["rule"] for row in lines_of(folder / RECORDINGS)}
