"""Share out the kept speech: hours and cuts by split, stage, source and speaker, with small groups folded."""

from __future__ import annotations

from typing import Any

import polars as pl

from speccraft.report.numerals import plural
from speccraft.report.sums import exact_sum, total_of
from speccraft.report.visible import SpeakerNames
from speccraft.scenario.contracts import SPLITS

SMALLEST_GROUP = 5
MOST_GROUPS = 40


def by_split(measures: pl.DataFrame) -> list[dict[str, Any]]:
    """Cuts, seconds, speakers and sources of each split."""
    rows = []
    for split in SPLITS:
        own = measures.filter(pl.col("split") == split)
        rows.append({"name": split, "cuts": own.height, "seconds": _seconds(own), "speakers": own["speaker"].drop_nulls().n_unique()})
    return rows


def by_stage(measures: pl.DataFrame) -> list[dict[str, Any]]:
    """Cuts and seconds of training speech that each stage may use."""
    train = measures.filter(pl.col("split") == "train").explode("stages").drop_nulls("stages")
    return [row for row in _grouped(train, "stages") if row["cuts"]]


def by_source(measures: pl.DataFrame) -> list[dict[str, Any]]:
    """Cuts and seconds of each source."""
    return _grouped(measures, "source")


def by_speaker(measures: pl.DataFrame, names: SpeakerNames) -> list[dict[str, Any]]:
    """Cuts and seconds of each speaker; speakers with fewer than 5 cuts stand together, so that nobody is singled out.

    When even together they have fewer than 5 cuts, their seconds are not told.
    """
    rows = _grouped(measures, "speaker")
    shown = [{**row, "name": names.of(row["name"])} for row in rows if row["cuts"] >= SMALLEST_GROUP]
    small, more = [row for row in rows if row["cuts"] < SMALLEST_GROUP], shown[MOST_GROUPS:]
    folded = _folded(f"{plural(len(small), 'speaker')} with fewer than {SMALLEST_GROUP} cuts each", small)
    return shown[:MOST_GROUPS] + _folded(f"{plural(len(more), 'more speaker')}", more) + folded


def _grouped(measures: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    grouped = measures.group_by(name=column).agg(cuts=pl.len(), seconds=exact_sum(pl.col("seconds")).round(3))
    return grouped.sort("seconds", "name", descending=[True, False]).to_dicts()


def _folded(name: str, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    if not rows:
        return []
    cuts = sum(row["cuts"] for row in rows)
    seconds = round(sum(row["seconds"] for row in rows), 3)
    return [{"name": name, "cuts": cuts if cuts >= SMALLEST_GROUP else None, "seconds": seconds if cuts >= SMALLEST_GROUP else None}]


def _seconds(measures: pl.DataFrame) -> float:
    return round(total_of(measures["seconds"]), 3)
