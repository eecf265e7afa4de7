"""Tars are walked header by header: what Python's and GNU tar write is found, and nothing else is let in."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.errors import UnreadableInput
from speccraft.ingest.tars import LONGEST_NAME, members_of

NAMES = ["a.flac", "a.json", "deep/ü.flac", "x" * 150 + ".flac", "/".join(["y" * 40] * 5) + ".json", "ж" * 90, "../up.flac", "/abs.flac"]


def write_tar(path: Path, members: dict[str, bytes], form: int = tarfile.PAX_FORMAT, **fields: object) -> Path:
    with tarfile.open(path, "w", format=form) as tar:
        for name, content in members.items():
            member = tarfile.TarInfo(name)
            member.size = len(content)
            for field, value in fields.items():
                setattr(member, field, value)
            tar.addfile(member, io.BytesIO(content))
    return path


def refusal(path: Path) -> str:
    with pytest.raises(UnreadableInput) as caught:
        list(members_of(path, "s"))
    assert f"source 's': {path}" in caught.value.message
    return caught.value.message


@pytest.mark.parametrize("form", [tarfile.PAX_FORMAT, tarfile.GNU_FORMAT])
def test_every_member_is_found_where_python_finds_it(tmp_path: Path, form: int) -> None:
    path = write_tar(tmp_path / "t.tar", {name: name.encode() * number * 20 for number, name in enumerate(NAMES)}, form)
    found = list(members_of(path, "s"))
    with tarfile.open(path) as tar:
        assert [(one.name, one.offset, one.size) for one in found] == [(one.name, one.offset_data, one.size) for one in tar]
    content = path.read_bytes()
    assert [content[one.offset : one.offset + one.size] for one in found] == [name.encode() * number * 20 for number, name in enumerate(NAMES)]


def test_folders_are_passed_over_and_an_empty_tar_has_no_members(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    (tmp_path / "folder/a.flac").write_bytes(b"a")
    with tarfile.open(tmp_path / "t.tar", "w") as tar:
        tar.add(tmp_path / "folder", "folder")
    assert [one.name for one in members_of(tmp_path / "t.tar", "s")] == ["folder/a.flac"]


@pytest.mark.parametrize("kind", [tarfile.SYMTYPE, tarfile.LNKTYPE, tarfile.CHRTYPE, tarfile.BLKTYPE, tarfile.FIFOTYPE, tarfile.GNUTYPE_SPARSE, b"Z"])
def test_links_devices_and_sparse_files_are_refused(tmp_path: Path, kind: bytes) -> None:
    assert "type" in refusal(write_tar(tmp_path / "t.tar", {"a.flac": b""}, type=kind, linkname="/etc/passwd"))


def test_sizes_that_lie_are_refused_without_reading(tmp_path: Path) -> None:
    for size, words in ((2**55, "beyond"), (10**20, "size"), (10_000, "beyond")):
        path = write_tar(tmp_path / "t.tar", {"a.flac": b"x"}, pax_headers={"size": str(size)})
        assert words in refusal(path)
    head = write_tar(tmp_path / "t.tar", {"b.flac": b"x"}, tarfile.GNU_FORMAT).read_bytes()
    member = tarfile.TarInfo("b.flac")
    member.size = 2**40
    (tmp_path / "t.tar").write_bytes(member.tobuf(tarfile.GNU_FORMAT) + head[512:])
    assert "beyond" in refusal(tmp_path / "t.tar")


def test_headers_that_would_fill_memory_or_hide_a_sparse_file_are_refused(tmp_path: Path) -> None:
    assert "has" in refusal(write_tar(tmp_path / "t.tar", {"a.flac": b"x"}, pax_headers={"comment": "x" * (LONGEST_NAME + 1)}))
    assert "sparse" in refusal(write_tar(tmp_path / "t.tar", {"a.flac": b"x"}, pax_headers={"GNU.sparse.major": "1"}))


def test_what_is_cut_off_compressed_or_no_tar_is_refused(tmp_path: Path) -> None:
    whole = write_tar(tmp_path / "t.tar", dict.fromkeys(NAMES, b"x" * 2000)).read_bytes()
    (end,) = [one.offset + 2048 for one in members_of(tmp_path / "t.tar", "s")][-1:]
    for cut in (0, 100, 512, 513, end - 600, end):
        (tmp_path / "t.tar").write_bytes(whole[:cut])
        refusal(tmp_path / "t.tar")
    for content in (gzip.compress(whole), b"<html>" * 1000, bytes(10240)[:511]):
        (tmp_path / "t.tar").write_bytes(content)
        refusal(tmp_path / "t.tar")


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(st.lists(st.tuples(st.integers(0, 4095), st.integers(0, 255)), max_size=6), st.integers(0, 4096))
def test_a_damaged_tar_is_refused_or_its_members_lie_inside_it(tmp_path: Path, flips: list[tuple[int, int]], end: int) -> None:
    content = bytearray(write_tar(tmp_path / "t.tar", {"a.flac": b"x" * 700, "ж" * 60: b"y" * 90}).read_bytes()[:end])
    for at, value in flips:
        if at < len(content):
            content[at] = value
    (tmp_path / "t.tar").write_bytes(content)
    try:
        found = list(members_of(tmp_path / "t.tar", "s"))
    except UnreadableInput:
        return
    assert all(one.offset + one.size <= len(content) for one in found)
