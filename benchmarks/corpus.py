"""Make the benchmark corpus: synthetic speech with pauses, noise and faults, as FLAC, WAV and MP3; the same seed gives the same samples.

`python -m benchmarks.corpus FOLDER --hours 10` writes `FOLDER/<voice>/<number>.<ending>`, or finds it written. An hour is the beginning of ten.
"""

from __future__ import annotations

import argparse
import json
import shutil
from dataclasses import dataclass
from functools import cache
from pathlib import Path

import numpy as np
import soundfile
import soxr

from speccraft.sound.espeak import speak

RATE = 16000
FORMAT = 2
"""Counts up when the corpus changes, so that no older one is taken for it."""
FILES_PER_HOUR = 100
LENGTH_S = (10.0, 62.4)
"""Uniform, so that a hundred files are an hour."""
PAUSE_S = (0.1, 3.9)
SNR_DB = (5.0, 40.0)
ENDINGS = {"flac": 0.623, "wav": 0.229, "mp3": 0.148}
NOISES = {"white": 0.4, "pink": 0.4, "none": 0.2}
CLIPPED, QUIET, COPIED = 0.05, 0.05, 0.022
"""Shares of the files: hard-clipped, at -35 dB, and repeating an earlier one exactly or at half its level."""
VOICES = ("en-us+m1", "en-us+f1", "en+m3", "en+f4", "en-gb-scotland+m7", "en-us+m4")
"""None with breath in it: espeak-ng seeds that noise with the clock."""
PHRASES = (
    "the next train leaves from platform four",
    "mind the gap",
    "all tickets must be shown at the gate",
    "change here for the airport",
    "seven nine two",
    "the lift is out of order",
    "where is the exit",
    "no service on sunday",
    "thank you for waiting",
    "please stand behind the yellow line",
    "one single to the harbour",
    "it is five past eleven",
)


@dataclass(frozen=True)
class Corpus:
    """A made corpus: its folder, how many files and hours it has, and how many files of each ending."""

    folder: Path
    files: int
    hours: float
    endings: dict[str, int]


def made(folder: Path, hours: float, seed: int = 7) -> Corpus:
    """Make the corpus in a folder of its own, or find it made with the same arguments."""
    wanted = {"format": FORMAT, "hours": hours, "seed": seed}
    record = folder / "corpus.json"
    if record.exists() and (found := json.loads(record.read_text()))["wanted"] == wanted:
        return Corpus(folder, found["files"], found["hours"], found["endings"])
    if folder.exists() and any(folder.iterdir()):
        raise SystemExit(f"{folder}: holds something else than this corpus; name another folder or delete it")
    count = max(4, round(hours * FILES_PER_HOUR))
    seconds, endings = 0.0, dict.fromkeys(ENDINGS, 0)
    part = folder.with_name(f"{folder.name}.part")
    shutil.rmtree(part, ignore_errors=True)
    for number in range(count):
        samples, ending, voice = _file(number, seed)
        path = part / f"voice{voice}" / f"{number:05d}.{ending}"
        path.parent.mkdir(parents=True, exist_ok=True)
        soundfile.write(path, samples, RATE)
        seconds += len(samples) / RATE
        endings[ending] += 1
    (part / record.name).write_text(json.dumps({"wanted": wanted, "files": count, "hours": seconds / 3600, "endings": endings}))
    part.rename(folder)
    return Corpus(folder, count, seconds / 3600, endings)


def _file(number: int, seed: int) -> tuple[np.ndarray, str, int]:
    """Samples (int16), ending and voice of a file, from its number and the seed alone."""
    rng = np.random.default_rng([seed, number])
    ending = str(rng.choice(list(ENDINGS), p=list(ENDINGS.values())))
    if not number or rng.random() >= COPIED:
        samples, voice = _recording(number, seed)
        return samples, ending, voice
    # Of two files that repeat one number, both are copies: each is made from that number's own recording.
    samples, voice = _recording(int(rng.integers(number)), seed)
    return samples if rng.random() < 0.5 else samples // 2, ending, voice


def _recording(number: int, seed: int) -> tuple[np.ndarray, int]:
    """Phrases of one voice with pauses between them, in noise or digital silence; some clipped, some nearly silent."""
    rng = np.random.default_rng([seed, number, 1])
    voice = int(rng.integers(len(VOICES)))
    phrases = _phrases(voice)
    left, parts = int(rng.uniform(*LENGTH_S) * RATE), [np.zeros(0, np.float32)]
    while left > 0:
        parts += [phrases[rng.integers(len(phrases))] * np.float32(rng.uniform(0.5, 1)), np.zeros(int(rng.uniform(*PAUSE_S) * RATE), np.float32)]
        left -= len(parts[-1]) + len(parts[-2])
    samples = np.concatenate(parts)[:left] if left else np.concatenate(parts)
    noise = _noise(str(rng.choice(list(NOISES), p=list(NOISES.values()))), len(samples), rng)
    active = samples[samples != 0]
    samples = samples + noise * np.float32(np.std(active) * 10 ** (-rng.uniform(*SNR_DB) / 20))
    samples *= np.float32(0.5 / np.abs(samples).max())
    fault = rng.random()
    if fault < CLIPPED:
        samples *= 8
    elif fault < CLIPPED + QUIET:
        samples *= np.float32(10 ** (-35 / 20))
    return np.clip(np.round(samples * 32768), -32768, 32767).astype(np.int16), voice


@cache
def _phrases(voice: int) -> list[np.ndarray]:
    """Every phrase in one voice, at two speeds, float32 at 16 kHz."""
    spoken = [speak(text, voice=VOICES[voice], words_per_minute=pace, pitch=30 + 8 * voice) for text in PHRASES for pace in (150, 185)]
    return [soxr.resample(samples.astype(np.float32) / 32768, rate, RATE) for samples, rate in spoken]


def _noise(kind: str, length: int, rng: np.random.Generator) -> np.ndarray:
    """Noise of unit power, float32 of shape (length,)."""
    if kind == "none":
        return np.zeros(length, np.float32)
    if kind == "white":
        return rng.standard_normal(length, np.float32)
    return np.roll(_pink(), rng.integers(len(_pink())))[:length]


@cache
def _pink() -> np.ndarray:
    """A little more than the longest file of noise whose power falls by 3 dB per octave."""
    spectrum = np.fft.rfft(np.random.default_rng(1).standard_normal(1 << 20))
    spectrum[1:] /= np.sqrt(np.arange(1, len(spectrum)))
    spectrum[0] = 0
    pink = np.fft.irfft(spectrum)
    return (pink / pink.std()).astype(np.float32)


def main() -> None:
    """Make the corpus and say what is in it."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("folder", type=Path)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--seed", type=int, default=7)
    options = parser.parse_args()
    corpus = made(options.folder, options.hours, options.seed)
    print(f"{corpus.folder}: {corpus.files} files, {corpus.hours:.2f} h, {corpus.endings}")


if __name__ == "__main__":
    main()
