"""The alignment tax: what held-out prompts are answered rightly before and after preferences were learnt, by speaker and condition."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass
from itertools import chain
from pathlib import Path
from typing import Any

import numpy as np

from speccraft.scenario.contracts import Message, Split
from speccraft.sound.shards import ShardReader

from .answers import Question, answered
from .checkpoint import Checkpoint
from .data import Cuts, heard_in, read_cuts, read_demonstrations
from .faults import plain
from .preferences import hearing, read_pairs, seconds_of
from .recipe import Answer

HELD_OUT: tuple[Split, ...] = ("dev", "test")
CONDITIONS = ("clean", "place")
RESAMPLES, COVERAGE = 1000, 0.95


@dataclass(frozen=True)
class Asked:
    """A held-out prompt.

    Attributes:
        right: answers that are right, as they are compared: those that were shown, and those that were preferred.
        preferred: those that were preferred; empty where nobody was asked.
        groups: `all`, `seen` or `unseen`, and the speaker, by what is heard in it.
    """

    id: str
    messages: tuple[Message, ...]
    seconds: float
    right: frozenset[str]
    preferred: frozenset[str]
    groups: tuple[str, ...]


@dataclass(frozen=True)
class Tax:
    """Shares of the prompts of a group that are answered rightly, and of those with a preference that are answered as preferred.

    Attributes:
        points: percentage points that were lost, before less after, of the same prompts; `low` and `high` are the ends of its 95 % interval over prompts.
        n: prompts.
    """

    split: str
    condition: str
    group: str
    before: float
    after: float
    points: float
    low: float
    high: float
    preferred_before: float | None
    preferred_after: float | None
    n: int


def held_out(build: Path, split: Split, cuts: Cuts) -> list[Asked]:
    """The prompts of a split that something right is known of: from demonstrations and from pairs."""
    right: dict[tuple[Message, ...], set[str]] = {}
    preferred: dict[tuple[Message, ...], set[str]] = {}
    ids: dict[tuple[Message, ...], str] = {}
    for demonstration in read_demonstrations(build, split):
        if demonstration.messages[-1].role == "assistant":
            _know(right, demonstration.messages[:-1], demonstration.messages[-1:])
            ids.setdefault(demonstration.messages[:-1], demonstration.id)
    for pair in read_pairs(build, split):
        for known in (right, preferred):
            _know(known, pair.prompt, pair.chosen)
        ids.setdefault(pair.prompt, pair.id)
    return [
        Asked(
            id := ids[messages],
            messages,
            seconds_of(messages, cuts, id),
            frozenset(answers),
            frozenset(preferred.get(messages, ())),
            _groups(messages, cuts),
        )
        for messages, answers in right.items()
        if answers
    ]


def alignment_tax(build: Path, before: Checkpoint, after: Checkpoint, answer: Answer, on_answered: Callable[[int, int], None] = lambda *_: None) -> list[Tax]:
    """What the second model lost against the first, on every held-out prompt of a build, clean and in the place; empty where nothing is held out."""
    work = [(split, asked) for split in HELD_OUT if (asked := held_out(build, split, read_cuts(build, split)))]
    shards = {split: ShardReader(build / "shards" / split) for split, _ in work}
    rounds = [(split, condition, asked) for split, asked in work for condition in CONDITIONS if condition in shards[split].conditions]
    total, done = 2 * sum(len(asked) for *_, asked in rounds), 0
    found: list[Tax] = []
    for split, condition, asked in rounds:
        texts: list[dict[str, str]] = []
        for checkpoint in (before, after):
            texts.append({})
            questions = [Question(one.id, one.messages, one.seconds, hearing(shards[split], one.messages, condition)) for one in asked]
            for question, answers in answered(checkpoint, questions, batch_audio_s=answer.batch_audio_s, max_new_tokens=answer.max_new_tokens):
                texts[-1][question.id] = plain(answers[0])
                done += 1
                on_answered(done, total)
        found += compared(split, condition, asked, *texts)
    return found


def compared(split: str, condition: str, asked: Sequence[Asked], before: Mapping[str, str], after: Mapping[str, str]) -> Iterator[Tax]:
    """The tax of every group, from the answers by prompt, as they are compared."""
    for group in dict.fromkeys(group for one in asked for group in one.groups):
        members = [one for one in asked if group in one.groups]
        was, now = ([texts[one.id] in one.right for one in members] for texts in (before, after))
        points = 100 * (np.array(was, float) - np.array(now, float))
        low, high = _interval(points)
        judged = [one for one in members if one.preferred]
        was_liked, is_liked = (_share([texts[one.id] in one.preferred for one in judged]) if judged else None for texts in (before, after))
        yield Tax(split, condition, group, _share(was), _share(now), round(float(points.mean()), 4), low, high, was_liked, is_liked, len(members))


def rows(taxes: Iterable[Tax]) -> list[dict[str, Any]]:
    """As rows of `tax.json`."""
    return [asdict(tax) for tax in taxes]


def _interval(points: np.ndarray) -> tuple[float, float]:
    """Percentile bootstrap of the mean over prompts."""
    draws = np.random.default_rng(0).integers(len(points), size=(RESAMPLES, len(points)))
    low, high = np.quantile(points[draws].mean(1), [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    return round(float(low), 4), round(float(high), 4)


def _share(values: Sequence[bool]) -> float:
    return round(float(np.mean(values)), 6)


def _know(known: dict[tuple[Message, ...], set[str]], messages: tuple[Message, ...], answer: Sequence[Message]) -> None:
    text = plain("".join(message.text for message in answer))
    known.setdefault(messages, set()).update({text} if text else ())


def _groups(messages: Sequence[Message], cuts: Cuts) -> tuple[str, ...]:
    heard = [cuts[cut].custom for cut in heard_in(messages)]
    speakers = sorted({custom.speaker for custom in heard if custom.speaker is not None})
    known = ("unseen" if any(custom.unseen for custom in heard) else "seen",) if heard else ()
    return ("all", *known, *(f"speaker={speaker}" for speaker in speakers))


def told(taxes: Sequence[Tax]) -> str:
    """A table for people: what was lost in every group, in percentage points."""
    head = f"{'alignment tax':<34}{'before':>8}{'after':>8}{'points':>8}  95 % interval   as preferred       n"
    return "\n".join(chain([head], map(_line, taxes)))


def _line(tax: Tax) -> str:
    liked = "" if tax.preferred_after is None or tax.preferred_before is None else f"{tax.preferred_before:.2f} -> {tax.preferred_after:.2f}"
    name = f"{tax.split} {tax.condition} {tax.group}"
    return f"{name:<34}{tax.before:>8.3f}{tax.after:>8.3f}{tax.points:>8.1f}  {tax.low:>5.1f} to {tax.high:>5.1f}  {liked:>14}{tax.n:>8}"
