"""Decide, in one pass over the tables and without audio, what is kept, as which cut, and in which split."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import polars as pl

from speccraft.build.banks import Clip, clip_id
from speccraft.build.cuts import cut_id
from speccraft.build.dialogues import Dialogues, Planned, ties, told, with_two_answers, without_incomplete
from speccraft.build.near import copies, firsts, near_texts
from speccraft.build.rules import FATE_SCHEMA, UNTRANSCRIBED, judged, judged_banks, without_bridges, without_copies, without_repeats, without_untranscribed
from speccraft.build.tables import Tables, flac_of, with_recordings
from speccraft.plan.members import MEMBERS, plain
from speccraft.plan.splits import Assignment, assign
from speccraft.report.tables import TEXT_MEASURES
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import PLACE_MEASURES
from speccraft.scenario.source_base import HEARD
from speccraft.sound.measures import MEASURES
from speccraft.sound.shards import decode_flac
from speccraft.sound.spectral import SPECTRAL

MEASURE_COLUMNS = (*MEASURES, *SPECTRAL, *TEXT_MEASURES)
MEASURED_COLUMNS = ("cut", "source", "speaker", "licence", "split", "stages", "text", "language", "style", "groups", *MEASURE_COLUMNS, "unseen")
"""What `measures.parquet` says of a cut, beside its seconds and place."""


@dataclass(frozen=True)
class Decision:
    """What becomes of every segment.

    `segments` has a row for each, with its `fate`, and `cut`, `split` and `unseen` where it is kept speech; `recordings` are those of the tables;
    `clips` are the noise clips and rooms that may enter a bank; `members` are the recordings that the splits were made of, each with its own;
    `dialogues` are those of which all is kept.
    """

    segments: pl.DataFrame
    recordings: pl.DataFrame
    clips: list[Clip]
    members: pl.DataFrame
    assignment: Assignment
    dialogues: Dialogues

    def kept(self, *columns: str) -> pl.DataFrame:
        """The kept speech, one row a cut: what is asked for of segments and their recordings."""
        own = [name for name in columns if name in self.segments.columns]
        segments = self.segments.filter(_KEPT_SPEECH).select("row", *own)
        return with_recordings(segments, self.recordings, *(name for name in columns if name not in own)).select(columns)


_KEPT_SPEECH = pl.col("role").is_in(HEARD) & (pl.col("fate") == "kept")
_MEMBER = pl.col("source") + ":" + pl.col("input")


def decide(tables: Tables, scenario: Scenario) -> Decision:
    """Judge every segment, split what is kept, and name the cuts.

    Raises:
        SpeccraftError: a rule drops more than its `max_drop`, or splits contradict each other.
    """
    segments, dialogues, repeated, clips = _fates(tables, scenario)
    segments = without_incomplete(segments, dialogues)
    members = _members(segments, tables.recordings, repeated, ties(dialogues, segments, repeated), scenario)
    assignment = assign(members, scenario.splits, scenario.seed)
    segments = without_incomplete(without_bridges(segments, assignment.bridges), dialogues)
    segments = without_untranscribed(_with_cut_and_split(segments, tables.recordings, assignment))
    kept = segments.filter(_KEPT_SPEECH).select("member", "split").unique("member")
    members = members.join(kept, left_on="id", right_on="member", maintain_order="left")
    return Decision(segments, tables.recordings, clips, members, assignment, told(dialogues, segments, scenario))


def measures_table(kept: pl.DataFrame, delivered: Sequence[dict[str, Any]]) -> pl.DataFrame:
    """`measures.parquet`: a row for each cut, with what its place was asked to be and is."""
    schema = {"cut": pl.String, **dict.fromkeys(PLACE_MEASURES, pl.Float64)}
    *columns, last = MEASURED_COLUMNS
    return (
        kept.select(*columns, pl.col("duration_s").alias("seconds"), last).join(pl.DataFrame(list(delivered), schema=schema), on="cut", how="left").sort("cut")
    )


def segments_table(segments: pl.DataFrame, recordings: pl.DataFrame, sampling_rate: int) -> pl.DataFrame:
    """`segments.parquet`: a row for each stretch of audio, with its fate."""
    columns: list[str | pl.Expr] = [
        pl.col("cut").alias("segment"),
        "input",
        "source",
        "role",
        "recording",
        "speaker",
        "session",
        "text",
        (pl.col("start") / sampling_rate).alias("start_s"),
    ]
    told = with_recordings(segments, recordings, "recording", "speaker", "session")
    return told.select(*columns, (pl.col("num_samples") / sampling_rate).alias("seconds"), "fate", *FATE_SCHEMA, *MEASURE_COLUMNS).sort("segment")


def _fates(tables: Tables, scenario: Scenario) -> tuple[pl.DataFrame, tuple[Planned, ...], pl.DataFrame, list[Clip]]:
    """Every segment with its fate, the dialogues that say something, which recordings repeat others, and the noise clips and rooms that are kept."""
    speech, banked = judged(tables.segments, scenario), judged_banks(tables.segments, tables.recordings, scenario)
    segments = pl.concat([speech, banked], how="diagonal")
    # What goes with its dialogue is no reason to drop what repeats it either.
    dialogues, segments = with_two_answers(tables.dialogues, segments, tables.recordings)
    segments = without_repeats(without_incomplete(_with_fate(segments), dialogues), tables.recordings)
    repeated = _copies(segments, tables, scenario)
    if scenario.quality.duplicates == "near":
        segments = without_copies(segments, repeated)
    segments = _with_fate(segments)
    banks = with_recordings(segments.filter(~pl.col("role").is_in(HEARD) & (pl.col("fate") == "kept")), tables.recordings, "licence", "recording")
    return segments, dialogues, repeated, [_clip(row) for row in banks.to_dicts()]


def _with_fate(segments: pl.DataFrame) -> pl.DataFrame:
    return segments.with_columns(fate=pl.when(pl.col("rule").is_null()).then(pl.lit("kept")).otherwise(pl.lit("dropped")))


def _copies(segments: pl.DataFrame, tables: Tables, scenario: Scenario) -> pl.DataFrame:
    kept = segments.filter(pl.col("rule").is_null() & scenario.looks_for_copies)
    return copies(kept, tables.recordings, scenario.environment.sampling_rate)


def _clip(row: dict[str, Any]) -> Clip:
    id = clip_id(row["source"], row["input"])
    return Clip(id, row["source"], row["role"], row["licence"], decode_flac(flac_of(row)), rt60_s=row["rt60_s"], recording=row["recording"])


def _members(segments: pl.DataFrame, recordings: pl.DataFrame, repeated: pl.DataFrame, tied: Mapping[str, str], scenario: Scenario) -> pl.DataFrame:
    """The recordings with kept speech, with their values on every axis; `near_text` has values only where it is declared, for it costs the most."""
    kept = segments.filter(_KEPT_SPEECH).group_by("row").agg(pl.col("num_samples").sum()).sort("row")
    dialogues = pl.DataFrame({"id": list(tied), "dialogue": list(tied.values())}, schema={"id": pl.String, "dialogue": pl.String})
    said = with_recordings(kept, recordings, "source", "input", "role", "recording", "speaker", "session", "text", "given", "stratum", "pcm_sha256")
    recordings = (
        said.with_columns(id=_MEMBER)
        .join(repeated.select("source", "input", "copy_of"), on=["source", "input"], how="left", maintain_order="left")
        .join(dialogues, on="id", how="left", maintain_order="left")
    )
    near = _near_text_of(recordings["text"].fill_null("").to_list()) if "near_text" in scenario.splits.disjoint else [None] * recordings.height
    return recordings.with_columns(
        pl.Series("text", [plain(text) for text in recordings["text"]], dtype=pl.String),
        pl.Series("near_text", near, dtype=pl.String),
        seconds=pl.when(UNTRANSCRIBED).then(0.0).otherwise(pl.col("num_samples") / scenario.environment.sampling_rate),
        recording=pl.col("source") + ":" + pl.col("recording"),
        audio="pcm_sha256",
        near_audio=pl.coalesce("copy_of", "id"),
    ).select(*MEMBERS)


def _near_text_of(texts: list[str]) -> list[str | None]:
    """For each text the first of those it hangs together with; none where nothing is said."""
    return [texts[first] or None for first in firsts(len(texts), near_texts(texts))]


def _with_cut_and_split(segments: pl.DataFrame, recordings: pl.DataFrame, assignment: Assignment) -> pl.DataFrame:
    named = with_recordings(segments.select("row", "source", "input", "start", "num_samples"), recordings, "pcm_sha256")
    ids = [cut_id(*row) for row in named.select("source", "input", "pcm_sha256", "start", "num_samples").iter_rows()]
    table = segments.with_columns(pl.Series("cut", ids, dtype=pl.String), member=_MEMBER)
    joined = table.join(assignment.table, left_on="member", right_on="id", how="left", maintain_order="left")
    return joined.with_columns(pl.col("unseen").fill_null(False))
