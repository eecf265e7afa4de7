"""A corpus small enough to build in a second: five speakers, six words of tone bursts, three noises, three rooms."""

from __future__ import annotations

import csv
import json
import os
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import soundfile

from speccraft import store
from speccraft.build.run import Built, build
from speccraft.plan import Plan
from speccraft.plan import plan_of as plan_of_file
from speccraft.rights.doors import scenario_of
from speccraft.rights.pseudonyms import SPEAKER, derived_key, pseudonym
from speccraft.scenario import load_scenario
from speccraft.sound.rooms import simulate_room

RATE = 8000
SPEAKERS = ("anna", "bela", "cleo", "dora", "emil")
WORDS = {"ba": (300, 900), "di": (2400, 300), "zu": (900, 2400), "ko": (600, 600), "ne": (1500, 400), "ri": (400, 1500)}
"""A word is one tone after another, in Hz."""
COLUMNS = ("path", "text", "speaker", "session", "licence", "split")
SCENARIO: dict[str, Any] = {
    "speccraft": 1,
    "name": "tiny",
    "job": {"task": "transcribe", "languages": ["en"], "longest_utterance_s": 5.0},
    "environment": {
        "place": "test bench",
        "sampling_rate": RATE,
        "snr_db": {"low": 0.0, "high": 20.0},
        "rt60_s": {"low": 0.1, "high": 1.0},
        "noise": ["hiss"],
        "rooms": ["halls"],
    },
    "sources": [
        {
            "id": "words",
            "format": "table",
            "path": "words.csv",
            "columns": {"audio": "path", "text": "text", "speaker": "speaker", "session": "session", "licence": "licence"},
            "licence": "CC0-1.0",
        },
        {"id": "hiss", "format": "folder", "path": "noise", "role": "noise", "licence": "CC0-1.0"},
        {"id": "halls", "format": "folder", "path": "rooms", "role": "rir", "licence": "CC0-1.0"},
    ],
    "segmentation": {"detector": "energy"},
    "splits": {"dev": 0.2, "test": 0.2, "disjoint": ["speaker", "audio"]},
}


@dataclass(frozen=True)
class Corpus:
    """A folder with `words.csv`, `words/`, `noise/`, `rooms/` and `scenario.yaml`."""

    folder: Path

    @property
    def scenario(self) -> Path:
        return self.folder / "scenario.yaml"

    @property
    def workspace(self) -> Path:
        return self.folder / "speccraft-work"

    @property
    def rows(self) -> list[dict[str, str]]:
        with (self.folder / "words.csv").open(newline="") as file:
            return list(csv.DictReader(file))

    def write_rows(self, rows: list[dict[str, str]]) -> None:
        with (self.folder / "words.csv").open("w", newline="") as file:
            writer = csv.DictWriter(file, COLUMNS)
            writer.writeheader()
            writer.writerows(rows)

    def edit_row(self, path: str, **changes: str) -> None:
        self.write_rows([row | changes if row["path"] == path else row for row in self.rows])

    def add_row(self, path: str, content: bytes | np.ndarray, **fields: str) -> None:
        """Add a file, from bytes or samples, and its row."""
        self.add_file(path, content)
        self.write_rows([*self.rows, {"path": path, "text": "ba", "speaker": "anna", "session": "", "licence": "", "split": ""} | fields])

    def add_file(self, path: str, content: bytes | np.ndarray) -> None:
        target = self.folder / path
        target.parent.mkdir(parents=True, exist_ok=True)
        if isinstance(content, bytes):
            target.write_bytes(content)
        else:
            soundfile.write(target, content, RATE)

    def write_scenario(self, **overrides: Any) -> None:
        """Write the scenario; keys of an override reach down with two underscores, and None takes a field away."""
        scenario = json.loads(json.dumps(SCENARIO))
        for path, value in overrides.items():
            *above, last = path.split("__")
            section = scenario
            for key in above:
                section = section[int(key)] if isinstance(section, list) else section.setdefault(key, {})
            if value is None:
                del section[last]
            else:
                section[last] = value
        self.scenario.write_text(json.dumps(scenario, indent=1))


