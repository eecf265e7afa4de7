"""Whoever answers, played by a list of lines; folders of recordings; the command as a process."""

from __future__ import annotations

import os
import subprocess
import sys
from collections.abc import Callable, Iterable
from pathlib import Path

import numpy as np
import soundfile

from speccraft.interview.answers import Facts
from speccraft.interview.ask import Talk, interview
from speccraft.interview.compose import Composed, compose

RATE = 16000
COMMAND = (sys.executable, "-c", "import typer; from speccraft.cli.init import init; typer.run(init)")


class Person:
    """Gives the lines one by one and remembers what was said to them; after the last line the input ends."""

    def __init__(self, lines: Iterable[str]) -> None:
        self.lines, self.heard = list(lines), ""

    @property
    def talk(self) -> Talk:
        return Talk(read=lambda: self.lines.pop(0) + "\n" if self.lines else None, write=self._hear)

    def _hear(self, text: str) -> None:
        self.heard += text


def defaults(facts: Facts, **given: str) -> dict[str, str]:
    """The answers of someone who takes every default but these."""
    return interview(facts, given, None)


def composed(folder: Path, **given: str) -> Composed:
    """The scenario in a folder of someone who takes every default but these."""
    facts = Facts(folder)
    return compose(defaults(facts, **given), facts)


def init(folder: Path, *arguments: str, stdin: str = "") -> subprocess.CompletedProcess[str]:
    """Run `speccraft init` in a folder."""
    return subprocess.run([*COMMAND, *arguments], cwd=folder, input=stdin, capture_output=True, text=True, check=False, timeout=120)


def bursts(seconds: float = 2.0, noise: float = 1e-3, seed: int = 0, amplitude: float = 0.3) -> np.ndarray:
    """Half a second of voiced sound every second, in noise: float64 of shape (num_samples,)."""
    t = np.arange(round(seconds * RATE)) / RATE
    voiced = sum(np.sin(2 * np.pi * 150 * k * t) / k for k in range(1, 12))
    return amplitude * voiced / 2 * (t % 1 < 0.5) + noise * np.random.default_rng(seed).standard_normal(len(t))


def record(path: Path, samples: np.ndarray | None = None, rate: int = RATE, text: str | None = None) -> Path:
    """An audio file, with a transcript beside it where there is one."""
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(os.fsencode(path), bursts() if samples is None else samples, rate, format=path.suffix[1:])
    if text is not None:
        path.with_suffix(".txt").write_text(text)
    return path


def recordings(folder: Path, *, speakers: tuple[str, ...] = ("anna", "ben", "cleo"), takes: int = 3, text: Callable[[int], str | None] = str) -> Path:
    """A folder with a folder for every speaker."""
    for speaker in speakers:
        for take in range(takes):
            record(folder / speaker / f"take{take}.wav", bursts(seed=take), text=text(take))
    return folder
