"""Shards that are missing, swapped, flipped or made up: an error that names the file before the first epoch (K01 to K05 of docs/faults.md)."""

from __future__ import annotations

import gzip
import io
import json
import shutil
import tarfile
from collections.abc import Callable
from pathlib import Path

import pytest
from corpus import Corpus, build_here, bytes_of, plan_of
from faults_world import encoded, tone
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft import store
from speccraft.build.run import Built
from speccraft.build.run import build as run_build
from speccraft.errors import BrokenIntegrity, UnreadableInput
from speccraft.export.run import export
from speccraft.ingest.rows import Reach, Row
from speccraft.ingest.shar import read_shar
from speccraft.ingest.webdataset import read_webdataset
from speccraft.rights.doors import scenario_of
from speccraft.scenario import load_scenario
from speccraft.scenario.source_corpora import WebDatasetSource
from speccraft.scenario.source_manifests import SharSource
from speccraft.sound.shards import ShardReader
from speccraft.verify import verify


@pytest.fixture
def build(tiny_build: tuple[Corpus, Built], tmp_path: Path) -> Path:
    """A copy of a real build, to be spoilt."""
    artefact = tiny_build[1].artefact
    return Path(shutil.copytree(artefact.path, tmp_path / artefact.record.id))


TAR, CUTS = "shards/train/recording.000000.tar", "shards/train/cuts.000000.jsonl"


def remove(build: Path) -> None:
    (build / TAR).unlink()


def add(build: Path) -> None:
    shutil.copy(build / TAR, build / "shards/train/recording.000099.tar")


def swap(build: Path) -> None:
    other = build / "shards/test/recording.000000.tar"
    content = (build / TAR).read_bytes(), other.read_bytes()
    (build / TAR).write_bytes(content[1])
    other.write_bytes(content[0])


def cut_off(build: Path) -> None:
    (build / TAR).write_bytes((build / TAR).read_bytes()[:5000])


def empty(build: Path) -> None:
    (build / TAR).write_bytes(b"")


def reorder(build: Path) -> None:
    lines = (build / CUTS).read_bytes().splitlines(keepends=True)
    (build / CUTS).write_bytes(b"".join(reversed(lines)))


