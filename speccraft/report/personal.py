"""Count the personal data in what a build's people say, and keep it out of what a report is made of."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl

from speccraft.rights.personal import MAY_HOLD, RULES, kinds, scan
from speccraft.scenario.model import Scenario
from speccraft.scenario.source_base import HEARD

RULE = "pii"
"""Rule of the ledger that drops rows with personal data."""
TRANSCRIPT = b'"rule":"transcribe"'
"""Tells a dialogue that was made from the transcript of a cut, which counts already."""


@dataclass(frozen=True)
class PersonalData:
    """How many cuts and dialogues hold personal data, and how many of them each rule found it in."""

    cuts: int = 0
    dialogues: int = 0
    rules: Mapping[str, int] = field(default_factory=dict)


def without_personal_data(table: pl.DataFrame) -> tuple[pl.DataFrame, Counter[str], int]:
    """A table in whose column `text` personal data is masked; in how many rows each rule found something, and how many rows that were."""
    suspects = table.with_row_index("place").filter(pl.col("text").str.contains(MAY_HOLD)).select("place", "text")
    scanned = [(place, found) for place, text in suspects.iter_rows() if (found := scan(text)).found]
    rules = Counter(rule for _, one in scanned for rule in one.found)
    if not scanned:
        return table, rules, 0
    masked = pl.Series([one.masked for _, one in scanned], dtype=pl.String)
    return table.with_columns(text=table["text"].scatter([place for place, _ in scanned], masked)), rules, len(scanned)


def is_masked(text: str | None) -> bool:
    """Whether personal data was taken out of a text."""
    return text is not None and any(f"[{name}]" in text for name in RULES)


def in_dialogues(folder: Path) -> tuple[Counter[str], int]:
    """In how many dialogues that sources gave each rule found something, and how many dialogues that were."""
    rules: Counter[str] = Counter()
    count = 0
    for path in [*sorted(folder.glob("demonstrations.*.jsonl")), *folder.glob("pairs.jsonl")]:
        with path.open("rb") as file:
            for line in file:
                if TRANSCRIPT not in line and (found := {rule for text in _texts(json.loads(line)) for rule in kinds(text)}):
                    rules.update(found)
                    count += 1
    return rules, count


def _texts(dialogue: Mapping[str, Any]) -> Iterator[str]:
    for turns in ("messages", "prompt", "chosen", "rejected"):
        yield from (part["text"] for turn in dialogue.get(turns, ()) for part in turn["content"] if part.get("text"))


def told(scenario: Scenario, held: PersonalData, ledger: pl.DataFrame) -> dict[str, Any]:
    """What `report.json` says about personal data: how many cuts, dialogues and rows, and never what they say."""
    dropped = ledger.filter(pl.col("rule") == RULE, pl.col("role").is_in(HEARD))
    reasons = dropped["reason"].drop_nulls().to_list()
    return {
        "handling": scenario.privacy.pii,
        "cuts": held.cuts,
        "dialogues": held.dialogues,
        "rules": {name: held.rules.get(name, 0) for name in sorted(RULES)},
        "rows_dropped": dropped.height,
        "rules_dropped": {name: sum(name in reason.rpartition(": ")[2].split(", ") for reason in reasons) for name in sorted(RULES)},
    }
