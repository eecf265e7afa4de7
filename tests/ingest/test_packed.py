"""Audio packed in other files: the right bytes, and a reason in words where there are none."""

from __future__ import annotations

import tarfile
from pathlib import Path

import pyarrow as pa
import pyarrow.parquet as pq
import pytest

from speccraft.ingest.packed import read_packed
from speccraft.ingest.rows import Inside
from speccraft.sound.decode import Undecodable

CELLS = [f"audio {number}".encode() * (number + 1) for number in range(10)]


def refused(path: Path, inside: Inside) -> tuple[str, str]:
    with pytest.raises(Undecodable) as caught:
        read_packed(path, inside)
    return caught.value.rule, str(caught.value)


@pytest.fixture
def parquet(tmp_path: Path) -> Path:
    structs = [{"bytes": cell, "path": None} for cell in CELLS[:-1]] + [{"bytes": None, "path": "elsewhere.wav"}]
    pq.write_table(pa.table({"audio": structs, "plain": CELLS, "n": list(range(10))}), tmp_path / "t.parquet", row_group_size=3)
    return tmp_path / "t.parquet"


def test_bytes_of_a_tar_member_are_read_from_their_place(tmp_path: Path) -> None:
    with tarfile.open(tmp_path / "s.tar", "w") as tar:
        for number, cell in enumerate(CELLS):
            (tmp_path / "x").write_bytes(cell)
            tar.add(tmp_path / "x", arcname=f"{number}.wav")
    with tarfile.open(tmp_path / "s.tar") as tar:
        places = [(member.offset_data, member.size) for member in tar]
    assert [read_packed(tmp_path / "s.tar", Inside("bytes", offset, size)) for offset, size in places] == CELLS


@pytest.mark.parametrize("column", ["audio", "plain"])
def test_cells_of_a_parquet_file_are_read_in_any_order(parquet: Path, column: str) -> None:
    for number in (0, 8, 3, 3, 1, 7):
        assert read_packed(parquet, Inside("parquet", number, column=column)) == CELLS[number]


@pytest.mark.parametrize("stream", [True, False])
def test_cells_of_an_arrow_file_and_of_an_arrow_stream_are_read(tmp_path: Path, stream: bool) -> None:
    table = pa.table({"audio": [{"bytes": cell, "path": "x"} for cell in CELLS]})
    opened = pa.ipc.new_stream if stream else pa.ipc.new_file
    with pa.OSFile(str(tmp_path / "t.arrow"), "wb") as file, opened(file, table.schema) as writer:
        writer.write_table(table, max_chunksize=4)
    assert [read_packed(tmp_path / "t.arrow", Inside("arrow", number, column="audio")) for number in range(10)] == CELLS


def test_a_table_that_was_written_again_is_read_again(parquet: Path) -> None:
    assert read_packed(parquet, Inside("parquet", 0, column="plain")) == CELLS[0]
    pq.write_table(pa.table({"plain": [b"other"]}), parquet)
    assert read_packed(parquet, Inside("parquet", 0, column="plain")) == b"other"


@pytest.mark.parametrize(
    ("inside", "rule", "words"),
    [
        (Inside("parquet", 9, column="audio"), "empty", "holds no bytes"),
        (Inside("parquet", 0, column="n"), "empty", "holds no bytes"),
        (Inside("parquet", 10, column="audio"), "corrupt", "the file has 10 rows"),
        (Inside("parquet", 0, column="none"), "corrupt", "cannot be read"),
        (Inside("bytes", 10, 10**6), "truncated", "ends"),
        (Inside("bytes", 0, 2 << 30), "too_large", "over 1 GiB"),
        (Inside("arrow", 0, column="audio"), "corrupt", "cannot be read"),
    ],
)
def test_what_is_not_there_has_a_reason(parquet: Path, inside: Inside, rule: str, words: str) -> None:
    found, said = refused(parquet, inside)
    assert found == rule
    assert words in said


def test_a_container_that_is_not_there_has_a_reason(tmp_path: Path) -> None:
    for kind in ("bytes", "parquet", "arrow"):
        assert refused(tmp_path / "none", Inside(kind, 0, 1, "audio"))[0] == "missing"


@pytest.mark.parametrize("keep", [0, 4, 100, -10])
def test_a_damaged_table_has_a_reason(parquet: Path, keep: int) -> None:
    parquet.write_bytes(parquet.read_bytes()[:keep])
    assert refused(parquet, Inside("parquet", 0, column="audio"))[0] in ("corrupt", "missing")
