"""A build's folder as the builder leaves it before it is committed, made of a few tones."""

from __future__ import annotations

import json
from dataclasses import asdict, replace
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from speccraft.report.facts import BuildFacts
from speccraft.report.tables import LEDGER, MEASURES, SEGMENTS
from speccraft.scenario.contracts import PLACE_MEASURES
from speccraft.scenario.model import Scenario
from speccraft.sound.place import BankItem
from speccraft.sound.shards import encode_flac, recording_of, write_tar

RATE = 16000
SCENARIO: dict[str, Any] = {
    "speccraft": 1,
    "name": "metro",
    "job": {"task": "transcribe", "languages": ["en"]},
    "environment": {
        "place": "metro platform",
        "snr_db": {"low": 0.0, "high": 20.0},
        "rt60_s": {"low": 0.2, "high": 1.2},
        "noise": ["trains"],
        "rooms": ["halls"],
    },
    "quality": {"snr_db": {"min": 5.0}, "characters_per_s": {"min": 2.0, "max": 30.0}},
    "sources": [
        {"id": "digits", "format": "folder", "path": "digits", "licence": "CC-BY-4.0"},
        {"id": "trains", "format": "folder", "path": "trains", "role": "noise", "licence": "CC0-1.0"},
        {"id": "halls", "format": "folder", "path": "halls", "role": "rir", "licence": "CC0-1.0"},
    ],
    "acceptance": {"data": {"hours": {"pretrain": 0.01}, "speakers": 2, "environment_match": 0.9}},
}


def cut_row(number: int, split: str = "train", **changes: Any) -> dict[str, Any]:
    """A measured cut; test cuts have a place inside the declared bands."""
    in_place = {"place_snr_db": 10.0, "delivered_snr_db": 10.1 + number % 7, "place_rt60_s": 0.5, "delivered_rt60_s": 0.5} if split != "train" else {}
    row = {
        "cut": f"digits-{number:016x}",
        "source": "digits",
        "speaker": f"anna-{number % 8}",
        "licence": "CC-BY-4.0",
        "split": split,
        "stages": ["pretrain", "align"],
        "text": "seven",
        "duration_s": 0.5 + number % 5 / 10,
        "level_dbfs": -26.0 + number % 9,
        "peak_dbfs": -3.0,
        "clipped_fraction": 0.0,
        "speech_share": 0.8,
        "snr_db": 10.0 + number % 23,
        "characters_per_s": 8.0 + number % 6,
        "seconds": 0.5 + number % 5 / 10,
        "unseen": False,
        **dict.fromkeys(PLACE_MEASURES),
        **in_place,
    }
    return {**row, **changes}


def ledger_row(input: str, fate: str, seconds: float | None, **changes: Any) -> dict[str, Any]:
    """A ledger row whose seconds agree: kept rows keep all, the others drop all."""
    kept = seconds if fate == "kept" else 0.0
    row = {"input": input, "source": "digits", "role": "speech", "fate": fate, "rule": None, "value": None, "limit": None, "reason": None, "seconds": seconds}
    sums = {"seconds_kept": kept, "seconds_dropped": None if seconds is None else seconds - (kept or 0.0), "seconds_unvoiced": 0.0, "cuts": int(fate == "kept")}
    return {**row, **sums, **changes}


def segment_row(cut: dict[str, Any], input: str, **changes: Any) -> dict[str, Any]:
    """The segment a cut was made from, or one that a rule dropped."""
    own = {name: cut[name] for name in SEGMENTS if name in cut}
    return {
        "segment": cut["cut"],
        "input": input,
        "role": "speech",
        "start_s": 0.0,
        "fate": "kept",
        "rule": None,
        "value": None,
        "limit": None,
        **own,
        **changes,
    }


