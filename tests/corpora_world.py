"""The tiny corpus in the layouts of published corpora: Hugging Face, WebDataset, LibriSpeech, Common Voice."""

from __future__ import annotations

import io
import json
import tarfile
from pathlib import Path
from typing import Any

import pyarrow as pa
import pyarrow.parquet as pq
import soundfile
from corpus import Corpus

OFFICIAL = {"dora": "dev", "emil": "test"}
"""Whom the official splits keep out of training."""
CORPORA: dict[str, dict[str, Any]] = {
    "HuggingFaceSource": {"format": "hf", "path": "hf", "columns": {"audio": "audio", "text": "text", "speaker": "speaker"}},
    "WebDatasetSource": {"format": "webdataset", "path": "shards", "keys": {"speaker": "spk"}},
    "LibriSpeechSource": {"format": "librispeech", "path": "libri"},
    "CommonVoiceSource": {"format": "commonvoice", "path": "cv/en"},
}
SHORTER = {
    "HuggingFaceSource": "hf/train.parquet",
    "WebDatasetSource": "shards/train.tar",
    "LibriSpeechSource": "libri/train-tiny",
    "CommonVoiceSource": "cv/fewer",
}
"""A source of fewer rows for each."""


def write_corpora(corpus: Corpus) -> None:
    """Write the corpus once in every layout; the clip `anna-ba` of Common Voice is only in its list `validated`."""
    parts: dict[str, list[dict[str, str]]] = {"train": [], "dev": [], "test": []}
    for row in corpus.rows:
        parts[OFFICIAL.get(row["speaker"], "train")].append(row)
    for part, rows in parts.items():
        audio = [(corpus.folder / row["path"]).read_bytes() for row in rows]
        _parquet(corpus.folder / f"hf/{part}.parquet", rows, audio)
        _shard(corpus.folder / f"shards/{part}.tar", rows, audio)
        _chapters(corpus.folder / f"libri/{part}-tiny", rows, audio)
        _list(corpus, f"cv/en/{part}.tsv", [row for row in rows if row["path"] != "words/anna-ba.wav"])
        _list(corpus, f"cv/fewer/{part}.tsv", rows[1:])
    _list(corpus, "cv/en/validated.tsv", corpus.rows)


def _parquet(path: Path, rows: list[dict[str, str]], audio: list[bytes]) -> None:
    path.parent.mkdir(exist_ok=True)
    cells = pa.array([{"bytes": content, "path": None} for content in audio], pa.struct([("bytes", pa.binary()), ("path", pa.string())]))
    pq.write_table(pa.table({"audio": cells, **{name: [row[name] for row in rows] for name in ("text", "speaker")}}), path, row_group_size=4)


def _shard(path: Path, rows: list[dict[str, str]], audio: list[bytes]) -> None:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for row, content in zip(rows, audio, strict=True):
            for ending, member in ((".wav", content), (".txt", row["text"].encode()), (".json", json.dumps({"spk": row["speaker"]}).encode())):
                header = tarfile.TarInfo(Path(row["path"]).stem + ending)
                header.size = len(member)
                tar.addfile(header, io.BytesIO(member))


def _chapters(part: Path, rows: list[dict[str, str]], audio: list[bytes]) -> None:
    for row, content in zip(rows, audio, strict=True):
        chapter = part / row["speaker"] / "1"
        chapter.mkdir(parents=True, exist_ok=True)
        samples, rate = soundfile.read(io.BytesIO(content))
        soundfile.write(chapter / f"{Path(row['path']).stem}.flac", samples, rate)
        with (chapter / f"{row['speaker']}-1.trans.txt").open("a") as file:
            file.write(f"{Path(row['path']).stem} {row['text']}\n")


def _list(corpus: Corpus, name: str, rows: list[dict[str, str]]) -> None:
    path = corpus.folder / name
    (path.parent / "clips").mkdir(parents=True, exist_ok=True)
    for row in rows:
        (path.parent / "clips" / Path(row["path"]).name).write_bytes((corpus.folder / row["path"]).read_bytes())
    lines = [f"{row['speaker']}\t{Path(row['path']).name}\t{row['text']}\t" for row in rows]
    path.write_text("\n".join(["client_id\tpath\tsentence\tlocale", *lines]) + "\n")
