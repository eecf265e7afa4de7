"""The tiny corpus as other toolkits would describe it: one manifest of each kind in `manifests/`, and one with fewer recordings."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import soundfile
from corpus import RATE, Corpus

from speccraft import store
from speccraft.sound.shards import encode_flac, write_tar

SOURCES: dict[str, dict[str, Any]] = {
    "LhotseSource": {"format": "lhotse", "path": "manifests/cuts.jsonl", "audio_folder": "."},
    "SharSource": {"format": "shar", "path": "manifests/shar"},
    "NemoSource": {"format": "nemo", "path": "manifests/manifest.json", "audio_folder": "."},
    "KaldiSource": {"format": "kaldi", "path": "manifests/kaldi", "audio_folder": "."},
}
"""For every model, a source that reads the corpus."""
FEWER = {
    "LhotseSource": "manifests/fewer.jsonl",
    "SharSource": "manifests/fewer_shar",
    "NemoSource": "manifests/fewer.json",
    "KaldiSource": "manifests/fewer_kaldi",
}
"""The paths of manifests with fewer recordings."""
SUPERVISED = {"format": "lhotse", "path": "manifests/recordings.jsonl", "supervisions": "manifests/supervisions.jsonl", "audio_folder": "."}


def write_manifests(corpus: Corpus) -> None:
    """Write everything that `SOURCES`, `FEWER` and `SUPERVISED` name."""
    folder = corpus.folder / "manifests"
    folder.mkdir()
    rows = corpus.rows
    _lines(folder / "cuts.jsonl", [cut_of(corpus, row) for row in rows])
    _lines(folder / "fewer.jsonl", [cut_of(corpus, row) for row in rows[:-3]])
    _lines(folder / "recordings.jsonl", [cut_of(corpus, row)["recording"] for row in rows])
    _lines(folder / "supervisions.jsonl", [cut_of(corpus, row)["supervisions"][0] for row in rows])
    _lines(folder / "manifest.json", [_nemo(corpus, row) for row in rows])
    _lines(folder / "fewer.json", [_nemo(corpus, row) for row in rows[:-3]])
    for name, some in (("", rows), ("fewer_", rows[:-3])):
        _shar(folder / f"{name}shar", corpus, some)
        _kaldi(folder / f"{name}kaldi", some)


def cut_of(corpus: Corpus, row: dict[str, str], kind: str = "file") -> dict[str, Any]:
    """A row of the corpus as a Lhotse cut."""
    seconds, id = soundfile.info(corpus.folder / row["path"]).duration, Path(row["path"]).stem
    source = {"type": kind, "channels": [0], "source": row["path"] if kind == "file" else ""}
    recording = {"id": id, "sources": [source], "sampling_rate": RATE, "num_samples": round(seconds * RATE), "duration": seconds}
    supervision = {"id": id, "recording_id": id, "start": 0.0, "duration": seconds, "channel": 0, "text": row["text"], "speaker": row["speaker"]}
    return {"id": id, "type": "MonoCut", "start": 0.0, "duration": seconds, "channel": 0, "recording": recording, "supervisions": [supervision]}


def _nemo(corpus: Corpus, row: dict[str, str]) -> dict[str, Any]:
    seconds = soundfile.info(corpus.folder / row["path"]).duration
    return {"audio_filepath": row["path"], "duration": seconds, "text": row["text"], "speaker": row["speaker"]}


def _shar(folder: Path, corpus: Corpus, rows: list[dict[str, str]]) -> None:
    folder.mkdir()
    cuts = [cut_of(corpus, row, "shar") for row in rows]
    _lines(folder / "cuts.000000.jsonl", cuts)
    audio = [encode_flac(soundfile.read(corpus.folder / row["path"])[0], RATE) for row in rows]
    with store.new_file(folder / "recording.000000.tar") as file:
        write_tar(file, zip([cut["recording"] for cut in cuts], audio, strict=True))


def _kaldi(folder: Path, rows: list[dict[str, str]]) -> None:
    folder.mkdir()
    for table, field in (("wav.scp", "path"), ("text", "text"), ("utt2spk", "speaker")):
        (folder / table).write_text("".join(f"{Path(row['path']).stem} {row[field]}\n" for row in rows))


def _lines(path: Path, records: list[dict[str, Any]]) -> None:
    path.write_text("".join(json.dumps(record) + "\n" for record in records))
