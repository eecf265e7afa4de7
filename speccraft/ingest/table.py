"""Read a CSV, TSV, JSON Lines or Parquet table with one row per audio file or part of one."""

from __future__ import annotations

import csv
import difflib
from collections.abc import Iterator
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from speccraft.errors import UnreadableInput
from speccraft.ingest.lines import LONGEST_LINE, records_of
from speccraft.ingest.official import SPLIT_NAMES
from speccraft.ingest.parts import part_of
from speccraft.ingest.rows import BLANK, Reach, Row
from speccraft.scenario.base import measured_in, such_as
from speccraft.scenario.contracts import Split
from speccraft.scenario.source import Columns, TableSource

if TYPE_CHECKING:
    import polars as pl

NUMBERS: dict[str, type[float] | type[int]] = {"duration": float, "start": float, "end": float, "channel": int}
WRONG_NUMBERS = {"duration": "length in seconds", "start": "start in seconds", "end": "end in seconds", "channel": "channel, counted from 0"}
NOT_TEXT = {
    b"\x1f\x8b": "is compressed with gzip: unpack it",
    b"\x28\xb5\x2f\xfd": "is compressed with zstd: unpack it",
    b"x\x01": "is compressed with zlib: unpack it",
    b"x\x9c": "is compressed with zlib: unpack it",
    b"x\xda": "is compressed with zlib: unpack it",
    b"\xff\xfe": "is UTF-16: save it as UTF-8",
    b"\xfe\xff": "is UTF-16: save it as UTF-8",
}
"""How a table begins that is no text; Polars would unpack it, however much that is."""
SAID = ("text", "speaker", "session", "language", "licence", "attribution")
GROUP = "group "
"""What the fields begin with that hold the groups of a row; no other field has a space in it."""
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
    """Length of the row, below a million seconds (11 days). It lets `plan` count hours without opening the file."""
    start: Annotated[Annotated[float, Field(ge=0, lt=1e6)] | None, measured_in("s"), such_as(12.5)] = None
    """Where the row begins in its recording. A recording may be in several rows, and is decoded once for all of them."""
    end: Annotated[Annotated[float, Field(gt=0, lt=1e6)] | None, measured_in("s"), such_as(15.0)] = None
    """Where the row ends in its recording. A row without an end lasts for its duration, or until the recording ends."""
    channel: Annotated[Annotated[int, Field(ge=0, lt=32)] | None, measured_in("channel"), such_as(1)] = None
    """Channel of the recording, counted from 0. All channels are mixed where none is named."""


def read_table(source: TableSource, *, given: str | None, reach: Reach) -> list[Row]:
    """The rows of a table that `where` selects, in table order.

    Args:
        given: column with official splits, if the scenario names one and the table has it.

    Raises:
        UnreadableInput: the table cannot be parsed, lacks a column, or `where` selects nothing.
    """
    path = reach.source(source.id, source.path)
    table = read_frame(source.id, path)
    names = named(source.columns)
    need_columns(source.id, path, table.columns, (*names.values(), *source.where))
    for column, wanted in source.where.items():
        table = table.filter(table[column].is_in([wanted] if isinstance(wanted, str) else list(wanted)))
    if table.is_empty():
        raise UnreadableInput(f"source '{source.id}': no row of {path.name} is selected", try_this="check `where` and the table")
    if given is not None and given in table.columns:
        names["split"] = given
    return rows_of_frame(table, names, path.parent, reach)


def named(columns: Columns) -> dict[str, str]:
    """The columns that a source names, by what they hold."""
    one = {field: column for field, column in columns.model_dump(exclude={"groups"}).items() if column is not None}
    return one | {f"{GROUP}{column}": column for column in columns.groups}


def rows_of_frame(table: pl.DataFrame, names: dict[str, str], folder: Path, reach: Reach) -> list[Row]:
    """The rows of a table of text, whose audio paths start at a folder."""
    return [row_of(record, _whole(record["audio"], folder, reach)) for record in _records(table, names)]


