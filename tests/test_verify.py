"""The verifier: whatever is done to a committed folder, it says so."""

from __future__ import annotations

import hashlib
import io
import json
import os
import shutil
import subprocess
import sys
import tarfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft import store
from speccraft import verify as verifier
from speccraft.sound.shards import encode_flac, recording_of, write_tar
from speccraft.store import Artefact
from speccraft.verify import verify

SPLITS = {"train": 5, "dev": 0, "test": 3}
SHARD_CUTS = 2


def tar_of(ids: list[str], loudness: int) -> bytes:
    file = io.BytesIO()
    flac = encode_flac((loudness * np.sin(np.arange(160) / 5)).astype(np.int16), 8000)
    write_tar(file, [(recording_of(id, 160, 8000), flac) for id in ids])
    return file.getvalue()


def build_files() -> tuple[dict[str, bytes], dict[str, int]]:
    """A build as small as one can be: two shards of train, two of test in two conditions, no dev."""
    files: dict[str, bytes] = {"splits.json": store.canonical_json({"axes": ["speaker"]}), "report.html": b"<html></html>\n"}
    counts: dict[str, int] = {}
    for split, size in SPLITS.items():
        ids = [f"{split}-{index}" for index in range(size)]
        add_rows(files, counts, f"cuts.{split}.jsonl", ids)
        for number, start in enumerate(range(0, size, SHARD_CUTS)):
            part = ids[start : start + SHARD_CUTS]
            add_rows(files, counts, f"shards/{split}/cuts.{number:06}.jsonl", part)
            for loudness, field in enumerate(("recording", "recording_place")[: 2 if split == "test" else 1], 1):
                files[f"shards/{split}/{field}.{number:06}.tar"] = tar_of(part, 1000 * loudness)
                counts[f"shards/{split}/{field}.{number:06}.tar"] = len(part)
    return files, counts


def add_rows(files: dict[str, bytes], counts: dict[str, int], path: str, ids: list[str]) -> None:
    files[path] = store.json_lines([{"id": id, "duration": 0.02} for id in ids])
    counts[path] = len(ids)


def commit(workspace: Path, kind: str, files: dict[str, bytes], counts: dict[str, int] | None = None, **arguments: Any) -> Artefact:
    folder = workspace / store.KINDS[kind].folder / "job"
    with store.scratch_folder(folder) as scratch:
        for name, content in files.items():
            store.write_bytes(scratch / name, content)
        final = folder / arguments["id"] if "id" in arguments else folder
        return store.commit(scratch, final, kind=kind, name="job", counts=counts, **arguments)


def commit_build(workspace: Path, change: Callable[[dict[str, bytes], dict[str, int]], None] = lambda files, counts: None) -> Artefact:
    """Commit a build that is broken before its record is written, so that every digest agrees."""
    files, counts = build_files()
    change(files, counts)
    return commit(workspace, "build", files, counts)


