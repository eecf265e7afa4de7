"""The loop of the interview: ask what applies, explain what is not an answer, ask again."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass

from speccraft.errors import WrongUsage
from speccraft.interview.answers import Answers, Facts, NotAnAnswer
from speccraft.interview.questions import Question, questions
from speccraft.scenario.diagnostics import printable

WIDTH = 100
LONGEST_ANSWER = 4000
MOST_TRIES = 5
"""Wrong answers to one question, until someone who only presses keys, or a script, is stopped."""


@dataclass(frozen=True)
class Talk:
    """How to talk to whoever answers: `read` returns one line, or None at the end of input."""

    read: Callable[[], str | None]
    write: Callable[[str], None]


def interview(facts: Facts, given: Mapping[str, str], talk: Talk | None) -> dict[str, str]:
    """Go through the questions.

    Args:
        given: answers from the command line; their questions are not asked.
        talk: whom to ask; None takes the default of every question.

    Raises:
        WrongUsage: a given answer is none, has no effect or names no question, the input ends, or five answers in a row are wrong.
    """
    _need_keys(given)
    answers: dict[str, str] = {}
    asked = 0
    for question in questions():
        if not question.applies(answers):
            if question.key in given:
                raise WrongUsage(f"--answer {question.key}: has no effect here, it is asked only when {question.when}", try_this=f"leave out {question.key}")
        elif question.key in given:
            answers[question.key] = _taken(question, given[question.key], answers, facts, f"--answer {question.key}")
        elif talk is None:
            default = question.default(answers, facts)
            answers[question.key] = _taken(question, default, answers, facts, f"{question.key}, default {default}")
        else:
            asked += 1
            answers[question.key] = _ask(question, answers, facts, talk, asked)
    return answers


def confirmed(talk: Talk, text: str) -> bool:
    """Whether a yes-or-no question is answered with yes; anything else is no."""
    talk.write(f"\n{text} [no] ")
    line = talk.read()
    if line is None:
        talk.write("\n")
    return line is not None and line.strip().lower() in {"y", "yes"}


def parse_given(pairs: Sequence[str]) -> dict[str, str]:
    """The answers of `--answer KEY=VALUE`.

    Raises:
        WrongUsage: one has no `=`, or a key stands twice.
    """
    given: dict[str, str] = {}
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = key.strip()
        if not equals:
            raise WrongUsage(f"--answer {pair}: is not KEY=VALUE", try_this=_keys())
        if key in given:
            raise WrongUsage(f"--answer {key}: is given twice", try_this="leave one out")
        given[key] = value
    return given


def keys_in_words() -> str:
    """Every key with what may be answered, a line each."""
    lines = [f"{one.key}: {one.allowed}" + ("" if one.when == "always" else f" (when {one.when})") for one in questions()]
    return "\n".join(lines)


def _keys() -> str:
    return f"keys: {', '.join(question.key for question in questions())}; --answer list says what each takes"


def _need_keys(given: Mapping[str, str]) -> None:
    keys = [question.key for question in questions()]
    for key in given:
        if key not in keys:
            near = difflib.get_close_matches(key, keys, n=1)
            raise WrongUsage(f"--answer {key}: no such question" + (f"; did you mean {near[0]}?" if near else ""), try_this=_keys())


def _taken(question: Question, text: str, answers: Answers, facts: Facts, what: str) -> str:
    try:
        return _read(question, text, answers, facts)
    except NotAnAnswer as wrong:
        raise WrongUsage(f"{what}: {wrong}", try_this=f"{question.key}: {question.allowed}") from wrong


def _read(question: Question, text: str, answers: Answers, facts: Facts) -> str:
    text = text.strip()
    if not text:
        raise NotAnAnswer("the answer is empty")
    if len(text) > LONGEST_ANSWER:
        raise NotAnAnswer(f"the answer is longer than {LONGEST_ANSWER} characters")
    # U+FFFD: the input was not UTF-8.
    if not text.isprintable() or "\ufffd" in text:
        raise NotAnAnswer("the answer holds characters that cannot be shown")
    return question.read(text, answers, facts)


def _ask(question: Question, answers: Answers, facts: Facts, talk: Talk, number: int) -> str:
    default = question.default(answers, facts)
    talk.write("\n" + "\n".join(_shown(question, answers, facts, number)) + "\n")
    for _ in range(MOST_TRIES):
        talk.write(f"{question.key} [{printable(default)}]: ")
        line = talk.read()
        if line is None:
            talk.write("\n")
            message = f"the input ended before `{question.key}` was answered; nothing was written"
            raise WrongUsage(message, try_this="--no-input takes the defaults, --answer KEY=VALUE gives single answers")
        try:
            return _read(question, line.strip() or default, answers, facts)
        except NotAnAnswer as wrong:
            talk.write("\n".join(_wrapped(f"{wrong}", "  ")) + "\n")
    raise WrongUsage(f"{MOST_TRIES} answers to `{question.key}` could not be used; nothing was written", try_this=f"{question.key}: {question.allowed}")


def _shown(question: Question, answers: Answers, facts: Facts, number: int) -> Iterator[str]:
    """The question as lines: its text, what was found, and the choices with what follows from each."""
    first = f"{number}. "
    pad = " " * len(first)
    yield from _wrapped(question.text, first)
    if found := question.found(answers, facts):
        yield from _wrapped(found, pad)
    width = max((len(choice.value) for choice in question.choices), default=0)
    for place, choice in enumerate(question.choices, 1):
        yield from _wrapped(choice.means, f"{pad}{place:>2} {choice.value:<{width}}  ")
    if not question.choices:
        yield from _wrapped(f"({question.allowed})", pad)


def _wrapped(text: str, first: str) -> list[str]:
    # Names of folders and columns come from outside: nothing in them may move a terminal's cursor.
    return textwrap.wrap(printable(text), WIDTH, initial_indent=first, subsequent_indent=" " * len(first), break_on_hyphens=False)
