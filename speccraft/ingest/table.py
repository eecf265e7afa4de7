"""Read a CSV, TSV, JSON Lines or Parquet table with one row per audio file."""

from __future__ import annotations

from collections.abc import Iterator
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
    for record in table.select(names.values()).iter_rows(named=True):
        yield {field: _clean(record[column]) for field, column in names.items()}


def _row(record: dict[str, str | None], folder: Path, reach: Reach) -> Row:
    audio, split = record.pop("audio"), record.pop("split", None)
    if audio is None:
        return Row(input="(no audio path)", problem="the audio column is empty", **record)
    path = reach.resolve(audio, start=folder)
    if path is None:
        return Row(input=audio, problem="the path leaves the data folder and `roots`", **record)
    if split is not None and split.lower() not in SPLIT_NAMES:
        return Row(input=audio, problem=f"'{split}' is not a split; known are {', '.join(SPLIT_NAMES)}", **record)
    return Row(input=audio, path=path, split=split and SPLIT_NAMES[split.lower()], **record)


def _clean(value: str | None) -> str | None:
    return None if value is None or not value.strip() else value.strip()


def _need_columns(source: TableSource, path: Path, columns: list[str], wanted: tuple[str, ...]) -> None:
    missing = [name for name in wanted if name not in columns]
    if missing:
        raise UnreadableInput(
            f"source '{source.id}': {path.name} has no column {', '.join(map(repr, missing))}", try_this=f"it has {', '.join(columns)}"
        )


def _read(source_id: str, path: Path) -> pl.DataFrame:
    import polars as pl

    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadableInput(f"source '{source_id}': {path.name} is no table we read", try_this=f"use one of {', '.join(READERS)}")
    try:
        match reader:
            case "csv" | "tsv":
                return pl.read_csv(path, separator="," if reader == "csv" else "\t", infer_schema=False)
            case "jsonl":
                return _as_text(pl.read_ndjson(path, infer_schema_length=None))
            case _:
                return _as_text(pl.read_parquet(path))
    except (pl.exceptions.PolarsError, OSError, UnicodeDecodeError) as error:
        raise UnreadableInput(f"source '{source_id}': cannot read {path}: {str(error).splitlines()[0]}") from error


def _as_text(table: pl.DataFrame) -> pl.DataFrame:
    """The scalar columns as text; nested ones hold nothing a row needs."""
    import polars as pl
    from polars import selectors

    return table.select((~selectors.nested()).cast(pl.String))
