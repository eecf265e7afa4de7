"""Demonstrations that are made from a manual."""

from __future__ import annotations

import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from manual_world import MANUAL, write_world

from speccraft.errors import SpeccraftError
from speccraft.evaluation.manual import triggers
from speccraft.manual import compile_manual
from speccraft.manual.chance import drawn, shared_out
from speccraft.manual.dialogues import shown_by_phrases
from speccraft.scenario import load_scenario
from speccraft.scenario.phrases import words_of
from speccraft.scenario.quality import Splits


@pytest.fixture
def scenario(tmp_path: Path) -> Path:
    return write_world(tmp_path)


def compiled(scenario: Path, folder: str = "demonstrations") -> dict[str, list[dict[str, Any]]]:
    made = compile_manual(load_scenario(scenario), scenario.parent / folder)
    return {file.name: [json.loads(line) for line in file.read_text().splitlines()] for file in made.files}


def questions(records: list[dict[str, Any]]) -> Iterator[tuple[str, str]]:
    """What is asked first, with its split."""
    for record in records:
        part = next(message for message in record["messages"] if message["role"] == "user")["content"][0]
        yield part.get("transcript") or part.get("text", ""), record["split"]


def test_both_sides_of_every_rule_are_shown_and_each_question_triggers_what_it_shows(scenario: Path) -> None:
    manual = load_scenario(scenario).scenario.manual
    made = compiled(scenario)["made.jsonl"]
    assert {record["rule"] for record in made} == {"buy", "not.buy", "medicine", "not.medicine"}
    for record, (question, _) in zip(made, questions(made), strict=True):
        rule = manual.rule(record["rule"].removeprefix("not."))
        assert rule is not None
        assert triggers(rule, manual, question) == (not record["rule"].startswith("not."))


def test_a_confirmation_goes_on_to_its_end_whether_the_user_agrees_or_declines(scenario: Path) -> None:
    ends = {record["messages"][-1]["content"][0]["text"] for record in compiled(scenario)["made.jsonl"] if record["rule"] == "buy"}
    assert {end.split(":")[0] for end in ends} == {"Done", "Nothing is bought."}
    assert any(end == "Done: a day ticket." for end in ends)


def test_no_question_and_no_reply_stands_in_two_splits(scenario: Path) -> None:
    made = compiled(scenario)["made.jsonl"]
    where: dict[tuple[str, ...], set[str]] = {}
    for question, split in questions(made):
        where.setdefault(words_of(question), set()).add(split)
    for record in made:
        for message in record["messages"][3:]:
            if message["role"] == "user":
                where.setdefault(words_of(message["content"][0]["text"]), set()).add(record["split"])
    assert {split for splits in where.values() for split in splits} == {"train", "dev", "test"}
    assert all(len(splits) == 1 for splits in where.values())


def test_a_phrase_that_is_kept_for_test_and_a_value_that_is_held_out_are_in_test_alone(scenario: Path) -> None:
    asked = list(questions(compiled(scenario)["made.jsonl"]))
    assert {split for question, split in asked if "monthly pass" in question} == {"test"}
    phrases = {start: {split for question, split in asked if question.startswith(start)} - {"test"} for start in ("sell", "get", "I want", "give")}
    assert sorted(map(len, phrases.values())) == [0, 1, 1, 1]


def test_the_same_manual_and_seed_give_the_same_bytes_and_another_seed_others(scenario: Path) -> None:
    first, again = compiled(scenario, "one"), compiled(scenario, "two")
    assert first == again
    write_world(scenario.parent, seed=1)
    assert compiled(scenario, "three") != first


def test_recordings_are_answered_by_the_rule_of_their_intent_with_their_slots(scenario: Path) -> None:
    records = compiled(scenario)["orders.jsonl"]
    assert len(records) == 8
    first = next(record for record in records if record["id"] == "order-0")
    assert first["messages"][1]["content"] == [{"type": "audio", "audio": "orders/order-0.wav"}]
    assert first["messages"][2]["content"] == [{"type": "text", "text": "Shall I buy a day ticket?"}]
    assert (first["rule"], first["licence"]) == ("buy", "CC0-1.0")


def test_recordings_of_an_intent_without_a_rule_are_counted(scenario: Path) -> None:
    made = compile_manual(load_scenario(scenario), scenario.parent / "demonstrations")
    assert made.left_out == {"no rule is for the intent 'greet'": 1}
    assert made.heard["recorded"] == 8


def test_slots_that_are_no_object_of_texts_are_told_with_their_recording(scenario: Path) -> None:
    table = scenario.parent / "orders.jsonl"
    table.write_text(table.read_text().replace('{"ticket": " day ticket"}', '"day ticket"', 1))
    with pytest.raises(SpeccraftError, match=r"orders/order-0\.wav"):
        compile_manual(load_scenario(scenario), scenario.parent / "demonstrations")


def test_a_rule_without_an_answer_is_told_by_name(scenario: Path) -> None:
    manual = json.loads(json.dumps(MANUAL))
    manual["rules"][0].pop("says")
    write_world(scenario.parent, manual=manual)
    with pytest.raises(SpeccraftError, match="buy"):
        compile_manual(load_scenario(scenario), scenario.parent / "demonstrations")


def test_a_manual_that_says_nothing_makes_nothing(scenario: Path) -> None:
    write_world(scenario.parent, manual={"rules": [{"id": "a", "must": "refuse", "topic": "medicine"}]})
    with pytest.raises(SpeccraftError, match="nothing to make"):
        compile_manual(load_scenario(scenario), scenario.parent / "demonstrations")


def test_voices_say_their_share_of_what_users_ask_and_none_serves_two_splits(scenario: Path) -> None:
    pytest.importorskip("espeakng_loader")
    manual = json.loads(json.dumps(MANUAL))
    voices = [{"id": f"v{number}", "voice": "en-us", "pitch": 30 + number} for number in range(4)]
    manual["making"] |= {"per_rule": 6, "spoken": 0.5, "voices": voices}
    write_world(scenario.parent, manual=manual)
    made = compiled(scenario)["made.jsonl"]
    spoken = [record for record in made if "speaker" in record]
    assert 0 < len(spoken) < len(made)
    assert len({record["speaker"] for record in spoken}) == len({(record["speaker"], record["split"]) for record in spoken})
    for record in spoken:
        for message in record["messages"]:
            for part in message["content"] if message["role"] == "user" else ():
                assert (scenario.parent / "demonstrations" / part["audio"]).read_bytes().startswith(b"RIFF")


@pytest.mark.parametrize(("count", "wanted"), [(5, 9), (100, 7), (97, 97), (2**70, 3), (1, 1)])
def test_draws_are_different_and_as_many_as_there_are(count: int, wanted: int) -> None:
    numbers = list(drawn(count, wanted, "a"))
    assert len(set(numbers)) == len(numbers) == min(count, wanted)
    assert all(0 <= number < count for number in numbers)


def test_what_is_shared_out_serves_one_split_and_training_keeps_most() -> None:
    for count in range(1, 12):
        shared = shared_out(list(range(count)), Splits(dev=0.1, test=0.1), "a")
        assert sorted(one for some in shared.values() for one in some) == list(range(count))
        assert shared["train"]
        assert bool(shared["test"]) == (count >= 3)


def test_no_more_is_made_of_a_rule_than_is_asked_for(scenario: Path) -> None:
    shown = list(shown_by_phrases(load_scenario(scenario).scenario))
    most = MANUAL["making"]["per_rule"]
    assert max(sum(one.rule == rule for one in shown) for rule in {one.rule for one in shown}) <= most
