"""The split certificate: per axis, the evidence that train, dev and test are apart; verified again by readers, not believed."""

from __future__ import annotations

from collections import Counter
from typing import Any

import polars as pl

from speccraft.build.banks import Banks
from speccraft.build.decide import Decision
from speccraft.build.people import axis_value, note
from speccraft.plan.members import shared_values
from speccraft.report.sums import exact_sum, total_of
from speccraft.rights.pseudonyms import Names
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SPLITS

AXES = ("recording", "speaker", "session", "audio", "text", "near_audio", "near_text")
APART = "all recordings of a dialogue, and of dialogues that hear the same recording, are in one split"
EXAMPLES = 20
"""How many shared values of an axis are named."""


def certificate(decision: Decision, banks: Banks, scenario: Scenario, names: Names) -> dict[str, Any]:
    """The content of `splits.json`: distinct values of every axis in each split, the shared ones, sizes, banks and notes.

    Args:
        names: what people, sessions and recordings are called in it.
    """
    axes = {}
    for axis in _examined(scenario):
        counts, shared = shared_values(decision.members, axis)
        shown = sorted(axis_value(names, axis, value) for value in shared)[:EXAMPLES]
        axes[axis] = {**counts, "declared": axis in scenario.splits.disjoint, "n_shared": len(shared), "shared": shown}
    kept = decision.kept("split", "duration_s", "speaker")
    totals = kept.group_by("split").agg(cuts=pl.len(), seconds=exact_sum(pl.col("duration_s")).round(3), speakers=pl.col("speaker").n_unique())
    by_split = {row.pop("split"): row for row in totals.to_dicts()}
    bridges = Counter(f"{axis} {axis_value(names, axis, value)}" for axis, value in decision.assignment.bridges.values())
    told = {"dialogues": decision.dialogues.counts()} if scenario.sources_with("demonstrations") or scenario.sources_with("preferences") else {}
    return {
        "axes": axes,
        "counts": {split: by_split.get(split, {"cuts": 0, "seconds": 0.0, "speakers": 0}) for split in SPLITS},
        "bridges": dict(sorted(bridges.items())),
        "unseen": {axis: [axis_value(names, axis, value) for value in values] for axis, values in scenario.splits.unseen.items()},
        "notes": [*(note(names, said, scenario.splits.unseen) for said in decision.assignment.notes), *([APART] if told else []), *banks.notes],
        "banks": {"noise": banks.ids("noise"), "rir": banks.ids("rir")},
        **told,
        **({"strata": _strata(decision.members, scenario)} if scenario.splits.stratify else {}),
    }


def _strata(members: pl.DataFrame, scenario: Scenario) -> list[dict[str, Any]]:
    """For each stratum its seconds, and what dev and test want of it, hold of it and lack of it: whole groups of recordings do not always fit."""
    shares = {"dev": scenario.splits.dev, "test": scenario.splits.test}
    rows = []
    for (stratum,), own in sorted(members.group_by("stratum"), key=lambda group: str(group[0])):
        seconds = total_of(own["seconds"])
        row: dict[str, Any] = {"stratum": stratum, "seconds": round(seconds, 3)}
        for split, share in shares.items():
            found = total_of(own.filter(split=split)["seconds"])
            row[split] = {"wanted": round(share * seconds, 3), "found": round(found, 3), "short": round(max(0.0, share * seconds - found), 3)}
        rows.append(row)
    return rows


def _examined(scenario: Scenario) -> list[str]:
    """Every axis, without near-duplicates that nobody asked to look for."""
    asked = {"near_audio": scenario.looks_for_copies, "near_text": "near_text" in scenario.splits.disjoint}
    return [axis for axis in AXES if asked.get(axis, True)]
