"""Phrases that people write for many sentences at once: alternatives, optional parts and slots."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import lru_cache
from math import prod
from typing import TypeAlias

Slots: TypeAlias = Mapping[str, Sequence[str]]
MOST_PIECES, DEEPEST, MOST_WORDS = 400, 8, 400
"""Pieces of one phrase, brackets in brackets, and words of a text that is read back: what is larger is refused, or matches nothing."""
_PIECE = re.compile(r"\{[^{}]*\}|[()\[\]{}|]|[^\s()\[\]{}|]+")
_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*")
_WORD = re.compile(r"[^\W_]+(?:'[^\W_]+)*")
_LONE_MARK = re.compile(r" ([?!.,;:]+)(?= |$)")
_CLOSES = {"(": ")", "[": "]"}


class BadPhrase(ValueError):
    """A text that is no phrase; the message says why."""


@dataclass(frozen=True)
class Word:
    """A word that is said as it is written."""

    text: str


@dataclass(frozen=True)
class Slot:
    """One value of a named list."""

    name: str


@dataclass(frozen=True)
class Choice:
    """One of several phrases; an optional part is a choice between nothing and itself."""

    options: tuple[Phrase, ...]


@dataclass(frozen=True)
class Phrase:
    """What is said one after the other."""

    items: tuple[Word | Slot | Choice, ...]

    @property
    def slots(self) -> frozenset[str]:
        """Names of the slots in it."""
        own = {item.name for item in self.items if isinstance(item, Slot)}
        return frozenset(own.union(*(option.slots for item in self.items if isinstance(item, Choice) for option in item.options)))


@dataclass(frozen=True)
class Said:
    """One sentence that a phrase makes, with the values of its slots in the order in which they are said."""

    text: str
    values: tuple[tuple[str, str], ...]


def words_of(text: str) -> tuple[str, ...]:
    """The words of a text as phrases compare them: case, punctuation and the form of apostrophes do not count."""
    return tuple(_WORD.findall(text.casefold().replace("\u2019", "'")))


def has_words(text: str, wanted: str) -> bool:
    """Whether the words of `wanted` stand in a text, one after the other."""
    said, run = words_of(text), words_of(wanted)
    return bool(run) and any(said[at : at + len(run)] == run for at in range(len(said) - len(run) + 1))


@lru_cache(maxsize=4096)
def phrase_of(text: str) -> Phrase:
    """Read `(can|could) I get [a] {drink}`: one of the alternatives, with or without the optional part, and one value of the slot.

    Raises:
        BadPhrase: a bracket is open or closes nothing, a slot has no name, or the phrase says nothing.
    """
    pieces = _PIECE.findall(text)
    if len(pieces) > MOST_PIECES:
        raise BadPhrase(f"has more than {MOST_PIECES} pieces")
    options, at = _options(pieces, 0, 0)
    if at < len(pieces):
        raise BadPhrase(f"`{pieces[at]}` closes what nothing opens")
    if not any(piece not in "()[]|" for piece in pieces):
        raise BadPhrase("says nothing")
    return options[0] if len(options) == 1 else Phrase((Choice(options),))


def how_many(phrase: Phrase, slots: Slots) -> int:
    """How many ways through a phrase there are; two ways may say the same.

    Raises:
        KeyError: a slot has no list.
    """
    return prod(_ways(item, slots) for item in phrase.items)


def nth(phrase: Phrase, slots: Slots, number: int) -> Said:
    """What is said on one way through a phrase, counted from 0 below `how_many`."""
    texts: list[str] = []
    values: list[tuple[str, str]] = []
    for item in phrase.items:
        number, here = divmod(number, _ways(item, slots))
        if isinstance(item, Word):
            texts.append(item.text)
        elif isinstance(item, Slot):
            values.append((item.name, slots[item.name][here]))
            texts.append(values[-1][1])
        else:
            said = _nth_of(item, slots, here)
            texts.append(said.text)
            values += said.values
    return Said(_LONE_MARK.sub(r"\1", " ".join(text for text in texts if text)), tuple(values))


def read_back(phrase: Phrase, slots: Slots, text: str) -> tuple[tuple[str, str], ...] | None:
    """The values of the slots where a phrase makes a text, in its words; None where it does not, or the text has none.

    The time is bounded by pieces times words times values, for every piece is tried once at every word.
    """
    said = words_of(text)
    if not 0 < len(said) <= MOST_WORDS:
        return None
    return _ends(phrase, slots, said, {0: ()}).get(len(said))


Ends: TypeAlias = dict[int, tuple[tuple[str, str], ...]]
"""Words that are used up, and the values met on the first way there."""


def _ends(phrase: Phrase, slots: Slots, said: Sequence[str], starts: Ends) -> Ends:
    ends = starts
    for item in phrase.items:
        after: Ends = {}
        if isinstance(item, Choice):
            for option in item.options:
                for end, values in _ends(option, slots, said, ends).items():
                    after.setdefault(end, values)
        else:
            for start, values in ends.items():
                for value in (item.text,) if isinstance(item, Word) else slots.get(item.name, ()):
                    run = words_of(value)
                    if tuple(said[start : start + len(run)]) == run:
                        after.setdefault(start + len(run), values if isinstance(item, Word) else (*values, (item.name, value)))
        ends = after
    return ends


def _ways(item: Word | Slot | Choice, slots: Slots) -> int:
    if isinstance(item, Word):
        return 1
    return len(slots[item.name]) if isinstance(item, Slot) else sum(how_many(option, slots) for option in item.options)


def _nth_of(choice: Choice, slots: Slots, number: int) -> Said:
    for option in choice.options:
        if number < (ways := how_many(option, slots)):
            return nth(option, slots, number)
        number -= ways
    raise AssertionError("a number below how_many")


def _options(pieces: Sequence[str], at: int, depth: int) -> tuple[tuple[Phrase, ...], int]:
    """What stands between two brackets, and the place behind it."""
    if depth > DEEPEST:
        raise BadPhrase(f"has more than {DEEPEST} brackets in each other")
    options: list[Phrase] = []
    items: list[Word | Slot | Choice] = []
    while at < len(pieces) and pieces[at] not in (")", "]"):
        piece, at = pieces[at], at + 1
        if piece == "|":
            options.append(Phrase(tuple(items)))
            items = []
        elif piece in _CLOSES:
            inside, at = _options(pieces, at, depth + 1)
            if at >= len(pieces) or pieces[at] != _CLOSES[piece]:
                raise BadPhrase(f"`{piece}` is not closed by `{_CLOSES[piece]}`")
            at += 1
            items.append(Choice((Phrase(()), *inside) if piece == "[" else inside))
        elif piece in "{}":
            raise BadPhrase("a `{` or `}` stands alone")
        elif piece.startswith("{"):
            if not _NAME.fullmatch(piece[1:-1]):
                raise BadPhrase(f"`{piece}` names no slot")
            items.append(Slot(piece[1:-1]))
        else:
            items.append(Word(piece))
    return (*options, Phrase(tuple(items))), at
