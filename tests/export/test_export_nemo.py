"""The NeMo manifest, read by `datasets` and by hand."""

from __future__ import annotations

from pathlib import Path

import datasets
from export_world import BOTH, ODD_TEXT, cuts_of, exported, need_same_samples, pcm, subsets_of, text_of

from speccraft.store import Artefact


def test_a_manifest_loads_with_the_same_ids_texts_durations_and_samples(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "nemo", conditions=BOTH)
    for name, (split, condition) in subsets_of(build).items():
        manifest = folder / name / "manifest.jsonl"
        rows = datasets.load_dataset("json", data_files=str(manifest), split="train", cache_dir=str(tmp_path / "cache")).to_list()
        cuts = cuts_of(build, split)
        assert [(row["id"], row["text"], row["duration"], row["lang"]) for row in rows] == [(cut["id"], text_of(cut), cut["duration"], "en") for cut in cuts]
        assert all(not Path(row["audio_filepath"]).is_absolute() for row in rows)
        need_same_samples({row["id"]: pcm(manifest.parent / row["audio_filepath"]) for row in rows}, build, split, condition)


def test_a_line_ends_where_every_reader_says_it_ends(build: Artefact, tmp_path: Path) -> None:
    content = (exported(build, tmp_path, "nemo", splits=("train",)) / "train/manifest.jsonl").read_text()
    assert any(text_of(cut) == ODD_TEXT for cut in cuts_of(build, "train"))
    assert len(content.splitlines()) == content.count("\n") == len(cuts_of(build, "train"))


def test_the_flac_files_are_the_bytes_of_the_shards(build: Artefact, tmp_path: Path) -> None:
    from speccraft.sound.shards import ShardReader

    folder = exported(build, tmp_path, "nemo", splits=("test",), conditions=("place",))
    reader = ShardReader(build.path / "shards/test")
    found = {path.stem: path.read_bytes() for path in folder.rglob("*.flac")}
    assert found == {cut["id"]: reader.flac(cut["id"], "place") for cut in cuts_of(build, "test")}
