"""Measure what a build costs against decoding alone, on made speech: interleaved rounds, medians of CPU seconds. Run by `make bench`."""

from __future__ import annotations

import argparse
import platform
import resource
import statistics
import tempfile
from collections.abc import Callable
from pathlib import Path

import numpy as np
import soundfile

from speccraft.build.run import build
from speccraft.plan import plan_of
from speccraft.scenario import load_scenario
from speccraft.sound.espeak import speak

RATE = 16000
SCENARIO = """
speccraft: 1
name: bench
job: {task: transcribe, languages: [en], longest_utterance_s: 30}
environment: {sampling_rate: 16000}
rights: {accept: [CC0-1.0]}
sources: [{id: made, format: folder, path: audio, licence: CC0-1.0, endings: [.flac, .wav, .mp3]}]
splits: {disjoint: [recording, audio]}
"""
TEXTS = ("the next train leaves from platform four", "mind the gap between the train and the platform", "all tickets must be shown at the gate")


def make_corpus(folder: Path, files: int) -> float:
    """Write FLAC, WAV and MP3 files of 10 to 30 s of espeak speech with pauses and noise; return the hours."""
    rng = np.random.default_rng(7)
    voices = [speak(text, voice=voice, words_per_minute=160, pitch=50) for text in TEXTS for voice in ("en-us+m1", "en-us+f2", "en+m3", "en+f4")]
    speech = [np.interp(np.arange(0, len(x), rate / RATE), np.arange(len(x)), x / 32768) for x, rate in voices]
    seconds = 0.0
    for number in range(files):
        wanted, parts = rng.uniform(10, 30), []
        while sum(map(len, parts)) < wanted * RATE:
            parts += [speech[rng.integers(len(speech))], np.zeros(int(rng.uniform(0.1, 3) * RATE))]
        samples = np.concatenate(parts)
        samples = samples + rng.normal(0, np.std(samples) * 10 ** (-rng.uniform(5, 40) / 20), len(samples))
        path = folder / f"{number:04d}.{('flac', 'flac', 'wav', 'mp3')[number % 4]}"
        soundfile.write(path, np.clip(samples, -1, 1), RATE)
        path.with_suffix(".txt").write_text(f"recording {number}")
        seconds += len(samples) / RATE
    return seconds / 3600


def decode_all(folder: Path) -> None:
    """The physical limit: decode every file once, in this process."""
    for path in sorted(folder.iterdir()):
        if path.suffix != ".txt":
            soundfile.read(path, dtype="float32")


def build_all(folder: Path, workspace: Path) -> None:
    """A whole build, with one worker."""
    scenario = folder.parent / "scenario.yaml"
    loaded = load_scenario(scenario)
    build(loaded, plan_of(loaded, as_of="2026-01-01"), workspace=workspace, workers=1)


def cpu_s() -> float:
    """CPU seconds of this process and its finished children, user and system."""
    return sum(u.ru_utime + u.ru_stime for u in (resource.getrusage(resource.RUSAGE_SELF), resource.getrusage(resource.RUSAGE_CHILDREN)))


def main() -> None:
    """Run the rounds and write the results."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--files", type=int, default=300)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("results.md"))
    options = parser.parse_args()
    with tempfile.TemporaryDirectory() as scratch:
        folder = Path(scratch) / "audio"
        folder.mkdir()
        (Path(scratch) / "scenario.yaml").write_text(SCENARIO)
        hours = make_corpus(folder, options.files)
        work: dict[str, Callable[[int], None]] = {
            "decoding alone": lambda _: decode_all(folder),
            "whole build, one worker": lambda number: build_all(folder, Path(scratch) / f"w{number}"),
        }
        costs: dict[str, list[float]] = {name: [] for name in work}
        for number in range(options.rounds):
            for name, run in work.items():
                before = cpu_s()
                run(number)
                costs[name].append(cpu_s() - before)
    options.out.write_text(results(costs, options.files, hours))
    print(options.out.read_text())


def results(costs: dict[str, list[float]], files: int, hours: float) -> str:
    """The measurements as a page."""
    median = {name: statistics.median(rounds) for name, rounds in costs.items()}
    limit = median["decoding alone"]
    rounds = len(next(iter(costs.values())))
    lines = [
        "# Results",
        "",
        f"{files} files, {hours:.2f} h of made speech at 16 kHz (half FLAC, a quarter WAV, a quarter MP3); {rounds} interleaved rounds, medians of",
        f"CPU seconds, children included; {platform.machine()}, Python {platform.python_version()}. Starting the worker (about one CPU-second) and the",
        "report (two, for librosa) are part of the build.",
        "",
        "| what | CPU-s | CPU-s per audio hour | ratio to decoding |",
        "|---|---|---|---|",
        *(f"| {name} | {cost:.2f} | {cost / hours:.2f} | {cost / limit:.1f} |" for name, cost in median.items()),
        "",
    ]
    return "\n".join(lines)


if __name__ == "__main__":
    main()
