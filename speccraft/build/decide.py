"""Decide, in one pass over the tables and without audio, what is kept, as which cut, and in which split."""

from __future__ import annotations

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from speccraft.build.banks import Clip
from speccraft.build.cuts import cut_id
from speccraft.build.near import copies, groups, near_texts
from speccraft.build.rules import FATE_SCHEMA, judged, judged_banks, without_bridges, without_copies
from speccraft.build.tables import Tables, flac_of
from speccraft.plan.bridges import Member
from speccraft.plan.splits import Assignment, assign
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
    segments, repeated, clips = _fates(tables, scenario)
    members = _members(segments, repeated, scenario)
    assignment = assign(members, scenario.splits, scenario.seed)
    segments = _with_cut_and_split(without_bridges(segments, assignment.bridges), assignment)
    return Decision(segments, clips, [member for member in members if member.id not in assignment.bridges], assignment)


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
        "recording",
        "speaker",
        "text",
        (pl.col("start") / sampling_rate).alias("start_s"),
    ]
    return segments.select(*columns, (pl.col("num_samples") / sampling_rate).alias("seconds"), "fate", *FATE_SCHEMA, *MEASURE_COLUMNS).sort("segment")


def _fates(tables: Tables, scenario: Scenario) -> tuple[pl.DataFrame, pl.DataFrame, list[Clip]]:
    """Every segment with its fate, which recordings repeat others, and the noise clips and rooms that are kept."""
    speech, banked = judged(tables.segments, tables.recordings, scenario), judged_banks(tables.segments, tables.recordings, scenario)
    segments = pl.concat([speech, banked], how="diagonal")
    repeated = _copies(segments, tables, scenario)
    if scenario.quality.duplicates == "near":
        segments = without_copies(segments, repeated)
    segments = segments.with_columns(fate=pl.when(pl.col("rule").is_null()).then(pl.lit("kept")).otherwise(pl.lit("dropped")))
    clips = [_clip(row) for row in segments.filter((pl.col("role") != "speech") & (pl.col("fate") == "kept")).to_dicts()]
    return segments.join(tables.recordings.select("source", "input", "pcm_sha256", "unit"), on=["source", "input"], how="left"), repeated, clips


def _copies(segments: pl.DataFrame, tables: Tables, scenario: Scenario) -> pl.DataFrame:
    kept = segments.filter(pl.col("rule").is_null() & scenario.looks_for_copies)
    return copies(kept, tables.recordings, scenario.environment.sampling_rate)


def _clip(row: dict[str, Any]) -> Clip:
    id = f"{row['source']}-{hashlib.sha256(row['input'].encode()).hexdigest()[:8]}"
    return Clip(id, row["source"], row["role"], row["licence"], decode_flac(flac_of(row)), rt60_s=row["rt60_s"])


def _members(segments: pl.DataFrame, repeated: pl.DataFrame, scenario: Scenario) -> list[Member]:
    """The recordings with kept speech, with their values on every axis; `near_text` has values only where it is declared, for it costs the most."""
    recordings = (
        segments.filter(_KEPT_SPEECH)
        .group_by("source", "input", maintain_order=True)
        .agg(pl.col("duration_s").sum(), pl.col("recording", "speaker", "session", "text", "given", "pcm_sha256").first())
        .join(repeated.select("source", "input", "copy_of"), on=["source", "input"], how="left")
        .sort("source", "input")
    )
    near = _near_text_of(recordings["text"].fill_null("").to_list()) if "near_text" in scenario.splits.disjoint else [None] * recordings.height
    return [
        Member.of(
            *(row["source"], row["input"], row["recording"], row["duration_s"], row, row["given"]),
            audio=row["pcm_sha256"],
            near_audio=row["copy_of"] or f"{row['source']}:{row['input']}",
            near_text=text,
        )
        for row, text in zip(recordings.to_dicts(), near, strict=True)
    ]


def _near_text_of(texts: list[str]) -> list[str | None]:
    """For each text the first of those it hangs together with; none where nothing is said."""
    return [texts[first] or None for first in groups(len(texts), near_texts(texts))]


def _with_cut_and_split(segments: pl.DataFrame, assignment: Assignment) -> pl.DataFrame:
    ids = [cut_id(*row) for row in segments.select("source", "input", "pcm_sha256", "start", "num_samples").iter_rows()]
    names = (pl.col("source") + ":" + pl.col("input")).alias("member")
    table = segments.with_columns(pl.Series("cut", ids, dtype=pl.String), names)
    splits = pl.DataFrame({"member": list(assignment.split), "split": list(assignment.split.values())}, schema={"member": pl.String, "split": pl.String})
    return table.join(splits, on="member", how="left").with_columns(unseen=pl.col("member").is_in(list(assignment.unseen)))
