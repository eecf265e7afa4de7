"""Whose voice the assistant may use: none, a stock voice, or a licensed speaker with a consent record."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Id, Words


class NoVoice(Words):
    """The assistant never speaks."""

    kind: Literal["none"]
    """`none`: text only."""


class StockVoice(Words):
    """A synthetic voice that imitates nobody."""

    kind: Literal["stock"]
    """`stock`: a voice that belongs to nobody."""


class LicensedVoice(Words):
    """A real speaker's voice; it cannot be named without the consent that allows it."""

    kind: Literal["licensed"]
    """`licensed`: a real person's voice."""
    speaker: Id
    """The speaker whose voice is used."""
    consent: Id
    """Id of the consent record that allows it."""


Voice = Annotated[NoVoice | StockVoice | LicensedVoice, Field(discriminator="kind")]
