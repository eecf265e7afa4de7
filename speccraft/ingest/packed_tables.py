"""Rows of Parquet and Arrow files that hold audio in a column; the audio itself stays unread."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Literal

from speccraft.ingest.rows import Inside, Reach, Row
from speccraft.ingest.table import need_columns, row_of

if TYPE_CHECKING:
    import pyarrow as pa


def read_container(source_id: str, path: Path, name: str, names: dict[str, str], reach: Reach) -> Iterator[Row]:
    """One row per row of the file, named `file#number`; a file that is damaged ends in a row that says so.

    Args:
        name: what the ledger calls the file.
        names: the columns to read, by what they hold; `audio` is bytes, a path, or a struct of both.

    Raises:
        UnreadableInput: it lacks one of the columns.
    """
    import pyarrow as pa

    kind: Literal["parquet", "arrow"] = "parquet" if path.suffix == ".parquet" else "arrow"
    number = 0
    try:
        for batch in (_parquet if kind == "parquet" else _arrow)(source_id, path, names):
            for record, place in _records(batch, names):
                row = Row(input=f"{name}#{number}")
                if place is None:
                    row = replace(row, path=path, inside=Inside(kind, number, column=names["audio"]))
                elif place:
                    found = reach.resolve(place, start=path.parent)
                    row = replace(row, path=found, problem="" if found else "the path leaves the data folder and `roots`")
                else:
                    row = replace(row, problem="it holds neither audio nor the path of a file")
                yield row_of({**record, "audio": row.input}, row)
                number += 1
    except (pa.ArrowException, OSError, ValueError) as error:
        words = (str(error).splitlines() or [type(error).__name__])[0].replace(str(path), name)
        yield Row(input=f"{name}#(from {number})", problem=f"the file is damaged: {words}")


def _parquet(source_id: str, path: Path, names: dict[str, str]) -> Iterator[pa.Table]:
    """The columns without the audio bytes, unless only these can tell which rows have some."""
    import pyarrow.parquet as pq

    file = pq.ParquetFile(path)
    schema = file.schema_arrow
    _need(source_id, path, schema, names)
    audio, type = names["audio"], schema.field(names["audio"]).type
    leaf = f"{audio}.bytes" if _is_struct(type) else audio
    about = [column for field, column in names.items() if field != "audio"] + ([f"{audio}.path"] if _is_struct(type) else [])
    for number in range(file.num_row_groups):
        group = file.metadata.row_group(number)
        there = _all_there(group, leaf) if _holds_bytes(type) else None
        table = file.read_row_group(number, columns=about if there is not None else [*about, leaf])
        table.validate(full=True)
        yield _with_presence(table, audio, there, group.num_rows)


def _arrow(source_id: str, path: Path, names: dict[str, str]) -> Iterator[pa.Table]:
    import pyarrow as pa

    with pa.memory_map(str(path)) as mapped:
        try:
            reader = pa.ipc.open_stream(mapped)
            batches = iter(reader)
        except pa.ArrowInvalid:
            reader = pa.ipc.open_file(mapped)
            batches = (reader.get_batch(number) for number in range(reader.num_record_batches))
        _need(source_id, path, reader.schema, names)
        for batch in batches:
            table = pa.Table.from_batches([batch]).select(list(dict.fromkeys(names.values())))
            table.validate(full=True)
            yield _with_presence(table, names["audio"], None, len(table))


PRESENT, WRITTEN = "(present)", "(written)"
"""Columns added for each row: whether it has audio bytes, and the path that it writes."""


def _with_presence(table: pa.Table, audio: str, there: bool | None, rows: int) -> pa.Table:
    """The table with what its audio column says; `there` where all rows are known to have bytes, or none."""
    import pyarrow as pa
    import pyarrow.compute as pc

    present, written = pa.array([bool(there)] * rows), pa.nulls(rows, pa.string())
    if audio in table.column_names:
        column = table.column(audio)
        fields = {field.name for field in column.type} if pa.types.is_struct(column.type) else set()
        if "path" in fields:
            written = pc.struct_field(column, "path").cast(pa.string())
        if there is None and _holds_bytes(column.type):
            present = pc.and_(column.is_valid(), pc.struct_field(column, "bytes").is_valid()) if fields else column.is_valid()
        if not fields and not _holds_bytes(column.type):
            written = column.cast(pa.string())
    columns = {name: table.column(name) for name in table.column_names if name != audio}
    return pa.table({**columns, PRESENT: present, WRITTEN: written})


def _records(table: pa.Table, names: dict[str, str]) -> Iterator[tuple[dict[str, str | None], str | None]]:
    """What each row says, with the path of its audio: None where the bytes are in the row, empty where there is nothing."""
    about = {field: table.column(column).to_pylist() for field, column in names.items() if field != "audio"}
    for number, (present, written) in enumerate(zip(table.column(PRESENT).to_pylist(), table.column(WRITTEN).to_pylist(), strict=True)):
        yield {field: _text(values[number]) for field, values in about.items()}, None if present else written or ""


def _text(value: object) -> str | None:
    return None if value is None else (str(value).strip() or None)


def _all_there(group: object, leaf: str) -> bool | None:
    """Whether all rows of a row group have audio bytes, or none has; None where the file does not tell."""
    for number in range(group.num_columns):  # type: ignore[attr-defined]
        column = group.column(number)  # type: ignore[attr-defined]
        if column.path_in_schema == leaf and column.statistics is not None and column.statistics.has_null_count:
            nulls = column.statistics.null_count
            return True if nulls == 0 else False if nulls == group.num_rows else None  # type: ignore[attr-defined]
    return None


def _need(source_id: str, path: Path, schema: pa.Schema, names: dict[str, str]) -> None:
    import pyarrow as pa

    plain = [field.name for field in schema if not pa.types.is_nested(field.type) and not _holds_bytes(field.type)]
    sounding = [field.name for field in schema if _holds_bytes(field.type) or pa.types.is_string(field.type) or pa.types.is_large_string(field.type)]
    need_columns(source_id, path, sounding, (names["audio"],), of="of audio bytes or paths")
    need_columns(source_id, path, plain, tuple(column for field, column in names.items() if field != "audio"))


def _is_struct(type: pa.DataType) -> bool:
    """Whether a column is audio as `datasets` packs it: a struct of bytes and path."""
    import pyarrow as pa

    return pa.types.is_struct(type) and "bytes" in {field.name for field in type}


def _holds_bytes(type: pa.DataType) -> bool:
    import pyarrow as pa

    return _is_struct(type) or pa.types.is_binary(type) or pa.types.is_large_binary(type)
