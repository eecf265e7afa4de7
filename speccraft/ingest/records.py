"""Records of JSON Lines, of a JSON array, or of Parquet: which of them a file is shows in its first bytes."""

from __future__ import annotations

import re
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speccraft.errors import UnreadableInput
from speccraft.ingest.lines import DEEPEST, LONGEST_LINE, Line, Record, record_of, records_of

if TYPE_CHECKING:
    import pyarrow as pa

MOST_ARRAY_BYTES = 512 * 2**20
"""A JSON array is read whole; JSON Lines, of any size, are not."""
RECORDS_AT_ONCE = 64
_PARQUET = b"PAR1"
_MARKS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{},]', re.DOTALL)
"""Brackets and commas, and whole strings so that those inside are passed over; an open string takes the rest in one step."""


def records_in(path: Path, source_id: str, columns: tuple[str, ...]) -> Iterator[Record]:
    """The records of a file, counted from 1.

    Args:
        columns: what is read of a Parquet file, as far as it has them.

    Raises:
        UnreadableInput: the file cannot be read, or holds no record.
    """
    if not path.is_file():
        raise UnreadableInput(f"source '{source_id}': {path} is no file", try_this="name a file of dialogues: JSON Lines, a JSON array or Parquet")
    try:
        with path.open("rb") as file:
            head = file.read(4096)
    except OSError as error:
        raise UnreadableInput(f"source '{source_id}': {path} cannot be read: {error.strerror}") from error
    if head.startswith(_PARQUET):
        return _rows(path, source_id, columns)
    if head.removeprefix(b"\xef\xbb\xbf").lstrip().startswith(b"["):
        return _elements(path, source_id)
    return records_of(path, source_id)


# A JSON array


def _elements(path: Path, source_id: str) -> Iterator[Record]:
    text = _text(path, source_id)
    found, readable = None, False
    for element in _split(text):
        record = record_of(element)
        found = found or record
        readable = readable or not record.problem
        yield record
    if not readable:
        what = "is an empty list" if found is None else f"is a list without a JSON object; the first element {found.problem}"
        raise UnreadableInput(f"source '{source_id}': {path} {what}", try_this="give a list of objects, one for each dialogue")


def _text(path: Path, source_id: str) -> str:
    if path.stat().st_size > MOST_ARRAY_BYTES:
        what = f"source '{source_id}': {path} is a JSON array of more than {MOST_ARRAY_BYTES} bytes"
        raise UnreadableInput(what, try_this="write one object a line: `jq -c '.[]' IN > OUT.jsonl`")
    try:
        return path.read_bytes().decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise UnreadableInput(f"source '{source_id}': {path} is not UTF-8 at byte {error.start + 1}") from error


def _split(text: str) -> Iterator[Line]:
    """The elements of a list as lines; what follows the list, or a list without an end, is a line with a problem."""
    start = text.index("[") + 1
    depth, number = 1, 1
    for mark in _MARKS.finditer(text, start):
        depth += (mark[0] in "[{") - (mark[0] in "]}")
        if depth == 0 or (depth == 1 and mark[0] == ","):
            element = text[start : mark.start()].strip()
            if element or depth or number > 1:
                yield _line(number, element)
            start, number = mark.end(), number + 1
        if depth == 0:
            if mark[0] != "]":
                yield Line(number, problem="stands where the list ends, and `]` is missing")
            elif text[start:].strip():
                yield Line(number, problem="stands behind the end of the list")
            return
    yield Line(number, problem="has no end: the file may be cut off")


def _line(number: int, element: str) -> Line:
    too_long = len(element) > LONGEST_LINE or len(element.encode()) > LONGEST_LINE
    return Line(number, problem=f"is longer than {LONGEST_LINE} bytes") if too_long else Line(number, element)


# Parquet


def _rows(path: Path, source_id: str, columns: tuple[str, ...]) -> Iterator[Record]:
    import pyarrow as pa
    import pyarrow.parquet as pq

    number = 0
    try:
        file = pq.ParquetFile(path)
        known = [name for name in columns if name in file.schema_arrow.names]
        for name in known:
            _need_plain(file.schema_arrow.field(name).type, name, f"source '{source_id}': {path}", 1)
        for batch in file.iter_batches(batch_size=RECORDS_AT_ONCE, columns=known):
            batch.validate(full=True)
            for fields in batch.to_pylist():
                number += 1
                yield Record(number, {name: without_nulls(value) for name, value in fields.items() if value is not None})
    except (pa.ArrowException, OSError, ValueError) as error:
        words = (str(error).splitlines() or [type(error).__name__])[0]
        raise UnreadableInput(
            f"source '{source_id}': {path} cannot be read after row {number}: {words}", try_this="copy it again: it may be damaged"
        ) from error
    if not number:
        raise UnreadableInput(f"source '{source_id}': {path} has no rows")


def _need_plain(type: pa.DataType, name: str, where: str, depth: int) -> None:
    """Raise UnreadableInput where a column holds bytes or nests too deep."""
    import pyarrow as pa

    if depth > DEEPEST:
        raise UnreadableInput(f"{where}: the column `{name}` nests more than {DEEPEST} deep")
    if pa.types.is_dictionary(type):
        type = type.value_type
    if pa.types.is_binary(type) or pa.types.is_large_binary(type) or pa.types.is_fixed_size_binary(type):
        raise UnreadableInput(
            f"{where}: the column `{name}` holds {type}; audio of dialogues is read from files", try_this="save the audio, and name the files"
        )
    for number in range(type.num_fields):
        _need_plain(type.field(number).type, name, where, depth + 1)


def without_nulls(value: Any) -> Any:
    """A value without fields that are null: a column has every field that any row has."""
    if isinstance(value, dict):
        return {key: without_nulls(inner) for key, inner in value.items() if inner is not None}
    return [without_nulls(inner) for inner in value] if isinstance(value, list) else value
