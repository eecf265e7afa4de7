"""Say which recordings repeat others, and what was done about them."""

from __future__ import annotations

from typing import Any

import polars as pl

from speccraft.report.sums import total_of
from speccraft.report.tables import Tables
from speccraft.scenario.model import Scenario

RULES = {"duplicate": "an earlier one sample by sample", "near_duplicate": "an earlier one in another codec, level, rate or length of edge"}
"""Rules that drop what repeats something, and in which way it does."""


def repeats(scenario: Scenario, tables: Tables) -> dict[str, Any]:
    """How many recordings repeat others, by rule and source, with how much they have in common; `sought` says what was looked for."""
    dropped = tables.segments.filter(pl.col("rule").is_in(list(RULES)))
    rows = []
    for (rule, source), own in sorted(dropped.group_by("rule", "source"), key=lambda group: tuple(map(str, group[0]))):
        likeness = own["value"].str.extract(r"correlation (\d\.\d+)$").cast(pl.Float64, strict=False).drop_nulls()
        rows.append(
            {
                "rule": rule,
                "what": RULES[str(rule)],
                "source": source,
                "rows": own["input"].n_unique(),
                "seconds": round(total_of(own["seconds"]), 3),
                "least": None if likeness.is_empty() else likeness.min(),
                "most": None if likeness.is_empty() else likeness.max(),
            }
        )
    return {"sought": scenario.quality.duplicates, "near": scenario.looks_for_copies, "rows": rows}
