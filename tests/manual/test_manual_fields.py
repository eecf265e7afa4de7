"""Every field of the manual has an effect: on what is compiled, or on how demonstrations are judged."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import pytest
from manual_world import MANUAL, write_dialogues, write_world
from pydantic import BaseModel

from speccraft.errors import SpeccraftError
from speccraft.manual import compile_manual, lint
from speccraft.scenario import load_scenario
from speccraft.scenario.manual import JsonFormat, Making, Manual, ManualRule, NearMiss, PlainFormat, RecordedOrders

MODELS: tuple[type[BaseModel], ...] = (Manual, ManualRule, NearMiss, Making, RecordedOrders, JsonFormat, PlainFormat)
ANSWERED = [
    ("sell me a day ticket please", "Shall I buy a day ticket?", "buy"),
    ("which pill for a headache", "I cannot give medical advice.", "medicine"),
    ("where is the chemist", "At exit B.", "not.medicine"),
    ("I need a nurse", "Take two.", "buy"),
]
JSON = {"kind": "json", "schema": {"type": "object"}}
RULE, OTHER = ("rules", 0), ("rules", 1)
CHANGES: dict[str, tuple[tuple[str | int, ...], Any]] = {
    "Manual.persona": (("persona",), "You are somebody else."),
    "PlainFormat.kind": (("format",), JSON),
    "JsonFormat.kind": (("format",), JSON),
    "JsonFormat.schema_": (("format",), JSON),
    "Manual.rules": (("rules",), MANUAL["rules"][1:]),
    "Manual.slots": (("slots", "ticket"), ["day ticket", "monthly pass"]),
    "Manual.phrases": (("phrases", "buy"), ["a {ticket} please"]),
    "Manual.refusals": (("refusals",), ["never"]),
    "Manual.yes": (("yes",), ["aye", "aye aye", "of course"]),
    "Manual.no": (("no",), ["nay", "nay nay", "of course not"]),
    "ManualRule.id": ((*RULE, "id"), "sell"),
    "ManualRule.must": ((*RULE, "must"), "answer"),
    "ManualRule.topic": ((*OTHER, "topic"), "nurse"),
    "ManualRule.intent": ((*RULE, "intent"), "greet"),
    "ManualRule.examples": ((*OTHER, "examples"), ["my head"]),
    "ManualRule.near_misses": ((*OTHER, "near_misses"), []),
    "NearMiss.user": ((*RULE, "near_misses", 0, "user"), "how dear is a {ticket}"),
    "NearMiss.assistant": ((*RULE, "near_misses", 0, "assistant"), "No idea."),
    "ManualRule.says": ((*RULE, "says"), ["A {ticket}?"]),
    "ManualRule.done": ((*RULE, "done"), "Here it is."),
    "ManualRule.dropped": ((*RULE, "dropped"), None),
    "ManualRule.pattern": ((*RULE, "pattern"), "really"),
    "ManualRule.schema_": ((*RULE, "schema"), {"type": "object"}),
    "ManualRule.one_of": ((*OTHER, "one_of"), ["Ask a doctor."]),
    "ManualRule.max_words": ((*RULE, "max_words"), 2),
    "ManualRule.use": ((*RULE, "use"), ["really"]),
    "ManualRule.avoid": ((*RULE, "avoid"), ["shall"]),
    "ManualRule.severity": ((*RULE, "severity"), "warn"),
    "Making.per_rule": (("making", "per_rule"), 3),
    "Making.recordings": (("making", "recordings"), []),
    "Making.held_out": (("making", "held_out"), {}),
    "RecordedOrders.source": (("making", "recordings", 0, "source"), "others"),
    "RecordedOrders.intent": (("making", "recordings", 0, "intent"), "licence"),
    "RecordedOrders.slots": (("making", "recordings", 0, "slots"), "nothing"),
}
"""Where each field is written in the manual, and what is written there instead."""
ELSEWHERE = {"ManualRule.when", "Making.spoken", "Making.voices", "Manual.format", "Manual.making"}
"""`when` is words for people, which reports show; voices and their share are in test_compile_manual; the last two only hold other models."""


def changed(where: tuple[str | int, ...], value: Any) -> dict[str, Any]:
    manual: Any = copy.deepcopy(MANUAL)
    inner = manual
    for step in where[:-1]:
        inner = inner[step]
    inner[where[-1]] = value
    if value is None:
        inner.pop(where[-1])
    return manual  # type: ignore[no-any-return]


def effects(folder: Path, manual: dict[str, Any]) -> Any:
    """What is compiled, and what is said about a few demonstrations."""
    records = [
        {"rule": rule, "split": "train", "messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}]}
        for question, answer, rule in ANSWERED
    ]
    try:
        scenario = load_scenario(write_world(folder, manual=manual, sources=(write_dialogues(folder, records),)))
        found = lint(scenario)
        made = compile_manual(scenario, folder / "made")
    except SpeccraftError as error:
        return error.message
    findings = [(one.code, one.severity, one.message) for one in found.findings]
    return findings, [row.rule for row in found.coverage], [file.read_bytes() for file in made.files], made.left_out


def test_every_field_of_the_manual_is_changed_here_or_elsewhere() -> None:
    assert {f"{model.__name__}.{name}" for model in MODELS for name in model.model_fields} == set(CHANGES) | ELSEWHERE


@pytest.mark.parametrize("field", CHANGES)
def test_a_changed_field_changes_what_is_made_or_judged(field: str, tmp_path: Path) -> None:
    assert effects(tmp_path, changed(*CHANGES[field])) != effects(tmp_path, json.loads(json.dumps(MANUAL)))
