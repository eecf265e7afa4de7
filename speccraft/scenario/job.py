"""What the assistant does: transcribe speech, or converse."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Seconds, Words

Style = Literal["scripted", "spontaneous", "mixed"]
Stage = Literal["pretrain", "align", "prefer"]


class JobBase(Words):
    """What every job states."""

    languages: Annotated[tuple[str, ...], Field(min_length=1)]
    """BCP 47 tags of the languages spoken, such as `en` or `de-CH`; rows in other languages are dropped."""
    style: Style = "mixed"
    """Read text, free speech, or both."""
    longest_utterance_s: Seconds = 20.0
    """Longest utterance in seconds; segmentation never makes a longer one and longer transcribed recordings are dropped."""


class Transcribe(JobBase):
    """Speech in, the words that were said out."""

    task: Literal["transcribe"]
    """`transcribe`: write down what was said."""
    input: tuple[Literal["speech"], ...] = ("speech",)
    """What the assistant hears."""
    output: tuple[Literal["text"], ...] = ("text",)
    """What it gives back."""


class Converse(JobBase):
    """Speech or text in, an answer out."""

    task: Literal["converse"]
    """`converse`: answer by the job manual."""
    input: Annotated[tuple[Literal["speech", "text"], ...], Field(min_length=1)] = ("speech", "text")
    """What a user may send."""
    output: Annotated[tuple[Literal["speech", "text"], ...], Field(min_length=1)] = ("text",)
    """What the assistant answers with."""


Job = Annotated[Transcribe | Converse, Field(discriminator="task")]
