"""The rows that rooms exchange as files: a cut's custom fields, demonstrations, pairs, hypotheses, scores."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Band, Id, Words
from .environment import Channel
from .job import Stage, Style

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
SNR_LADDER_DB = (20, 10, 5, 0)
"""Fixed signal-to-noise ratios, in dB, that every evaluation is repeated at."""


class NoiseDraw(Words):
    """One stretch of one noise clip."""

    id: str
    """Bank id of the clip."""
    start: Annotated[float, Field(ge=0)]
    """Where in the clip the stretch begins, in seconds; the clip repeats when it is too short."""
    snr_db: float
    """Signal-to-noise ratio over speech-active samples, in dB."""


class RoomDraw(Words):
    """One room."""

    id: str
    """Bank id of the impulse response."""


class Place(Words):
    """One drawn place: everything that was done to one cut. Empty means left as recorded."""

    noise: NoiseDraw | None = None
    """Noise that is added, if any."""
    room: RoomDraw | None = None
    """Room the speech is heard in, if any."""
    channel: Channel | None = None
    """Channel after the microphone, if any."""
    level_db: float = 0.0
    """Gain after room and noise, in dB."""


class PlaceRanges(Words):
    """What training draws a place from, afresh each epoch."""

    snr_db: Band | None = None
    """SNR in dB, drawn uniformly."""
    noise: tuple[Id, ...] = ()
    """Noise sources to draw from."""
    rooms: tuple[Id, ...] = ()
    """Room sources to draw from."""
    channel: Channel | None = None
    """Channel, always applied in the place."""
    clean_fraction: float = 0.0
    """Share of draws that leave the cut as recorded."""


class CutCustom(Words):
    """The `custom` field of every cut."""

    source: Id
    """Source the recording came from."""
    speaker: str | None
    """Who speaks."""
    session: str | None
    """Recording session."""
    stages: tuple[Stage, ...]
    """Training stages that may use the cut."""
    style: Style
    """Read text, free speech, or both."""
    licence: str
    """Normalised SPDX expression."""
    unit: str
    """Unit of work that made the cut."""
    unseen: bool = False
    """Whether the cut belongs to the group `unseen`."""
    place: Place | PlaceRanges | None = None
    """Ranges for training cuts; drawn values for dev and test, by condition `place`."""


class Part(Words):
    """One piece of a message: text, or the audio of a cut."""

    type: Literal["text", "audio"]
    """What the piece is."""
    text: str | None = None
    """The text, for `text`."""
    cut: str | None = None
    """Cut id, for `audio`."""


class Message(Words):
    """One turn."""

    role: Literal["system", "user", "assistant"]
    """Who speaks."""
    content: tuple[Part, ...]
    """What is said, in order."""


class Demonstration(Words):
    """One dialogue that shows the job done right; a line of `demonstrations.<split>.jsonl`."""

    id: str
    """Unique id."""
    split: Split
    """Split of the audio in it."""
    rule: str
    """Manual rule it shows; `transcribe` for a plain transcript."""
    messages: Annotated[tuple[Message, ...], Field(min_length=2)]
    """The dialogue."""


class Pair(Words):
    """One preference; a line of `pairs.jsonl`."""

    id: str
    """Unique id."""
    split: Split
    """Split of the audio in it."""
    prompt: tuple[Message, ...]
    """What was asked."""
    chosen: tuple[Message, ...]
    """The better answer."""
    rejected: tuple[Message, ...]
    """The worse answer."""
    criterion: str
    """What was judged."""
    origin: Literal["vote", "automatic"]
    """Who judged."""
    n_votes: Annotated[int, Field(ge=0)]
    """Votes behind it."""


class Hypothesis(Words):
    """One answer of a model; a line of `hypotheses.jsonl`."""

    cut: str
    """Cut id."""
    condition: str
    """`clean`, `place`, `snr_20` ..."""
    prompt: str
    """Text of the instruction, empty after pre-training alone."""
    text: str
    """What the model wrote."""
    audio: str | None = None
    """File of the spoken answer, if any."""
    reference: str
    """What was said."""
    seconds: Annotated[float, Field(ge=0)]
    """Computation time in seconds, its share of the batch."""


class Score(Words):
    """One number about a run; a row of `scores.json`."""

    metric: str
    """`wer`, `cer`, `real_time_factor` ..."""
    condition: str
    """Condition it was measured in."""
    group: str
    """`all`, `unseen`, `seen`, `speaker=...`."""
    value: float
    """The number."""
    low: float | None = None
    """Lower end of the 95 % interval."""
    high: float | None = None
    """Upper end of the 95 % interval."""
    n: Annotated[int, Field(ge=0)]
    """How many cuts it rests on."""
