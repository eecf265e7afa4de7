"""The Croissant description of an export, read by the reference implementation."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import mlcroissant
import pytest
from export_world import BOTH, cuts_of, exported, pcm, samples_of, subsets_of, text_of

from speccraft.export.run import FORMATS
from speccraft.store import Artefact, open_artefact


def description(folder: Path) -> dict[str, Any]:
    content: dict[str, Any] = json.loads((folder / "croissant.json").read_bytes())
    return content


@pytest.mark.parametrize("to", FORMATS)
def test_mlcroissant_has_no_remark_and_loads_every_record(build: Artefact, tmp_path: Path, to: str) -> None:
    folder = exported(build, tmp_path, to, conditions=BOTH)
    data = mlcroissant.Dataset(str(folder / "croissant.json"))
    assert (data.metadata.ctx.issues.errors, data.metadata.ctx.issues.warnings) == (set(), set())
    wanted = {} if to == "webdataset" else subsets_of(build)
    assert [one.id for one in data.metadata.record_sets] == list(wanted)
    for name, (split, condition) in wanted.items():
        records = list(data.records(name))
        assert sorted(row[f"{name}/id"].decode() for row in records) == sorted(cut["id"] for cut in cuts_of(build, split))
        assert {row[f"{name}/condition"].decode() for row in records} == {condition}


def test_parquet_records_hold_their_audio(build: Artefact, tmp_path: Path) -> None:
    data = mlcroissant.Dataset(str(exported(build, tmp_path, "hf", splits=("test",)) / "croissant.json"))
    samples = samples_of(build, "test", "clean")
    for row in data.records("test"):
        assert (pcm(row["test/audio"]) == samples[row["test/id"].decode()]).all()


@pytest.mark.parametrize("to", FORMATS)
def test_every_file_but_single_sounds_is_listed_with_its_digest(build: Artefact, tmp_path: Path, to: str) -> None:
    folder = exported(build, tmp_path, to)
    recorded = {file.path: file.sha256 for file in open_artefact(folder, "export").record.files if not file.path.endswith((".wav", ".flac"))}
    assert {one["contentUrl"]: one["sha256"] for one in description(folder)["distribution"]} == {
        name: digest for name, digest in recorded.items() if name != "croissant.json"
    }


def test_only_what_is_heard_is_to_be_named(build: Artefact, tmp_path: Path) -> None:
    clean, both = (description(exported(build, tmp_path / name, "pointers", conditions=heard)) for name, heard in (("clean", ("clean",)), ("both", BOTH)))
    assert [line.partition(",")[0] for line in clean["creditText"]] == ["words: Words & Co"]
    assert [line.partition(",")[0] for line in both["creditText"]] == ["hiss: Hiss Ltd", "words: Words & Co"]


def test_an_internal_export_says_that_nobody_was_asked(build: Artefact, tmp_path: Path) -> None:
    inside, outside = (description(exported(build, tmp_path / str(internal), "pointers", internal=internal)) for internal in (True, False))
    assert inside["usageInfo"]["text"].startswith("For internal use: ")
    assert "internal" not in outside["usageInfo"]["text"]


def test_the_texts_are_those_of_the_cuts(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "hf", splits=("train",))
    data = mlcroissant.Dataset(str(folder / "croissant.json"))
    assert [row["train/text"].decode() for row in data.records("train")] == [text_of(cut) for cut in cuts_of(build, "train")]
