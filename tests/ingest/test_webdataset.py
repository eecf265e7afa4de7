"""WebDataset shards: samples by name, audio in place, and every damage a row of its own."""

from __future__ import annotations

import gzip
import io
import tarfile
from pathlib import Path
from typing import Any

import pytest
from foreign import reach_into
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.errors import UnreadableInput
from speccraft.ingest.packed import read_packed
from speccraft.ingest.rows import Row
from speccraft.ingest.webdataset import read_webdataset
from speccraft.scenario.source import WebDatasetSource

GOOD = [("a.flac", b"AAAA"), ("a.json", b'{"text": "hello", "speaker": 7, "n": 1}'), ("b.wav", b"BB"), ("b.txt", b"good  day\n"), ("deep/c.mp3", b"C")]


def shard(path: Path, members: list[tuple[str, bytes]], **links: str) -> Path:
    path.parent.mkdir(exist_ok=True)
    with tarfile.open(path, "w") as tar:
        for name, content in members:
            member = tarfile.TarInfo(name)
            member.size = len(content)
            tar.addfile(member, io.BytesIO(content))
        for name, target in links.items():
            member = tarfile.TarInfo(name)
            member.type, member.linkname = tarfile.SYMTYPE, target
            tar.addfile(member)
    return path


def read(path: Path, **settings: Any) -> list[Row]:
    source = WebDatasetSource(id="w", format="webdataset", path=path.name, **settings)
    return read_webdataset(source, reach=reach_into(path.parent))


def test_members_of_one_name_are_a_row_whose_audio_lies_in_the_shard(tmp_path: Path) -> None:
    shard(tmp_path / "d/train-000.tar", GOOD)
    shard(tmp_path / "d/test-000.tar", GOOD[2:3])
    rows = read(tmp_path / "d")
    assert [(row.input, row.text, row.speaker, row.split, row.problem) for row in rows] == [
        ("test-000.tar#b", None, None, "test", ""),
        ("train-000.tar#a", "hello", "7", "train", ""),
        ("train-000.tar#b", "good day", None, "train", ""),
        ("train-000.tar#deep/c", None, None, "train", ""),
    ]
    assert [read_packed(row.path, row.inside) for row in rows if row.path and row.inside] == [b"BB", b"AAAA", b"BB", b"C"]
    assert {row.split for row in read(tmp_path / "d", official_splits=False)} == {None}


def test_one_shard_is_a_source_and_keys_may_have_other_names(tmp_path: Path) -> None:
    path = shard(tmp_path / "x.tar", [("a.flac", b"A"), ("a.json", b'{"transcript": " hi ", "text": "no", "spk": "ann", "seconds": 2.5}')])
    [row] = read(path, keys={"text": "transcript", "speaker": "spk", "duration": "seconds"})
    assert (row.text, row.speaker, row.seconds, row.length_from) == ("hi", "ann", 2.5, "table")


@pytest.mark.parametrize(
    ("members", "words"),
    [
        ([("a.txt", b"hi")], "it has no audio, only txt"),
        ([("a.wav", b""), ("a.flac", b"")], "2 audio members"),
        ([("a.wav", b""), ("a.wav", b"")], "two members of one name"),
        ([("a.wav", b""), ("a.WAV", b"")], "two members of one name"),
        ([("a.wav", b""), ("a.json", b"[1]")], "the json member is no JSON object"),
        ([("a.wav", b""), ("a.json", b'{"text": 1.5}')], "`text`"),
        ([("a.wav", b""), ("a.json", b'{"duration": -1}')], "`duration`"),
        ([("a.wav", b""), ("a.json", b'{"text": "a", "text": "b"}')], "twice"),
        ([("a.wav", b""), ("a.json", b"[" * 10000)], "deep"),
        ([("a.wav", b""), ("a.txt", b"\xff")], "UTF-8"),
        ([("a.wav", b""), ("a.txt", b"x" * (5 << 20))], "larger than 4 MiB"),
    ],
)
def test_a_sample_that_cannot_be_used_is_a_row_with_a_problem_between_the_others(tmp_path: Path, members: list[tuple[str, bytes]], words: str) -> None:
    path = shard(tmp_path / "x.tar", [("0.wav", b"0"), *members, ("z.wav", b"z")])
    first, broken, last = read(path)
    assert (first.problem, last.problem) == ("", "")
    assert words in broken.problem
    assert (broken.path, broken.inside) == (None, None)


def test_members_that_stand_apart_are_two_rows_and_the_second_is_a_problem(tmp_path: Path) -> None:
    rows = read(shard(tmp_path / "x.tar", [("a.wav", b"a"), ("b.wav", b"b"), ("a.txt", b"hi")]))
    assert [bool(row.problem) for row in rows] == [False, False, True]
    assert "stand apart" in rows[2].problem


def test_a_link_in_a_shard_is_not_followed_and_said(tmp_path: Path) -> None:
    rows = read(shard(tmp_path / "x.tar", GOOD, **{"evil.wav": "/etc/passwd"}))
    assert [row.problem for row in rows[:-1]] == ["", "", ""]
    assert rows[-1].input == "x.tar#(end)"
    assert "link" in rows[-1].problem


def test_names_that_climb_are_only_names(tmp_path: Path) -> None:
    [row] = read(shard(tmp_path / "x.tar", [("../../up.wav", b"u")]))
    assert (row.input, row.path) == ("x.tar#../../up", tmp_path / "x.tar")


def test_only_named_endings_are_audio(tmp_path: Path) -> None:
    path = shard(tmp_path / "x.tar", [("a.wav", b"W"), ("a.flac", b"F")])
    [row] = read(path, endings=(".FLAC",))
    assert row.path is not None
    assert row.inside is not None
    assert read_packed(row.path, row.inside) == b"F"


def test_compressed_or_missing_shards_say_what_to_do(tmp_path: Path) -> None:
    (tmp_path / "d").mkdir()
    (tmp_path / "d/x.tar.gz").write_bytes(b"")
    with pytest.raises(UnreadableInput) as caught:
        read(tmp_path / "d")
    assert "gunzip" in caught.value.try_this
    zipped = tmp_path / "x.tar"
    zipped.write_bytes(gzip.compress(shard(tmp_path / "y.tar", GOOD).read_bytes()))
    [row] = read(zipped)
    assert "no tar" in row.problem


def test_a_shard_cut_off_anywhere_keeps_what_came_before(tmp_path: Path) -> None:
    path = shard(tmp_path / "x.tar", GOOD)
    content, whole = path.read_bytes(), read(path)
    for size in range(0, 5 * 1024, 300):
        path.write_bytes(content[:size])
        *good, last = read(path)
        assert last.input == "x.tar#(end)"
        assert "no tar that can be read" in last.problem
        assert str(tmp_path) not in last.problem
        # What was being read when the shard broke off may lack its last member.
        assert [row.inside for row in good[:-1]] == [row.inside for row in whole[: max(0, len(good) - 1)]]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.tuples(st.integers(0, 6000), st.integers(0, 255)), min_size=1, max_size=5))
def test_whatever_bytes_are_changed_rows_lie_inside_the_shard(tmp_path: Path, changes: list[tuple[int, int]]) -> None:
    content = bytearray(shard(tmp_path / "x.tar", GOOD).read_bytes())
    for at, byte in changes:
        content[at] = byte
    (tmp_path / "x.tar").write_bytes(content)
    for row in read(tmp_path / "x.tar"):
        assert bool(row.problem) == (row.path is None)
        assert row.inside is None or row.inside.offset + row.inside.size <= len(content)
