"""The tables a build decides on: recordings and segments as Polars frames, from the plan and the finished units."""

from __future__ import annotations

import io
import json
import os
from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from speccraft.build.dialogues import Planned, dialogues_of
from speccraft.build.units import AUDIO, RECORDINGS, SEGMENTS
from speccraft.plan import Plan, language_of
from speccraft.plan.members import stratum_of
from speccraft.sound.measures import MEASURES
from speccraft.sound.spectral import SPECTRAL

RECORDING_SCHEMA = {
    "input": pl.String,
    "num_samples": pl.Int64,
    "pcm_sha256": pl.String,
    "rule": pl.String,
    "reason": pl.String,
    "rt60_s": pl.Float64,
    "channels": pl.Int64,
    "dead_channels": pl.Int64,
    "duplicated_channels": pl.Int64,
    "antiphase": pl.String,
}
SEGMENT_SCHEMA = {
    **{"input": pl.String, "start": pl.Int64, "num_samples": pl.Int64, "offset": pl.Int64, "size": pl.Int64},
    **dict.fromkeys((*MEASURES, *SPECTRAL), pl.Float64),
}
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
    "is_answer": pl.Boolean,
    "groups": pl.String,
    "stratum": pl.String,
}
NO_GROUPS = "{}"
"""`groups` are a JSON object of names and values."""
JUDGED_BY = ("language", "antiphase")
"""What decides about a segment and is not asked for again."""
ON_SEGMENTS = ("source", "input", "role", "given", "text", *JUDGED_BY)
"""What a segment is judged by, of what the plan says of its recording; the rest is looked up by `row` where it is wanted."""
FILES_AT_ONCE = 64
"""Units whose lines are parsed in one go: parsing each alone took three times as long, all at once twice the memory."""


@dataclass(frozen=True)
class Tables:
    """What the units found. `recordings`: one row per admitted row; `segments`: one per stretch of audio, with the file it lies in and its recording's `row`.

    `dialogues` are those of the plan, of which the recordings are parts.
    """

    recordings: pl.DataFrame
    segments: pl.DataFrame
    dialogues: tuple[Planned, ...] = ()


def collect(plan: Plan, folders: Mapping[str, Path]) -> Tables:
    """Join the plan's rows with what the units found.

    Args:
        folders: the committed cache folder of each unit, by unit name.
    """
    key = ["source", "input"]
    units = pl.DataFrame(
        {"unit": list(folders), "source": [name.rsplit("/", 1)[0] for name in folders], "file": [str(folder / AUDIO) for folder in folders.values()]},
        schema={"unit": pl.String, "source": pl.String, "file": pl.String},
    )
    found = _found(folders, RECORDINGS, RECORDING_SCHEMA, units.select("unit", "source"))
    recordings = _rows(plan).sort(key).join(found, on=key, how="left", validate="1:1", maintain_order="left")
    del found
    segments = _found(folders, SEGMENTS, SEGMENT_SCHEMA, units.select("source", "file"))
    if plan.scenario.segmentation.untranscribed == "pretrain":
        recordings = _of_the_untranscribed(recordings, segments)
    known = recordings.select(*ON_SEGMENTS).with_row_index("row")
    return Tables(recordings, segments.join(known, on=key, how="inner").sort("row", "start"), dialogues_of(plan))


def lines_of(paths: Sequence[Path], schema: Mapping[str, type[pl.DataType]]) -> Iterator[tuple[int, pl.DataFrame]]:
    """The rows of many JSON Lines files: number of the first file and table, some files at a time; `file` numbers them within the table."""
    for start in range(0, len(paths), FILES_AT_ONCE):
        contents = [path.read_bytes() for path in paths[start : start + FILES_AT_ONCE]]
        counts = [content.count(b"\n") for content in contents]
        if sum(counts):
            table = pl.read_ndjson(io.BytesIO(b"".join(contents)), schema=dict(schema))
            yield start, table.with_columns(file=pl.Series(np.repeat(np.arange(len(counts), dtype=np.uint32), counts)))


def with_recordings(segments: pl.DataFrame, recordings: pl.DataFrame, *columns: str) -> pl.DataFrame:
    """Segments with what is known of their recordings."""
    return segments.with_columns(recordings.select(pl.col(columns).gather(segments["row"])).get_columns())


