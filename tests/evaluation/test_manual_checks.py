"""Does an answer follow the job manual."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.evaluation.manual import CONDITIONS, check, check_format, check_near_miss, slots_in, triggered
from speccraft.scenario.contracts import Message, Part
from speccraft.scenario.manual import Manual, ManualRule

TILL = {"kind": "json", "schema": {"type": "object", "required": ["intent"], "properties": {"intent": {"enum": ["order", "none"]}}}}
MANUAL = Manual.model_validate(
    {
        "slots": {"ticket": ("day ticket", "single ticket")},
        "phrases": {"buy": ("[please] (sell|get) me a {ticket}",)},
        "rules": (
            {"id": "buy", "must": "confirm", "intent": "buy"},
            {
                "id": "medicine",
                "must": "refuse",
                "topic": "medical advice",
                "near_misses": ({"user": "who gives medical advice", "assistant": "The chemist."},),
            },
            {"id": "danger", "must": "redirect", "examples": ("somebody has fallen",), "one_of": ("Please call 112.",)},
            {"id": "short", "must": "format", "max_words": 5},
        ),
    }
)


def rule(must: str, **fields: Any) -> ManualRule:
    return ManualRule.model_validate({"id": "r", "must": must, **fields})


def said(text: str, *before: str) -> list[Message]:
    turns = [*before, text]
    return [Message(role="assistant" if number % 2 else "user", content=(Part(type="text", text=one),)) for number, one in enumerate(turns)]


def names(messages: list[Message], **heard: str) -> list[str]:
    return [one.id for one in triggered(MANUAL, messages, heard)]


@pytest.mark.parametrize(
    ("text", "rules"),
    [
        ("Please, sell me a day ticket!", ["buy", "short"]),
        ("sell me a monthly pass", ["short"]),
        ("I need medical advice", ["medicine", "short"]),
        ("I need advice, medical or not", ["short"]),
        ("Who gives medical advice?", ["short"]),
        ("SOMEBODY has fallen", ["danger", "short"]),
    ],
)
def test_a_rule_is_triggered_by_its_phrases_and_its_topic_but_not_by_its_near_misses(text: str, rules: list[str]) -> None:
    assert names(said(text)) == rules


def test_only_what_the_user_says_last_triggers() -> None:
    assert names(said("yes", "sell me a day ticket", "Shall I?")) == ["short"]


def test_audio_triggers_by_what_is_heard_in_it_and_not_at_all_where_nobody_knows_that() -> None:
    messages = [Message(role="user", content=(Part(type="audio", cut="c1"),))]
    assert names(messages) == ["short"]
    assert names(messages, c1="get me a single ticket") == ["buy", "short"]


@pytest.mark.parametrize(
    ("one", "right", "wrong"),
    [
        (rule("answer"), "At platform four.", "I can\u2019t say."),
        (rule("answer"), "At platform four.", "  "),
        (rule("refuse"), "I'm not allowed to say that.", "Take two."),
        (rule("confirm"), "Shall I buy it?", "Done."),
        (rule("confirm", pattern="^Shall I"), "Shall I buy it", "Really?"),
        (rule("redirect", use=("emergency", "call 112")), "An EMERGENCY: call 112!", "An emergency: call the staff."),
        (rule("answer", avoid=("guaranteed",)), "It leaves at nine.", "Guaranteed, at nine."),
        (rule("answer", max_words=3), "At nine o'clock.", "It leaves at nine."),
        (rule("redirect", one_of=("Please call 112.",)), "please call 112", "Please do call 112."),
        (rule("answer", schema={"type": "object", "required": ["a"]}), '{"a": 1}', '{"b": 1}'),
        (rule("format"), "A sentence.", '{"a": 1}'),
    ],
)
def test_each_condition_passes_what_keeps_it_and_says_why_not(one: ManualRule, right: str, wrong: str) -> None:
    assert check(one, Manual(), "", right).passed is True
    assert check(one, Manual(), "", wrong).passed is False
    assert check(one, Manual(), "", wrong).why


def test_a_rule_without_any_condition_is_neither_kept_nor_broken() -> None:
    assert check(rule("redirect"), Manual(), "", "Ask the staff.").passed is None


def test_every_answer_of_a_manual_for_a_till_is_json_that_fits() -> None:
    manual = Manual.model_validate({"format": TILL})
    assert check_format(manual, '{"intent": "order"}').passed
    for answer in ("A latte.", "[]", '{"intent": "buy"}', "{}", '{"intent": NaN}', "[" * 100_000, "1" * 5000):
        assert check_format(manual, answer).passed is False


def test_an_answer_made_of_slots_holds_those_that_were_asked_for() -> None:
    manual = Manual.model_validate({"format": TILL, "slots": {"drink": ("latte", "mocha")}, "phrases": {"order": ("a {drink}",)}})
    order = rule("answer", intent="order")
    assert slots_in(order, manual, "A mocha.") == (("drink", "mocha"),)
    assert check(order, manual, "a mocha", '{"intent": "order", "drink": "mocha"}').passed
    assert "drink" in check(order, manual, "a mocha", '{"intent": "order", "drink": "latte"}').why


def test_a_near_miss_is_neither_refused_nor_asked_back() -> None:
    assert check_near_miss(rule("refuse"), Manual(), "I cannot.").passed is False
    assert check_near_miss(rule("refuse"), Manual(), "The chemist.").passed
    assert check_near_miss(rule("confirm"), Manual(), "Shall I?").passed is False
    assert check_near_miss(rule("answer"), Manual(), "Yes.").passed is None


ANY = [
    *MANUAL.rules,
    rule("answer", pattern=r"\d+", one_of=("a",), use=("b",), avoid=("c",), max_words=2),
    rule("format", schema={"type": "object", "properties": {"a": {"type": "string", "pattern": "x", "maxLength": 2}}, "additionalProperties": False}),
]


@settings(max_examples=40)
@given(
    question=st.text(), answer=st.one_of(st.text(), st.recursive(st.none() | st.text(), lambda one: st.lists(one) | st.dictionaries(st.text(), one)).map(repr))
)
def test_no_text_makes_a_check_raise(question: str, answer: str) -> None:
    for manual in (MANUAL, MANUAL.model_copy(update={"format": Manual.model_validate({"format": TILL}).format})):
        triggered(manual, said(question))
        check_format(manual, answer)
        for one in ANY:
            assert check(one, manual, question, answer).passed in (True, False, None)
            check_near_miss(one, manual, answer)


def test_every_condition_of_the_table_can_be_broken() -> None:
    manual = Manual.model_validate({"format": TILL, "slots": {"drink": ("latte",)}, "phrases": {"order": ("a {drink}",)}})
    strict = rule("answer", intent="order", pattern="x", schema={"type": "object"}, one_of=("a",), max_words=1, use=("b",), avoid=("can't",))
    assert all(condition(strict, manual, "a latte", "I can't do it") for condition in CONDITIONS)
