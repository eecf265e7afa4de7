"""A corpus whose voices are told apart by fingerprints, and ways to make copies of what they say."""

from __future__ import annotations

import io
from collections.abc import Callable, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from corpus import RATE, SPEAKERS, WORDS, Corpus, make_corpus, plan_of

from speccraft import store
from speccraft.build.run import Built, build
from speccraft.build.units import Unit, run_unit
from speccraft.lineage.revoke import Revoked, revoke
from speccraft.rights.log import log_path
from speccraft.scenario import load_scenario

VOICE = "anna"
DAY = "2026-01-01"


def spoken(speaker: str, word: str) -> np.ndarray:
    """Twelve tones of random pitch, the same ones whenever somebody says this word: float64 of shape (num_samples,)."""
    random = np.random.default_rng([*speaker.encode(), *word.encode()])
    time = np.arange(int(0.07 * RATE)) / RATE
    tones = [0.3 * np.sin(2 * np.pi * hertz * time) * np.sqrt(np.hanning(len(time))) for hertz in random.uniform(300, 3000, 12)]
    padded = np.pad(np.concatenate(tones), round(0.2 * RATE))
    return padded + 0.0005 * random.standard_normal(len(padded))


def voices(folder: Path, **overrides: Any) -> Corpus:
    """A corpus in which everybody sounds different."""
    corpus = make_corpus(folder, **overrides)
    for speaker in SPEAKERS:
        for word in WORDS:
            corpus.add_file(f"words/{speaker}-{word}.wav", spoken(speaker, word))
    return corpus


def without_voice(corpus: Corpus, speaker: str = VOICE) -> None:
    """Take somebody's rows out of the table."""
    corpus.write_rows([row for row in corpus.rows if row["speaker"] != speaker])


def copy_of(samples: np.ndarray, format: str = "FLAC", gain: float = 1.0) -> bytes:
    """The same sound in another container, and at another level."""
    file = io.BytesIO()
    soundfile.write(file, gain * samples, RATE, format=format, subtype="PCM_16" if format == "FLAC" else None)
    return file.getvalue()


class Watched:
    """An engine in this process that tells what it decoded."""

    def __init__(self) -> None:
        self.decoded: list[str] = []

    def __call__(self, todo: Sequence[Unit], cache: Path, *, on_done: Callable[[Unit], None]) -> dict[str, Path]:
        folders = {}
        for unit in todo:
            folders[unit.name] = run_unit(unit, cache, self.decoded.append)
            on_done(unit)
        return folders


def built(corpus: Corpus, workspace: Path | None = None) -> tuple[Built, list[str]]:
    """Build in this process, and tell what was decoded for it."""
    engine = Watched()
    made = build(load_scenario(corpus.scenario), plan_of(corpus, DAY), workspace=workspace or corpus.workspace, workers=1, engine=engine)
    return made, sorted(engine.decoded)


def revoked(corpus: Corpus, speaker: str = VOICE, **more: Any) -> Revoked:
    """Revoke a voice as the command does."""
    loaded = load_scenario(corpus.scenario)
    given = {"reason": "asked us to", "day": DAY, "consent_log": log_path(loaded.scenario, corpus.folder), **more}
    return revoke(corpus.workspace, loaded.scenario.name, speaker, **given)


def derived(corpus: Corpus, kind: str, id: str, *parents: store.Artefact, info: dict[str, Any] | None = None, **files: bytes) -> store.Artefact:
    """Commit something that was made of builds or runs."""
    home = corpus.workspace / store.KINDS[kind].folder / "tiny"
    with store.scratch_folder(home) as scratch:
        for name, content in (files or {"x": b"x"}).items():
            store.write_bytes(scratch / name.replace("__", "."), content)
        return store.commit(scratch, home / id, kind=kind, name="tiny", id=id, derives_from=[parent.as_parent for parent in parents], info=info)
