"""Dialogues that show a manual, in text: both sides of each rule from its phrases, each in one split."""

from __future__ import annotations

import json
import re
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from speccraft.errors import SpeccraftError
from speccraft.evaluation.manual import NOT
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SPLITS, Split
from speccraft.scenario.manual import JsonFormat, Manual, ManualRule
from speccraft.scenario.phrases import Said, how_many, nth, phrase_of, words_of

from .chance import drawn, number_of, shared_out, split_by_chance

_HOLE = re.compile(r"\{([A-Za-z][A-Za-z0-9_]*)\}")


@dataclass(frozen=True)
class Shown:
    """One dialogue: what it shows, and what user and assistant say in turn, the user first."""

    rule: str
    split: Split
    turns: tuple[str, ...]


def shown_by_phrases(scenario: Scenario) -> Iterator[Shown]:
    """Both sides of every rule of a manual. No question stands twice.

    Phrases that are kept for test stand in test alone, and so do values that `making.held_out` names; where a rule has too few phrases to keep any, its
    sentences are shared out one by one.

    Raises:
        SpeccraftError: no answer is written for what a phrase says.
    """
    asked: set[tuple[str, ...]] = set()
    for rule in scenario.manual.rules:
        cases = [(phrase, None) for phrase in dict.fromkeys(scenario.manual.triggers(rule))]
        near = [(near.user, near.assistant) for near in rule.near_misses]
        for side, those in ((rule.id, cases), (f"{NOT}{rule.id}", near)):
            for said, split, assistant in _said(scenario, side, those, asked):
                yield Shown(side, split, _turns(scenario, rule, said, split, assistant))


def answer_of(rule: ManualRule, manual: Manual, values: Mapping[str, str], *, intent: str | None, chance: int) -> str:
    """A right answer by a rule, for what was said.

    Raises:
        SpeccraftError: none is written whose slots are all known, and answers are not JSON of an intent.
    """
    known = [one for one in rule.says if values.keys() >= set(_HOLE.findall(one))]
    if known:
        return _filled(known[chance % len(known)], values)
    if rule.one_of:
        return rule.one_of[chance % len(rule.one_of)]
    if not rule.says and isinstance(manual.format, JsonFormat) and intent is not None:
        return json.dumps({"intent": intent, **dict(sorted(values.items()))}, ensure_ascii=False)
    missing = sorted({hole for one in rule.says for hole in _HOLE.findall(one)} - values.keys())
    what = f"every one says {', '.join(f'{{{name}}}' for name in missing)}, which was not said" if missing else "it has no `says`"
    raise SpeccraftError(f"rule '{rule.id}' has no answer to write: {what}", try_this="write one under `says`; the user's slots can stand in it")


def follow_ups(rule: ManualRule, manual: Manual, split: Split, values: Mapping[str, str], chance: int) -> tuple[str, ...]:
    """How a confirmation ends: the user agrees or declines, and the assistant says what it has done; nothing where the rule does not go on."""
    if rule.must != "confirm" or rule.done is None:
        return ()
    if rule.dropped is not None and chance % 3 == 0:
        return _reply(manual.no, split, chance), _filled(rule.dropped, values)
    return _reply(manual.yes, split, chance), _filled(rule.done, values)


def _said(scenario: Scenario, side: str, cases: Sequence[tuple[str, str | None]], asked: set[tuple[str, ...]]) -> Iterator[tuple[Said, Split, str | None]]:
    """What users say in the phrases of one side of a rule, with its split, and its answer where that is written beside the phrase."""
    manual, made = scenario.manual, 0
    kept = shared_out([phrase for phrase, _ in cases], scenario.splits, scenario.seed, side)
    split_of = {phrase: split for split in SPLITS for phrase in kept[split]}
    each = -(-manual.making.per_rule // max(1, len(cases)))
    for phrase, assistant in cases:
        parsed = phrase_of(phrase)
        for number in drawn(how_many(parsed, manual.slots), each, scenario.seed, side, phrase):
            said = nth(parsed, manual.slots, number)
            if made == manual.making.per_rule or not (words := words_of(said.text)) or words in asked:
                continue
            asked.add(words)
            made += 1
            yield said, _split(scenario, said, split_of[phrase], is_shared=bool(kept["test"])), assistant


def _split(scenario: Scenario, said: Said, of_phrase: Split, *, is_shared: bool) -> Split:
    if any(value in scenario.manual.making.held_out.get(name, ()) for name, value in said.values):
        return "test"
    if of_phrase != "train" or is_shared:
        return of_phrase
    return split_by_chance(scenario.splits, scenario.seed, *words_of(said.text))


def _turns(scenario: Scenario, rule: ManualRule, said: Said, split: Split, assistant: str | None) -> tuple[str, ...]:
    values, chance = dict(said.values), number_of(scenario.seed, said.text)
    if assistant is not None:
        return said.text, _filled(assistant, values)
    answer = answer_of(rule, scenario.manual, values, intent=rule.intent, chance=chance)
    return said.text, answer, *follow_ups(rule, scenario.manual, split, values, chance)


def _reply(words: Sequence[str], split: Split, chance: int) -> str:
    """No two splits reply in the same words: a voice that says them would tie the splits together."""
    return {"test": words[-1], "dev": words[-2], "train": words[chance % (len(words) - 2)]}[split]


def _filled(text: str, values: Mapping[str, str]) -> str:
    return _HOLE.sub(lambda hole: values.get(hole[1], hole[0]), text)


def counted(shown: Sequence[Shown]) -> dict[str, dict[str, int]]:
    """Dialogues by rule and split."""
    counts = Counter((one.rule, one.split) for one in shown)
    return {rule: {split: counts[rule, split] for split in SPLITS} for rule in dict.fromkeys(one.rule for one in shown)}
