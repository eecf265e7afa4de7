"""Share out the kept speech: hours and cuts by split, stage, source and speaker, with small groups folded."""

from __future__ import annotations

import json
from typing import Any

import polars as pl

from speccraft.report.numerals import plural
from speccraft.report.sums import exact_sum, total_of
from speccraft.report.visible import SpeakerNames
from speccraft.scenario.contracts import SPLITS

SMALLEST_GROUP = 5
MOST_GROUPS = 40
MOST_KINDS = 6
NOT_STATED = "not stated"


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


def by_language(measures: pl.DataFrame) -> list[dict[str, Any]]:
    """Cuts and seconds of each language."""
    return _stated(measures, "language")


def by_style(measures: pl.DataFrame) -> list[dict[str, Any]]:
    """Cuts and seconds of each style of speech."""
    return _stated(measures, "style")


def by_group(measures: pl.DataFrame) -> list[dict[str, Any]]:
    """For each kind of group that speakers were said to belong to, such as gender and accent, its values with cuts, seconds and speakers.

    A value with fewer than 5 speakers stands with the other small ones, so that nobody is singled out. While even they are fewer than 5 people, the
    next smallest value goes with them: else the totals would tell what was left out. What is not known to have speakers counts as having none.
    """
    columns = {"cuts": pl.len(), "seconds": exact_sum(pl.col("seconds"))}
    said = measures.group_by("groups", "speaker").agg(**columns).with_columns(pl.col("groups").fill_null("{}")).to_dicts()
    for row in said:
        row["stated"] = json.loads(row["groups"])
    kinds = sorted({kind for row in said for kind in row["stated"]})
    return [{"group": kind, "rows": _values(kind, said)} for kind in kinds[:MOST_KINDS]]


def _values(kind: str, said: list[dict[str, Any]]) -> list[dict[str, Any]]:
    values: dict[str, list[dict[str, Any]]] = {}
    for row in said:
        values.setdefault(str(row["stated"].get(kind, NOT_STATED)), []).append(row)
    rows = [
        {
            "name": name,
            "cuts": sum(row["cuts"] for row in own),
            "seconds": round(sum(row["seconds"] for row in own), 3),
            "speakers": len({row["speaker"] for row in own} - {None}),
        }
        for name, own in values.items()
    ]
    rows.sort(key=lambda row: (-row["speakers"], -row["seconds"], row["name"]))
    shown = [row for row in rows if row["speakers"] >= SMALLEST_GROUP][:MOST_GROUPS]
    small = rows[len(shown) :]
    while small and shown and sum(row["speakers"] for row in small) < SMALLEST_GROUP:
        small.insert(0, shown.pop())
    if not small:
        return shown
    names = f"{plural(len(small), 'value')} together, some of fewer than {SMALLEST_GROUP} speakers"
    if sum(row["speakers"] for row in small) < SMALLEST_GROUP:
        return [{"name": names, "cuts": None, "seconds": None, "speakers": None}]
    sums = {name: sum(row[name] for row in small) for name in ("cuts", "seconds", "speakers")}
    return [*shown, {"name": names, **sums, "seconds": round(sums["seconds"], 3)}]


def _stated(measures: pl.DataFrame, column: str) -> list[dict[str, Any]]:
    return _grouped(measures.with_columns(pl.col(column).fill_null(NOT_STATED)), column)[:MOST_GROUPS]


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
