from __future__ import annotations

import pytest

from speccraft.scenario.manual import JsonFormat, Manual, ManualRule
from speccraft.trainer.faults import RULES, Shown, faults, plain

MANUAL = Manual(rules=(ManualRule(id="confirm", must="confirm", pattern="(?i)shall I"), ManualRule(id="brief", must="answer")))


def shown(*answers: str, rules: tuple[str, ...] = ()) -> Shown:
    return Shown(answers, rules)


def test_a_right_answer_has_no_fault_whatever_its_case_and_punctuation() -> None:
    assert set(faults("It is Seven!", shown("seven", "it is seven."), MANUAL).values()) == {0.0}


def test_words_are_compared_with_the_nearest_answer_that_was_shown() -> None:
    assert faults("it is two", shown("seven", "it is seven."), MANUAL)["words"] == pytest.approx(1 / 3, abs=1e-6)
    assert faults("anything", shown(), MANUAL)["words"] == 0


@pytest.mark.parametrize(("answer", "share"), [("no no no no", 0.75), ("go left go left go left now", 4 / 7), ("very very good", 0.0), ("", 0.0)])
def test_a_loop_counts_for_the_words_that_only_go_round(answer: str, share: float) -> None:
    assert faults(answer, shown("so"), Manual())["repetition"] == pytest.approx(share, abs=1e-6)


def test_what_was_shown_to_repeat_itself_may() -> None:
    assert faults("seven seven seven", shown("seven seven seven"), Manual())["repetition"] == 0


def test_an_answer_may_be_half_as_long_again_and_no_longer_and_has_to_say_something() -> None:
    assert faults("abcdef", shown("abcd"), Manual())["length"] == 0
    assert faults("abcdefgh", shown("abcd"), Manual())["length"] == 0.5
    assert faults(" \n", shown("abcd"), Manual())["length"] == 1


def test_a_rule_of_the_manual_is_broken_where_its_prompt_shows_it_and_its_pattern_is_missing() -> None:
    about = shown("Shall I buy it?", rules=("confirm", "brief", "given"))
    assert faults("shall i buy it", about, MANUAL)["manual"] == 0
    assert faults("bought", about, MANUAL)["manual"] == 1
    assert faults("bought", shown("bought"), MANUAL)["manual"] == 0


def test_where_answers_are_json_objects_any_other_answer_breaks_the_manual() -> None:
    manual = Manual(format=JsonFormat.model_validate({"kind": "json", "schema": {"type": "object"}}))
    assert [faults(answer, shown(), manual)["manual"] for answer in ('{"a": 1}', "[1]", "{'a': 1}")] == [0, 1, 1]


def test_the_manual_weighs_more_than_words_and_words_more_than_length() -> None:
    assert list(RULES) == ["manual", "words", "repetition", "length"]
    assert list(faults("a", shown("a"), Manual())) == list(RULES)


def test_text_is_compared_without_case_punctuation_and_forms() -> None:
    assert plain("  Ｎine,\tTEN! ") == "nine ten"  # noqa: RUF001 - a look-alike is the point