def _records(table: pl.DataFrame, names: dict[str, str]) -> Iterator[dict[str, str | None]]:
    for record in table.select(set(names.values())).iter_rows(named=True):
        yield {field: _clean(record[column]) for field, column in names.items()}


def _whole(audio: str | None, folder: Path, reach: Reach) -> Row:
    """The recording that a table's path means."""
    if audio is None:
        return Row(input="(no audio path)")
    path = reach.resolve(audio, start=folder)
    return BLANK.having(input=audio, path=path, problem="" if path else "the path leaves the data folder and `roots`")


def row_of(record: dict[str, str | None], whole: Row) -> Row:
    """What a table says of a recording, by what its columns hold; what makes no sense is the row's problem."""
    about: dict[str, Any] = {field: record.get(field) for field in SAID}
    about["groups"] = tuple((field.removeprefix(GROUP), value) for field, value in record.items() if field.startswith(GROUP) and value is not None)
    numbers = {name: _number(record[name], of) for name, of in NUMBERS.items() if name in record}
    try:
        stated = TableRow.model_validate({**record, "split": _split(record.get("split")), **numbers})
    except ValidationError as error:
        return whole.having(**about, path=None, inside=None, problem=_problem(error, record))
    if not whole.problem:
        about |= {"split": stated.split, "seconds": stated.duration, "length_from": None if stated.duration is None else "table"}
    return part_of(whole.having(**about), stated.start, stated.end, stated.channel)


def _split(written: str | None) -> str | None:
    return written and SPLIT_NAMES.get(written.lower(), written)


def _number(written: str | None, of: type[float] | type[int]) -> float | str | None:
    """A number from a table's text; what is none stays as it is, to be refused with its words."""
    if written is None:
        return None
    try:
        number = float(written)
    except ValueError:
        return written
    # Columns with gaps come as floats from other tools: channel 1.0.
    return int(number) if of is int and number == number // 1 else number


def _problem(error: ValidationError, record: dict[str, str | None]) -> str:
    """What is wrong with a row, in words."""
    wrong = {str(one["loc"][0]) for one in error.errors()}
    problems = {
        "audio": "the audio column is empty",
        **{name: f"'{record.get(name)}' is no {what}" for name, what in WRONG_NUMBERS.items()},
        "split": f"'{record.get('split')}' is not a split; known are {', '.join(SPLIT_NAMES)}",
    }
    return "; ".join(text for field, text in problems.items() if field in wrong)


def _clean(value: str | None) -> str | None:
    return (value.strip() or None) if value is not None else None


def need_columns(source_id: str, path: Path, columns: list[str], wanted: tuple[str, ...], of: str = "of text or numbers") -> None:
    """Raise UnreadableInput unless a table has all wanted columns, and offer the near ones."""
    missing = [name for name in wanted if name not in columns]
    if missing:
        near = [f"'{found[0]}' for '{name}'" for name in missing if (found := difflib.get_close_matches(name, columns, n=1))]
        hint = f"did you mean {', '.join(near)}? " if near else ""
        named = ", ".join(map(repr, missing))
        raise UnreadableInput(f"source '{source_id}': {path.name} has no column {named} {of}", try_this=f"{hint}it has {', '.join(columns)}")


def read_frame(source_id: str, path: Path) -> pl.DataFrame:
    """A table whose columns are all text.

    Raises:
        UnreadableInput: its ending is none we know, or it cannot be parsed.
    """
    import polars as pl

    reader = READERS.get(path.suffix.lower())
    if reader is None:
        raise UnreadableInput(f"source '{source_id}': {path.name} is no table we read", try_this=f"use one of {', '.join(READERS)}")
    # A pipe or device would wait for ever.
    if not path.is_file():
        raise UnreadableInput(f"source '{source_id}': {path} is no file", try_this="name a table, not a folder or a pipe")
    try:
        match reader:
            case "csv":
                return _separated(source_id, path, ",", '"')
            case "tsv":
                # TSV has no quotes (IANA text/tab-separated-values): a transcript may begin with one, and no row is swallowed by it.
                return _separated(source_id, path, "\t", None)
            case "jsonl":
                return _json_lines(source_id, path)
            case _:
                return _as_text(_parquet(path))
    except (pl.exceptions.PolarsError, ValueError, OSError) as error:
        raise UnreadableInput(f"source '{source_id}': cannot read {path}: {str(error).splitlines()[0]}") from error


