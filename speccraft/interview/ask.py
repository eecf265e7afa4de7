"""The loop of the interview: ask what applies, explain what is not an answer, ask again."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from speccraft.errors import WrongUsage
from speccraft.interview.answers import Answers, Doubtful, Facts, NotAnAnswer
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
        given: answers from the command line; their questions are not asked, nor those that the facts settle.
        talk: whom to ask; None takes the default of every question.

    Raises:
        WrongUsage: given answers are none, have no effect or name no question, the input ends, or five answers in a row are wrong.
    """
    need_answers(given, facts, asked=talk is not None)
    given = {**given, **facts.settled}
    answers: dict[str, str] = {}
    asked = 0
    for question in questions():
        if not question.applies(answers):
            if question.key in given:
                _refuse([_without_effect(question)])
        elif question.key in given or talk is None:
            text = given.get(question.key)
            try:
                answers[question.key] = _taken(question, text, answers, facts)
            except NotAnAnswer as wrong:
                _refuse([_Problem(_called(question, text, answers, facts) + str(wrong), f"{question.key}: {question.allowed}")])
        else:
            asked += 1
            answers[question.key] = _ask(question, answers, facts, talk, asked)
    return answers


def need_answers(given: Mapping[str, str], facts: Facts, *, asked: bool) -> None:
    """Judge given answers before anyone is asked, as far as they do not depend on what is asked.

    Args:
        asked: whether the other questions will be asked; else their defaults are taken, and are judged too.

    Raises:
        WrongUsage: some cannot be used; it names all of them.
    """
    problems = _unknown_keys(given)
    given = {**given, **facts.settled}
    answers = _SoFar()
    for question in questions():
        text, applies = given.get(question.key), answers.judge(question.applies)
        if applies is False:
            problems += [] if text is None else [_without_effect(question)]
            continue
        taken: str | None = None
        if text is not None or (applies and not asked):
            try:
                taken = _taken(question, text, answers, facts)
            except _NotYet:
                pass
            except NotAnAnswer as wrong:
                problems.append(_Problem(_called(question, text, answers, facts) + str(wrong), f"{question.key}: {question.allowed}"))
        if applies and taken is not None:
            answers[question.key] = taken
        else:
            answers.open.add(question.key)
    _refuse(problems)


@dataclass(frozen=True)
class _Problem:
    message: str
    try_this: str


class _NotYet(Exception):
    """What was to be judged depends on an answer that is still open."""


class _SoFar(dict[str, str]):
    """Answers, some of which are still open: whoever looks at one of these cannot go on."""

    def __init__(self) -> None:
        super().__init__()
        self.open: set[str] = set()

    def judge(self, applies: Callable[[Answers], bool]) -> bool | None:
        """Whether a question applies; None where that depends on what is open."""
        try:
            return applies(self)
        except _NotYet:
            return None

    def __getitem__(self, key: str) -> str:
        return super().__getitem__(self._closed(key))

    def __contains__(self, key: object) -> bool:
        return super().__contains__(self._closed(str(key)))

    def get(self, key: str, default: Any = None) -> Any:
        return super().get(self._closed(key), default)

    def _closed(self, key: str) -> str:
        if key in self.open:
            raise _NotYet(key)
        return key


def _refuse(problems: Sequence[_Problem]) -> None:
    """Raise what cannot be used, all of it."""
    if len(problems) > 1:
        raise WrongUsage(f"{len(problems)} answers cannot be used", try_this="--answer list says what each takes", details=[one.message for one in problems])
    for one in problems:
        raise WrongUsage(one.message, try_this=one.try_this)


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
        WrongUsage: some have no `=`, or their key stands twice.
    """
    given: dict[str, str] = {}
    problems: list[_Problem] = []
    for pair in pairs:
        key, equals, value = pair.partition("=")
        key = key.strip()
        if not equals:
            problems.append(_Problem(f"--answer {pair}: is not KEY=VALUE", _keys()))
        elif key in given:
            problems.append(_Problem(f"--answer {key}: is given twice", "leave one out"))
        else:
            given[key] = value
    _refuse(problems)
    return given


def keys_in_words() -> str:
    """Every key with what may be answered, a line each."""
    lines = [f"{one.key}: {one.allowed}" + ("" if one.when == "always" else f" (when {one.when})") for one in questions()]
    return "\n".join(lines)


def _keys() -> str:
    return f"keys: {', '.join(question.key for question in questions())}; --answer list says what each takes"


def _unknown_keys(given: Mapping[str, str]) -> list[_Problem]:
    keys = [question.key for question in questions()]
    near = {key: difflib.get_close_matches(key, keys, n=1) for key in given if key not in keys}
    return [_Problem(f"--answer {key}: no such question" + (f"; did you mean {found[0]}?" if found else ""), _keys()) for key, found in near.items()]


def _without_effect(question: Question) -> _Problem:
    return _Problem(f"--answer {question.key}: has no effect here, it is asked only when {question.when}", f"leave out {question.key}")


def _called(question: Question, text: str | None, answers: Answers, facts: Facts) -> str:
    """Where an answer that nobody typed comes from."""
    if text is None:
        return f"{question.key}, default {question.default(answers, facts)}: "
    return f"{'--from-audio' if question.key in facts.settled else f'--answer {question.key}'}: "


def _taken(question: Question, text: str | None, answers: Answers, facts: Facts) -> str:
    """A given answer, or the default for None; who asks nobody takes what is probably a mistake as it is, and says so at the end."""
    try:
        return _read(question, question.default(answers, facts) if text is None else text, answers, facts)
    except Doubtful as doubt:
        return doubt.answer


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
    doubted: str | None = None
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
        except Doubtful as doubt:
            if doubt.answer == doubted:
                return doubted
            doubted = doubt.answer
            talk.write("\n".join(_wrapped(f"{doubt} The same answer once more keeps it.", "  ")) + "\n")
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