BANKS = [
    BankItem("trains-1", "trains", "noise", "train", "banks/t1.flac", 30.0, "CC0-1.0"),
    BankItem("trains-2", "trains", "noise", "test", "banks/t2.flac", 30.0, "CC0-1.0"),
    BankItem("halls-1", "halls", "rir", "train", "banks/h1.flac", 0.8, "CC0-1.0", 0.4),
    BankItem("halls-2", "halls", "rir", "test", "banks/h2.flac", 0.8, "CC0-1.0", 0.9, True),
]


def write_folder(
    folder: Path,
    cuts: list[dict[str, Any]],
    lost: list[dict[str, Any]] | None = None,
    segments: list[dict[str, Any]] | None = None,
    *,
    banks: list[BankItem] = BANKS,
    certificate: dict[str, Any] | None = None,
    seconds_of_tone: float = 0.3,
) -> Path:
    """Write every file a report reads; each cut is one input and sounds as a tone."""
    folder.mkdir(parents=True, exist_ok=True)
    ledger = [ledger_row(f"{cut['speaker']}/{cut['cut']}.wav", "kept", cut["seconds"], source=cut["source"]) for cut in cuts] + (lost or [])
    own = [segment_row(cut, f"{cut['speaker']}/{cut['cut']}.wav") for cut in cuts] + (segments or [])
    pl.DataFrame(cuts, schema=MEASURES).write_parquet(folder / "measures.parquet")
    pl.DataFrame(own, schema=SEGMENTS).write_parquet(folder / "segments.parquet")
    pl.DataFrame(ledger, schema=LEDGER).write_parquet(folder / "ledger.parquet")
    axes = {"speaker": {"train": 6, "dev": 1, "test": 1, "n_shared": 0, "shared": []}}
    splits = {"axes": axes, "counts": {}, "unseen": {}, "notes": [], "banks": {"noise": {"train": ["trains-1"], "test": ["trains-2"]}}, **(certificate or {})}
    (folder / "splits.json").write_text(json.dumps(splits))
    (folder / "banks.jsonl").write_text("".join(json.dumps(asdict(item)) + "\n" for item in banks))
    for split in ("train", "dev", "test"):
        _write_split(folder, split, [cut for cut in cuts if cut["split"] == split], seconds_of_tone)
    return folder


def _write_split(folder: Path, split: str, cuts: list[dict[str, Any]], seconds: float) -> None:
    lines = [{"id": cut["cut"], "custom": {"source": cut["source"], "licence": "CC-BY-4.0", "stages": cut["stages"], "place": None}} for cut in cuts]
    (folder / f"cuts.{split}.jsonl").write_text("".join(json.dumps(line) + "\n" for line in lines))
    time = np.arange(int(seconds * RATE)) / RATE
    rng = np.random.default_rng(0)
    sounds = {"recording": 0.4 * np.sin(2 * np.pi * 220 * time) * np.hanning(len(time)), "recording_place": 0.1 * rng.standard_normal(len(time))}
    (folder / "shards" / split).mkdir(parents=True, exist_ok=True)
    for field in ("recording",) if split == "train" else sounds:
        members = [(recording_of(cut["cut"], len(time), RATE), encode_flac(sounds[field], RATE)) for cut in cuts]
        with (folder / "shards" / split / f"{field}.000000.tar").open("wb") as file:
            write_tar(file, members)


def facts_of(changes: dict[str, Any] | None = None, **kept: Any) -> BuildFacts:
    """Facts about the build of the example scenario, with some sections of it replaced."""
    scenario = Scenario.model_validate_json(json.dumps({**SCENARIO, **(changes or {})}))
    facts = BuildFacts(scenario=scenario, scenario_text=json.dumps(SCENARIO), name="metro", as_of="2026-10-01", refusals=(), attributions=(), version="0.1.0")
    return replace(facts, **kept)


def some_cuts(n: int = 60) -> list[dict[str, Any]]:
    """Cuts of eight speakers in three splits."""
    return [cut_row(number, {6: "dev", 7: "test"}.get(number % 8, "train")) for number in range(n)]
