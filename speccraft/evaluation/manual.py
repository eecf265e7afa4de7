"""Does an answer follow the job manual: which rules a question triggers, and whether the answer keeps each of them. No torch, no audio."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from speccraft.scenario.contracts import Message
from speccraft.scenario.json_schema import NotJson, json_value, mismatch
from speccraft.scenario.manual import JsonFormat, Manual, ManualRule
from speccraft.scenario.pattern import matcher
from speccraft.scenario.phrases import has_words, phrase_of, read_back, words_of

NOT = "not."
"""What the `rule` of a demonstration begins with that shows a near miss: the rest names the rule that does not hold."""


@dataclass(frozen=True)
class Outcome:
    """Whether an answer keeps a rule, and why not; `passed` is None where the rule states nothing that a machine can check."""

    passed: bool | None
    why: str = ""


def question_of(messages: Sequence[Message], heard: Mapping[str, str] | None = None) -> str:
    """What the user says last, before any answer to it; audio counts by what is said in it, where `heard` knows that by cut."""
    asked = next((message for message in reversed(messages) if message.role == "user"), None)
    parts = asked.content if asked is not None else ()
    return " ".join(filter(None, (part.text or (heard or {}).get(part.cut or "", "") for part in parts)))


def triggered(manual: Manual, messages: Sequence[Message], heard: Mapping[str, str] | None = None) -> tuple[ManualRule, ...]:
    """The rules that what the user says last triggers, in the order of the manual.

    A rule is triggered where one of its phrases, or one of its intent, makes what is said, or where its topic stands in it; never where one of its near
    misses makes it. A rule `format` without any trigger holds always.

    Args:
        messages: of a demonstration or a prompt; turns of the assistant may stand between those of the user.
        heard: transcripts by cut. Of audio without one nothing is known, so that it triggers nothing.
    """
    text = question_of(messages, heard)
    return tuple(rule for rule in manual.rules if triggers(rule, manual, text))


def triggers(rule: ManualRule, manual: Manual, text: str) -> bool:
    """Whether a rule holds for what a user says."""
    phrases = manual.triggers(rule)
    if rule.must == "format" and rule.topic is None and rule.intent is None and not phrases:
        return True
    if any(_makes(near.user, manual, text) for near in rule.near_misses):
        return False
    return any(_makes(phrase, manual, text) for phrase in phrases) or (rule.topic is not None and has_words(text, rule.topic))


def slots_in(rule: ManualRule, manual: Manual, text: str) -> tuple[tuple[str, str], ...] | None:
    """The values of the slots in what a user says, where a phrase of the rule makes it."""
    found = (read_back(phrase_of(phrase), manual.slots, text) for phrase in manual.triggers(rule))
    return next((values for values in found if values is not None), None)


def check(rule: ManualRule, manual: Manual, question: str, answer: str) -> Outcome:
    """Whether an answer keeps a rule that the question triggers. Never raises, whatever the answer is.

    Args:
        question: what the user said, as far as it is known; where answers are JSON made of slots, its values have to stand in the answer.
    """
    judged = [broken for condition in CONDITIONS if (broken := condition(rule, manual, question, answer)) is not None]
    if not judged:
        return Outcome(None, "the rule states no condition, so that a person has to judge")
    return next((Outcome(False, why) for why in judged if why), Outcome(True))


def check_format(manual: Manual, answer: str) -> Outcome:
    """Whether an answer has the form that the manual asks of every answer."""
    if isinstance(manual.format, JsonFormat):
        return _outcome(_schema_broken(manual.format.schema_, answer))
    return _outcome("says nothing" if not answer.strip() else "is JSON, and answers are sentences" if _is_json(answer) else "")


def refuses(manual: Manual, answer: str) -> bool:
    """Whether an answer is a refusal: one of the words of `manual.refusals` stands in it."""
    return any(has_words(answer, words) for words in manual.refusals)


def confirms(answer: str) -> bool:
    """Whether an answer asks something back."""
    return "?" in answer


def check_near_miss(rule: ManualRule, manual: Manual, answer: str) -> Outcome:
    """Whether an answer to a near miss leaves the rule alone: no refusal where nothing is to be refused, no question where nothing is to be confirmed."""
    if rule.must == "refuse":
        return _outcome("refuses what is only near to the rule" if refuses(manual, answer) else "")
    if rule.must == "confirm":
        return _outcome("asks back where nothing is to be confirmed" if confirms(answer) else "")
    return Outcome(None, f"what a near miss of `{rule.must}` must not do is not defined")


# Conditions: None where the rule does not ask for it, "" where it is met, else why not


def _manner(rule: ManualRule, manual: Manual, question: str, answer: str) -> str | None:
    """What `must` asks by itself."""
    stated = rule.pattern is not None or bool(rule.one_of) or rule.schema_ is not None or bool(rule.use)
    match rule.must:
        case "answer":
            return "says nothing" if not answer.strip() else "refuses what is to be answered" if refuses(manual, answer) else ""
        case "format":
            return check_format(manual, answer).why
        case "refuse" if not stated:
            return "" if refuses(manual, answer) else "does not refuse"
        case "confirm" if not stated:
            return "" if confirms(answer) else "does not ask back"
    return None


def _contains(rule: ManualRule, manual: Manual, question: str, answer: str) -> str | None:
    if rule.pattern is None:
        return None
    return "" if matcher(rule.pattern)(answer) else "does not match the rule's pattern"


def _fits(rule: ManualRule, manual: Manual, question: str, answer: str) -> str | None:
    return None if rule.schema_ is None else _schema_broken(rule.schema_, answer)


def _is_allowed(rule: ManualRule, manual: Manual, question: str, answer: str) -> str | None:
    if not rule.one_of:
        return None
    return "" if words_of(answer) in {words_of(one) for one in rule.one_of} else f"is none of the {len(rule.one_of)} allowed answers"


def _is_short(rule: ManualRule, manual: Manual, question: str, answer: str) -> str | None:
    if rule.max_words is None:
        return None
    count = len(words_of(answer))
    return "" if count <= rule.max_words else f"has {count} words, more than {rule.max_words}"


def _uses(rule: ManualRule, manual: Manual, question: str, answer: str) -> str | None:
    if not rule.use:
        return None
    missing = [words for words in rule.use if not has_words(answer, words)]
    return f"does not say '{missing[0]}'" if missing else ""


def _avoids(rule: ManualRule, manual: Manual, question: str, answer: str) -> str | None:
    if not rule.avoid:
        return None
    said = [words for words in rule.avoid if has_words(answer, words)]
    return f"says '{said[0]}'" if said else ""


def _holds_slots(rule: ManualRule, manual: Manual, question: str, answer: str) -> str | None:
    """Where answers are made of the intent and the slots, they hold those of the question."""
    if not isinstance(manual.format, JsonFormat) or rule.says or rule.must in ("refuse", "redirect"):
        return None
    values = slots_in(rule, manual, question)
    if values is None:
        return None
    try:
        value = _object(answer)
    except NotJson as error:
        return str(error)
    wrong = [name for name, said in values if value.get(name) != said]
    return f"does not hold the `{wrong[0]}` that was asked for" if wrong else ""


Condition = Callable[[ManualRule, Manual, str, str], str | None]
CONDITIONS: tuple[Condition, ...] = (_manner, _contains, _fits, _is_allowed, _is_short, _uses, _avoids, _holds_slots)
"""Every condition that a rule can state; a new one is one function and one entry."""


def _makes(phrase: str, manual: Manual, text: str) -> bool:
    return read_back(phrase_of(phrase), manual.slots, text) is not None


def _schema_broken(schema: Mapping[str, object], answer: str) -> str:
    try:
        return mismatch(_object(answer), schema)
    except NotJson as error:
        return str(error)


def _object(answer: str) -> dict[str, object]:
    value = json_value(answer)
    if not isinstance(value, dict):
        raise NotJson("is no JSON object")
    return value


def _is_json(answer: str) -> bool:
    try:
        return isinstance(json_value(answer), dict | list)
    except NotJson:
        return False


def _outcome(why: str) -> Outcome:
    return Outcome(not why, why)
