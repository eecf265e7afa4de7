"""Prove the audio of a build again: every member decodes to what its cut says, and no recording is heard in two splits."""

from __future__ import annotations

import hashlib
import io
import json
import math
import tarfile
from collections import defaultdict
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import IO, Any

import numpy as np
import polars as pl
import soundfile

from speccraft.scenario.contracts import SPLITS
from speccraft.verify import Problem

from .evidence import Build

PEAK_TOLERANCE_DB = 0.001
LONGEST_BANK_ITEM_S = 6 * 3600.0
"""More is not decoded: a FLAC can claim any length in a few bytes."""
CLEAN = "recording"
PLACE = f"{CLEAN}_place"


@dataclass(frozen=True)
class _Said:
    """What the tables say about the audio of one cut."""

    split: str
    num_samples: int
    most_samples: int
    sampling_rate: int
    peak_dbfs: float | None
    noisy: bool


@dataclass
class _Heard:
    """Digests of decoded samples, and where each was heard: splits of cuts, and splits of bank items."""

    cuts: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))
    clean: dict[str, str] = field(default_factory=dict)
    banks: dict[str, dict[str, str]] = field(default_factory=lambda: defaultdict(dict))


def audio_problems(build: Build, sample: int | None) -> Iterator[Problem]:
    """Decode the shards and banks and compare them with the tables.

    Args:
        sample: cuts of each tar that are decoded, evenly spread; all when None.
    """
    columns = ["id", "split", "num_samples", "sampling_rate", "peak_dbfs", "noise"]
    table = build.cuts.join(build.measures.select(id="cut", peak_dbfs="peak_dbfs"), on="id", how="left").select(columns)
    most = round(build.scenario.job.longest_utterance_s * build.scenario.environment.sampling_rate)
    said = {id: _Said(split, samples, min(samples, most), rate, peak, noise is not None) for id, split, samples, rate, peak, noise in table.iter_rows()}
    heard = _Heard()
    for split in SPLITS:
        tars = sorted((build.folder / "shards" / split).glob("*.tar"))
        yield from _missing_conditions(build, split, {tar.name.split(".")[0] for tar in tars})
        for tar in tars:  # the clean field sorts first, so what the others are compared with is known
            yield from _tar_problems(build.folder, tar, split, said, heard, sample)
    yield from _bank_problems(build, heard)
    for what, code, file, found in (("cuts", "SC525", "shards", heard.cuts), ("bank items", "SC529", "banks", heard.banks)):
        for places in found.values():
            if len(places) > 1:
                yield Problem(code, file, f"the same samples in more than one split, as {what} {', '.join(sorted(places.values()))}")


def _missing_conditions(build: Build, split: str, fields: set[str]) -> Iterator[Problem]:
    """A dev or test cut with a drawn place was rendered in it."""
    cuts = build.cuts.filter(pl.col("split") == split)
    placed = cuts.filter(pl.col("noise").is_not_null() | pl.col("room").is_not_null())
    if (cuts.height and CLEAN not in fields) or (placed.height and PLACE not in fields):
        yield Problem("SC528", f"shards/{split}", f"lacks {CLEAN if CLEAN not in fields else PLACE}")


def _tar_problems(folder: Path, tar: Path, split: str, said: dict[str, _Said], heard: _Heard, sample: int | None) -> Iterator[Problem]:
    name, condition = tar.relative_to(folder).as_posix(), tar.name.split(".")[0]
    with tarfile.open(tar, mode="r:") as members:
        pairs = _pairs(members)
        chosen = pairs if sample is None else [pairs[index] for index in sorted({round(at) for at in np.linspace(0, len(pairs) - 1, min(sample, len(pairs)))})]
        for flac, described in chosen:
            id = flac.name.removesuffix(".flac")
            if id not in said or said[id].split != split:
                yield Problem("SC528", name, f"holds {id}, which is no cut of {split}")
                continue
            for what in _member_problems(_bytes(members, flac), json.loads(_bytes(members, described)), id, said[id], condition, heard):
                yield Problem("SC528", name, f"{id} {what}")


def _pairs(tar: tarfile.TarFile) -> list[tuple[tarfile.TarInfo, tarfile.TarInfo]]:
    """Audio and description of every cut; that they stand in pairs is proved by `verify`."""
    members = tar.getmembers()
    return list(zip(members[::2], members[1::2], strict=True))


def _bytes(tar: tarfile.TarFile, member: tarfile.TarInfo) -> bytes:
    file: IO[bytes] | None = tar.extractfile(member)
    assert file is not None, "a member that is no plain file is found by the byte check"
    return file.read()


def _member_problems(flac: bytes, described: dict[str, Any], id: str, said: _Said, condition: str, heard: _Heard) -> Iterator[str]:
    stated = (described.get("num_samples"), described.get("sampling_rate"))
    if stated != (said.num_samples, said.sampling_rate):
        yield f"is described as {stated[0]} samples at {stated[1]} Hz, its cut says {said.num_samples} at {said.sampling_rate}"
    samples = _decoded(flac, said.sampling_rate, said.most_samples)
    if isinstance(samples, str):
        yield samples
        return
    if len(samples) != said.num_samples:
        yield f"decodes to {len(samples)} samples or more, its cut says {said.num_samples}"
        return
    digest = hashlib.sha256(samples.tobytes()).hexdigest()
    if condition == CLEAN:
        heard.clean[id] = digest
        heard.cuts[digest][said.split] = id
        peak = _peak_dbfs(samples)
        if (peak is None) != (said.peak_dbfs is None) or (peak is not None and said.peak_dbfs is not None and abs(peak - said.peak_dbfs) > PEAK_TOLERANCE_DB):
            yield f"peaks at {peak} dBFS, its measure says {said.peak_dbfs}"
    elif said.noisy and digest == heard.clean.get(id):
        yield "is the clean recording, although its place has noise"


def _bank_problems(build: Build, heard: _Heard) -> Iterator[Problem]:
    rate = build.scenario.environment.sampling_rate
    for item in build.banks.iter_rows(named=True):
        try:
            content = (build.folder / item["path"]).read_bytes()
        except (OSError, TypeError, ValueError):
            yield Problem("SC529", "banks.jsonl", f"{item['id']}: its file is not there")
            continue
        seconds = min(item["seconds"] or 0.0, LONGEST_BANK_ITEM_S)
        samples = _decoded(content, rate, round(seconds * rate))
        if isinstance(samples, str):
            yield Problem("SC529", str(item["path"]), samples)
        elif round(seconds * rate) != len(samples):
            yield Problem("SC529", str(item["path"]), f"decodes to {len(samples) / rate} s or more, banks.jsonl says {item['seconds']}")
        else:
            heard.banks[hashlib.sha256(samples.tobytes()).hexdigest()][str(item["split"])] = str(item["id"])


def _decoded(flac: bytes, sampling_rate: int, expected: int) -> np.ndarray | str:
    """Samples of a FLAC file, one more than expected at most: int16 of shape (num_samples,); or what is wrong with it."""
    try:
        with soundfile.SoundFile(io.BytesIO(flac)) as file:
            form = (file.format, file.subtype, file.channels, file.samplerate)
            samples = file.read(expected + 1, dtype="int16")
    except soundfile.LibsndfileError as error:
        return f"does not decode: {error}"
    wanted = ("FLAC", "PCM_16", 1, sampling_rate)
    return samples if form == wanted else f"is {form}, not {wanted}"


def _peak_dbfs(samples: np.ndarray) -> float | None:
    peak = int(np.abs(samples.astype(np.int32)).max(initial=0))
    return 20 * math.log10(peak / 32768) if peak else None
