"""Regular expressions that users write: matched in time linear in the text, and bounded in what they cost to read."""

from __future__ import annotations

import re
from collections.abc import Callable
from functools import lru_cache
from typing import Annotated

MAX_COST = 1_000
"""What the patterns of one file may cost together, in Unicode classes: 1,000 take 0.2 s to compile."""

_PIECES = re.compile(r"\\[pP]\{\w*\}|\\.|\{(\d+)(?:,(\d*))?\}|.", re.DOTALL)
_HEAVY = re.compile(r"\\[wWdDpP]")


class BadPattern(ValueError):
    """A text that is no regular expression; the message says why and where."""


@lru_cache(maxsize=256)
def matcher(pattern: str) -> Callable[[str], bool]:
    """Whether a text contains what a pattern describes.

    The engine is that of Rust, by way of pydantic: it never backtracks, so no pattern can make it hang, and it knows neither
    look-around nor back-references.

    Raises:
        BadPattern: the text is no such expression, or larger than 10 MB when compiled.
    """
    from pydantic import StringConstraints, TypeAdapter, ValidationError
    from pydantic_core import SchemaError

    try:
        adapter = TypeAdapter(Annotated[str, StringConstraints(pattern=pattern)])
    except SchemaError as error:
        raise BadPattern(_in_our_words(str(error))) from error

    def matches(text: str) -> bool:
        try:
            adapter.validate_python(text)
        except ValidationError:
            return False
        return True

    return matches


def cost(pattern: str) -> float:
    """How many Unicode classes (`\\w`, `\\d`, `\\p{...}`) there are when repetitions are written out; anything else counts a fiftieth."""
    total, last = 0.0, 0.0
    opened: list[float] = []
    for piece in _PIECES.finditer(pattern):
        if piece[1] is not None:
            total += last * (max(int(piece[1][:6]), int((piece[2] or "0")[:6])) - 1)
            continue
        if piece[0] == "(":
            opened.append(total)
        last = 1.0 if _HEAVY.match(piece[0]) else 0.02
        total += last
        if piece[0] == ")" and opened:
            last = total - opened.pop()
    return total


def _in_our_words(said: str) -> str:
    """The last line of what the engine says, with the character that its caret line points to."""
    lines = said.splitlines()
    message = lines[-1].removeprefix("error: ").strip().removeprefix("SchemaError: ").rstrip(".")
    below = [line for line in lines if re.fullmatch(r" +\^+", line)]
    many_lines = any(line.strip().startswith("1: ") for line in lines)  # then the engine numbers them
    return message if many_lines or not below else f"{message}, at its character {below[0].index('^') - 3}"
