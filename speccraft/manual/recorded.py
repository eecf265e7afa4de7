"""Recordings whose intent and slots a table states, with the answers that the manual gives to them."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speccraft.errors import UnreadableInput
from speccraft.ingest import read_source
from speccraft.ingest.lines import records_of
from speccraft.ingest.rows import Reach, Row
from speccraft.ingest.table import read_frame
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import Split
from speccraft.scenario.json_schema import NotJson, json_value
from speccraft.scenario.manual import ManualRule, RecordedOrders
from speccraft.scenario.source import TableSource

from .chance import number_of, split_by_chance
from .dialogues import Shown, answer_of, follow_ups

PERSON = "speaker"


@dataclass(frozen=True)
class Recorded:
    """A dialogue that begins with a recording, and the row that it comes from."""

    shown: Shown
    row: Row


@dataclass
class Answered:
    """What became of the rows of a table: the dialogues, and why the others are left out."""

    dialogues: list[Recorded] = field(default_factory=list)
    left_out: Counter[str] = field(default_factory=Counter)


def answered(scenario: Scenario, orders: RecordedOrders, reach: Reach) -> Answered:
    """A dialogue for every recording of whose intent the manual has a rule.

    Who is known to speak stays in one split where the scenario keeps speakers apart, else each recording has its own by chance; an official split holds.

    Raises:
        UnreadableInput: the table cannot be read, or lacks a column.
        SpeccraftError: no answer is written for an intent.
    """
    source = next(one for one in scenario.sources if one.id == orders.source)
    assert isinstance(source, TableSource), "`check` asks for one"
    found = Answered()
    fields = _fields(source, orders, reach)
    for row in read_source(source, scenario, reach):
        about = fields.get(row.recording or row.input, {})
        rule = next((rule for rule in scenario.manual.rules if rule.intent is not None and rule.intent == about.get(orders.intent)), None)
        if rule is None:
            found.left_out[f"no rule is for the intent {about.get(orders.intent)!r:.60}"] += 1
        elif row.recording is not None or row.problem:
            found.left_out[row.problem or "it is a part of a recording, and dialogues hear whole files"] += 1
        else:
            found.dialogues.append(_dialogue(scenario, rule, row, _slots(about.get(orders.slots), row.input, source.id)))
    return found


def _dialogue(scenario: Scenario, rule: ManualRule, row: Row, values: dict[str, str]) -> Recorded:
    chance = number_of(scenario.seed, row.input)
    split = _split(scenario, row)
    answer = answer_of(rule, scenario.manual, values, intent=rule.intent, chance=chance)
    turns = (row.text or "", answer, *follow_ups(rule, scenario.manual, split, values, chance))
    return Recorded(Shown(rule.id, split, turns), row)


def _split(scenario: Scenario, row: Row) -> Split:
    given: dict[str | None, Split] = {"train": "train", "dev": "dev", "test": "test"}
    if row.split in given:
        return given[row.split]
    if PERSON in scenario.splits.disjoint and row.speaker is None:
        return "train"  # they may all be of one person, and the build keeps them together
    together = row.speaker if PERSON in scenario.splits.disjoint else row.session or row.input
    return split_by_chance(scenario.splits, scenario.seed, "recorded", together)


def _fields(source: TableSource, orders: RecordedOrders, reach: Reach) -> dict[str, dict[str, Any]]:
    """Intent and slots of every row of the table, by its recording."""
    path = reach.source(source.id, source.path)
    found = {str(fields.get(source.columns.audio)): fields for fields in _records(path, source.id)}
    for column in (orders.intent, orders.slots):
        if not any(column in fields for fields in found.values()):
            raise UnreadableInput(f"source '{source.id}': {path.name} has no column '{column}'", try_this="name it under `manual.making.recordings`")
    return found


def _records(path: Path, source_id: str) -> Iterator[dict[str, Any]]:
    if path.suffix.lower() in (".jsonl", ".ndjson"):
        # A table of text has no column for an object; its lines do.
        yield from (record.fields for record in records_of(path, source_id) if not record.problem)
    else:
        yield from read_frame(source_id, path).iter_rows(named=True)


def _slots(written: Any, input: str, source_id: str) -> dict[str, str]:
    """The slots of a recording: an object of texts, or its JSON text; blanks around values mean nothing.

    Raises:
        UnreadableInput: they are something else.
    """
    try:
        value = json_value(written) if isinstance(written, str) and written else written or {}
    except NotJson:
        value = None
    if not isinstance(value, dict) or not all(isinstance(one, str | int | float) for one in value.values()):
        raise UnreadableInput(f"source '{source_id}': the slots of {input} are no object of texts: {json.dumps(written)[:80]}")
    return {name: str(one).strip() for name, one in value.items()}
