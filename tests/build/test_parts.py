"""Rows that are parts of recordings, packed recordings, and recordings of hours: each decoded once, and everything accounted for."""

from __future__ import annotations

import hashlib
import io
import subprocess
import sys
from dataclasses import replace
from itertools import pairwise
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import pytest
import soundfile
from corpus import RATE, WORDS, Corpus, lines_of, plan_of, word_samples
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.build import units
from speccraft.build.run import build, units_of
from speccraft.build.units import AUDIO, RECORDINGS, SEGMENTS, Job, Part, Unit, run_unit
from speccraft.ingest.rows import Inside
from speccraft.plan import Plan
from speccraft.scenario import load_scenario
from speccraft.scenario.quality import Segmentation
from speccraft.sound.decode import Audio, Decoding, decoding
from speccraft.verify_deep import verify_deep

GAP_S = 0.7
ENERGY = Segmentation(detector="energy")
SHORT_PAUSES = Segmentation(detector="energy", keep_pause_s=0.2)


@pytest.fixture(scope="module")
def long(tmp_path_factory: pytest.TempPathFactory) -> tuple[Path, list[tuple[float, float]], np.ndarray]:
    """One recording of six words with pauses between; the words' times and all samples."""
    path = tmp_path_factory.mktemp("long") / "long.wav"
    pieces, times, at = [], [], 0.0
    for number, word in enumerate([*WORDS][:6]):
        samples = word_samples(word, seed=number)
        times.append((at, at + len(samples) / RATE))
        pieces += [samples, 0.0005 * np.random.default_rng(number).standard_normal(round(GAP_S * RATE))]
        at += len(samples) / RATE + GAP_S
    soundfile.write(path, np.concatenate(pieces), RATE, subtype="PCM_16")
    return path, times, soundfile.read(path, dtype="int16")[0]


def done(tmp_path: Path, job: Job, role: str = "speech", segmentation: Segmentation = ENERGY) -> tuple[list[dict], list[dict], bytes]:
    folder = run_unit(Unit("u/0", "u", role, RATE, segmentation, 5.0, (job,)), tmp_path, lambda _: None)
    return lines_of(folder / RECORDINGS), lines_of(folder / SEGMENTS), (folder / AUDIO).read_bytes()