def flac_of(row: Mapping[str, Any]) -> bytes:
    """The FLAC bytes of a segment, from the unit that made it."""
    # Not by a buffered file: of a million segments in the order of their ids, every one opens its own.
    file = os.open(row["file"], os.O_RDONLY)
    try:
        return os.pread(file, row["size"], row["offset"])
    finally:
        os.close(file)


def sounds_of(segments: pl.DataFrame) -> Callable[[str], bytes]:
    """The FLAC bytes of a few of these segments, by `cut`; KeyError for any other."""
    where = segments.select("cut", "file", "offset", "size")

    def flac(cut: str) -> bytes:
        found = where.filter(pl.col("cut") == cut)
        if found.is_empty():
            raise KeyError(cut)
        return flac_of(found.row(0, named=True))

    return flac


def _rows(plan: Plan) -> pl.DataFrame:
    """The admitted rows with audio; column by column, for a million dicts would take more memory than all tables."""
    scenario, admitted = plan.scenario, [item for item in plan.admitted if not item.row.is_text]
    columns: dict[str, Iterable[Any]] = {
        "source": (item.source.id for item in admitted),
        "input": (item.row.input for item in admitted),
        "role": (item.source.role for item in admitted),
        "recording": (item.row.recording or item.row.input for item in admitted),
        "text": (item.row.text for item in admitted),
        "speaker": (item.row.speaker for item in admitted),
        "session": (item.row.session for item in admitted),
        "language": (language_of(scenario, item.source, item.row) for item in admitted),
        "given": (item.row.split for item in admitted),
        "licence": (item.licence for item in admitted),
        "style": (item.source.style or scenario.job.style for item in admitted),
        "is_answer": (item.row.dialogue is not None and item.row.dialogue.is_answer(item.row.part) for item in admitted),
        "groups": (json.dumps(dict(item.row.groups)) if item.row.groups else NO_GROUPS for item in admitted),
        "stratum": (stratum_of(item.row.groups, scenario.splits.stratify) for item in admitted),
    }
    table = pl.DataFrame([pl.Series(name, list(values), dtype=ROW_SCHEMA[name]) for name, values in columns.items()])
    # Polars takes twenty times as long over a list as over a text, and all rows of a source have the same.
    stages = pl.DataFrame({"source": [one.id for one in scenario.sources], "stages": [list(one.stages) for one in scenario.sources]})
    return table.join(stages.cast({"stages": ROW_SCHEMA["stages"]}), on="source", how="left", maintain_order="left").select(ROW_SCHEMA.keys())


def _of_the_untranscribed(recordings: pl.DataFrame, segments: pl.DataFrame) -> pl.DataFrame:
    """Speech that nobody wrote down serves pre-training alone; nobody knows which words of a recording that was cut apart its segments hold."""
    cut_apart = segments.group_by("source", "input").len().filter(pl.col("len") > 1).select("source", "input", is_cut=pl.lit(True))
    table = recordings.join(cut_apart, on=["source", "input"], how="left", maintain_order="left")
    is_speech = pl.col("role") == "speech"
    table = table.with_columns(text=pl.when(is_speech & pl.col("is_cut")).then(None).otherwise(pl.col("text").replace("", None)))
    for_pretraining = pl.lit(["pretrain"], dtype=ROW_SCHEMA["stages"])
    return table.with_columns(stages=pl.when(is_speech & pl.col("text").is_null()).then(for_pretraining).otherwise("stages")).drop("is_cut")


def _found(folders: Mapping[str, Path], name: str, schema: Mapping[str, type[pl.DataType]], units: pl.DataFrame) -> pl.DataFrame:
    """The lines that the units hold under a name, each with what is known of its unit."""
    numbers = pl.arange(len(folders), eager=True, dtype=pl.UInt32).alias("number")
    paths = [folder / name for folder in folders.values()]
    tables = [table.with_columns(number=pl.col("file") + first).drop("file") for first, table in lines_of(paths, schema)]
    found = pl.concat(tables) if tables else pl.DataFrame(schema={**schema, "number": pl.UInt32})
    return found.join(units.with_columns(numbers), on="number", how="left").drop("number")
