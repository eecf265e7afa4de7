"""What a document tells people to run, run as it stands there."""

from __future__ import annotations

import re
import shlex
import subprocess
import sys
from pathlib import Path

import numpy as np
import soundfile

ROOT = Path(__file__).parent.parent
SPECCRAFT = Path(sys.executable).with_name("speccraft")
RATE = 16000
FEWER_STEPS = ["--set", "pretrain.steps=4", "--set", "align.steps=2", "--set", "answer.max_new_tokens=8"]


def blocks(path: Path, language: str) -> list[str]:
    """The fenced blocks of a language in a Markdown file."""
    return re.findall(rf"^```{language}\n(.*?)^```", path.read_text(), re.MULTILINE | re.DOTALL)


def commands(path: Path) -> list[str]:
    """The lines of a Markdown file's bash blocks."""
    return [line for block in blocks(path, "bash") for line in block.splitlines() if line.strip()]


def run(line: str, folder: Path) -> subprocess.CompletedProcess[str]:
    """Run one documented command; training is cut to a few steps and answers to a few letters."""
    words = shlex.split(line)
    assert words[0] == "speccraft"
    return subprocess.run([str(SPECCRAFT), *words[1:], *(FEWER_STEPS if words[1] == "train" else [])], cwd=folder, capture_output=True, text=True, check=False)


def record(path: Path, words: int, pitch_hz: float) -> None:
    """Write a few tone bursts: speech enough for the detectors, and different for every speaker."""
    t = np.arange(int(0.25 * RATE)) / RATE
    burst = sum(np.sin(2 * np.pi * pitch_hz * k * t) / k for k in range(1, 9)) * np.hanning(len(t))
    quiet = np.random.default_rng(words).normal(0, 1e-3, int(0.3 * RATE))
    path.parent.mkdir(parents=True, exist_ok=True)
    soundfile.write(path, np.concatenate([quiet, *[np.concatenate([0.3 * burst, quiet]) for _ in range(words)]]), RATE)
