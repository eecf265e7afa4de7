"""Read a CSV, TSV, JSON Lines or Parquet table with one row per audio file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING

from speccraft.errors import UnreadableInput
from speccraft.ingest.rows import Reach, Row
from speccraft.scenario.source import TableSource

if TYPE_CHECKING:
    import polars as pl

SPLIT_NAMES = {"train": "train", "dev": "dev", "validation": "dev", "valid": "dev", "val": "dev", "test": "test"}
"""Official split names that are understood, in lower case."""
READERS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


def read_table(source: TableSource, *, given: str | None, reach: Reach) -> list[Row]:
    """The rows of a table that `where` selects, in table order.

    Args:
        given: column with official splits, if the scenario names one and the table has it.

    Raises:
        UnreadableInput: the table cannot be parsed, lacks a column, or `where` selects nothing.
    """
    path = reach.source(source.id, source.path)
    table = _read(source.id, path)
    names = {field: column for field, column in source.columns.model_dump().items() if column is not None}
    _need_columns(source, path, table.columns, (*names.values(), *source.where))
    for column, wanted in source.where.items():
        table = table.filter(table[column].is_in([wanted] if isinstance(wanted, str) else list(wanted)))
    if table.is_empty():
        raise UnreadableInput(f"source '{source.id}': no row of {path.name} is selected", try_this="check `where` and the table")
    if given is not None and given in table.columns:
        names["split"] = given
    return [_row(record, path.parent, reach) for record in _records(table, names)]


def _records(table: pl.DataFrame, names: dict[str, str]) -> Iterator[dict[str, str | None]]:
    for record in table.select(set(names.values())).iter_rows(named=True):
        yield {field: _clean(record[column]) for field, column in names.items()}


def _row(record: dict[str, str | None], folder: Path, reach: Reach) -> Row:
    audio, split = record["audio"], record.get("split")
    row = Row(
        input=audio or "(no audio path)",
        text=record.get("text"),
        speaker=record.get("speaker"),
        session=record.get("session"),
        language=record.get("language"),
        licence=record.get("licence"),
        attribution=record.get("attribution"),
    )
    if audio is None:
        return replace(row, problem="the audio column is empty")
    path = reach.resolve(audio, start=folder)
    if path is None:
        return replace(row, problem="the path leaves the data folder and `roots`")
    if split is not None and split.lower() not in SPLIT_NAMES:
        return replace(row, problem=f"'{split}' is not a split; known are {', '.join(SPLIT_NAMES)}")
    return replace(row, path=path, split=split and SPLIT_NAMES[split.lower()])


def _clean(value: str | None) -> str | None:
    return None if value is None or not value.strip() else value.strip()


def _need_columns(source: TableSource, path: Path, columns: list[str], wanted: tuple[str, ...]) -> None:
    missing = [name for name in wanted if name not in columns]
    if missing:
        near = [f"'{found[0]}' for '{name}'" for name in missing if (found := difflib.get_close_matches(name, columns, n=1))]
        hint = f"did you mean {', '.join(near)}? " if near else ""
        named = ", ".join(map(repr, missing))
        raise UnreadableInput(f"source '{source.id}': {path.name} has no column {named} of text or numbers", try_this=f"{hint}it has {', '.join(columns)}")


def _read(source_id: str, path: Path) -> pl.DataFrame:
    import polars as pl

    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadableInput(f"source '{source_id}': {path.name} is no table we read", try_this=f"use one of {', '.join(READERS)}")
    try:
        match reader:
            case "csv":
                return pl.read_csv(path, infer_schema=False)
            case "tsv":
                # TSV has no quotes (IANA text/tab-separated-values): a transcript may begin with one, and no row is swallowed by it.
                return pl.read_csv(path, separator="\t", quote_char=None, infer_schema=False)
            case "jsonl":
                return _as_text(pl.read_ndjson(path, infer_schema_length=None))
            case _:
                return _as_text(_parquet(path))
    except (pl.exceptions.PolarsError, ValueError, OSError) as error:
        raise UnreadableInput(f"source '{source_id}': cannot read {path}: {str(error).splitlines()[0]}") from error


def _parquet(path: Path) -> pl.DataFrame:
    """Read by Arrow: Polars' own reader ends the process on some damaged files."""
    import polars as pl
    import pyarrow.parquet

    table = pyarrow.parquet.ParquetFile(path).read()
    table.validate(full=True)
    return pl.DataFrame({name: pl.from_arrow(column) for name, column in zip(table.column_names, table.columns, strict=True)})


def _as_text(table: pl.DataFrame) -> pl.DataFrame:
    """The scalar columns as text; nested ones hold nothing a row needs."""
    import polars as pl
    from polars import selectors

    return table.select((~selectors.nested()).cast(pl.String))
