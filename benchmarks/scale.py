"""Measure everything that a build does after its units, and what reads it, at 10,000 to a million cuts: CPU seconds and peak memory.

    python benchmarks/scale.py [--cuts 10000 100000 1000000] [--folder SCRATCH]

writes benchmarks/scale.md. Units are made up; the build that follows is the real one, in a process of its own, with its functions timed. What reads
the build, and statistics of a table of ten million rows, run in processes of their own, too.

Audio is of real size: 1 to 8 s a cut, 75 kB of FLAC on average, each length encoded once. The shards hold it in full, 7.5 GB for 100,000 cuts and 75 GB for
a million; of the units it is one file under many names. Where that would take more than half of the free disk, a cut has a quarter of a second in 99 bytes,
which the page says: then writing shards and reading batches are measured without the bytes that they are about.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import platform
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np

RATE = 16000
LENGTHS_S = (1.0, 1.5, 2.0, 2.5, 3.0, 3.5, 4.0, 4.5, 5.0, 5.5, 6.0, 6.5, 7.0, 7.5, 8.0)
MEAN_BYTES = 75_000
STUB_S = 0.25
RECORDINGS_PER_UNIT = 64
SCENARIO = """
speccraft: 1
name: scale
job: {task: transcribe, languages: [en], longest_utterance_s: 30}
environment: {sampling_rate: 16000}
rights: {accept: [CC0-1.0, CC-BY-4.0]}
sources: [{id: talk, format: table, path: talk.csv, licence: CC0-1.0, columns: {audio: path}}]
quality: {snr_db: {min: 5}, clipped_fraction: {max: 0.01}, characters_per_s: {min: 2, max: 40}}
splits: {dev: 0.05, test: 0.05}
"""
WORDS = [
    "the",
    "a",
    "next",
    "train",
    "leaves",
    "from",
    "platform",
    "four",
    "mind",
    "gap",
    "between",
    "and",
    "all",
    "tickets",
    "must",
    "be",
    "shown",
    "at",
    "gate",
    "seven",
    "doors",
    "close",
    "north",
    "line",
    "stops",
    "here",
]


def made_rows(cuts: int) -> Any:
    """Rows of recordings as a table would give them: speakers and sessions of uneven size, transcripts of four to nine words."""
    from speccraft.ingest.rows import Row

    rng = np.random.default_rng(7)
    speakers = rng.zipf(1.4, cuts) % max(10, cuts // 100)
    sessions, lengths = rng.integers(0, 20, cuts), rng.integers(4, 10, cuts)
    words = rng.integers(0, len(WORDS), (cuts, 9))
    for number in range(cuts):
        input = f"audio/{number // 1000:04d}/{number:07d}.flac"
        text = " ".join(WORDS[word] for word in words[number, : lengths[number]]) + f" {number}"
        speaker = f"spk{speakers[number]:06d}"
        licence = ("CC0-1.0", "CC-BY-4.0")[int(speakers[number]) % 2]
        yield Row(input, Path(f"/data/{input}"), text=text, speaker=speaker, session=f"{speaker}-{sessions[number]}", licence=licence)


def made_plan(folder: Path, cuts: int) -> tuple[Any, Any]:
    """A scenario and its plan, without reading a file of audio."""
    from speccraft.plan.fates import plan
    from speccraft.scenario import load_scenario

    loaded = load_scenario(folder / "scenario.yaml")
    return loaded, plan(loaded.scenario, {"talk": list(made_rows(cuts))}, as_of="2026-01-01")


def made_fingerprint(number: int, rng: np.random.Generator) -> str:
    """A fingerprint of the usual size."""
    from speccraft.sound.fingerprint import Fingerprint

    keys = np.unique(np.concatenate([rng.integers(0, 2**32, 40, np.uint32), rng.integers(0, 50, 1, np.uint32)]))
    return Fingerprint(keys, rng.integers(-7, 8, (60, 15), np.int8)).as_text()


def fits(folder: Path, cuts: int) -> bool:
    """Whether audio of real size takes no more than half of the free disk."""
    from speccraft.machine import free_bytes

    return cuts * MEAN_BYTES < free_bytes(folder) / 2


def made_flacs(full: bool) -> list[tuple[int, bytes]]:
    """Samples and FLAC of each recording of a unit: noise that swells like speech and takes as many bytes, or next to none."""
    from speccraft.sound.shards import encode_flac

    if not full:
        return [(round(STUB_S * RATE), encode_flac(np.full(round(STUB_S * RATE), 7, np.int16), RATE))] * RECORDINGS_PER_UNIT
    noise = np.random.default_rng(5).standard_normal(round(LENGTHS_S[-1] * RATE))
    swell = 2500 * np.abs(np.sin(2 * np.pi * 2.0 * np.arange(len(noise)) / RATE))
    samples = (swell * np.convolve(noise, np.hanning(9) / 4, "same")).astype(np.int16)
    made = [(length, encode_flac(samples[:length], RATE)) for length in (round(seconds * RATE) for seconds in LENGTHS_S)]
    return [made[place % len(made)] for place in range(RECORDINGS_PER_UNIT)]


def make_units(folder: Path, cuts: int) -> list[dict[str, Any]]:
    """Unit folders with tables and FLACs, as the workers leave them."""
    from speccraft.sound.measures import MEASURES

    rng = np.random.default_rng(3)
    (folder / "scenario.yaml").write_text(SCENARIO)
    flacs = made_flacs(fits(folder, cuts))
    offsets = np.cumsum([0, *(len(flac) for _, flac in flacs)]).tolist()
    audio = folder / "audio.bin"
    audio.write_bytes(b"".join(flac for _, flac in flacs))
    prints = [made_fingerprint(number, rng) for number in range(2000)]
    for start in range(0, cuts, RECORDINGS_PER_UNIT):
        numbers = range(start, min(cuts, start + RECORDINGS_PER_UNIT))
        unit = folder / "units" / f"{start // RECORDINGS_PER_UNIT:05d}"
        unit.mkdir(parents=True)
        recordings, segments = [], []
        for place, number in enumerate(numbers):
            input = f"audio/{number // 1000:04d}/{number:07d}.flac"
            samples, flac = flacs[place]
            sha = hashlib.sha256(str(number - (number % 200 == 199)).encode()).hexdigest()
            about = {"source_rate": RATE, "channels": 1, "rule": None, "reason": None, "rt60_s": None, "num_samples": samples, "pcm_sha256": sha}
            recordings.append({"input": input, **about, "fingerprint": own_keys(prints[number % 2000], number)})
            measures = {name: round(float(value), 4) for name, value in zip(MEASURES, rng.random(len(MEASURES)), strict=True)}
            measures |= {"duration_s": samples / RATE, "speech_share": 0.9, "snr_db": round(float(rng.normal(20, 6)), 3), "clipped_fraction": 0.0}
            segments.append({"input": input, "start": 0, "num_samples": samples, "offset": offsets[place], "size": len(flac), **measures})
        (unit / "recordings.jsonl").write_text("".join(json.dumps(row) + "\n" for row in recordings))
        (unit / "segments.jsonl").write_text("".join(json.dumps(row) + "\n" for row in segments))
        (unit / "audio.bin").hardlink_to(audio)
    return []


def own_keys(text: str, number: int) -> str:
    """The same fingerprint with other keys."""
    import base64

    data = bytearray(base64.b64decode(text))
    count = data[0]
    keys = np.random.default_rng(number).integers(0, 2**32, count, np.uint32)
    data[1 : 1 + 4 * count] = np.unique(keys).astype("<u4").tobytes().ljust(4 * count, b"\1")
    return base64.b64encode(bytes(data)).decode()


class Clock:
    """CPU seconds and peak memory of named steps of this process."""

    def __init__(self) -> None:
        self.rows: list[dict[str, Any]] = []

    def timed(self, name: str, work: Callable[..., Any]) -> Callable[..., Any]:
        """The same function, with what it costs written down."""

        def working(*args: Any, **named: Any) -> Any:
            before, began = cpu_s(), time.perf_counter()
            result = work(*args, **named)
            self.rows.append({"step": name, "cpu_s": round(cpu_s() - before, 2), "wall_s": round(time.perf_counter() - began, 2), "peak_mb": peak_mb()})
            return result

        return working


def cpu_s() -> float:
    """CPU seconds of this process, user and system, all threads."""
    used = resource.getrusage(resource.RUSAGE_SELF)
    return used.ru_utime + used.ru_stime


def peak_mb() -> int:
    """Largest resident memory of this process so far."""
    return round(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024)


def run_build(folder: Path, cuts: int) -> list[dict[str, Any]]:
    """The build after its units, each step timed."""
    from speccraft import store
    from speccraft.build import assemble, decide, writer

    clock = Clock()
    loaded, plan = clock.timed("rows and plan (not counted)", made_plan)(folder, cuts)
    units = {f"talk/{number:05d}": unit for number, unit in enumerate(sorted((folder / "units").iterdir()))}
    for module, name in (
        (assemble, "collect"),
        (decide, "judged"),
        (decide, "without_repeats"),
        (decide, "copies"),
        (decide, "_members"),
        (decide, "assign"),
        (assemble, "decide"),
        (assemble, "make_ledger"),
        (assemble, "need_conservation"),
        (writer.BuildWriter, "write_all"),
        (assemble, "measures_table"),
        (assemble, "segments_table"),
        (writer.BuildWriter, "write_table"),
        (assemble, "certificate"),
        (assemble, "_report"),
        (store, "commit"),
    ):
        setattr(module, name, clock.timed(name.strip("_"), getattr(module, name)))
    clock.timed("everything after the units", assemble.assemble)(loaded, plan, units, folder / "work/builds/scale", {}, lambda *_: None)
    return clock.rows


def build_of(folder: Path) -> Path:
    """The build that `run_build` left."""
    return next((folder / "work/builds/scale").glob("[0-9a-f]*"))


RECIPE = """{"recipe": 1, "threads": 1, "features": {"n_mels": 80},
 "model": {"encoder": {"kind": "whisper", "layers": 1, "width": 32, "heads": 2}, "language_model": {"layers": 1, "width": 32, "heads": 2},
           "init_std": 0.15, "longest_audio_s": 40.0},
 "pretrain": {"steps": 1, "learning_rate": 0.001, "batch_audio_s": 60.0}, "align": {"steps": 1, "learning_rate": 0.001, "batch_audio_s": 60.0},
 "answer": {"max_new_tokens": 8}}"""


def run_first_batch(folder: Path, cuts: int) -> list[dict[str, Any]]:
    """From nothing imported to the first batch of a training, and to the twentieth."""
    from itertools import islice

    clock = Clock()
    clock.timed("imports (torch, transformers, lhotse)", _import_trainer)()
    from speccraft import store
    from speccraft.trainer.checkpoint import fresh
    from speccraft.trainer.data import PlacedAudio, SpeechDialogues, dialogues, read_cuts, transcripts
    from speccraft.trainer.loader import EndlessLoader
    from speccraft.trainer.recipe import Recipe

    build, recipe = build_of(folder), Recipe.model_validate_json(RECIPE)
    model = clock.timed("a tiny model", fresh)(recipe, RATE, seed=0)
    found = clock.timed("index of the cuts", read_cuts)(build, "train")
    work = clock.timed("what to learn from: pretrain", transcripts)(found)
    clock.timed("what to learn from: align", dialogues)(build, "train", found)
    dataset = SpeechDialogues(work, PlacedAudio(build, found, RATE, recipe.augment, 0), model.tokenizer, model.collator(0.0))
    stream = iter(EndlessLoader(dataset, batch_audio_s=600.0, buckets=30, seed=0))
    clock.timed("first batch (600 s of audio)", next)(stream)
    clock.timed("the next 19 batches", list)(islice(stream, 19))
    clock.timed("not counted: every file against its digest, before training", store.check_files)(store.open_artefact(build, "build"))
    return clock.rows


def _import_trainer() -> None:
    from speccraft.trainer.offline import go_offline

    go_offline()
    import torch

    import speccraft.trainer.loader

    torch.set_num_threads(1)
    assert speccraft.trainer.loader


def statistics(path: Path) -> Any:
    """Hours, SNR quantiles and speakers by licence, as a report or a notebook asks for them."""
    import polars as pl

    quantiles = [pl.col("snr_db").quantile(share).alias(f"snr_{share:.0%}") for share in (0.05, 0.5, 0.95)]
    table = pl.scan_parquet(path).group_by("licence").agg((pl.col("seconds").sum() / 3600).alias("hours"), pl.col("speaker").n_unique(), *quantiles)
    return table.sort("licence").collect()


def run_statistics(folder: Path, cuts: int) -> list[dict[str, Any]]:
    """Group queries over `measures.parquet` as the build wrote it, and over ten times as many rows."""
    import polars as pl

    clock, path = Clock(), build_of(folder) / "measures.parquet"
    clock.timed("a first look, with what Polars sets up", statistics)(path)
    clock.timed(f"by licence, {cuts:,} rows", statistics)(path)
    many = folder / "many.parquet"
    in_process("copy", cuts, folder)
    rows = pl.scan_parquet(many).select(pl.len()).collect().item()
    clock.timed(f"by licence, {rows:,} rows", statistics)(many)
    many.unlink()
    return clock.rows


def copy_tenfold(folder: Path, cuts: int) -> list[dict[str, Any]]:
    """Ten times the rows of `measures.parquet`, with speakers of their own."""
    import polars as pl
    import pyarrow.parquet

    table = pl.read_parquet(build_of(folder) / "measures.parquet")
    with pyarrow.parquet.ParquetWriter(folder / "many.parquet", table.to_arrow().schema, compression="zstd") as file:
        for number in range(10):
            file.write_table(table.with_columns(pl.col("speaker") + f"-{number}", snr_db=pl.col("snr_db") + number / 100).to_arrow())
    return []


STEPS: dict[str, Callable[[Path, int], list[dict[str, Any]]]] = {
    "make": make_units,
    "build": run_build,
    "first batch": run_first_batch,
    "statistics": run_statistics,
    "copy": copy_tenfold,
}
HEAD = """# A million cuts

