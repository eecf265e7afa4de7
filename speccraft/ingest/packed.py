"""Audio files that are packed in other files: bytes of a tar, or cells of a Parquet or Arrow table. Read one at a time, never extracted."""

from __future__ import annotations

from functools import lru_cache
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speccraft.ingest.rows import Inside
from speccraft.sound.decode import Undecodable

if TYPE_CHECKING:
    import pyarrow as pa

MOST_PACKED_BYTES = 1 << 30


def read_packed(path: Path, inside: Inside) -> bytes:
    """The bytes of a packed audio file.

    Raises:
        Undecodable: the container cannot be read, is shorter than it should be, or holds no audio there.
    """
    if inside.size > MOST_PACKED_BYTES:
        raise Undecodable("too_large", f"is packed as {inside.size} bytes, over {MOST_PACKED_BYTES >> 30} GiB")
    try:
        return _bytes(path, inside) if inside.kind == "bytes" else _cell(path, inside)
    except OSError as error:
        raise Undecodable("missing", f"{path.name} cannot be read: {error.strerror or error}") from error


def _bytes(path: Path, inside: Inside) -> bytes:
    with path.open("rb") as file:
        file.seek(inside.offset)
        content = file.read(inside.size)
    if len(content) < inside.size:
        raise Undecodable("truncated", f"{path.name} ends {inside.size - len(content)} bytes before it does")
    return content


def _cell(path: Path, inside: Inside) -> bytes:
    import pyarrow as pa

    status = path.stat()
    try:
        column, first = _part(path, status.st_mtime_ns, inside.kind, inside.column, inside.offset)
        cell = column[inside.offset - first].as_py()
    except (pa.ArrowException, LookupError) as error:
        raise Undecodable("corrupt", f"row {inside.offset} of {path.name} cannot be read: {str(error).splitlines()[0]}") from error
    content = cell.get("bytes") if isinstance(cell, dict) else cell
    if not isinstance(content, bytes) or not content:
        raise Undecodable("empty", f"row {inside.offset} of {path.name} holds no bytes")
    return content


@lru_cache(maxsize=1)
def _parquet_groups(path: Path, changed: int) -> tuple[Any, list[int]]:
    """An open Parquet file and the first row of each of its groups, with the number of all rows behind them."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    firsts = [0]
    for number in range(file.num_row_groups):
        firsts.append(firsts[-1] + file.metadata.row_group(number).num_rows)
    return file, firsts


@lru_cache(maxsize=1)
def _group(path: Path, changed: int, column: str, number: int) -> pa.ChunkedArray:
    return _parquet_groups(path, changed)[0].read_row_group(number, columns=[column]).column(column)


@lru_cache(maxsize=1)
def _stream(path: Path, changed: int, column: str) -> pa.ChunkedArray:
    """A column of an Arrow file or stream, mapped into memory rather than read."""
    import pyarrow as pa

    source = pa.memory_map(str(path))
    try:
        return pa.ipc.open_stream(source).read_all().column(column)
    except pa.ArrowInvalid:
        return pa.ipc.open_file(source).read_all().column(column)


def _part(path: Path, changed: int, kind: str, column: str, row: int) -> tuple[pa.ChunkedArray, int]:
    """The part of a column that holds a row, and the number of its first row; the last part is kept, for rows come in order."""
    if kind == "arrow":
        return _stream(path, changed, column), 0
    _, firsts = _parquet_groups(path, changed)
    number = next((index for index, last in enumerate(firsts[1:]) if row < last), None)
    if number is None:
        raise IndexError(f"the file has {firsts[-1]} rows")
    return _group(path, changed, column, number), firsts[number]
