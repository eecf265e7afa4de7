"""A build with everything that formats trip over: odd names and texts, a licence by row, a place with authors of its own."""

from __future__ import annotations

import io
import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile
from corpus import WORDS, Corpus, build_here, make_corpus

from speccraft import store
from speccraft.export.run import export
from speccraft.rights.doors import scenario_of
from speccraft.sound.shards import ShardReader

ODD_TEXT = "ba\tdi\u00a0 zu\u2028ko\u0085 ne\u200b"
ODD_NAMES = {"anna": "a", "bela": "a-b", "cleo": "a b", "dora": "Zoë Ünal", "emil": ""}
BOTH = ("clean", "place")
PERMITTED, FORBIDDEN = "CC-BY-4.0", "CC-BY-ND-4.0"


def odd_corpus(folder: Path, **overrides: Any) -> Corpus:
    """The tiny corpus with names that sort differently as prefixes, a speaker who is not known, and a text full of separators; everybody says less."""
    corpus = make_corpus(
        folder, **{"sources__0__licence": PERMITTED, "sources__0__attribution": "Words & Co", "sources__1__attribution": "Hiss Ltd"} | overrides
    )
    words, speakers = list(WORDS), list(ODD_NAMES)
    said = [row for row in corpus.rows if words.index(row["text"]) + speakers.index(row["speaker"]) < len(words)]
    rows = [row | {"speaker": ODD_NAMES[row["speaker"]]} for row in said]
    corpus.write_rows([row | {"text": ODD_TEXT} if row["text"] == "ba" else row for row in rows])
    return corpus


def odd_build(folder: Path, **overrides: Any) -> store.Artefact:
    """A build of that corpus; speakers may stand in several splits, so that everybody is everywhere."""
    return build_here(odd_corpus(folder, splits__disjoint=["audio"], **overrides)).artefact


def exported(build: store.Artefact, out: Path, to: str, **options: Any) -> Path:
    """The folder of an export."""
    return export(build, scenario_of(build), to=to, workspace=out / "no-workspace", out=out, **options).path


def cuts_of(build: store.Artefact, split: str) -> list[dict[str, Any]]:
    # not `splitlines`: the odd text holds what that takes for the end of a line
    return [json.loads(line) for line in (build.path / f"cuts.{split}.jsonl").read_bytes().split(b"\n")[:-1]]


def text_of(cut: dict[str, Any]) -> str:
    return cut["supervisions"][0]["text"]


def subsets_of(build: store.Artefact) -> dict[str, tuple[str, str]]:
    """What an export of both conditions holds: name, and split and condition behind it."""
    return {"train": ("train", "clean")} | {
        f"{split}{'' if condition == 'clean' else '_place'}": (split, condition) for split in ("dev", "test") for condition in BOTH if cuts_of(build, split)
    }


def samples_of(build: store.Artefact, split: str, condition: str) -> dict[str, np.ndarray]:
    """Samples of every cut, int16 as they were encoded."""
    reader = ShardReader(build.path / "shards" / split)
    return {cut["id"]: pcm(reader.flac(cut["id"], condition)) for cut in cuts_of(build, split)}


def pcm(content: bytes | Path) -> np.ndarray:
    """Samples of an audio file, int16."""
    return soundfile.read(io.BytesIO(content) if isinstance(content, bytes) else content, dtype="int16")[0]


def need_same_samples(found: dict[str, np.ndarray], build: store.Artefact, split: str, condition: str) -> None:
    wanted = samples_of(build, split, condition)
    assert found.keys() == wanted.keys()
    assert all(np.array_equal(found[id], wanted[id]) for id in wanted)