CPU seconds (wall seconds beside them) and the largest memory of the process so far; {machine}, Python {python}, {cores} cores. Made by
`python benchmarks/scale.py`. One recording is one cut; steps that are indented are parts of the step below them.
"""
PARTS = {"judged", "without_repeats", "copies", "members", "assign"}
STUBS = """Audio of real size did not fit on this disk: a cut is a quarter of a second in 99 bytes here.
"""


def page(results: dict[tuple[int, str], list[dict[str, Any]]], stubs: set[int]) -> str:
    """The measurements as a page; `stubs` are the numbers of cuts that had next to no audio."""
    from speccraft.machine import CORES

    lines = [HEAD.format(machine=platform.machine(), python=platform.python_version(), cores=CORES)]
    for (cuts, step), rows in results.items():
        lines += [f"## {step}, {cuts:,} cuts", "", *([STUBS] if cuts in stubs else []), "| step | CPU-s | wall s | memory, MB |", "|---|---|---|---|"]
        lines += [f"| {'· ' * (row['step'] in PARTS)}{row['step']} | {row['cpu_s']} | {row['wall_s']} | {row['peak_mb']} |" for row in rows]
        lines.append("")
    return "\n".join(lines)


def in_process(step: str, cuts: int, folder: Path) -> list[dict[str, Any]]:
    """What a step measured in a process of its own."""
    command = [sys.executable, __file__, "--step", step, "--cuts", str(cuts), "--folder", str(folder)]
    rows: list[dict[str, Any]] = json.loads(subprocess.run(command, check=True, stdout=subprocess.PIPE).stdout or b"[]")
    return rows


def main() -> None:
    """Run every step in a process of its own and write the page."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--cuts", type=int, nargs="+", default=[10_000, 100_000, 1_000_000])
    parser.add_argument("--step", choices=[*STEPS])
    parser.add_argument("--folder", type=Path)
    parser.add_argument("--out", type=Path, default=Path(__file__).with_name("scale.md"))
    options = parser.parse_args()
    if options.step:
        print(json.dumps(STEPS[options.step](options.folder, options.cuts[0])))
    else:
        results, stubs = {}, set[int]()
        for cuts in options.cuts:
            with tempfile.TemporaryDirectory(dir=options.folder) as scratch:
                if not fits(Path(scratch), cuts):
                    stubs.add(cuts)
                in_process("make", cuts, Path(scratch))
                for step in ("build", "first batch", "statistics"):
                    results[cuts, step] = in_process(step, cuts, Path(scratch))
                    print(f"{cuts:,} cuts: {step} done", file=sys.stderr)
        options.out.write_text(page(results, stubs))


if __name__ == "__main__":
    main()
