"""The tables a build decides on: recordings and segments as Polars frames, from the plan and the finished units."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import polars as pl

from speccraft.build.units import AUDIO, RECORDINGS, SEGMENTS
from speccraft.plan import Plan, language_of
from speccraft.sound.measures import MEASURES

RECORDING_SCHEMA = {
    "input": pl.String,
    "num_samples": pl.Int64,
    "pcm_sha256": pl.String,
    "rule": pl.String,
    "reason": pl.String,
    "rt60_s": pl.Float64,
}
SEGMENT_SCHEMA = {"input": pl.String, "start": pl.Int64, "num_samples": pl.Int64, "offset": pl.Int64, "size": pl.Int64, **dict.fromkeys(MEASURES, pl.Float64)}
ROW_SCHEMA: dict[str, type[pl.DataType] | pl.DataType] = {
    "source": pl.String,
    "input": pl.String,
    "role": pl.String,
    "recording": pl.String,
    "text": pl.String,
    "speaker": pl.String,
    "session": pl.String,
    "language": pl.String,
    "given": pl.String,
    "licence": pl.String,
    "style": pl.String,
    "stages": pl.List(pl.String),
}


@dataclass(frozen=True)
class Tables:
    """What the units found. `recordings`: one row per admitted row; `segments`: one per stretch of audio, with the file it lies in."""

    recordings: pl.DataFrame
    segments: pl.DataFrame


def collect(plan: Plan, folders: Mapping[str, Path]) -> Tables:
    """Join the plan's rows with what the units found.

    Args:
        folders: the committed cache folder of each unit, by unit name.
    """
    recordings, segments = [], []
    for name, folder in folders.items():
        source = name.rsplit("/", 1)[0]
        recordings.append(_read(folder / RECORDINGS, RECORDING_SCHEMA).with_columns(source=pl.lit(source), unit=pl.lit(name)))
        segments.append(_read(folder / SEGMENTS, SEGMENT_SCHEMA).with_columns(source=pl.lit(source), file=pl.lit(str(folder / AUDIO))))
    key = ["source", "input"]
    rows = _rows(plan)
    found = pl.concat(recordings) if recordings else pl.DataFrame(schema={**RECORDING_SCHEMA, "source": pl.String, "unit": pl.String})
    pieces = pl.concat(segments) if segments else pl.DataFrame(schema={**SEGMENT_SCHEMA, "source": pl.String, "file": pl.String})
    joined = rows.join(found, on=key, how="left", validate="1:1").sort(key)
    return Tables(joined, pieces.join(rows, on=key, how="inner").sort(*key, "start"))


def flac_of(row: Mapping[str, Any]) -> bytes:
    """The FLAC bytes of a segment, from the unit that made it."""
    with Path(row["file"]).open("rb") as file:
        file.seek(row["offset"])
        return file.read(row["size"])


def _rows(plan: Plan) -> pl.DataFrame:
    return pl.DataFrame(
        [
            {
                "source": item.source.id,
                "input": item.row.input,
                "role": item.source.role,
                "recording": item.row.recording or item.row.input,
                "text": item.row.text,
                "speaker": item.row.speaker,
                "session": item.row.session,
                "language": language_of(plan.scenario, item.source, item.row),
                "given": item.row.split,
                "licence": item.licence,
                "style": item.source.style or plan.scenario.job.style,
                "stages": list(item.source.stages),
            }
            for item in plan.admitted
        ],
        schema=ROW_SCHEMA,
    )


def _read(path: Path, schema: dict[str, type[pl.DataType]]) -> pl.DataFrame:
    if not path.stat().st_size:
        return pl.DataFrame(schema=schema)
    return pl.read_ndjson(path, schema=schema)
