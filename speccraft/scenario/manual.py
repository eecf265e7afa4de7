"""The job manual: what may be said and how, as rules that can be checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import Id, Words


class PlainFormat(Words):
    """Answers are plain sentences."""

    kind: Literal["plain"]
    """`plain`: sentences."""


class JsonFormat(Words):
    """Answers are JSON objects."""

    kind: Literal["json"]
    """`json`: one object per answer."""
    schema_: Annotated[dict[str, Any], Field(alias="schema")]
    """JSON Schema that answers satisfy."""


class ManualRule(Words):
    """When the user asks X, the assistant must do Y."""

    id: Id
    """Short name of the rule."""
    must: Literal["answer", "confirm", "refuse", "redirect", "format"]
    """What the assistant has to do."""
    when: str | None = None
    """The situation in plain words."""
    topic: str | None = None
    """The topic that triggers the rule."""
    pattern: str | None = None
    """What a right answer contains."""


class Manual(Words):
    """Stage 3's job manual."""

    persona: str = ""
    """Who the assistant is, in a sentence."""
    format: Annotated[PlainFormat | JsonFormat, Field(discriminator="kind")] = PlainFormat(kind="plain")
    """Shape of every answer."""
    rules: tuple[ManualRule, ...] = ()
    """What must happen when."""