@pytest.fixture(scope="session")
def clean(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace with a build, a run on it with a checkpoint inside, and an evaluation of both."""
    workspace = tmp_path_factory.mktemp("clean")
    build = commit_build(workspace)
    with store.scratch_folder(workspace / "runs/job") as scratch:
        parents = [build.as_parent]
        for stage in ("pretrain", "align"):
            with store.scratch_folder(scratch / "checkpoints") as inner:
                store.write_bytes(inner / "model.safetensors", stage.encode())
                checkpoint = store.commit(inner, scratch / "checkpoints" / stage, kind="checkpoint", name="job", id=f"r1-{stage}", derives_from=parents)
            parents = [build.as_parent, checkpoint.as_parent]
        store.write_bytes(scratch / "metrics.jsonl", store.json_lines([{"step": 1, "loss": 0.5}]))
        run = store.commit(scratch, workspace / "runs/job/r1", kind="run", name="job", id="r1", derives_from=[build.as_parent])
    commit(workspace, "evaluation", {"scores.json": store.canonical_json({"rows": []})}, derives_from=[run.as_parent, build.as_parent])
    return workspace


def folder_of(workspace: Path, kind: str) -> Path:
    (record,) = (workspace / store.KINDS[kind].folder).glob(f"*/*/{store.KINDS[kind].record}")
    return record.parent


def codes(folder: Path) -> set[str]:
    return {problem.code for problem in verify(folder).problems}


@pytest.fixture
def workspace(clean: Path, tmp_path: Path) -> Path:
    """A copy that a test may spoil."""
    return Path(shutil.copytree(clean, tmp_path / "workspace"))


@pytest.mark.parametrize("kind", ["build", "run", "evaluation"])
def test_what_was_committed_is_clean(clean: Path, kind: str) -> None:
    report = verify(folder_of(clean, kind))
    assert (report.problems, report.notes, report.exit_code, report.kind) == ([], [], 0, kind)
    assert report.files == len([path for path in report.folder.rglob("*") if path.is_file()]) - 1


@pytest.mark.parametrize("stage", ["pretrain", "align"])
def test_a_checkpoint_inside_a_run_is_an_artefact_of_its_own(clean: Path, stage: str) -> None:
    report = verify(folder_of(clean, "run") / "checkpoints" / stage)
    assert (report.kind, report.problems, report.notes) == ("checkpoint", [], [])


def test_a_checkpoint_that_grew_from_another_one_is_found(workspace: Path) -> None:
    checkpoints = folder_of(workspace, "run") / "checkpoints"
    rewrite(checkpoints / "pretrain", "CHECKPOINT.json", lambda record: record["info"].update(steps=2))
    assert codes(checkpoints / "align") == {"SC513"}


def test_a_checkpoint_under_the_name_of_another_stage_is_found(workspace: Path) -> None:
    checkpoints = folder_of(workspace, "run") / "checkpoints"
    shutil.rmtree(checkpoints / "align")
    assert "SC502" in codes((checkpoints / "pretrain").rename(checkpoints / "align"))


# Damage after the commit: bytes, files, names


ALL_FILES = sorted([*build_files()[0], "BUILD.json"])


@settings(max_examples=300, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(name=st.sampled_from(ALL_FILES), where=st.floats(0, 1, exclude_max=True), bit=st.integers(0, 7))
def test_a_flipped_bit_anywhere_is_found(clean: Path, name: str, where: float, bit: int) -> None:
    path = folder_of(clean, "build") / name
    whole = path.read_bytes()
    if not whole:
        return
    spoilt = bytearray(whole)
    spoilt[int(where * len(whole))] ^= 1 << bit
    try:
        path.write_bytes(spoilt)
        report = verify(path.parent if name == "BUILD.json" else folder_of(clean, "build"))
        assert report.exit_code == 5
    finally:
        path.write_bytes(whole)


@pytest.mark.parametrize("name", ALL_FILES)
def test_a_file_cut_short_grown_or_removed_is_found(workspace: Path, name: str) -> None:
    path = folder_of(workspace, "build") / name
    whole = path.read_bytes()
    for spoilt in (whole[:-1] if whole else b"x", whole[: len(whole) // 2] if len(whole) > 1 else b"xx", whole + b"\n"):
        path.write_bytes(spoilt)
        assert verify(folder_of(workspace, "build")).exit_code == 5
    path.unlink()
    report = verify(path.parents[len(Path(name).parts) - 1])
    assert report.exit_code == (3 if name == "BUILD.json" else 5)


@settings(max_examples=40, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(pair=st.lists(st.sampled_from([name for name in ALL_FILES if name != "BUILD.json"]), min_size=2, max_size=2, unique=True))
def test_two_files_that_changed_places_are_found(clean: Path, pair: list[str]) -> None:
    left, right = (folder_of(clean, "build") / name for name in pair)
    contents = left.read_bytes(), right.read_bytes()
    if contents[0] == contents[1]:
        return
    try:
        left.write_bytes(contents[1])
        right.write_bytes(contents[0])
        problems = verify(folder_of(clean, "build")).problems
        assert {problem.file for problem in problems if problem.code == "SC506"} == set(pair)
    finally:
        left.write_bytes(contents[0])
        right.write_bytes(contents[1])


@pytest.mark.parametrize("name", ["extra.txt", "shards/train/recording.000009.tar", ".hidden", "new/deep/file.json", "RUN.txt"])
def test_a_file_that_is_not_in_the_record_is_found(workspace: Path, name: str) -> None:
    path = folder_of(workspace, "build") / name
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_bytes(b"")
    assert [(problem.code, problem.file) for problem in verify(folder_of(workspace, "build")).problems] == [("SC507", name)]


def reordered(tar: bytes, order: list[int]) -> bytes:
    """The members of a tar in another order; each member is its header and its blocks."""
    members, start = [], 0
    with tarfile.open(fileobj=io.BytesIO(tar)) as whole:
        for member in whole:
            end = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
            members.append(tar[start:end])
            start = end
    return b"".join(members[index] for index in order) + tar[start:]


@pytest.mark.slow
@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(order=st.permutations(range(4)))
def test_members_of_a_tar_in_another_order_are_found_even_under_new_digests(tmp_path_factory: pytest.TempPathFactory, order: list[int]) -> None:
    def change(files: dict[str, bytes], counts: dict[str, int]) -> None:
        files[TAR] = reordered(files[TAR], order)

    build = commit_build(tmp_path_factory.mktemp("order"), change)
    assert bool(codes(build.path)) == (order != [0, 1, 2, 3])


def flip(content: bytes, where: float) -> bytes:
    at = int(where * len(content))
    return content[:at] + bytes([content[at] ^ 1 << at % 8]) + content[at + 1 :]


DAMAGES: dict[str, Callable[[bytes, float], bytes | None]] = {
    "flipped": flip,
    "cut short": lambda content, where: content[: int(where * len(content))],
    "grown": lambda content, where: content + b"\0",
    "zeroed": lambda content, where: bytes(len(content)) if any(content) else b"\1",
    "removed": lambda content, where: None,
}


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(damage=st.sampled_from(sorted(DAMAGES)), which=st.floats(0, 1, exclude_max=True), where=st.floats(0, 1, exclude_max=True))
def test_any_damage_to_any_file_of_a_real_build_is_found_and_nothing_else(copy_of_real: Path, damage: str, which: float, where: float) -> None:
    files = sorted(path for path in copy_of_real.rglob("*") if path.is_file() and path.stat().st_size)
    path = files[int(which * len(files))]
    whole = path.read_bytes()
    spoilt = DAMAGES[damage](whole, where)
    try:
        path.unlink() if spoilt is None else path.write_bytes(spoilt)
        report = verify(copy_of_real)
        assert report.exit_code == (3 if spoilt is None and path.name == "BUILD.json" else 5)
        if path.name != "BUILD.json":
            assert {problem.file for problem in report.problems if problem.code in ("SC503", "SC505", "SC506")} == {path.relative_to(copy_of_real).as_posix()}
    finally:
        path.write_bytes(whole)
    assert verify(copy_of_real).problems == []


@pytest.fixture(scope="module")
def copy_of_real(tmp_path_factory: pytest.TempPathFactory, tiny_build: tuple[Any, Any]) -> Path:
    """A build made by the builder, to be spoilt and mended."""
    return Path(shutil.copytree(tiny_build[1].artefact.path, tmp_path_factory.mktemp("real") / "build"))


def test_a_link_in_place_of_a_file_or_folder_is_found(workspace: Path, tmp_path: Path) -> None:
    build = folder_of(workspace, "build")
    shutil.move(build / "splits.json", tmp_path / "splits.json")
    (build / "splits.json").symlink_to(tmp_path / "splits.json")
    shutil.move(build / "shards", tmp_path / "shards")
    (build / "shards").symlink_to(tmp_path / "shards")
    problems = verify(build).problems
    assert {problem.file for problem in problems if problem.code == "SC504"} >= {"splits.json", "shards/train/recording.000000.tar"}
    assert ("SC507", "shards") in {(problem.code, problem.file) for problem in problems}


def test_a_pipe_in_place_of_a_file_is_found_and_not_waited_on(workspace: Path) -> None:
    path = folder_of(workspace, "build") / "splits.json"
    path.unlink()
    os.mkfifo(path)
    assert codes(folder_of(workspace, "build")) == {"SC504"}


def test_everything_is_listed_not_only_the_first(workspace: Path) -> None:
    build = folder_of(workspace, "build")
    (build / "splits.json").unlink()
    (build / "report.html").write_bytes(b"other")
    (build / "extra").write_bytes(b"")
    assert codes(build) == {"SC503", "SC505", "SC506", "SC507"}


# Edits of the record


def rewrite(folder: Path, record_name: str, change: Callable[[dict[str, Any]], object]) -> None:
    record = json.loads((folder / record_name).read_bytes())
    change(record)
    (folder / record_name).write_bytes(store.canonical_json(record))


EDITS: dict[str, Callable[[dict[str, Any]], object]] = {
    "another id": lambda record: record.update(id="0" * 16),
    "another name": lambda record: record.update(name="other"),
    "another kind": lambda record: record.update(kind="run"),
    "an unknown kind": lambda record: record.update(kind="rumour"),
    "another version": lambda record: record.update(version="9.9"),
    "another format": lambda record: record.update(record=2),
    "true for one": lambda record: record.update(record=True),
    "a new fact": lambda record: record["info"].update(approved=True),
    "info as a list": lambda record: record.update(info=[]),
    "one file less": lambda record: record["files"].pop(),
    "no files": lambda record: record.update(files=[]),
    "files as text": lambda record: record.update(files="all"),
    "a file twice": lambda record: record["files"].append(record["files"][0]),
    "files in another order": lambda record: record["files"].reverse(),
    "another size": lambda record: record["files"][0].update(bytes=1),
    "a negative size": lambda record: record["files"][0].update(bytes=-1),
    "another sha": lambda record: record["files"][0].update(sha256="0" * 64),
    "no sha": lambda record: record["files"][0].update(sha256=""),
    "another count": lambda record: [entry.update(count=7) for entry in record["files"] if entry["count"]],
    "no count": lambda record: [entry.update(count=None) for entry in record["files"]],
    "a field more": lambda record: record.update(signed="yes"),
    "a field less": lambda record: record.pop("info"),
    "a file outside": lambda record: record["files"].append({"path": "../../../x", "bytes": 0, "sha256": "0" * 64, "count": None}),
    "an absolute file": lambda record: record["files"].append({"path": "/etc/passwd", "bytes": 0, "sha256": "0" * 64, "count": None}),
    "a NUL in a path": lambda record: record["files"].append({"path": "a\0b", "bytes": 0, "sha256": "0" * 64, "count": None}),
    "an empty path": lambda record: record["files"].append({"path": "", "bytes": 0, "sha256": "0" * 64, "count": None}),
    "a very long path": lambda record: record["files"].append({"path": "x" * 5000, "bytes": 0, "sha256": "0" * 64, "count": None}),
}


@pytest.mark.parametrize("edit", EDITS)
def test_an_edited_record_is_found(workspace: Path, edit: str) -> None:
    build = folder_of(workspace, "build")
    rewrite(build, "BUILD.json", EDITS[edit])
    report = verify(build)
    assert report.exit_code == 5
    assert all(problem.file for problem in report.problems) or edit == "an empty path"


@pytest.mark.parametrize(
    "text", [b"", b"{", b"[]", b"null", b"\xff\xfe", b'{"id": 1, "id": 2}', b'{"id": NaN}', b"[" * 100_000, b"1" * 10_000, b'{"a": 1e999}']
)
def test_a_record_that_is_no_record_is_found_without_a_traceback(workspace: Path, text: bytes) -> None:
    (folder_of(workspace, "build") / "BUILD.json").write_bytes(text)
    assert codes(folder_of(workspace, "build")) == {"SC501"}


def test_the_same_record_written_in_another_way_is_found(workspace: Path) -> None:
    path = folder_of(workspace, "build") / "BUILD.json"
    path.write_text(json.dumps(json.loads(path.read_bytes())))
    assert codes(folder_of(workspace, "build")) == {"SC501"}


def test_a_folder_under_the_name_of_another_artefact_is_found(workspace: Path) -> None:
    build = folder_of(workspace, "build")
    assert codes(build.rename(build.with_name("0" * 16))) == {"SC502"}


@pytest.mark.parametrize("kind", ["build", "run", "evaluation"])
@pytest.mark.parametrize("name", ["my copy", "copy-of-0123456789abcdef", "kopie"])
def test_a_copy_under_a_name_of_its_own_is_whole_and_its_id_is_told(workspace: Path, tmp_path: Path, kind: str, name: str) -> None:
    original = folder_of(workspace, kind)
    for copy in (original.with_name(name), tmp_path / name):
        shutil.copytree(original, copy)
        report = verify(copy)
        assert report.problems == []
        assert f"the folder is called {name!r}, the id is {original.name!r}" in report.notes


def test_a_copied_run_keeps_whole_checkpoints_and_a_checkpoint_of_another_run_is_found(workspace: Path, tmp_path: Path) -> None:
    run = folder_of(workspace, "run")
    assert codes(Path(shutil.copytree(run, tmp_path / "copy")) / "checkpoints/align") == set()
    assert codes(Path(shutil.copytree(run, tmp_path / ("0" * 16))) / "checkpoints/align") == {"SC502"}


def test_an_artefact_of_another_job_is_found(workspace: Path) -> None:
    home = folder_of(workspace, "run").parent
    assert codes(home.rename(home.with_name("other")) / "r1") == {"SC502"}


def test_a_file_listed_twice_is_found_where_no_id_tells(workspace: Path) -> None:
    rewrite(folder_of(workspace, "run"), "RUN.json", lambda record: record["files"].append(record["files"][0]))
    assert codes(folder_of(workspace, "run")) == {"SC501"}


@pytest.mark.parametrize("record", ["BUILD.json", "RUN.json"])
def test_a_parent_that_was_changed_is_found(workspace: Path, record: str) -> None:
    parent = folder_of(workspace, "build" if record == "BUILD.json" else "run")
    rewrite(parent, record, lambda content: content["info"].update(note="later"))
    assert codes(folder_of(workspace, "evaluation")) == {"SC513"}


@pytest.mark.parametrize("edit", [{"digest": "0" * 64}, {"kind": "rumour"}, {"id": "../x"}, {"name": ""}, {"digest": "short"}])
def test_an_edited_parent_entry_is_found(workspace: Path, edit: dict[str, str]) -> None:
    rewrite(folder_of(workspace, "run"), "RUN.json", lambda record: record["derives_from"][0].update(edit))
    assert verify(folder_of(workspace, "run")).exit_code == 5


def test_a_parent_that_is_elsewhere_is_a_note_not_a_problem(workspace: Path, tmp_path: Path) -> None:
    report = verify(Path(shutil.move(folder_of(workspace, "run"), tmp_path / "r1")))
    assert report.exit_code == 0
    assert len(report.notes) == 1


# Builds that were wrong before they were committed: every digest agrees, the contents do not


def retar(path: str, ids: list[str]) -> Callable[[dict[str, bytes], dict[str, int]], None]:
    def change(files: dict[str, bytes], counts: dict[str, int]) -> None:
        files[path] = tar_of(ids, 1)
        counts[path] = len(ids)

    return change


def replaced(path: str, content: bytes) -> Callable[[dict[str, bytes], dict[str, int]], None]:
    return lambda files, counts: files.update({path: content})


def tar_with(*members: tuple[str, bytes, bytes]) -> bytes:
    file = io.BytesIO()
    with tarfile.open(fileobj=file, mode="w") as tar:
        for name, content, kind in members:
            member = tarfile.TarInfo(name)
            member.size, member.type = len(content), kind
            tar.addfile(member, io.BytesIO(content))
    return file.getvalue()


def without(*paths: str) -> Callable[[dict[str, bytes], dict[str, int]], None]:
    def change(files: dict[str, bytes], counts: dict[str, int]) -> None:
        for path in paths:
            del files[path]

    return change


TAR = "shards/train/recording.000000.tar"
CUTS = "shards/train/cuts.000000.jsonl"
WRONG: dict[str, tuple[Callable[[dict[str, bytes], dict[str, int]], None], set[str]]] = {
    "a count that is not the lines": (lambda files, counts: counts.update({"cuts.train.jsonl": 4}), {"SC509"}),
    "a count that is not the pairs": (lambda files, counts: counts.update({TAR: 3}), {"SC509"}),
    "a tar in another order": (retar(TAR, ["train-1", "train-0"]), {"SC511"}),
    "a tar with a cut less": (retar(TAR, ["train-0"]), {"SC511"}),
    "a tar with another cut": (retar(TAR, ["train-0", "train-7"]), {"SC511"}),
    "a shard without a tar": (without(TAR), {"SC511"}),
    "a shard without cuts": (without(CUTS), {"SC511"}),
    "a condition that lacks a shard": (without("shards/test/recording_place.000001.tar"), {"SC511"}),
    "a split without shards": (without(*(name for name in ALL_FILES if name.startswith("shards/test"))), {"SC511"}),
    "shards without a split": (without("cuts.test.jsonl"), {"SC511"}),
    "cuts in another order": (replaced("cuts.train.jsonl", store.json_lines([{"id": f"train-{n}"} for n in (1, 0, 2, 3, 4)])), {"SC511"}),
    "a cut in two splits": (replaced("cuts.test.jsonl", store.json_lines([{"id": id} for id in ("test-0", "train-0", "test-2")])), {"SC511", "SC512"}),
    "a cut twice in a split": (replaced("cuts.train.jsonl", store.json_lines([{"id": f"train-{n}"} for n in (0, 0, 2, 3, 4)])), {"SC511", "SC512"}),
    "a cut without an id": (replaced("cuts.test.jsonl", b'{"id":"test-0"}\n{"id":1}\n{"id":"test-2"}\n'), {"SC511", "SC512"}),
    "half a tar": (lambda files, counts: files.update({TAR: files[TAR][:700]}), {"SC510", "SC511", "SC509"}),
    "no tar": (replaced(TAR, b"no tar"), {"SC509", "SC510", "SC511"}),
    "audio alone": (replaced(TAR, tar_with(("train-0.flac", b"", tarfile.REGTYPE), ("train-1.flac", b"", tarfile.REGTYPE))), {"SC510"}),
    "another recording's description": (
        replaced(TAR, tar_with(*((f"train-{n}.{end}", b'{"id": "train-0"}', tarfile.REGTYPE) for n in (0, 1) for end in ("flac", "json")))),
        {"SC510"},
    ),
    "a link in a tar": (replaced(TAR, tar_with(("train-0.flac", b"", tarfile.SYMTYPE), ("train-1.flac", b"", tarfile.LNKTYPE))), {"SC510"}),
    "NaN": (replaced("splits.json", b'{"share": NaN}'), {"SC508"}),
    "infinity by overflow": (replaced("splits.json", b'{"share": 1e400}'), {"SC508"}),
    "a key twice": (replaced("splits.json", b'{"a": 1, "a": 1}'), {"SC508"}),
    "half a JSON file": (replaced("splits.json", b'{"a": '), {"SC508"}),
    "JSON that is not UTF-8": (replaced("splits.json", b'{"a": "\xe9"}'), {"SC508"}),
    "a blank line": (replaced("banks.jsonl", b'{"id":"a"}\n\n{"id":"b"}\n'), {"SC508"}),
    "a line that does not end": (replaced("banks.jsonl", b'{"id":"a"}'), {"SC508"}),
    "a line that is a list": (replaced("banks.jsonl", b"[]\n"), {"SC508"}),
}


@pytest.mark.parametrize("fault", WRONG)
def test_a_build_that_contradicts_itself_is_found_although_its_digests_agree(tmp_path: Path, fault: str) -> None:
    change, expected = WRONG[fault]
    build = commit_build(tmp_path, change)
    store.check_files(build)
    assert codes(build.path) == expected


# As a program


def run(*arguments: str) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-I", verifier.__file__, *arguments], capture_output=True, text=True, check=False, cwd="/")


def test_the_file_alone_is_a_program(workspace: Path) -> None:
    build = folder_of(workspace, "build")
    assert run(str(build)).returncode == 0
    (build / "splits.json").write_bytes(b"\x1b[2J")
    found = run(str(build))
    assert found.returncode == 5
    assert "SC506 splits.json" in found.stdout
    assert "\x1b" not in found.stdout
    assert run().returncode == 2


def test_the_file_copied_beside_a_data_set_proves_it_without_anything_else(tmp_path: Path, tiny_build: tuple[Any, Any]) -> None:
    shutil.copy(verifier.__file__, tmp_path / "verify.py")
    build = Path(shutil.copytree(tiny_build[1].artefact.path, tmp_path / "data set"))
    call = [sys.executable, "-I", "-S", "verify.py", "data set"]
    assert "0 problems" in subprocess.run(call, capture_output=True, text=True, check=True, cwd=tmp_path, env={}).stdout
    (build / "ledger.parquet").write_bytes((build / "segments.parquet").read_bytes())
    found = subprocess.run(call, capture_output=True, text=True, check=False, cwd=tmp_path, env={})
    assert (found.returncode, found.stdout.splitlines()[1]) == (5, "SC506 ledger.parquet: has other content than the record says")
    assert [path.name for path in tmp_path.iterdir() if path.name != "data set"] == ["verify.py"]


def test_a_hostile_file_name_does_not_reach_the_terminal(workspace: Path) -> None:
    (folder_of(workspace, "build") / "\x1b[31mred\u202e").write_bytes(b"")
    found = run(str(folder_of(workspace, "build")))
    assert found.returncode == 5
    assert found.stdout.isascii()
    assert "\x1b" not in found.stdout


def test_a_folder_without_a_record_is_unreadable(tmp_path: Path) -> None:
    assert verify(tmp_path).exit_code == 3
    assert verify(tmp_path / "nowhere").exit_code == 3
    assert "commit record" in run(str(tmp_path)).stdout


def test_the_verifier_imports_nothing_but_the_standard_library() -> None:
    code = "import sys, runpy; runpy.run_path(sys.argv[1]); print(*{name.split('.')[0] for name in sys.modules} - set(sys.stdlib_module_names) - {'__main__'})"
    found = subprocess.run([sys.executable, "-I", "-S", "-c", code, verifier.__file__], capture_output=True, text=True, check=True)
    assert found.stdout.split() == []


def test_the_verifier_knows_every_registered_kind() -> None:
    assert {kind: (one.folder, one.record) for kind, one in store.KINDS.items()} == verifier.KINDS


def test_the_sha_is_the_one_everyone_computes(clean: Path) -> None:
    record = json.loads((folder_of(clean, "build") / "BUILD.json").read_bytes())
    entry = next(entry for entry in record["files"] if entry["path"] == "splits.json")
    assert entry["sha256"] == hashlib.sha256((folder_of(clean, "build") / "splits.json").read_bytes()).hexdigest()
