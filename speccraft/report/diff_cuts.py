"""Which cuts entered and left between two builds and why, which moved to another split, and which inputs met another fate."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import polars as pl

from speccraft.report.aliases import Aliases
from speccraft.report.sides import Side
from speccraft.report.sums import total_of
from speccraft.report.visible import is_number, shortened
from speccraft.rights.personal import masked

MOST_GROUPS, EXAMPLES = 40, 5
LONGEST_TEXT, LONGEST_NAME, LONGEST_VALUE = 160, 120, 80
EDITED = ("text", "speaker", "licence")


def cut_changes(before: Side, after: Side, called: Aliases) -> dict[str, Any]:
    """Cuts by id, which is made of source, path, samples and times: the same cut has the same id in every build."""
    both = before.cuts.join(after.cuts, on="cut", suffix="_after")
    ways = {
        "entered": (after.cuts.join(before.cuts, on="cut", how="anti"), after, before),
        "left": (before.cuts.join(after.cuts, on="cut", how="anti"), before, after),
    }
    groups = [group for way, (cuts, home, other) in ways.items() for group in _reasons(way, cuts, home, other, called)]
    groups.sort(key=lambda group: (-group["cuts"], group["way"], group["source"], group["why"], group["rule"] or ""))
    moved = both.filter(pl.col("split") != pl.col("split_after")).group_by(before="split", after="split_after").agg(cuts=pl.len())
    return {
        "stayed": both.height,
        **{way: {"cuts": cuts.height, "seconds": _seconds(cuts)} for way, (cuts, *_) in ways.items()},
        "moved": moved.sort("before", "after").to_dicts(),
        "edited": {column: both.filter(~pl.col(column).eq_missing(pl.col(f"{column}_after"))).height for column in EDITED},
        "groups": groups[:MOST_GROUPS],
        "more_groups": len(groups[MOST_GROUPS:]),
    }


def input_changes(before: Side, after: Side, called: Aliases) -> dict[str, Any]:
    """Rows of the two ledgers by source and input: those whose fate or rule is another, and those that only one of them has."""
    keys, told = ["source", "input"], ["row", "fate", "rule", "value", "limit", "seconds"]
    joined = before.inputs.select(*keys, *told).join(after.inputs.select(*keys, *told), on=keys, how="full", coalesce=True, suffix="_after")
    other = ~(pl.col("fate").eq_missing(pl.col("fate_after")) & pl.col("rule").eq_missing(pl.col("rule_after")))
    changed = joined.filter(other)
    by = ["source", "fate", "rule", "fate_after", "rule_after"]
    groups = [
        {
            "source": source,
            "before": _fate(fate, rule),
            "after": _fate(fate_after, rule_after),
            "inputs": rows.height,
            "seconds_before": _seconds(rows),
            "seconds_after": _seconds(rows, "seconds_after"),
            "examples": [_input(row, called) for row in rows.sort("input").head(EXAMPLES).iter_rows(named=True)],
        }
        for (source, fate, rule, fate_after, rule_after), rows in changed.group_by(by)
    ]
    groups.sort(key=lambda group: (-group["inputs"], group["source"], str(group["before"]), str(group["after"])))
    return {
        "same": joined.height - changed.height,
        "changed": changed.filter(pl.col("fate").is_not_null(), pl.col("fate_after").is_not_null()).height,
        "came": changed["fate"].null_count(),
        "gone": changed["fate_after"].null_count(),
        "groups": groups[:MOST_GROUPS],
        "more_groups": len(groups[MOST_GROUPS:]),
    }


def _reasons(way: str, cuts: pl.DataFrame, home: Side, other: Side, called: Aliases) -> list[dict[str, Any]]:
    """Cuts that only one build has, grouped by what became of them in the other."""
    if cuts.is_empty():
        return []
    judged = _in_the_other(cuts, home, other)
    return [
        {
            "way": way,
            "source": source,
            "why": why,
            "rule": rule,
            "cuts": rows.height,
            "seconds": _seconds(rows),
            "examples": [_cut(row, called) for row in rows.sort("cut").head(EXAMPLES).iter_rows(named=True)],
        }
        for (source, why, rule), rows in judged.group_by("source", "why", "rule")
    ]


def _in_the_other(cuts: pl.DataFrame, home: Side, other: Side) -> pl.DataFrame:
    """What the other build says of these cuts: of the very segment, else of its input, else of its source; as `why`, `rule`, `value` and `limit`."""
    wanted = cuts.lazy().select("cut")
    here = home.segments.select(cut="segment", input="input").join(wanted, on="cut", how="semi").unique("cut")
    told = ["fate", "rule", "value", "limit"]
    there = other.segments.select("segment", *told).join(wanted, left_on="segment", right_on="cut", how="semi").unique("segment")
    rows = other.inputs.lazy().select("source", "input", *(pl.col(name).alias(f"input_{name}") for name in told))
    known = (
        cuts.lazy()
        .join(here, on="cut", how="left")
        .join(there, left_on="cut", right_on="segment", how="left")
        .join(rows, on=["source", "input"], how="left")
        .collect()
    )
    sources = [source.id for source in other.scenario.sources]
    of_input = pl.col("fate").is_null() & pl.col("input_fate").is_in(["dropped", "failed", "refused"])
    why = (
        pl.when(pl.col("fate") == "dropped")
        .then(pl.lit("dropped"))
        .when(of_input)
        .then(pl.col("input_fate"))
        .when(pl.col("input_fate").is_not_null())
        .then(pl.lit("cut otherwise"))
        .when(pl.col("source").is_in(sources))
        .then(pl.lit("no input"))
        .otherwise(pl.lit("no source"))
    )
    said = {name: pl.when(of_input).then(pl.col(f"input_{name}")).when(pl.col("fate") == "dropped").then(pl.col(name)) for name in told[1:]}
    return known.with_columns(why=why, **said)


def _fate(fate: str | None, rule: str | None) -> dict[str, Any] | None:
    return None if fate is None else {"fate": fate, "rule": rule}


def _cut(row: Mapping[str, Any], called: Aliases) -> dict[str, Any]:
    return {
        "cut": row["cut"],
        "split": row["split"],
        "seconds": round(row["seconds"], 3),
        "speaker": shortened(called.of(row["speaker"]), LONGEST_NAME),
        "text": shortened(masked(row["text"] or ""), LONGEST_TEXT),
        "value": _value(row["value"], called),
        "limit": shortened(row["limit"] or "", LONGEST_VALUE),
    }


def _input(row: Mapping[str, Any], called: Aliases) -> dict[str, Any]:
    """An input as an example: where names are private by its rows in the two ledgers, for file names often hold people's names."""
    value = row["value"] if row["fate_after"] is None else row["value_after"]
    limit = row["limit"] if row["fate_after"] is None else row["limit_after"]
    return {
        "input": None if called.private else shortened(row["input"], LONGEST_NAME),
        "row_before": row["row"],
        "row_after": row["row_after"],
        "value": _value(value, called),
        "limit": shortened(limit or "", LONGEST_VALUE),
    }


def _value(value: str | None, called: Aliases) -> str:
    """What a rule found; where names are private only a number, for a duplicate's value is another file's name."""
    if value is None or (called.private and not is_number(value)):
        return ""
    return shortened(value, LONGEST_VALUE)


def _seconds(rows: pl.DataFrame, column: str = "seconds") -> float:
    return round(total_of(rows[column]), 3)
