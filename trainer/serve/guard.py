"""The job manual at serve time: an answer that breaks a rule is not sent; what is sent instead, and why, is told."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

from speccraft.evaluation.manual import Outcome, check, check_format, confirms, question_of, refuses, slots_in, triggered
from speccraft.scenario.contracts import Message
from speccraft.scenario.manual import Manual, ManualRule, PlainFormat
from speccraft.scenario.phrases import how_many, nth, phrase_of

Decided = Literal["answered", "refused", "confirmation", "withheld"]
# What answers a rule that writes no answer of its own; only `CANNOT` knows whether the manual is in English.
ASKS_BACK = "Shall I go ahead?"
CANNOT = "I cannot help with that."
WITHHELD = "Sorry, I have no answer to that that I may give."
MOST_TRIED = 64
"""Sentences of one rule that are tried as an answer."""


@dataclass(frozen=True)
class Verdict:
    """What is sent, and what the manual decided.

    Args:
        text: the answer that is sent.
        decided: what kind of answer it is; `withheld` where neither the model's answer nor one of the manual's may be sent.
        rules: each rule that was triggered, with whether the model's answer kept it.
        replaced: whether the text is not the model's.
        known: whether what the user said is known; where it is not, no rule can be triggered by it.
    """

    text: str
    decided: Decided
    rules: tuple[Mapping[str, Any], ...] = ()
    replaced: bool = False
    known: bool = True

    def told(self) -> dict[str, Any]:
        """The verdict as responses carry it."""
        return {"decided": self.decided, "replaced": self.replaced, "rules": list(self.rules), "question_known": self.known}


def judge(manual: Manual, messages: Sequence[Message], heard: Mapping[str, str] | None, answer: str) -> Verdict:
    """Decide what is sent in answer to a dialogue.

    Args:
        messages: the dialogue up to the answer; audio stands in it by a cut's id.
        heard: what is said in each piece of audio; None where nobody could tell.
        answer: the model's.
    """
    question = question_of(messages, heard)
    known = heard is not None or not any(part.type == "audio" for message in messages[-1:] for part in message.content)
    rules = triggered(manual, messages, heard)
    told = [_told(rule.id, rule.must, rule.severity, check(rule, manual, question, answer)) for rule in rules]
    if not (form := check_format(manual, answer)).passed:
        told.append(_told("manual.format", "format", "block", form))
    if not any(one["passed"] is False and one["severity"] == "block" for one in told):
        return Verdict(answer, _kind(manual, rules, answer), tuple(told), known=known)
    tried = (text for rule in sorted(rules, key=_weight) for text in _own_answers(rule, manual, question))
    instead = next((text for text in tried if _may_be_sent(manual, rules, question, text)), None)
    if instead is None:
        return Verdict(WITHHELD if isinstance(manual.format, PlainFormat) else "", "withheld", tuple(told), replaced=True, known=known)
    return Verdict(instead, _kind(manual, rules, instead), tuple(told), replaced=True, known=known)


def _told(id: str, must: str, severity: str, outcome: Outcome) -> Mapping[str, Any]:
    return {"id": id, "must": must, "severity": severity, "passed": outcome.passed, "why": outcome.why}


def _kind(manual: Manual, rules: Sequence[ManualRule], answer: str) -> Decided:
    musts = {rule.must for rule in rules}
    if "refuse" in musts or refuses(manual, answer):
        return "refused"
    return "confirmation" if "confirm" in musts and confirms(answer) else "answered"


def _weight(rule: ManualRule) -> int:
    return ("refuse", "redirect", "confirm", "answer", "format").index(rule.must)


def _may_be_sent(manual: Manual, rules: Sequence[ManualRule], question: str, text: str) -> bool:
    kept = all(check(rule, manual, question, text).passed is not False for rule in rules if rule.severity == "block")
    return kept and check_format(manual, text).passed is True


def _own_answers(rule: ManualRule, manual: Manual, question: str) -> Iterator[str]:
    """Right answers to a rule in the manual's own words, with what the user said in the slots; a slot that nobody named would be made up."""
    yield from rule.one_of
    slots = {name: (value,) for name, value in slots_in(rule, manual, question) or ()}
    for says in rule.says:
        phrase = phrase_of(says)
        if phrase.slots <= slots.keys():
            yield from (nth(phrase, slots, number).text for number in range(min(how_many(phrase, slots), MOST_TRIED)))
    if rule.must == "confirm":
        yield ASKS_BACK
    if rule.must == "refuse":
        yield CANNOT if CANNOT.startswith(manual.refusals) else f"{manual.refusals[0]}."