def test_parts_of_a_recording_are_its_samples_and_it_is_decoded_once(
    long: tuple[Path, list[tuple[float, float]], np.ndarray], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    path, times, samples = long
    opened: list[Audio] = []

    def counted(audio: Audio, *arguments: Any, **options: Any) -> Decoding:
        opened.append(audio)
        return decoding(audio, *arguments, **options)

    monkeypatch.setattr(units, "decoding", counted)
    parts = tuple(Part(f"p{number}", True, start, end) for number, (start, end) in enumerate(times))
    recordings, segments, audio = done(tmp_path, Job("long", path, None, parts))
    assert len(opened) == 1
    for row, (start, end) in zip(recordings, times, strict=True):
        part = samples[round(start * RATE) : round(end * RATE)]
        assert row["num_samples"] == len(part)
        assert row["pcm_sha256"] == hashlib.sha256(part.tobytes()).hexdigest()
    assert [row["input"] for row in segments] == [part.input for part in parts]
    for row in segments:
        begin = round(times[int(row["input"][1:])][0] * RATE) + row["start"]
        assert np.array_equal(flac_in(audio, row), samples[begin : begin + row["num_samples"]])


def flac_in(audio: bytes, row: dict) -> np.ndarray:
    return soundfile.read(io.BytesIO(audio[row["offset"] : row["offset"] + row["size"]]), dtype="int16")[0]


@pytest.mark.parametrize(
    ("start", "end", "rule"),
    [(0.0, 1.0, None), (None, 1.0, None), (1.0, None, None), (5.5, 99.0, "times"), (99.0, 100.0, "times"), (99.0, None, "times"), (0.0, 6.04, None)],
)
def test_a_part_that_its_recording_does_not_have_fails_with_its_times(
    long: tuple[Path, list[tuple[float, float]], np.ndarray], tmp_path: Path, start: float | None, end: float | None, rule: str | None
) -> None:
    path, _, samples = long
    if end == 6.04:
        end = len(samples) / RATE + 0.04
    (row,), _, _ = done(tmp_path, Job("long", path, None, (Part("p", True, start, end),)))
    assert row["rule"] == rule
    if rule:
        assert f"the recording lasts {len(samples) / RATE:g} s" in row["reason"]


def test_a_recording_that_breaks_off_fails_all_its_parts_and_leaves_no_audio(long: tuple[Path, list[tuple[float, float]], np.ndarray], tmp_path: Path) -> None:
    _, times, samples = long
    flac = io.BytesIO()
    soundfile.write(flac, np.tile(samples, 60), RATE, format="FLAC")
    broken = tmp_path / "broken.flac"
    broken.write_bytes(flac.getvalue()[:-2000])
    recordings, segments, audio = done(tmp_path / "cache", Job("x", broken, None, tuple(Part(f"p{n}", True, *time) for n, time in enumerate(times))))
    assert {row["rule"] for row in recordings} <= {"truncated", "corrupt"}
    assert len(recordings) == len(times)
    assert (segments, audio) == ([], b"")


def test_a_channel_is_taken_alone_and_one_that_is_missing_is_said(tmp_path: Path) -> None:
    left, right = word_samples("ba", seed=1), word_samples("di", seed=1)
    length = min(len(left), len(right))
    soundfile.write(tmp_path / "two.wav", np.stack([left[:length], right[:length]], 1), RATE)
    (first,), _, _ = done(tmp_path / "a", Job("two", tmp_path / "two.wav", None, (Part("two", True),), channel=1))
    soundfile.write(tmp_path / "right.wav", right[:length], RATE)
    (alone,), _, _ = done(tmp_path / "b", Job("right", tmp_path / "right.wav", None, (Part("right", True),)))
    assert first["pcm_sha256"] == alone["pcm_sha256"]
    (missing,), _, _ = done(tmp_path / "c", Job("two", tmp_path / "two.wav", None, (Part("two", True),), channel=2))
    assert (missing["rule"], missing["reason"]) == ("channel", "has 2 channels; number 2, counted from 0, is not among them")


def test_a_packed_file_is_the_file(long: tuple[Path, list[tuple[float, float]], np.ndarray], tmp_path: Path) -> None:
    path, _, _ = long
    content = path.read_bytes()
    (tmp_path / "pack").write_bytes(b"head" + content + b"tail")
    packed, _, _ = done(tmp_path / "a", Job("x", tmp_path / "pack", None, (Part("x", True),), Inside("bytes", 4, len(content))))
    plain, _, _ = done(tmp_path / "b", Job("x", path, None, (Part("x", True),)))
    assert packed == plain
    cut, _, _ = done(tmp_path / "c", Job("x", tmp_path / "pack", None, (Part("x", True),), Inside("bytes", 4, len(content) - 100)))
    assert cut[0]["rule"] == "truncated"


@given(words=st.lists(st.tuples(st.sampled_from([*WORDS]), st.floats(0.05, 1.2)), min_size=3, max_size=14), window_s=st.sampled_from([1.5, 3.0, 6.0]))
@settings(deadline=None, max_examples=25)
def test_windows_never_cut_inside_speech_and_lose_none_of_it(words: list[tuple[str, float]], window_s: float, tmp_path_factory: pytest.TempPathFactory) -> None:
    folder = tmp_path_factory.mktemp("w")
    pieces = [np.zeros(round(0.3 * RATE))]
    speech = []
    for number, (word, pause) in enumerate(words):
        samples = word_samples(word, seed=number)
        at = sum(map(len, pieces))
        speech.append((at + round(0.2 * RATE), at + len(samples) - round(0.2 * RATE)))
        pieces += [samples, 0.0005 * np.random.default_rng(number).standard_normal(round(pause * RATE))]
    soundfile.write(folder / "x.wav", np.concatenate(pieces), RATE)
    before = units.WINDOW_S
    units.WINDOW_S = window_s
    try:
        (recording,), segments, _ = done(
            folder / "c", Job("x", folder / "x.wav", None, (Part("x", False),)), segmentation=Segmentation(detector="energy", keep_pause_s=0.2)
        )
    finally:
        units.WINDOW_S = before
    spans = [(row["start"], row["start"] + row["num_samples"]) for row in segments]
    assert spans == sorted(spans)
    assert all(end <= start for (_, end), (start, _) in pairwise(spans))
    assert all(0 <= start < end <= recording["num_samples"] for start, end in spans)
    # the middle of every word lies in a segment, and no segment begins or ends there
    for start, end in speech:
        middle = (start + end) // 2
        assert any(a <= middle < b for a, b in spans), (middle, spans)
        quarter = (end - start) // 4
        assert not any(start + quarter < edge < end - quarter for span in spans for edge in span)


MEASURE = """
import resource, sys
from pathlib import Path
from speccraft.build.units import Job, Part, Unit, run_unit
from speccraft.scenario.quality import Segmentation
run_unit(Unit("u/0", "u", "speech", 16000, Segmentation(), 20.0, (Job("x", Path(sys.argv[1]), None, (Part("x", False),)),)), Path(sys.argv[2]), lambda _: None)
print(resource.getrusage(resource.RUSAGE_SELF).ru_maxrss // 1024)
"""


@pytest.mark.slow
def test_a_recording_of_hours_needs_no_more_memory_than_one_of_minutes(tmp_path: Path) -> None:
    minute = np.concatenate([word_samples(word, seed=n) for n, word in enumerate([*WORDS] * 20)])[: 60 * RATE]
    minute = np.resize(np.repeat(minute, 2), 60 * 16000)
    peaks = {}
    for minutes in (10, 120):
        with soundfile.SoundFile(tmp_path / f"{minutes}.flac", "w", 16000, 1) as file:
            for _ in range(minutes):
                file.write(minute)
        ran = subprocess.run(
            [sys.executable, "-c", MEASURE, tmp_path / f"{minutes}.flac", tmp_path / f"c{minutes}"], capture_output=True, text=True, check=True
        )
        peaks[minutes] = int(ran.stdout)
    assert peaks[120] < 1.15 * peaks[10] + 10, peaks


def with_rows(made: Plan, **changes: object) -> Plan:
    return replace(made, admitted=tuple(replace(item, row=replace(item.row, **changes)) if item.source.role == "speech" else item for item in made.admitted))


def test_rows_of_one_recording_share_a_job_and_whole_rows_have_their_own(corpus: Corpus) -> None:
    made = plan_of(corpus)
    whole = [job for unit in units_of(made) for job in unit.jobs]
    assert len(whole) == len(made.admitted)
    parts = with_rows(made, recording="tape", path=corpus.folder / "words/anna-ba.wav", start=0.0, end=0.1)
    (job,) = [job for unit in units_of(parts) for job in unit.jobs if unit.role == "speech"]
    assert (job.name, len(job.parts)) == ("tape", 30)


def test_parts_are_built_split_with_their_recording_and_accounted_for(corpus: Corpus) -> None:
    """Ten words a speaker on one tape each: rows are parts, and a tape never stands in two splits."""
    tapes: dict[str, list[np.ndarray]] = {}
    corpus.write_scenario(splits__disjoint=["recording"])
    made = plan_of(corpus)
    admitted, at = [], dict[str, float]()
    for item in made.admitted:
        if item.source.role != "speech" or item.row.path is None:
            admitted.append(item)
            continue
        samples, _ = soundfile.read(item.row.path)
        speaker = str(item.row.speaker)
        start = at.get(speaker, 0.0)
        at[speaker] = start + len(samples) / RATE
        tapes.setdefault(speaker, []).append(samples)
        path = corpus.folder / f"{speaker}.flac"
        admitted.append(replace(item, row=replace(item.row, recording=speaker, path=path, start=start, end=at[speaker], speaker=None, session=None)))
    for speaker, pieces in tapes.items():
        soundfile.write(corpus.folder / f"{speaker}.flac", np.concatenate(pieces), RATE)
    loaded = load_scenario(corpus.scenario)
    built = build(loaded, replace(made, admitted=tuple(admitted)), workspace=corpus.workspace, workers=2)
    ledger = pl.read_parquet(built.artefact.path / "ledger.parquet").filter(pl.col("role") == "speech")
    assert ledger.height == 30
    assert set(ledger["fate"]) == {"kept"}
    cuts = {split: lines_of(built.artefact.path / f"cuts.{split}.jsonl") for split in ("train", "dev", "test")}
    inputs = dict(pl.read_parquet(built.artefact.path / "segments.parquet").select("segment", "input").iter_rows())
    by_tape = {split: {inputs[cut["id"]].split("/")[1].split("-")[0] for cut in rows} for split, rows in cuts.items()}
    assert by_tape["train"]
    assert by_tape["test"]
    assert not by_tape["train"] & by_tape["test"]
    assert not by_tape["train"] & by_tape["dev"]


def test_a_build_of_parts_is_proven_again_from_its_tables(corpus: Corpus) -> None:
    corpus.write_scenario(splits__disjoint=["recording"], quality={"duplicates": "exact"})
    made = plan_of(corpus)
    rows = [item for item in made.admitted if item.source.role == "speech"]
    path = corpus.folder / "words/anna-ba.wav"
    lasts = soundfile.info(path).duration
    halves = [
        replace(rows[0], row=replace(rows[0].row, input=f"half{n}", recording="anna-ba", path=path, start=lasts / 2 * n, end=lasts / 2 * (n + 1)))
        for n in (0, 1)
    ]
    others = [item for item in made.admitted if item is not rows[0]]
    loaded = load_scenario(corpus.scenario)
    built = build(loaded, replace(made, admitted=(*halves, *others)), workspace=corpus.workspace, workers=1)
    report = verify_deep(built.artefact.path)
    assert report.exit_code == 0, report.problems
