"""Choose the clips that a report plays: the worst and the typical ones of every rule and every condition."""

from __future__ import annotations

from collections.abc import Iterable, Iterator
from dataclasses import dataclass, field
from typing import Any

import polars as pl

from speccraft.report.axes import AXES
from speccraft.report.personal import is_masked
from speccraft.report.tables import Tables
from speccraft.scenario.contracts import SPLITS
from speccraft.scenario.model import Scenario

MOST_CLIPS = 60
LADDER = "the SNR ladder"
UNHEARD = ("pii", "revoked")
"""Rules that take a recording away from everybody: nobody hears an example of them."""
Row = dict[str, Any]


@dataclass
class Chosen:
    """A cut, or a segment that was dropped, with the reasons for which it is shown: pairs of a topic (a rule, a condition, a measure) and what it is there."""

    id: str
    split: str | None
    row: Row
    reasons: list[tuple[str, str]] = field(default_factory=list)


def choice(scenario: Scenario, tables: Tables) -> list[Chosen]:
    """The clips, most telling first; the same ones for the same tables. What holds personal data in its words is not played."""
    wishes = [
        *_conditions(tables.measures),
        *_recorded(tables.measures),
        *_rules(scenario, tables),
        *_other_rules(tables.speech_segments),
        *_extremes(scenario, tables.measures),
    ]
    found: dict[str, Chosen] = {}
    for topic, what, row in wishes:
        # What may not be read may not be heard either.
        if row is None or is_masked(row["text"]):
            continue
        id = row["cut"] if "cut" in row else row["segment"]
        found.setdefault(id, Chosen(id, row.get("split"), row)).reasons.append((topic, what))
    return list(found.values())[:MOST_CLIPS]


Wish = tuple[str, str, Row | None]


def _conditions(measures: pl.DataFrame) -> Iterator[Wish]:
    for split in ("test", "dev"):
        own = measures.filter(pl.col("split") == split)
        yield f"in place, {split}", "typical: nearest to the median SNR", _typical(own, "delivered_snr_db")
        yield f"in place, {split}", "worst: lowest SNR", _lowest(own, "delivered_snr_db")
        yield f"in place, {split}", "worst: longest reverberation", _highest(own, "delivered_rt60_s")
    test = measures.filter(pl.col("split") == "test", pl.col("delivered_snr_db").is_not_null())
    yield LADDER, "typical: nearest to the median length", _typical(test, "seconds")


def _recorded(measures: pl.DataFrame) -> Iterator[Wish]:
    for split in SPLITS:
        own = measures.filter(pl.col("split") == split)
        by = "snr_db" if own["snr_db"].is_not_null().any() else "seconds"
        yield f"as recorded, {split}", f"typical: nearest to the median {'SNR' if by == 'snr_db' else 'length'}", _typical(own, by)
        yield f"as recorded, {split}", "worst: lowest SNR", _lowest(own, "snr_db")


def _rules(scenario: Scenario, tables: Tables) -> Iterator[Wish]:
    """Of each rule that judges a measure, what it dropped farthest from its range and nearest to it, and what it just kept."""
    segments = tables.speech_segments
    for measure, rule in scenario.quality.rules().items():
        name = f"quality.{measure}"
        value = pl.col(measure)
        beyond = pl.max_horizontal(
            (rule.min - value) if rule.min is not None else pl.lit(None, pl.Float64),
            (value - rule.max) if rule.max is not None else pl.lit(None, pl.Float64),
        )
        own = segments.filter(pl.col("rule") == name).with_columns(_beyond=beyond)
        yield name, "dropped: farthest from what is kept", _highest(own, "_beyond")
        yield name, "dropped: nearest to what is kept", _lowest(own, "_beyond")
        yield name, "kept: nearest to the limit", _highest(tables.measures.with_columns(_beyond=beyond), "_beyond")


def _other_rules(segments: pl.DataFrame) -> Iterator[Wish]:
    dropped = segments.filter(pl.col("fate") == "dropped", ~pl.col("rule").str.starts_with("quality."), ~pl.col("rule").is_in(UNHEARD))
    for (rule,), own in sorted(dropped.group_by("rule"), key=lambda group: str(group[0][0])):
        yield str(rule), "dropped: nearest to the median length", _typical(own, "seconds")


def _extremes(scenario: Scenario, measures: pl.DataFrame) -> Iterator[Wish]:
    """Of each axis that no rule judges, the cuts at both ends."""
    for axis in AXES:
        if axis.measure not in scenario.quality.rules() and axis.measure != "snr_db":
            yield axis.title.lower(), "lowest", _lowest(measures, axis.measure)
            yield axis.title.lower(), "highest", _highest(measures, axis.measure)


def _known(rows: pl.DataFrame, measure: str) -> pl.DataFrame:
    return rows.filter(pl.col(measure).is_finite())


def _id(rows: pl.DataFrame) -> str:
    return "cut" if "cut" in rows.columns else "segment"


def _typical(rows: pl.DataFrame, measure: str) -> Row | None:
    distance = (pl.col(measure) - pl.col(measure).median()).abs()
    return _first(_known(rows, measure).with_columns(_distance=distance), "_distance", descending=False)


def _lowest(rows: pl.DataFrame, measure: str) -> Row | None:
    return _first(_known(rows, measure), measure, descending=False)


def _highest(rows: pl.DataFrame, measure: str) -> Row | None:
    return _first(_known(rows, measure), measure, descending=True)


def _first(rows: pl.DataFrame, measure: str, *, descending: bool) -> Row | None:
    """The row with the lowest or highest value, of equal ones that with the first id."""
    if rows.is_empty():
        return None
    end = rows[measure].max() if descending else rows[measure].min()
    return rows.filter(pl.col(measure) == end).sort(_id(rows)).row(0, named=True)


def topics(chosen: Iterable[dict[str, Any]]) -> list[str]:
    """The topics of some clips, in the order in which they are first met."""
    return list(dict.fromkeys(reason["topic"] for clip in chosen for reason in clip["reasons"]))
