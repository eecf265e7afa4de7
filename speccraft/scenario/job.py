"""What the assistant does: transcribe speech, or converse."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Seconds, Words, such_as

Style = Literal["scripted", "spontaneous", "mixed"]
Stage = Literal["pretrain", "align", "prefer"]


class JobBase(Words):
    """What every job states."""

    languages: Annotated[tuple[str, ...], Field(min_length=1), such_as(["en"], ["en", "de-CH"])]
    """BCP 47 tags of the languages spoken, such as `en` or `de-CH`. Rows in other languages are dropped, for a model that hears them learns to guess."""
    style: Annotated[Style, such_as("spontaneous")] = "mixed"
    """How people will speak: read text (`scripted`), free speech (`spontaneous`), or both. Models trained on read speech fail on hesitations and
    half sentences; it also holds for sources that state no style of their own."""
    longest_utterance_s: Annotated[Seconds, such_as(20.0)] = 20.0
    """Longest utterance that the product must take. Segmentation never makes a longer one and longer transcribed recordings are dropped, which
    bounds memory in training."""


class Transcribe(JobBase):
    """Speech in, the words that were said out."""

    task: Annotated[Literal["transcribe"], such_as("transcribe")]
    """`transcribe`: write down what was said. It decides that demonstrations are transcripts and that word error rate is the measure of success."""
    input: Annotated[tuple[Literal["speech"], ...], such_as(["speech"])] = ("speech",)
    """What the assistant hears. A transcriber has nothing to do with text, so `speech` is all there is."""
    output: Annotated[tuple[Literal["text"], ...], such_as(["text"])] = ("text",)
    """What it gives back. A transcript is text; spoken output belongs to `task: converse`."""


class Converse(JobBase):
    """Speech or text in, an answer out."""

    task: Annotated[Literal["converse"], such_as("converse")]
    """`converse`: answer by the job manual. It asks for demonstrations and rules, where a transcriber needs transcripts only."""
    input: Annotated[tuple[Literal["speech", "text"], ...], Field(min_length=1), such_as(["speech", "text"], ["speech"])] = ("speech", "text")
    """What a user may send. Each kind needs demonstrations of its own: a model that was only spoken to answers typed questions badly."""
    output: Annotated[tuple[Literal["speech", "text"], ...], Field(min_length=1), such_as(["text"], ["text", "speech"])] = ("text",)
    """What the assistant answers with. `speech` needs a voice that may be used, and a model with units for sound."""


Job = Annotated[Transcribe | Converse, Field(discriminator="task")]
