"""What is wrong with an answer, as far as rules can tell: the manual, the words, repetition and length."""

from __future__ import annotations

import unicodedata
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass

from speccraft.evaluation.manual import check, check_format
from speccraft.scenario.manual import Manual

LOOP, LONGEST_UNIT = 3, 8
"""Times that a stretch of words stands in a row before it counts as a loop, and the most words in such a stretch."""
LONGER = 1.5
"""Times as many characters as the longest answer that was shown, from which on an answer is too long."""


@dataclass(frozen=True)
class Shown:
    """What is known of the right answer to a prompt: answers that were shown, and the rules of the manual that they show."""

    answers: tuple[str, ...]
    rules: tuple[str, ...]


def of_manual(answer: str, shown: Shown, manual: Manual) -> float:
    """How many rules are broken: those that the prompt shows and a machine can check, and the form of every answer."""
    judged = [check(rule, manual, "", answer) for rule in manual.rules if rule.id in shown.rules]
    return float(sum(one.passed is False for one in (*judged, check_format(manual, answer))))


def of_words(answer: str, shown: Shown, manual: Manual) -> float:
    """Word error rate against the nearest answer that was shown."""
    import jiwer

    said = plain(answer)
    references = [plain(reference) for reference in shown.answers]
    return min((float(jiwer.wer(reference, said)) for reference in references if reference), default=0.0)


def of_repetition(answer: str, shown: Shown, manual: Manual) -> float:
    """Share of the words that only go round in a loop, beyond what was shown."""
    return max(0.0, _looped(answer) - max(map(_looped, shown.answers), default=0.0))


def of_length(answer: str, shown: Shown, manual: Manual) -> float:
    """How much longer than the longest that was shown, beyond what is tolerated, as a share of that; 1 for an answer that says nothing."""
    longest = max((len(reference) for reference in shown.answers), default=0)
    return 1.0 if not answer.strip() else max(0.0, len(answer) / longest - LONGER) if longest else 0.0


RULES: Mapping[str, Callable[[str, Shown, Manual], float]] = {"manual": of_manual, "words": of_words, "repetition": of_repetition, "length": of_length}
"""Each rule says how wrong an answer is, 0 for not at all; the first ones weigh more, whatever the others say."""


def faults(answer: str, shown: Shown, manual: Manual) -> dict[str, float]:
    """What every rule says of an answer, in the order of their weight."""
    return {name: round(rule(answer, shown, manual), 6) for name, rule in RULES.items()}


def plain(text: str) -> str:
    """Text as it is compared: compatibility forms, case and punctuation removed, single spaces."""
    said = "".join(" " if unicodedata.category(letter).startswith("P") else letter for letter in unicodedata.normalize("NFKC", text))
    return " ".join(said.casefold().split())


def _looped(text: str) -> float:
    words = plain(text).split()
    covered = [False] * len(words)
    for unit in range(1, LONGEST_UNIT + 1):
        _mark_loops(words, unit, covered)
    return sum(covered) / max(len(words), 1)


def _mark_loops(words: Sequence[str], unit: int, covered: list[bool]) -> None:
    """Mark what repeats the words before it, where a stretch of so many words stands in a row often enough."""
    start = 0
    while start + unit * LOOP <= len(words):
        end = start + unit
        while words[end : end + unit] == words[start : start + unit]:
            end += unit
        if end - start >= unit * LOOP:
            covered[start + unit : end] = [True] * (end - start - unit)
            start = end
        else:
            start += 1
