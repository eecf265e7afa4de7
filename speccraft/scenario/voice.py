"""Whose voice the assistant may use: none, a stock voice, or a licensed speaker with a consent record."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Id, Words, such_as


class NoVoice(Words):
    """The assistant never speaks."""

    kind: Annotated[Literal["none"], such_as("none")]
    """`none`: the assistant writes and never speaks. No one's voice has to be cleared then, and asking for spoken answers is an error."""


class StockVoice(Words):
    """A synthetic voice that imitates nobody."""

    kind: Annotated[Literal["stock"], such_as("stock")]
    """`stock`: a synthetic voice that belongs to nobody. Answers can be spoken without anyone's consent."""


class LicensedVoice(Words):
    """A real speaker's voice; it cannot be named without the consent that allows it."""

    kind: Annotated[Literal["licensed"], such_as("licensed")]
    """`licensed`: the voice of a real person. It cannot be written without a speaker and a consent record, for cloning without consent is the one
    mistake that no later step can undo."""
    speaker: Annotated[Id, such_as("anna")]
    """The speaker whose voice is used, by the name that the tables use. The consent record has to be about this very speaker."""
    consent: Annotated[Id, such_as("anna-2026")]
    """Id of the consent record that allows the use of the voice. It states uses, dates and territory; without one that covers today the use is refused."""


Voice = Annotated[NoVoice | StockVoice | LicensedVoice, Field(discriminator="kind")]
