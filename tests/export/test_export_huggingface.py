"""The Parquet shards, read by `datasets` from a file, by pattern, and as a whole folder with its card."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import datasets
import pyarrow.parquet as pq
import pytest
from export_world import BOTH, cuts_of, exported, need_same_samples, pcm, subsets_of, text_of

from speccraft.export import huggingface
from speccraft.store import Artefact


def load(build: Artefact, folder: Path, name: str, way: str, cache: str) -> datasets.Dataset:
    files = sorted(map(str, (folder / "data").glob(f"{name}-0*.parquet")))
    if way == "from_parquet":
        return datasets.Dataset.from_parquet(files, cache_dir=cache)
    if way == "load_dataset parquet":
        return datasets.load_dataset("parquet", data_files={name: files}, split=name, cache_dir=cache)
    return datasets.load_dataset(str(folder), split=name, cache_dir=cache)


@pytest.mark.parametrize("way", ["from_parquet", "load_dataset parquet", "the folder"])
def test_datasets_reads_an_audio_column_with_the_same_ids_texts_durations_and_samples(build: Artefact, tmp_path: Path, way: str) -> None:
    folder = exported(build, tmp_path, "hf", conditions=BOTH)
    for name, (split, condition) in subsets_of(build).items():
        found = load(build, folder, name, way, str(tmp_path / "cache"))
        assert found.features["audio"] == datasets.Audio(sampling_rate=8000)
        rows: list[dict[str, Any]] = found.cast_column("audio", datasets.Audio(decode=False)).to_list()
        assert [(row["id"], row["text"], row["duration"]) for row in rows] == [(cut["id"], text_of(cut), cut["duration"]) for cut in cuts_of(build, split)]
        assert {row["condition"] for row in rows} == {condition}
        need_same_samples({row["id"]: pcm(row["audio"]["bytes"]) for row in rows}, build, split, condition)


def test_the_folder_has_the_subsets_as_splits(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "hf", conditions=BOTH)
    found = datasets.load_dataset(str(folder), cache_dir=str(tmp_path / "cache"))
    assert {name: split.num_rows for name, split in found.items()} == {name: len(cuts_of(build, split)) for name, (split, _) in subsets_of(build).items()}


def test_row_groups_are_small(build: Artefact, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(huggingface, "ROWS_PER_GROUP", 5)
    (path,) = (exported(build, tmp_path, "hf", splits=("train",)) / "data").iterdir()
    meta = pq.ParquetFile(path).metadata
    assert {meta.row_group(group).num_rows for group in range(meta.num_row_groups - 1)} == {5}
