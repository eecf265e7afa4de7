"""Explain a code: what it means, a wrong and a right example, why speccraft insists, and what to try."""

from __future__ import annotations

import difflib
import textwrap
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated

from pydantic import Field

from speccraft.errors import SpeccraftError

from .base import Words
from .diagnostics import CODES
from .text import read_document

TEXT_WIDTH = 96


class Explanation(Words):
    """What there is to say about one code; the examples are parts of a scenario."""

    code: str
    means: str
    why: str
    try_this: Annotated[str, Field(alias="try")]
    wrong: str = ""
    right: str = ""

    def render(self) -> str:
        """The explanation as text for a terminal."""
        examples = [f"{title}:\n\n{textwrap.indent(part.rstrip(), '    ')}" for title, part in (("wrong", self.wrong), ("right", self.right)) if part]
        parts = [f"{self.code}: {self.means}", *examples, f"Why: {self.why}", f"Try: {self.try_this}"]
        return "\n\n".join(part if part in examples else textwrap.fill(part, TEXT_WIDTH) for part in parts)


@cache
def explanations() -> dict[str, Explanation]:
    """The explanation of every code, read from `codes.yaml`."""
    entries = read_document(Path(__file__).with_name("codes.yaml")).data
    return {code: Explanation.model_validate({"code": code, "means": CODES.get(code)} | entry) for code, entry in entries.items()}


def explain(code: str) -> Explanation:
    """The explanation of a code, written in any case.

    Raises:
        SpeccraftError: there is no such code.
    """
    known = explanations()
    wanted = code.strip().upper()
    if wanted not in known:
        near = _near(wanted, known)
        raise SpeccraftError(f"no such code: {code}", try_this=f"did you mean '{near}'?" if near else f"codes: {', '.join(known)}")
    return known[wanted]


def explanation(code: str) -> str:
    """The explanation of a code as text.

    Raises:
        SpeccraftError: there is no such code.
    """
    return explain(code).render()


def _near(wanted: str, codes: Iterable[str]) -> str:
    """The code that was probably meant, or nothing; codes are much alike, so of the near ones that with most characters in place."""
    near = difflib.get_close_matches(wanted, codes, n=99)
    return max(near, key=lambda one: sum(map(str.__eq__, one, wanted)), default="")