def flip(build: Path) -> None:
    content = bytearray((build / TAR).read_bytes())
    content[len(content) // 2] ^= 1
    (build / TAR).write_bytes(content)


SPOILT = [remove, add, swap, cut_off, empty, reorder, flip]


# K01


@pytest.mark.parametrize("spoil", SPOILT)
def test_a_spoilt_shard_is_found_by_the_verifier_and_refused_by_training_and_export(build: Path, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    spoil(build)
    found = verify(build)
    assert found.exit_code == 5
    assert any("shards/train/" in problem.file for problem in found.problems)
    artefact = store.open_artefact(build, "build")
    with pytest.raises(BrokenIntegrity, match=r"shards/t(rain|est)/"):
        store.check_files(artefact)
    with pytest.raises(BrokenIntegrity):
        export(artefact, scenario_of(artefact), to="webdataset", workspace=tmp_path / "none", out=tmp_path / "out")
    assert not (tmp_path / "out").exists()


@pytest.mark.parametrize("spoil", [remove, add, flip])
def test_training_on_a_spoilt_build_ends_before_the_first_step(build: Path, tmp_path: Path, spoil: Callable[[Path], None]) -> None:
    from speccraft.trainer.recipe import load_recipe
    from speccraft.trainer.run import train

    spoil(build)
    steps: list[object] = []
    with pytest.raises(BrokenIntegrity, match=r"recording\.0000(00|99)\.tar"):
        train(build, tmp_path / "work", load_recipe("tiny-cpu"), stages=("pretrain",), name="t", on_progress=lambda *step: steps.append(step))
    assert steps == []


@pytest.mark.parametrize("spoil", [cut_off, empty])
def test_a_shard_that_breaks_off_gives_no_shorter_epoch(build: Path, spoil: Callable[[Path], None]) -> None:
    spoil(build)
    with pytest.raises(BrokenIntegrity, match=r"recording\.000000\.tar"):
        ShardReader(build / "shards/train")


# K02


@given(which=st.floats(0, 1, exclude_max=True), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_flipped_bit_is_found_by_the_readers_own_check_too(tiny_build: tuple[Corpus, Built], which: float, where: float, bit: int) -> None:
    artefact = tiny_build[1].artefact
    files = sorted(path for path in artefact.path.rglob("*") if path.is_file() and path.stat().st_size and path.name != "BUILD.json")
    path = files[int(which * len(files))]
    whole = path.read_bytes()
    spoilt = bytearray(whole)
    spoilt[int(where * len(whole))] ^= 1 << bit
    try:
        path.write_bytes(spoilt)
        with pytest.raises(BrokenIntegrity, match=path.name.replace(".", r"\.")):
            store.check_files(artefact)
    finally:
        path.write_bytes(whole)


# K03


def tar_of(*members: tuple[str, bytes, dict[str, object]]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w", format=tarfile.PAX_FORMAT) as tar:
        for name, content, fields in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for field, value in fields.items():
                setattr(member, field, value)
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


FLAC = encoded(tone(440, 0.5, 8000), 8000, "FLAC")


def read_tar(folder: Path, content: bytes) -> list[Row]:
    (folder / "d").mkdir(exist_ok=True)
    (folder / "d/0.tar").write_bytes(content)
    return read_webdataset(WebDatasetSource(id="s", format="webdataset", path="d"), reach=Reach(folder, (folder,)))


@pytest.mark.parametrize("name", ["../../up.flac", "/etc/abs.flac", "a/../../b.flac", "~/x.flac", "C:\\x.flac"])
def test_names_in_a_tar_lead_nowhere(tmp_path: Path, name: str) -> None:
    inside = tmp_path / "a/b/data"
    inside.mkdir(parents=True)
    rows = read_tar(inside, tar_of((name, FLAC, {})))
    assert [row.path for row in rows] == [inside / "d/0.tar"]
    assert [path for path in tmp_path.rglob("*") if path.is_file()] == [inside / "d/0.tar"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE])
def test_what_is_no_regular_file_in_a_tar_is_told_and_not_read(tmp_path: Path, kind: bytes) -> None:
    rows = read_tar(tmp_path, tar_of(("a.flac", b"", {"type": kind, "linkname": "/etc/passwd"})))
    assert rows
    assert all(row.problem and row.path is None for row in rows)


def test_a_member_that_stands_twice_is_a_problem_and_not_a_choice(tmp_path: Path) -> None:
    rows = read_tar(tmp_path, tar_of(("a.flac", FLAC, {}), ("a.txt", b"one", {}), ("a.txt", b"two", {}), ("b.flac", FLAC, {})))
    assert [bool(row.problem) for row in rows] == [True, False]


# K04


def shar(folder: Path, cuts: list[str], members: list[str]) -> None:
    folder.mkdir(exist_ok=True)
    recording = {"id": "r", "sampling_rate": 8000, "num_samples": 4000, "duration": 0.5, "sources": [{"type": "shar", "channels": [0], "source": ""}]}
    rows = [{"id": id, "start": 0, "duration": 0.5, "channel": 0, "type": "MonoCut", "recording": recording} for id in cuts]
    (folder / "cuts.000000.jsonl.gz").write_bytes(gzip.compress(b"".join(json.dumps(row).encode() + b"\n" for row in rows)))
    parts = [part for id in members for part in ((f"{id}.flac", FLAC, {}), (f"{id}.json", b"{}", {}))]
    (folder / "recording.000000.tar").write_bytes(tar_of(*parts))


def read_shards(folder: Path) -> list[Row]:
    return read_shar(SharSource(id="s", format="shar", path="shar"), reach=Reach(folder, (folder,)))


@pytest.mark.parametrize(("cuts", "members"), [(["a", "b"], ["a"]), (["a"], ["a", "b"])])
def test_a_shard_with_more_cuts_or_more_recordings_is_refused_by_name(tmp_path: Path, cuts: list[str], members: list[str]) -> None:
    shar(tmp_path / "shar", cuts, members)
    with pytest.raises(UnreadableInput, match=r"cuts\.000000\.jsonl\.gz has \d cuts and recording\.000000\.tar \d recordings"):
        read_shards(tmp_path)


def test_a_cut_whose_recording_is_another_ones_is_a_problem_that_names_both(tmp_path: Path) -> None:
    shar(tmp_path / "shar", ["a", "b"], ["a", "c"])
    whole, wrong = read_shards(tmp_path)
    assert whole.problem == ""
    assert wrong.problem.startswith("cuts.000000.jsonl.gz:2: ")
    assert "holds no recordings of 'b'" in wrong.problem


def test_recordings_in_another_order_than_their_cuts_are_found_by_name(tmp_path: Path) -> None:
    shar(tmp_path / "shar", ["a", "b"], ["b", "a"])
    first, second = read_shards(tmp_path)
    assert (first.input, second.input) == ("a", "b")
    assert first.inside is not None
    assert second.inside is not None
    assert first.inside.offset > second.inside.offset


# K05


@pytest.mark.slow
def test_of_a_build_that_died_only_whole_units_are_taken_over(corpus: Corpus, tiny_build: tuple[Corpus, Built]) -> None:
    def die(phase: str, *_: object) -> None:
        if phase == "write":
            raise KeyboardInterrupt

    with pytest.raises(KeyboardInterrupt):
        run_build(load_scenario(corpus.scenario), plan_of(corpus), workspace=corpus.workspace, workers=1, on_progress=die)
    damaged, *whole = sorted((corpus.workspace / "cache/units").iterdir())
    content = bytearray((damaged / "audio.bin").read_bytes())
    content[len(content) // 2] ^= 1
    (damaged / "audio.bin").write_bytes(content)
    before = {folder: (folder / "UNIT.json").stat().st_mtime_ns for folder in (damaged, *whole)}
    built = build_here(corpus)
    after = {folder: (folder / "UNIT.json").stat().st_mtime_ns for folder in before}
    assert [folder for folder in before if before[folder] != after[folder]] == [damaged]
    assert bytes_of(built.artefact.path) == bytes_of(tiny_build[1].artefact.path)
