"""What a build says, file by file: read anew, with nothing taken over from one file to the next, and compared."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from speccraft.errors import SpeccraftError
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SPLITS
from speccraft.scenario.source_base import HEARD
from speccraft.scenario.text import check, parse
from speccraft.verify import Problem, strict_json

SECONDS_TOLERANCE = 1e-6
CUT = {
    "id": pl.String,
    "duration": pl.Float64,
    "recording": pl.Struct({"id": pl.String, "num_samples": pl.Int64, "sampling_rate": pl.Int64, "duration": pl.Float64}),
    "supervisions": pl.List(pl.Struct({"duration": pl.Float64, "text": pl.String, "speaker": pl.String})),
    "custom": pl.Struct(
        {"source": pl.String, "speaker": pl.String, "session": pl.String, "stages": pl.List(pl.String), "licence": pl.String, "unseen": pl.Boolean}
    ),
}
ROOM = pl.Struct({"id": pl.String})
NOISE = pl.Struct({"id": pl.String, "snr_db": pl.Float64, "room": ROOM})
PLACE = pl.Struct({"noise": NOISE, "room": ROOM, "events": pl.List(pl.Struct({"id": pl.String, "room": ROOM}))})
DRAWN = {"custom": pl.Struct({"place": PLACE})}
BANK = {
    "id": pl.String,
    "source": pl.String,
    "role": pl.String,
    "split": pl.String,
    "path": pl.String,
    "seconds": pl.Float64,
    "licence": pl.String,
    "rt60_s": pl.Float64,
    "made_of": pl.List(pl.String),
}
DEMONSTRATION = {
    "id": pl.String,
    "split": pl.String,
    "rule": pl.String,
    "messages": pl.List(pl.Struct({"content": pl.List(pl.Struct({"cut": pl.String, "text": pl.String}))})),
}
TEXT, NUMBER = pl.String, pl.Float64
TABLES: dict[str, dict[str, Any]] = {
    "measures": {
        **{"cut": TEXT, "source": TEXT, "speaker": TEXT, "licence": TEXT, "split": TEXT, "stages": pl.List(TEXT), "text": TEXT, "unseen": pl.Boolean},
        **dict.fromkeys(("seconds", "duration_s", "peak_dbfs", "place_snr_db", "place_rt60_s"), NUMBER),
    },
    "segments": {
        **dict.fromkeys(("segment", "input", "source", "role", "speaker", "session", "text", "fate", "rule", "value"), TEXT),
        **dict.fromkeys(("seconds", "duration_s", "peak_dbfs"), NUMBER),
    },
    "ledger": {
        **dict.fromkeys(("input", "source", "role", "fate", "rule", "reason"), TEXT),
        **dict.fromkeys(("seconds", "seconds_kept", "seconds_dropped", "seconds_unvoiced"), NUMBER),
        "cuts": pl.Int64,
    },
}
"""What is read of each table; a table may hold more."""
HEARD_IN: dict[str, Any] = {"noise": TEXT, "snr": NUMBER, "room": TEXT, "events": pl.List(TEXT), "around": pl.List(TEXT)}
"""What dev and test cuts drew: noise and its SNR, room, short noises, and the rooms of noise."""


@dataclass(frozen=True)
class Build:
    """What a build says, file by file, with nothing taken over from one file to the next.

    `cuts` has a row for each line of `cuts.<split>.jsonl`; the columns of `HEARD_IN` are what dev and test cuts drew, `is_untranscribed` tells speech
    without words.
    """

    folder: Path
    record: dict[str, Any]
    scenario: Scenario
    cuts: pl.DataFrame
    measures: pl.DataFrame
    segments: pl.DataFrame
    ledger: pl.DataFrame
    banks: pl.DataFrame
    certificate: dict[str, Any]
    report: dict[str, Any]

    @property
    def info(self) -> dict[str, Any]:
        """The facts of the commit record."""
        return dict(self.record["info"])

    @property
    def heard(self) -> pl.DataFrame:
        """Kept speech by cut, with the recording it came from: parts of one recording share `recording`; `speaker_named` and `session_named` are the names."""
        recording = pl.col("recording") if "recording" in self.segments.columns else pl.col("input")
        kept = self.segments.filter(pl.col("role").is_in(HEARD), pl.col("fate") == "kept")
        named = kept.select(id="segment", recording=pl.col("source") + ":" + recording, speaker_named="speaker", session_named="session")
        return named.join(self.cuts, on="id")


class Unreadable(Exception):
    """A file of the build does not hold what the proof needs; the text says which and what."""


def read_build(folder: Path) -> Build:
    """Read everything a build says.

    Raises:
        Unreadable: a file does not hold what every build holds.
    """
    record = read_json(folder, "BUILD.json")
    try:
        text = record["info"]["scenario"]["text"]
        scenario = check(parse(text, file="BUILD.json"), Scenario)
    except (KeyError, TypeError, SpeccraftError) as error:
        raise Unreadable("BUILD.json", f"holds no scenario that can be read: {error}") from error
    tables = {name: _parquet(folder, name, columns) for name, columns in TABLES.items()}
    certificate, report = read_json(folder, "splits.json"), read_json(folder, "report.json")
    return Build(folder, record, scenario, _cuts(folder, scenario), **tables, banks=lines(folder, "banks.jsonl", BANK), certificate=certificate, report=report)


# Reading


def read_json(folder: Path, name: str) -> dict[str, Any]:
    """A JSON object of a build.

    Raises:
        Unreadable: it is none.
    """
    try:
        content = strict_json((folder / name).read_bytes())
    except (OSError, ValueError) as error:
        raise Unreadable(name, f"cannot be read: {error}") from error
    if not isinstance(content, dict):
        raise Unreadable(name, "is not an object")
    return content


def _parquet(folder: Path, name: str, schema: dict[str, Any]) -> pl.DataFrame:
    try:
        table = pl.read_parquet(folder / f"{name}.parquet")
        if lacking := [column for column in schema if column not in table.columns]:
            made = read_json(folder, "BUILD.json").get("version")
            raise Unreadable(f"{name}.parquet", f"has no {', '.join(lacking)}: another speccraft made it, it says {made}")
        # A column that is empty throughout was written without a type; the cast gives it one.
        return table.with_columns(pl.col(column).cast(dtype) for column, dtype in schema.items())
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Unreadable(f"{name}.parquet", f"does not hold {', '.join(schema)}: {error}") from error


def lines(folder: Path, name: str, schema: dict[str, Any]) -> pl.DataFrame:
    """Read the fields of a JSON Lines file that a schema names.

    Raises:
        Unreadable: it does not hold them.
    """
    path = folder / name
    try:
        return pl.read_ndjson(path, schema=schema) if path.stat().st_size else pl.DataFrame(schema=schema)
    except (OSError, pl.exceptions.PolarsError) as error:
        raise Unreadable(name, f"cannot be read: {error}") from error


def _cuts(folder: Path, scenario: Scenario) -> pl.DataFrame:
    speech = [source.id for source in scenario.sources_with("speech")]
    custom, recording = pl.col("custom").struct, pl.col("recording").struct
    tables = []
    for split in SPLITS:
        name = f"cuts.{split}.jsonl"
        rows = lines(folder, name, CUT).select(
            "id",
            "duration",
            *(custom.field(field) for field in ("source", "speaker", "session", "stages", "licence", "unseen")),
            recording.field("num_samples"),
            recording.field("sampling_rate"),
            text=(text := pl.col("supervisions").list.first().struct.field("text")),
            is_untranscribed=custom.field("source").is_in(speech) & text.is_null(),
            said_by=pl.col("supervisions").list.first().struct.field("speaker"),
            said_duration=pl.col("supervisions").list.first().struct.field("duration"),
            recording_id=recording.field("id"),
            recording_duration=recording.field("duration"),
            split=pl.lit(split),
        )
        # Training cuts hold ranges, which are drawn from afresh each epoch.
        places = pl.DataFrame([[None] * rows.height] * len(HEARD_IN), schema=HEARD_IN) if split == "train" else _places(folder, name)
        tables.append(rows.hstack(places))
    return pl.concat(tables)


def _places(folder: Path, name: str) -> pl.DataFrame:
    place = pl.col("custom").struct.field("place").struct
    noise, events = place.field("noise").struct, place.field("events")
    rooms = [noise.field("room").struct.field("id"), events.list.eval(pl.element().struct.field("room").struct.field("id"))]
    return lines(folder, name, DRAWN).select(
        noise=noise.field("id"),
        snr=noise.field("snr_db"),
        room=place.field("room").struct.field("id"),
        events=events.list.eval(pl.element().struct.field("id")),
        around=pl.concat_list(rooms[0], rooms[1].fill_null([])).list.drop_nulls(),
    )


# Comparing


def differing(left: pl.DataFrame, right: pl.DataFrame, columns: list[str], file: str, what: str) -> Iterator[Problem]:
    """The ids that only one of two tables has, and those about which they differ."""
    yield from some("SC523", file, f"{what} that it does not have", left.join(right, on="id", how="anti")["id"])
    yield from some("SC523", file, f"{what} that only it has", right.join(left, on="id", how="anti")["id"])
    both = left.select("id", *columns).join(right.select("id", *columns), on="id", suffix="_other")
    for column in columns:
        here, there = pl.col(column), pl.col(f"{column}_other")
        if left.schema[column].is_numeric():
            differs = here.is_null() != there.is_null()
            differs |= ((here - there.cast(pl.Float64)).abs() > SECONDS_TOLERANCE).fill_null(False)
        else:
            differs = here.ne_missing(there)
        yield from some("SC523", file, f"another {column} of {what}", both.filter(differs)["id"])


def at(value: object, *keys: str) -> Any:
    """What a foreign JSON value holds under some keys, None where it does not go that deep."""
    for key in keys:
        value = value.get(key) if isinstance(value, dict) else None
    return value


def apart(stated: str, found: str) -> pl.Expr:
    """Whether two columns of seconds differ; none are none."""
    return (pl.col(stated).fill_null(0) - pl.col(found)).abs() > SECONDS_TOLERANCE


def near(said: object, found: float, tolerance: float) -> bool:
    """Whether a foreign value is a number near another."""
    return isinstance(said, int | float) and abs(said - found) <= tolerance


def some(code: str, file: str, what: str, ids: pl.Series) -> Iterator[Problem]:
    """One problem for all rows that have it, with the first of them."""
    if ids.len():
        yield Problem(code, file, f"{what}: {named(ids.unique().sort().to_list())}")


def named(values: list[Any], most: int = 3) -> str:
    """The first of some values, and how many more there are."""
    shown = ", ".join(json.dumps(value, ensure_ascii=False) for value in values[:most])
    return shown + (f" and {len(values) - most} more" if len(values) > most else "")
