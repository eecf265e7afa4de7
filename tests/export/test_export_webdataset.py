"""The tar shards, read by `datasets`' own WebDataset loader and as plain tars."""

from __future__ import annotations

import tarfile
from pathlib import Path

import datasets
from export_world import BOTH, cuts_of, exported, need_same_samples, odd_build, pcm, subsets_of, text_of

from speccraft import store
from speccraft.store import Artefact
from speccraft.verify import verify

TEXT = datasets.Value("string")
JSON = dict.fromkeys(("id", "cut", "text", "source", "speaker", "licence"), TEXT) | {"duration": datasets.Value("float64")}
FEATURES = datasets.Features({"flac": datasets.Value("binary"), "json": JSON, "txt": TEXT, "__key__": TEXT, "__url__": TEXT})
"""The bytes as they are: to guess an audio column `datasets` needs torchcodec."""


def test_datasets_reads_the_same_ids_texts_durations_and_samples(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "webdataset", conditions=BOTH)
    for name, (split, condition) in subsets_of(build).items():
        files = sorted(map(str, (folder / "data").glob(f"{name}-0*.tar")))
        found = datasets.load_dataset("webdataset", data_files=files, split="train", features=FEATURES, cache_dir=str(tmp_path / "cache"))
        rows = found.to_list()
        wanted = [(cut["id"], text_of(cut), text_of(cut), cut["duration"]) for cut in cuts_of(build, split)]
        assert [(row["__key__"], row["txt"], row["json"]["text"], row["json"]["duration"]) for row in rows] == wanted
        assert all(value is not None for row in rows for value in row["json"].values()), "`datasets` guesses types from five samples"
        need_same_samples({row["__key__"]: pcm(row["flac"]) for row in rows}, build, split, condition)


def test_a_folder_streams_by_its_card(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "webdataset")
    stream = datasets.load_dataset(str(folder), split="train", streaming=True, features=FEATURES)
    assert [row["__key__"] for row in stream] == [cut["id"] for cut in cuts_of(build, "train")]


def test_members_carry_no_clock_owner_or_mode_of_this_machine(build: Artefact, tmp_path: Path) -> None:
    for path in exported(build, tmp_path, "webdataset").rglob("*.tar"):
        with tarfile.open(path) as tar:
            assert {(member.mtime, member.uid, member.gid, member.uname, member.gname, member.mode) for member in tar} == {(0, 0, 0, "", "", 0o644)}


def test_a_dot_in_a_cut_id_does_not_end_its_key(tmp_path: Path) -> None:
    build = odd_build(tmp_path, **{"sources__0__id": "words.v1"})
    folder = exported(build, tmp_path / "out", "webdataset", splits=("train",))
    files = list(map(str, folder.rglob("*.tar")))
    rows = datasets.load_dataset("webdataset", data_files=files, split="train", features=FEATURES, cache_dir=str(tmp_path / "cache"))
    ids = [cut["id"] for cut in cuts_of(build, "train")]
    assert ids[0].startswith("words.v1-")
    assert [row["json"]["cut"] for row in rows] == ids
    assert verify(folder).problems == []


def test_verify_misses_a_transcript_that_was_left_out_of_a_tar(build: Artefact, tmp_path: Path) -> None:
    folder = exported(build, tmp_path, "webdataset", splits=("train",))
    (path,) = folder.rglob("*.tar")
    (tmp_path / "scratch/data").mkdir(parents=True)
    with tarfile.open(path) as old, tarfile.open(tmp_path / "scratch/data" / path.name, "w", format=tarfile.USTAR_FORMAT) as new:
        for number, member in enumerate(old):
            if number != 2:
                new.addfile(member, old.extractfile(member))
    damaged = store.commit(tmp_path / "scratch", tmp_path, kind="export", name=build.record.name)
    assert {problem.code for problem in verify(damaged.path).problems} == {"SC510"}
