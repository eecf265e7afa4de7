"""Demonstrations held against the manual."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from corpus import speccraft
from manual_world import MANUAL, write_dialogues, write_world

from speccraft.manual import Linted, compile_manual, lint
from speccraft.scenario import load_scenario

QUIET = {"making": {"per_rule": 24}}


def talk(question: Any, answer: str, rule: str | None = "buy", **fields: Any) -> dict[str, Any]:
    named = {} if rule is None else {"rule": rule}
    return {"messages": [{"role": "user", "content": question}, {"role": "assistant", "content": answer}], **named, **fields}


def heard(file: str, **part: Any) -> list[dict[str, Any]]:
    return [{"type": "audio", "audio": file, **part}]


def linted(folder: Path, *records: dict[str, Any], **changes: Any) -> Linted:
    source = write_dialogues(folder, list(records))
    return lint(load_scenario(write_world(folder, manual={**MANUAL, **QUIET, **changes}, sources=(source,))))


def about(found: Linted, code: str) -> list[str]:
    return [f"{Path(one.file).name}:{one.line} {one.severity} {one.message}" for one in found.findings if one.code == code]


GOOD = talk("sell me a day ticket", "Shall I buy it?", split="train")


def test_what_is_compiled_is_clean_but_for_rules_that_nobody_is_heard_to_trigger(tmp_path: Path) -> None:
    scenario = write_world(tmp_path)
    compile_manual(load_scenario(scenario), tmp_path / "demonstrations")
    sources = tuple(
        {"id": f"shown-{name}", "format": "conversations", "path": f"demonstrations/{name}.jsonl", "audio_folder": ".", "licence": "CC0-1.0"}
        for name in ("made", "orders")
    )
    found = lint(load_scenario(write_world(tmp_path, sources=sources)))
    assert {(one.code, one.message) for one in found.findings} == {("SC436", "the rule is never shown with the user heard")}
    assert [(row.rule, row.voice > 0, row.text > 0, row.near_misses > 0) for row in found.coverage] == [
        ("buy", True, True, True),
        ("medicine", False, True, True),
    ]
    assert not found.is_clean


def test_a_line_that_is_no_dialogue_is_told_where_it_stands(tmp_path: Path) -> None:
    found = linted(tmp_path, GOOD, {"messages": [{"role": "wizard", "content": "hm"}]})
    (said,) = about(found, "SC431")
    assert said.startswith("shown.jsonl:2 error")
    assert "wizard" in said


def test_audio_that_the_gate_refuses_or_that_is_missing_is_told(tmp_path: Path) -> None:
    refused = talk(heard("orders/order-0.wav"), "Shall I buy it?", licence="CC-BY-NC-4.0")
    outside = talk(heard("../../elsewhere.wav"), "Shall I buy it?")
    said = about(linted(tmp_path, GOOD, refused, outside), "SC431")
    assert "is refused by the rule" in said[0]
    assert "leaves the data folder" in said[1]


def test_an_answer_that_breaks_a_rule_it_triggers_is_told_whatever_rule_it_names(tmp_path: Path) -> None:
    found = linted(tmp_path, talk("I have a headache", "Take two pills.", rule="buy", split="train"))
    assert [one.partition(": ")[0] for one in about(found, "SC432")] == [
        "shown.jsonl:1 error breaks the rule `buy`",
        "shown.jsonl:1 error breaks the rule `medicine`",
    ]


def test_a_rule_that_only_warns_is_a_warning(tmp_path: Path) -> None:
    rules = [MANUAL["rules"][0], MANUAL["rules"][1] | {"severity": "warn"}]
    found = linted(tmp_path, talk("I have a headache", "Take two pills.", rule="medicine", split="train"), rules=rules)
    assert "warning breaks" in about(found, "SC432")[0]


def test_a_later_answer_is_judged_by_what_was_said_before_it(tmp_path: Path) -> None:
    record = talk("sell me a day ticket", "Shall I buy it?", split="train")
    record["messages"] += [{"role": "user", "content": "I have a headache"}, {"role": "assistant", "content": "Take two."}]
    assert "medicine" in about(linted(tmp_path, record), "SC432")[0]


def test_an_answer_that_is_not_of_the_manuals_format_is_told(tmp_path: Path) -> None:
    found = linted(tmp_path, talk("sell me a day ticket", '{"shall": "I?"}', split="train"))
    assert "format of the manual" in about(found, "SC432")[0]


@pytest.mark.parametrize("rule", [None, "sell", "not.sell"])
def test_a_demonstration_names_a_rule_of_the_manual(tmp_path: Path, rule: str | None) -> None:
    assert len(about(linted(tmp_path, talk("sell me a day ticket", "Shall I buy it?", rule=rule)), "SC433")) == 1


def test_a_near_miss_that_triggers_its_rule_or_is_overdone_is_told(tmp_path: Path) -> None:
    found = linted(
        tmp_path,
        talk("sell me a day ticket", "At the counter.", rule="not.buy", split="train"),
        talk("what time is it", "Shall I look?", rule="not.buy", split="train"),
    )
    assert [one.split()[0] for one in about(found, "SC433")] == ["shown.jsonl:1"]
    assert [one.split()[0] for one in about(found, "SC432")] == ["shown.jsonl:2"]


def test_the_same_question_or_recording_in_two_splits_is_a_leak(tmp_path: Path) -> None:
    found = linted(
        tmp_path,
        GOOD,
        talk("Sell me a day ticket!", "Shall I?", split="test"),
        talk(heard("orders/order-0.wav"), "Shall I?", split="train"),
        talk(heard("orders/order-0.wav"), "Shall I?", split="test"),
        talk("sell me a day ticket, would you be so kind as to do so if there are any left today", "Shall I?", split="train"),
        talk("sell me a day ticket, would you be so kind as to do so if there are any left to day", "Shall I?", split="dev"),
    )
    assert [one.split()[:2] for one in about(found, "SC434")] == [["shown.jsonl:2", "error"], ["shown.jsonl:4", "error"], ["shown.jsonl:6", "warning"]]


def test_one_question_with_two_answers_is_told_and_so_is_a_copy(tmp_path: Path) -> None:
    found = linted(tmp_path, GOOD, talk("sell me a day ticket", "Shall I really?", split="train"), GOOD)
    first, second = about(found, "SC435")
    assert "answers differently" in first
    assert "repeats" in second


def test_a_rule_that_nothing_shows_is_told_in_the_scenario(tmp_path: Path) -> None:
    found = linted(tmp_path, GOOD)
    said = [one for one in found.findings if one.message == "no demonstration shows the rule"]
    assert [(Path(one.file).name, one.source_line.strip()) for one in said] == [("scenario.yaml", '"id": "medicine",')]


@pytest.mark.parametrize(
    ("rules", "said"),
    [
        (
            [{"id": "a", "must": "refuse", "examples": ["sell me (gin|rum)"]}, {"id": "b", "must": "confirm", "examples": ["sell me rum"]}],
            "one must refuse, the other confirm",
        ),
        ([{"id": "a", "must": "answer", "topic": "rum", "use": ["Gin"]}, {"id": "b", "must": "answer", "examples": ["a rum"], "avoid": ["gin"]}], "avoids"),
        (
            [{"id": "a", "must": "redirect", "topic": "rum", "one_of": ["x"]}, {"id": "b", "must": "redirect", "examples": ["rum"], "one_of": ["y"]}],
            "allowed by both",
        ),
        ([{"id": "a", "must": "redirect", "use": ["gin"], "avoid": ["gin"], "topic": "rum"}], "to avoid it"),
        ([{"id": "a", "must": "refuse", "examples": ["rum"], "says": ["Here you are."]}], "breaks it"),
        ([{"id": "a", "must": "answer", "one_of": ["a b c"], "max_words": 2, "topic": "rum"}], "breaks it"),
    ],
)
def test_rules_that_contradict_each_other_or_themselves_are_told(tmp_path: Path, rules: list[dict[str, Any]], said: str) -> None:
    (found,) = about(linted(tmp_path, GOOD, rules=rules, making={}), "SC437")
    assert said in found


def test_a_near_miss_takes_the_contradiction_away(tmp_path: Path) -> None:
    near = [{"user": "sell me rum", "assistant": "Shall I?"}]
    rules = [
        {"id": "a", "must": "refuse", "topic": "rum", "near_misses": near},
        {"id": "b", "must": "confirm", "examples": ["sell me rum"], "says": ["Shall I?"]},
    ]
    assert about(linted(tmp_path, GOOD, rules=rules), "SC437") == []


def test_a_build_gives_splits_and_conditions_and_what_is_not_in_it_is_told(tmp_path: Path) -> None:
    scenario = write_world(tmp_path)
    compile_manual(load_scenario(scenario), tmp_path / "demonstrations")
    source = {"id": "shown", "format": "conversations", "path": "demonstrations/orders.jsonl", "audio_folder": ".", "licence": "CC0-1.0"}
    write_world(tmp_path, sources=(source,), splits={"disjoint": ["recording"], "given": "split", "dev": 0.0, "test": 0.0})
    built = speccraft("build-manifest", scenario, "--quiet", "--workers", "1")
    assert built.returncode in (0, 1), built.stderr
    (build,) = (tmp_path / "speccraft-work/builds/desk").glob("*/BUILD.json")
    found = lint(load_scenario(scenario), build=build.parent)
    assert about(found, "SC431") == []
    assert (found.coverage[0].clean, found.coverage[0].place) == (8, 0)
    extra = talk(heard("orders/order-8.wav"), "Shall I?")
    orders = tmp_path / "demonstrations/orders.jsonl"
    orders.write_text(orders.read_text() + json.dumps(extra) + "\n")
    (missing,) = about(lint(load_scenario(scenario), build=build.parent), "SC431")
    assert missing == "orders.jsonl:9 error is not in the build: it was not there when the build was made"


def test_the_commands_compile_and_lint_with_their_exit_codes(tmp_path: Path) -> None:
    scenario = write_world(tmp_path)
    made = speccraft("manual", "compile", scenario, "--json")
    assert made.returncode == 0, made.stdout + made.stderr
    assert json.loads(made.stdout)["counts"]["heard"]["recorded"] == 8
    write_world(tmp_path, sources=({"id": "shown", "format": "conversations", "path": "demonstrations/made.jsonl", "licence": "CC0-1.0"},))
    found = speccraft("manual", "lint", scenario, "--json")
    assert found.returncode == 1
    assert {one["code"] for one in json.loads(found.stdout)["findings"]} == {"SC436"}
    write_world(
        tmp_path,
        sources=({"id": "shown", "format": "conversations", "path": "demonstrations/made.jsonl", "licence": "CC0-1.0"},),
        job={"task": "converse", "languages": ["en"], "input": ["text"]},
    )
    clean = speccraft("manual", "lint", scenario)
    assert clean.returncode == 0, clean.stdout + clean.stderr