def _separated(source_id: str, path: Path, separator: str, quote: str | None) -> pl.DataFrame:
    """A CSV or TSV table, every row of which has every column.

    Raises:
        UnreadableInput: it is compressed or not UTF-8, or a row has more or fewer fields, as one that breaks off.
    """
    import polars as pl

    with path.open("rb") as file:
        start = file.read(4)
    if wrong := next((words for magic, words in NOT_TEXT.items() if start.startswith(magic)), None):
        raise UnreadableInput(f"source '{source_id}': {path.name} {wrong}")
    try:
        table = pl.read_csv(path, separator=separator, quote_char=quote, infer_schema=False)
    except pl.exceptions.PolarsError as error:
        words = _not_utf8(path) or _uneven(path, separator, quote) or str(error).splitlines()[0]
        raise UnreadableInput(f"source '{source_id}': cannot read {path}: {words}") from error
    longest = max((length or 0 for length in table.select(pl.all().str.len_bytes().max()).row(0)), default=0) if table.height else 0
    if longest > LONGEST_LINE:
        raise UnreadableInput(f"source '{source_id}': {path.name} has a field of {longest} bytes, more than {LONGEST_LINE}")
    # Polars fills what a row lacks with nulls, which an empty last field gives as well.
    if table.width > 1 and table[table.columns[-1]].null_count() and (uneven := _uneven(path, separator, quote)):
        raise UnreadableInput(f"source '{source_id}': cannot read {path}: {uneven}", try_this="copy it again: it may be cut off")
    # What a blank line, or one of separators alone, is to Polars.
    return table.filter(~pl.all_horizontal(pl.all().is_null()))


def _not_utf8(path: Path) -> str:
    """The first byte that is no UTF-8, in words."""
    with path.open("rb") as file:
        for number, line in enumerate(file, 1):
            try:
                line.decode()
            except UnicodeDecodeError as error:
                return f"line {number} is not UTF-8 at byte {error.start + 1}"
    return ""


def _uneven(path: Path, separator: str, quote: str | None) -> str:
    """The first line that has not as many fields as the first, in words."""
    csv.field_size_limit(LONGEST_LINE)
    with path.open(encoding="utf-8-sig", errors="replace", newline="") as file:
        reader = csv.reader(file, delimiter=separator, quotechar=quote, quoting=csv.QUOTE_NONE if quote is None else csv.QUOTE_MINIMAL)
        try:
            wanted = len(next(reader, []))
            for fields in reader:
                if fields and len(fields) != wanted:
                    return f"line {reader.line_num} has {len(fields)} fields, and the header {wanted}"
        except csv.Error as error:
            return f"line {reader.line_num}: {error}"
    return ""


def _json_lines(source_id: str, path: Path) -> pl.DataFrame:
    """The fields of JSON Lines as text; nested ones hold nothing a row needs.

    Polars' own reader takes the last of two equal keys, and half a character for a NUL.

    Raises:
        UnreadableInput: a line is no JSON object that every reader understands in one way.
    """
    import polars as pl

    rows: list[dict[str, str | None]] = []
    columns: dict[str, None] = {}
    for record in records_of(path, source_id):
        if record.problem:
            raise UnreadableInput(f"source '{source_id}': {path}: line {record.number} {record.problem}")
        rows.append({name: _text(value) for name, value in record.fields.items() if not isinstance(value, dict | list)})
        columns.update(dict.fromkeys(rows[-1]))
    return pl.DataFrame({name: [row.get(name) for row in rows] for name in columns}, schema=dict.fromkeys(columns, pl.String))


def _text(value: Any) -> str | None:
    """A JSON scalar as a table of text would hold it; a whole number has no decimals, whichever tool wrote it."""
    if isinstance(value, bool):
        return str(value).lower()
    if isinstance(value, float) and value.is_integer():
        return str(int(value))
    return value if value is None else str(value)


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
