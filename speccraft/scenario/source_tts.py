"""Speech that a text-to-speech checkpoint makes: where it is, and which of its speakers say what."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Id, Words, measured_in, such_as
from .source_base import SourceBase


class TtsVoice(Words):
    """One speaker of a text-to-speech checkpoint."""

    id: Annotated[Id, such_as("eve")]
    """Speaker id of the cuts that this voice says. Give each speaker of the checkpoint one id: two would let a voice stand in training and in test."""
    speaker: Annotated[int, Field(ge=0), measured_in("number"), such_as(3)] = 0
    """Number of the speaker in the checkpoint, counted from 0. A checkpoint of a single speaker has number 0 alone."""
    speaking_rate: Annotated[float, Field(ge=0.5, le=2.0), measured_in("fraction"), such_as(1.1)] = 1.0
    """How fast, over the checkpoint's own rate. Voices of one rate teach a model that everyone speaks so."""


class TtsSource(SourceBase):
    """Speech made by a text-to-speech checkpoint of transformers: every text in every voice."""

    format: Annotated[Literal["tts"], such_as("tts")]
    """`tts`: spoken by a VITS checkpoint when the build runs. What it says is under the checkpoint's licence: state that one in `licence`, and the gate
    judges it as it judges recordings."""
    path: Annotated[str, such_as("models/mms-tts-eng")]
    """Folder of the checkpoint, relative to `--data` or the scenario's folder: `config.json`, `model.safetensors`, `vocab.json`, `tokenizer_config.json`.
    Nothing is downloaded, and weights that are pickled (`.bin`, `.pt`) are refused, for opening them may run a program."""
    voices: Annotated[tuple[TtsVoice, ...], Field(min_length=1), such_as([{"id": "eve", "speaker": 3}, {"id": "adam", "speaker": 7}])]
    """Which of the checkpoint's speakers speak, and under which ids. Held-out ones show whether a model learnt words or just the voices of one checkpoint."""
    texts: Annotated[tuple[str, ...], Field(min_length=1), such_as(["good morning", "where is the exit"])]
    """What they say, in letters that the checkpoint knows; each text is one recording per voice and take. A text with others is not spoken in part: it
    stands in the ledger."""
    takes: Annotated[int, Field(ge=1, le=20), measured_in("takes"), such_as(3)] = 1
    """How often each voice says each text. The checkpoint draws rhythm and tone anew for every take, so that a model hears a text in more than one way."""
