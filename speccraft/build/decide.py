"""Decide, in one pass over the tables and without audio, what is kept, as which cut, and in which split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from speccraft.build.banks import Clip
from speccraft.build.cuts import cut_id
from speccraft.build.rules import FATE_SCHEMA, judged, judged_banks
from speccraft.build.tables import Tables, flac_of
from speccraft.plan.splits import Assignment, Member, assign
from speccraft.scenario import Scenario
from speccraft.sound.measures import MEASURES
from speccraft.sound.shards import decode_flac

MEASURE_COLUMNS = (*MEASURES, "characters_per_s")


@dataclass(frozen=True)
class Decision:
    """What becomes of every segment.

    `segments` has a row for each, with its `fate`, and `cut`, `split` and `unseen` where it is kept speech; `clips` are the noise
    clips and rooms that may enter a bank; `members` are the recordings that the splits were made of.
    """

    segments: pl.DataFrame
    clips: list[Clip]
    members: list[Member]
    assignment: Assignment

    @property
    def kept(self) -> pl.DataFrame:
        """The kept speech: one row a cut."""
        return self.segments.filter(_KEPT_SPEECH)


_KEPT_SPEECH = (pl.col("role") == "speech") & (pl.col("fate") == "kept")


def decide(tables: Tables, scenario: Scenario) -> Decision:
    """Judge every segment, split what is kept, and name the cuts.

    Raises:
        SpeccraftError: a rule drops more than its `max_drop`, or splits contradict each other.
    """
    segments, clips = _fates(tables, scenario)
    assignment, members = _split(segments, scenario)
    return Decision(_with_cut_and_split(segments, assignment), clips, members, assignment)


def measures_table(kept: pl.DataFrame, delivered: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """`measures.parquet`: a row for each cut, with what its place was asked to be and is."""
    schema = {"cut": pl.String, "place_snr_db": pl.Float64, "delivered_snr_db": pl.Float64, "place_rt60_s": pl.Float64}
    columns: list[str | pl.Expr] = ["cut", "source", "speaker", "split", "stages", "text", *MEASURE_COLUMNS, pl.col("duration_s").alias("seconds"), "unseen"]
    return kept.select(columns).join(pl.DataFrame(list(delivered), schema=schema), on="cut", how="left").sort("cut")


def segments_table(segments: pl.DataFrame, sampling_rate: int) -> pl.DataFrame:
    """`segments.parquet`: a row for each stretch of audio, with its fate."""
    columns: list[str | pl.Expr] = [
        pl.col("cut").alias("segment"),
        "input",
        "source",
        "role",
        "speaker",
        "text",
        (pl.col("start") / sampling_rate).alias("start_s"),
    ]
    return segments.select(*columns, (pl.col("num_samples") / sampling_rate).alias("seconds"), "fate", *FATE_SCHEMA, *MEASURE_COLUMNS).sort("segment")


def _fates(tables: Tables, scenario: Scenario) -> tuple[pl.DataFrame, list[Clip]]:
    """Every segment with its fate, and the noise clips and rooms that are kept."""
    speech, banked = judged(tables.segments, tables.recordings, scenario), judged_banks(tables.segments, tables.recordings, scenario)
    segments = pl.concat([speech, banked], how="diagonal")
    segments = segments.with_columns(fate=pl.when(pl.col("rule").is_null()).then(pl.lit("kept")).otherwise(pl.lit("dropped")))
    clips = [_clip(row) for row in segments.filter((pl.col("role") != "speech") & (pl.col("fate") == "kept")).to_dicts()]
    return segments.join(tables.recordings.select("source", "input", "pcm_sha256", "unit"), on=["source", "input"], how="left"), clips


def _clip(row: dict[str, Any]) -> Clip:
    id = f"{row['source']}-{hashlib.sha256(row['input'].encode()).hexdigest()[:8]}"
    return Clip(id, row["source"], row["role"], row["licence"], decode_flac(flac_of(row)), rt60_s=row["rt60_s"])


def _split(segments: pl.DataFrame, scenario: Scenario) -> tuple[Assignment, list[Member]]:
    kept = segments.filter(_KEPT_SPEECH)
    recordings = kept.group_by("source", "input", maintain_order=True).agg(
        pl.col("duration_s").sum(), pl.col("speaker", "session", "text", "given", "pcm_sha256").first()
    )
    members = [
        Member(
            id=(name := f"{row['source']}:{row['input']}"),
            seconds=row["duration_s"],
            values={
                "recording": name,
                "speaker": row["speaker"],
                "session": row["session"],
                "audio": row["pcm_sha256"],
                "text": None if row["text"] is None else " ".join(row["text"].lower().split()),
            },
            given=row["given"],
        )
        for row in recordings.sort("source", "input").to_dicts()
    ]
    return assign(members, scenario.splits, scenario.seed), members


def _with_cut_and_split(segments: pl.DataFrame, assignment: Assignment) -> pl.DataFrame:
    ids = [cut_id(*row) for row in segments.select("source", "input", "pcm_sha256", "start", "num_samples").iter_rows()]
    names = (pl.col("source") + ":" + pl.col("input")).alias("recording")
    table = segments.with_columns(pl.Series("cut", ids, dtype=pl.String), names)
    splits = pl.DataFrame({"recording": list(assignment.split), "split": list(assignment.split.values())}, schema={"recording": pl.String, "split": pl.String})
    return table.join(splits, on="recording", how="left").with_columns(unseen=pl.col("recording").is_in(list(assignment.unseen)))
