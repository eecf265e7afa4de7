"""Rules that no answer can keep together, and rules that their own answers break."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from itertools import combinations

from speccraft.errors import SpeccraftError
from speccraft.evaluation.manual import check, triggers
from speccraft.scenario import Scenario
from speccraft.scenario.manual import Manual, ManualRule
from speccraft.scenario.phrases import Said, has_words, how_many, nth, phrase_of, words_of

from .chance import drawn
from .dialogues import answer_of

TRIED = 32
"""Sentences of each phrase that are tried."""
MANNERS = ("answer", "confirm", "refuse", "redirect")
"""Of these an answer does one; a format goes with each."""


@dataclass(frozen=True)
class Clash:
    """What is wrong with a rule, by its number in the manual, and the other rule that it clashes with."""

    number: int
    message: str
    other: int | None = None


def contradictions(scenario: Scenario) -> Iterator[Clash]:
    """Every rule that contradicts itself, and every two that hold for the same words and ask for different things; each is told once."""
    manual = scenario.manual
    samples = [list(_samples(scenario, rule)) for rule in manual.rules]
    for number, rule in enumerate(manual.rules):
        if why := _in_itself(rule, manual, samples[number]):
            yield Clash(number, why)
    for one, other in combinations(range(len(manual.rules)), 2):
        if both := _held_by_both(manual, one, other, samples):
            why = _incompatible(manual.rules[one], manual.rules[other])
            if why:
                yield Clash(other, f"'{both}' triggers `{manual.rules[one].id}` as well, and {why}", one)


def _samples(scenario: Scenario, rule: ManualRule) -> Iterator[Said]:
    for phrase in scenario.manual.triggers(rule):
        parsed = phrase_of(phrase)
        for number in drawn(how_many(parsed, scenario.manual.slots), TRIED, scenario.seed, phrase):
            said = nth(parsed, scenario.manual.slots, number)
            if words_of(said.text) and triggers(rule, scenario.manual, said.text):
                yield said


def _in_itself(rule: ManualRule, manual: Manual, samples: list[Said]) -> str:
    if both := [words for words in rule.use if any(has_words(words, other) for other in rule.avoid)]:
        return f"asks to use '{both[0]}' and to avoid it"
    for said in samples:
        try:
            answer = answer_of(rule, manual, dict(said.values), intent=rule.intent, chance=0)
        except SpeccraftError as error:
            if rule.says:
                return error.message
            break  # its demonstrations are written by hand
        outcome = check(rule, manual, said.text, answer)
        if outcome.passed is False:
            return f"its own answer to '{said.text}' breaks it: '{answer}' {outcome.why}"
    wrong = [(answer, outcome.why) for answer in rule.one_of if (outcome := check(rule, manual, "", answer)).passed is False]
    return f"its own answer '{wrong[0][0]}' breaks it: it {wrong[0][1]}" if wrong else ""


def _held_by_both(manual: Manual, one: int, other: int, samples: list[list[Said]]) -> str:
    """Something users say for which both rules hold."""
    for here, there in ((one, other), (other, one)):
        for said in samples[here]:
            if triggers(manual.rules[there], manual, said.text):
                return said.text
    return ""


def _incompatible(one: ManualRule, other: ManualRule) -> str:
    if one.must != other.must and one.must in MANNERS and other.must in MANNERS:
        return f"one must {one.must}, the other {other.must}"
    for using, avoiding in ((one, other), (other, one)):
        if both := [words for words in using.use if any(has_words(words, avoided) for avoided in avoiding.avoid)]:
            return f"`{using.id}` asks for '{both[0]}', which `{avoiding.id}` avoids"
    if one.one_of and other.one_of and not {words_of(text) for text in one.one_of} & {words_of(text) for text in other.one_of}:
        return "no answer is allowed by both"
    return ""
