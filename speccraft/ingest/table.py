"""Read a CSV, TSV, JSON Lines or Parquet table with one row per audio file."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from speccraft.errors import UnreadableInput
from speccraft.ingest.rows import Reach, Row
from speccraft.scenario.base import measured_in, such_as
from speccraft.scenario.contracts import Split
from speccraft.scenario.source import TableSource

if TYPE_CHECKING:
    import polars as pl

SPLIT_NAMES = {"train": "train", "dev": "dev", "validation": "dev", "valid": "dev", "val": "dev", "test": "test"}
"""Official split names that are understood, in lower case."""
READERS = {".csv": "csv", ".tsv": "tsv", ".jsonl": "jsonl", ".ndjson": "jsonl", ".parquet": "parquet"}


class TableRow(BaseModel):
    """One row of a table, under the names that `columns` gives its columns; other columns may stand beside them."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False, use_attribute_docstrings=True)

    audio: Annotated[str, Field(min_length=1), such_as("audio/anna-1.wav")]
    """Path of the audio file, relative to the table's folder. A row without one is in the ledger and nowhere else."""
    text: Annotated[str | None, such_as("where is the exit")] = None
    """Transcript: the words that are spoken, and nothing else. Remarks such as `[noise]` would be learnt as words."""
    speaker: Annotated[str | None, such_as("anna")] = None
    """Who speaks, by any name that stays the same. It keeps one voice out of two splits, and lets that voice be taken out again."""
    session: Annotated[str | None, such_as("anna-monday")] = None
    """Recording session: one sitting in one room. It is kept in one split, so that a room that was learnt is not what is tested."""
    language: Annotated[str | None, such_as("de-CH")] = None
    """BCP 47 tag of what is spoken. A row without one takes its source's."""
    licence: Annotated[str | None, such_as("CC-BY-4.0")] = None
    """SPDX expression of the licence. A row without one takes its source's, and a row with neither is refused."""
    attribution: Annotated[str | None, such_as("Anna Muster, Example Corpus")] = None
    """Whom the row's licence asks to name. The dataset card names everyone once."""
    split: Annotated[Split | None, such_as("train")] = None
    """Official split of the recording. Results can be compared with others' only where the same rows are held out."""
    duration: Annotated[Annotated[float, Field(gt=0, lt=1e6)] | None, measured_in("s"), such_as(2.5)] = None
    """Length of the recording, below a million seconds (11 days). It lets `plan` count hours without opening the file."""


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
    row = Row(
        input=record["audio"] or "(no audio path)",
        text=record.get("text"),
        speaker=record.get("speaker"),
        session=record.get("session"),
        language=record.get("language"),
        licence=record.get("licence"),
        attribution=record.get("attribution"),
    )
    try:
        stated = TableRow.model_validate({**record, "split": _split(record.get("split")), "duration": _number(record.get("duration"))})
    except ValidationError as error:
        return replace(row, problem=_problem(error, record))
    path = reach.resolve(stated.audio, start=folder)
    if path is None:
        return replace(row, problem="the path leaves the data folder and `roots`")
    return replace(row, path=path, split=stated.split, seconds=stated.duration, length_from=None if stated.duration is None else "table")


def _split(written: str | None) -> str | None:
    return written and SPLIT_NAMES.get(written.lower(), written)


def _number(written: str | None) -> float | str | None:
    """A number from a table's text; what is none stays as it is, to be refused with its words."""
    try:
        return written and float(written)
    except ValueError:
        return written


def _problem(error: ValidationError, record: dict[str, str | None]) -> str:
    """What is wrong with a row, in words."""
    wrong = {str(one["loc"][0]) for one in error.errors()}
    problems = {
        "audio": "the audio column is empty",
        "duration": f"'{record.get('duration')}' is no length in seconds",
        "split": f"'{record.get('split')}' is not a split; known are {', '.join(SPLIT_NAMES)}",
    }
    return "; ".join(text for field, text in problems.items() if field in wrong)


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