def make_corpus(folder: Path, **overrides: Any) -> Corpus:
    """Write the corpus and its scenario into a folder."""
    corpus = Corpus(folder)
    rows = []
    for number, speaker in enumerate(SPEAKERS):
        for word in WORDS:
            path = f"words/{speaker}-{word}.wav"
            corpus.add_file(path, word_samples(word, pitch=1 + 0.07 * number, seed=number))
            rows.append({"path": path, "text": word, "speaker": speaker, "session": f"{speaker}-1", "licence": "", "split": ""})
    corpus.write_rows(rows)
    for number in range(3):
        corpus.add_file(f"noise/hiss{number}.wav", 0.1 * np.random.default_rng(number).standard_normal(RATE * 2).clip(-4, 4))
        corpus.add_file(f"rooms/hall{number}.wav", 0.9 * simulate_room(0.2 + 0.1 * number, RATE, np.random.default_rng(number)))
    corpus.write_scenario(**overrides)
    return corpus


def word_samples(word: str, pitch: float = 1.0, seed: int = 0, seconds: float = 0.3) -> np.ndarray:
    """Two tones with faint noise around them: float64 of shape (num_samples,)."""
    time = np.arange(int(seconds / 2 * RATE)) / RATE
    tones = np.concatenate([0.3 * np.sin(2 * np.pi * pitch * hertz * time) * np.sqrt(np.hanning(len(time))) for hertz in WORDS[word]])
    padded = np.pad(tones, round(0.2 * RATE))
    return padded + 0.0005 * np.random.default_rng([seed, *word.encode()]).standard_normal(len(padded))


def plan_of(corpus: Corpus, as_of: str = "2026-01-01") -> Plan:
    """The plan that the commands make of a corpus."""
    return plan_of_file(load_scenario(corpus.scenario), as_of=as_of)


def build_here(corpus: Corpus, workspace: Path | None = None, *, workers: int = 1, as_of: str = "2026-01-01") -> Built:
    """Build a corpus in this process."""
    return build(load_scenario(corpus.scenario), plan_of(corpus, as_of), workspace=workspace or corpus.workspace, workers=workers)


def ledger_of(built: Built | store.Artefact) -> pl.DataFrame:
    return table_of(built, "ledger")


def table_of(built: Built | store.Artefact, name: str) -> pl.DataFrame:
    artefact = built.artefact if isinstance(built, Built) else built
    return pl.read_parquet(artefact.path / f"{name}.parquet")


def called(name: str, built: Built | store.Artefact, kind: str = SPEAKER) -> str:
    """What a speaker is called in the cuts of a build whose scenario has no key of its own."""
    return pseudonym(name, derived_key(scenario_of(built.artefact if isinstance(built, Built) else built)), kind)


def lines_of(path: Path) -> list[dict[str, Any]]:
    return [json.loads(line) for line in path.read_text().splitlines()]


def bytes_of(folder: Path) -> dict[str, bytes]:
    """Every file below a folder."""
    return {path.relative_to(folder).as_posix(): path.read_bytes() for path in sorted(folder.rglob("*")) if path.is_file()}


def command(*arguments: str | Path) -> list[str]:
    """The command line of a speccraft command: the script that was installed beside this Python."""
    return [str(Path(sys.executable).with_name("speccraft")), *map(str, arguments)]


def speccraft(*arguments: str | Path, environment: Mapping[str, str] | None = None, cwd: Path | None = None) -> subprocess.CompletedProcess[str]:
    """Run a speccraft command as a process of its own."""
    return subprocess.run(
        command(*arguments),
        capture_output=True,
        text=True,
        timeout=300,
        check=False,
        cwd=cwd,
        env={**os.environ, "OMP_NUM_THREADS": "1", **(environment or {})},
    )
