"""The job manual: what may be said and how, as rules that can be checked."""

from __future__ import annotations

from typing import Annotated, Any, Literal

from pydantic import Field

from .base import Id, Words, such_as


class PlainFormat(Words):
    """Answers are plain sentences."""

    kind: Annotated[Literal["plain"], such_as("plain")]
    """`plain`: answers are sentences. This is what can be spoken aloud; a program that reads answers wants `json`."""


class JsonFormat(Words):
    """Answers are JSON objects."""

    kind: Annotated[Literal["json"], such_as("json")]
    """`json`: each answer is one JSON object. It makes answers safe to hand to a program, because each is checked against the schema."""
    schema_: Annotated[dict[str, Any], Field(alias="schema"), such_as({"type": "object", "required": ["action"], "properties": {"action": {"type": "string"}}})]
    """JSON Schema that answers satisfy. An answer that does not fit counts as a broken rule, so formats are tested like content."""


class ManualRule(Words):
    """When the user asks X, the assistant must do Y."""

    id: Annotated[Id, such_as("no-medical-advice")]
    """Short name of the rule, unique in the manual. Demonstrations, scores and reports name the rule they show or break by it."""
    must: Annotated[Literal["answer", "confirm", "refuse", "redirect", "format"], such_as("refuse", "confirm")]
    """What the assistant has to do. It decides how an answer is judged: a refusal is checked differently from a confirmation."""
    when: Annotated[str | None, such_as("the user asks to buy a ticket")] = None
    """The situation in plain words. People who write or review demonstrations need it; a rule without one is applied by guesswork."""
    topic: Annotated[str | None, such_as("medical advice")] = None
    """The topic that triggers the rule. Questions about it are what compiled demonstrations and compliance tests ask."""
    pattern: Annotated[str | None, such_as("shall I buy it")] = None
    """What a right answer contains. It lets a machine check the rule; without it a person has to."""


class Manual(Words):
    """Stage 3's job manual."""

    persona: Annotated[str, such_as("the help desk of the metro, brief and friendly")] = ""
    """Who the assistant is, in a sentence. It opens each dialogue, so tone is stated once instead of drifting from one demonstration to the next."""
    format: Annotated[
        Annotated[PlainFormat | JsonFormat, Field(discriminator="kind")],
        such_as({"kind": "plain"}, {"kind": "json", "schema": {"type": "object"}}),
    ] = PlainFormat(kind="plain")
    """Shape of every answer. A product that parses answers fails on the first sentence, and one that speaks them on the first brace."""
    rules: Annotated[
        tuple[ManualRule, ...],
        such_as(
            [{"id": "confirm-purchase", "when": "the user asks to buy", "must": "confirm"}, {"id": "no-medical-advice", "topic": "medicine", "must": "refuse"}]
        ),
    ] = ()
    """What must happen when. Each rule has to be shown by demonstrations and is counted in `acceptance.model.manual`; what no rule says is not checked."""
