"""Pick a few examples of everything that did not come through, by fate, rule and source: what a bar of the waterfall opens."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from pathlib import PurePosixPath
from typing import Any

import polars as pl

from speccraft.report.sums import total_of
from speccraft.report.tables import Tables
from speccraft.report.visible import SpeakerNames, is_number, shortened

FATES = ("refused", "failed", "dropped")
MOST_STEPS, MOST_SOURCES = 40, 12
WHOLE, PARTS = 3, 3
"""Examples of rows that were lost as a whole, and of segments that were lost out of rows that stayed."""
KEY = ("source", "role", "fate", "rule")


def examples(tables: Tables, names: SpeakerNames) -> list[dict[str, Any]]:
    """What was lost, a step for each fate and rule with its sources, and a few rows and segments of each.

    Where speakers go by pseudonyms, an example is named by its row in the ledger alone: file names often hold people's names.
    """
    numbered = tables.ledger.with_row_index("row")
    whole = numbered.filter(pl.col("fate") != "kept")
    row_of = numbered.select("source", "input", "row")
    parts = tables.segments.filter(pl.col("fate") == "dropped").join(
        tables.ledger.filter(pl.col("fate") == "kept").select("source", "input"), on=["source", "input"], how="semi"
    )
    found: dict[tuple[str, str | None], list[dict[str, Any]]] = {}
    for key in sorted({*_keys(whole), *_keys(parts)}, key=lambda key: tuple(map(str, key))):
        source, role, fate, rule = key
        own, own_parts = _of(whole, key), _of(parts, key)
        told = [_row(row, names) for row in own.sort("row").head(WHOLE).iter_rows(named=True)]
        told += [_part(row, names) for row in own_parts.sort("segment").head(PARTS).join(row_of, on=["source", "input"], how="left").iter_rows(named=True)]
        count = {"source": source, "role": role, "rows": own.height, "parts": own_parts.height, "parts_s": round(total_of(own_parts["seconds"]), 3)}
        found.setdefault((fate, rule), []).append({**count, "examples": told})
    steps = sorted(found.items(), key=_heaviest_first)
    return [_step(number, kind, rule, own) for number, ((kind, rule), own) in enumerate(steps[:MOST_STEPS])]


def anchors(steps: Iterable[Mapping[str, Any]]) -> dict[tuple[str, str | None, str | None], str]:
    """Where the examples of a fate, a rule and a source (None for all sources) stand in the page."""
    found: dict[tuple[str, str | None, str | None], str] = {}
    for step in steps:
        for key, id in ((None, step["id"]), *((own["source"], own["id"]) for own in step["sources"])):
            found[step["kind"], step["rule"], key] = id
            # The waterfall tells what was refused or failed by no rule: it opens the first of them.
            found.setdefault((step["kind"], None, key), id)
    return found


def _step(number: int, kind: str, rule: str | None, own: list[dict[str, Any]]) -> dict[str, Any]:
    sources = [{**one, "id": f"lost-{number}-{index}"} for index, one in enumerate(own[:MOST_SOURCES])]
    return {
        "id": f"lost-{number}",
        "kind": kind,
        "rule": rule,
        "rows": sum(one["rows"] for one in own),
        "parts": sum(one["parts"] for one in own),
        "more_sources": len(own[MOST_SOURCES:]),
        "sources": sources,
    }


def _heaviest_first(step: tuple[tuple[str, str | None], list[dict[str, Any]]]) -> tuple[int, int, str]:
    (kind, rule), own = step
    return FATES.index(kind), -sum(one["rows"] + one["parts"] for one in own), str(rule)


def _keys(table: pl.DataFrame) -> Iterable[tuple[Any, ...]]:
    return table.select(KEY).unique().iter_rows()


def _of(table: pl.DataFrame, key: tuple[Any, ...]) -> pl.DataFrame:
    return table.filter(pl.col(name).eq_missing(pl.lit(value)) for name, value in zip(KEY, key, strict=True))


def _row(row: Mapping[str, Any], names: SpeakerNames) -> dict[str, Any]:
    reason, value = row["reason"] or "", row["value"] or ""
    if names.pseudonyms:
        reason = names.in_text(reason.replace(row["input"], "the file").replace(PurePosixPath(row["input"]).name, "the file"))
    return _example(row, names, reason, value, None)


def _part(row: Mapping[str, Any], names: SpeakerNames) -> dict[str, Any]:
    at = f"{row['seconds']:.2f} s from {row['start_s']:.2f} s on" if row["start_s"] is not None else ""
    return _example(row, names, at, row["value"] or "", row["segment"])


def _example(row: Mapping[str, Any], names: SpeakerNames, reason: str, value: str, segment: str | None) -> dict[str, Any]:
    if names.pseudonyms and not is_number(value):
        value = ""  # a duplicate's value is another file's name
    return {
        "row": row["row"],
        "segment": segment,
        "input": None if names.pseudonyms else shortened(row["input"], 120),
        "reason": shortened(reason, 200),
        "value": shortened(value, 80),
        "limit": shortened(row["limit"] or "", 80),
    }
