"""The rows that rooms exchange as files: a cut's custom fields, demonstrations, pairs, hypotheses, scores."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Band, Decibels, Fraction, Id, Words, measured_in, such_as
from .environment import Channel, Events
from .job import Stage, Style

Split = Literal["train", "dev", "test"]
SPLITS: tuple[Split, ...] = ("train", "dev", "test")
SNR_LADDER_DB = (20, 10, 5, 0)
"""Fixed signal-to-noise ratios, in dB, that every evaluation is repeated at."""
PLACE_MEASURES = tuple(f"{what}_{quantity}" for quantity in ("snr_db", "rt60_s", "level_dbfs", "bandwidth_hz") for what in ("place", "delivered"))
"""Columns of `measures.parquet` about the place: what each was asked to be, and what was measured on the rendered cut."""


class RoomDraw(Words):
    """One room."""

    id: Annotated[str, such_as("station-0003")]
    """Bank id of the impulse response. A room in train and in test would be heard twice, so banks are split like speakers."""
    distance_m: Annotated[float | None, Field(gt=0), measured_in("m"), such_as(2.5)] = None
    """Distance from the sound to the microphone, where the impulse response was measured at 1 m; none leaves it as measured. The direct sound falls by it,
    the reverberation stays."""


class NoiseDraw(Words):
    """One stretch of one noise clip."""

    id: Annotated[str, such_as("platform-0001")]
    """Bank id of the clip. A noise clip is one recording under one licence, so whoever asks where a mix came from ends here."""
    start: Annotated[float, Field(ge=0), measured_in("s"), such_as(3.2)]
    """Where in the clip the stretch begins; the clip repeats when it is too short. With it the same mix can be made again."""
    snr_db: Annotated[Decibels, such_as(10.0)]
    """Signal-to-noise ratio over speech-active samples. This is what was asked for; the report measures what was delivered."""
    room: Annotated[RoomDraw | None, such_as({"id": "station-0004"})] = None
    """Room that dry noise is heard in, if any. Noise and speech come from different places, so it is another one where the bank has it."""


class EventDraw(Words):
    """One short noise."""

    id: Annotated[str, such_as("doors-0002")]
    """Bank id of the clip, heard from its beginning. Its licence holds for the mix as that of any noise does."""
    at: Annotated[float, Field(ge=0), measured_in("s"), such_as(1.4)]
    """When in the cut it begins. What would go on behind the end of the cut is not heard."""
    snr_db: Annotated[Decibels, such_as(5.0)]
    """Speech over the short noise, each over its active samples. A bang is short, so that a mean over the cut would say nothing."""
    room: Annotated[RoomDraw | None, such_as({"id": "station-0004"})] = None
    """Room that a dry recording is heard in, if any. It is drawn once for all short noises of the cut."""


class Place(Words):
    """One drawn place: everything that was done to one cut. Empty means left as recorded."""

    noise: Annotated[NoiseDraw | None, such_as({"id": "platform-0001", "start": 3.2, "snr_db": 10.0})] = None
    """Noise that is added, if any. Test cuts have it fixed, so that every model is heard against the same noise."""
    room: Annotated[RoomDraw | None, such_as({"id": "station-0003"})] = None
    """Room the speech is heard in, if any. It is applied before noise and channel, in the order of the real world."""
    channel: Annotated[Channel | None, such_as({"codec": "opus", "bitrate_kbps": 16})] = None
    """Channel after the microphone, if any. It carries noise and room along, as a real line does."""
    level_db: Annotated[Decibels, such_as(-3.0)] = 0.0
    """Gain after room and noise: what the distance takes away. It leaves the ratio of speech to noise as it is."""
    events: Annotated[tuple[EventDraw, ...], such_as([{"id": "doors-0002", "at": 1.4, "snr_db": 5.0}])] = ()
    """Short noises, in the order they begin. A test cut has the same ones every time."""
    clipped_fraction: Annotated[Fraction, such_as(0.005)] = 0.0
    """Share of samples that is cut off, after room and noise and before the level. It is the loudest ones that an overloaded microphone loses."""
    level_dbfs: Annotated[float | None, measured_in("dBFS"), such_as(-26.0)] = None
    """Level over speech-active samples at which the sound enters the channel; none leaves it to the recording. It stands in for the gain of the device."""


class PlaceRanges(Words):
    """What training draws a place from, afresh each epoch."""

    snr_db: Annotated[Band | None, measured_in("dB"), such_as({"low": 0.0, "high": 20.0})] = None
    """SNR, drawn uniformly. Without it no noise is added."""
    noise: Annotated[tuple[Id, ...], such_as(["platform"])] = ()
    """Noise sources to draw from. The clips of the training bank only: those of test are kept apart."""
    rooms: Annotated[tuple[Id, ...], such_as(["station"])] = ()
    """Room sources to draw from. Only impulse responses whose T60 lies in the declared band are in the bank."""
    events: Annotated[Events | None, such_as({"sources": ["doors"], "per_minute": {"low": 2.0, "high": 6.0}, "snr_db": {"low": 0.0, "high": 15.0}})] = None
    """Short noises to draw, if any. Their clips are of the training bank, too."""
    dry: Annotated[tuple[Id, ...], such_as(["doors"])] = ()
    """Sources of noise that are heard in a room of their own. What was recorded in the place has its room already."""
    distance_m: Annotated[Band | None, measured_in("m"), such_as({"low": 0.5, "high": 4.0})] = None
    """Distance, drawn uniformly. Without it rooms stay as they were measured."""
    level_dbfs: Annotated[Band | None, measured_in("dBFS"), such_as({"low": -40.0, "high": -20.0})] = None
    """Level at the channel, drawn uniformly in dB. Without it cuts keep the level of their recording."""
    clipped_fraction: Annotated[Band | None, measured_in("fraction"), such_as({"low": 0.0, "high": 0.01})] = None
    """Share of samples that is cut off, drawn uniformly. Without it nothing is clipped."""
    channel: Annotated[Channel | None, such_as({"codec": "telephone"})] = None
    """Channel, always applied in the place. It is not drawn, because a product's line does not vary from call to call."""
    clean_fraction: Annotated[Fraction, such_as(0.2)] = 0.0
    """Share of draws that leave the cut as recorded. Some clean speech keeps a model from losing what it knew."""


class CutCustom(Words):
    """The `custom` field of every cut."""

    source: Annotated[Id, such_as("digits")]
    """Source the recording came from. Reports and revocations lead back to the scenario by it."""
    speaker: Annotated[str | None, such_as("anna")]
    """Who speaks, if known. Splits, counts per speaker and revocation all go by it."""
    session: Annotated[str | None, such_as("2026-03-01-room-2")]
    """Recording session, if known. Cuts of one session share room and microphone, and stay in one split."""
    groups: Annotated[dict[str, str], such_as({"gender": "female", "accent": "scottish"})] = {}
    """Groups that the speaker was said to belong to. Scores can be told apart by them, so that no group is failed unseen."""
    stages: Annotated[tuple[Stage, ...], such_as(["pretrain", "align"])]
    """Training stages that may use the cut. The trainer takes only cuts that name its stage."""
    style: Annotated[Style, such_as("scripted")]
    """Read text, free speech, or both, as the source said. Scores can be told apart by it."""
    licence: Annotated[str, such_as("CC-BY-4.0")]
    """Normalised SPDX expression the cut was admitted under. It goes with the cut into every export."""
    unit: Annotated[str, such_as("u07")]
    """Unit of work that made the cut. Measures and audio of the cut lie in the cache under it."""
    unseen: Annotated[bool, such_as(True)] = False
    """Whether the cut belongs to the group `unseen`. Scores of strangers are reported apart by it."""
    place: Annotated[
        Place | PlaceRanges | None,
        such_as({"noise": {"id": "platform-0001", "start": 3.2, "snr_db": 10.0}}, {"snr_db": {"low": 0.0, "high": 20.0}, "noise": ["platform"]}),
    ] = None
    """Ranges for training cuts; drawn values for dev and test, by condition `place`. Training wants variety, a test wants the same sound every time."""


class Part(Words):
    """One piece of a message: text, or the audio of a cut."""

    type: Annotated[Literal["text", "audio"], such_as("text")]
    """What the piece is. It decides which of the other two fields is read."""
    text: Annotated[str | None, such_as("seven")] = None
    """The text, for `text`. It is what a model reads or has to write."""
    cut: Annotated[str | None, such_as("digits-0001-0")] = None
    """Cut id, for `audio`. Dialogues name audio instead of holding it, so that one cut is stored once."""


class Message(Words):
    """One turn."""

    role: Annotated[Literal["system", "user", "assistant", "tool"], such_as("user")]
    """Who speaks, or the tool that answers a call. Only turns of the assistant are learnt from; the others are context."""
    content: Annotated[tuple[Part, ...], such_as([{"type": "text", "text": "seven"}], [{"type": "audio", "cut": "digits-0001-0"}])]
    """What is said, in order. A turn may mix audio and text, such as an instruction and the recording it is about."""

    @property
    def text(self) -> str:
        """What is written in it, without what is heard."""
        return "".join(part.text or "" for part in self.content)


class Demonstration(Words):
    """One dialogue that shows the job done right; a line of `demonstrations.<split>.jsonl`."""

    id: Annotated[str, such_as("transcribe-digits-0001-0")]
    """Unique id of the demonstration. Findings name the dialogue they are about by it."""
    split: Annotated[Split, such_as("train")]
    """Split of the audio in the dialogue. A demonstration never crosses splits, or test answers would be taught."""
    rule: Annotated[str, such_as("transcribe", "confirm-purchase", "given")]
    """Manual rule that it shows; `transcribe` for a plain transcript, `given` where a source's dialogue names none. Rules that nothing shows are found
    by counting this."""
    messages: Annotated[
        tuple[Message, ...],
        Field(min_length=2),
        such_as(
            [
                {"role": "user", "content": [{"type": "audio", "cut": "digits-0001-0"}]},
                {"role": "assistant", "content": [{"type": "text", "text": "seven"}]},
            ]
        ),
    ]
    """The dialogue, turn by turn. It needs a question and an answer, for one alone teaches nothing."""


class Pair(Words):
    """One preference; a line of `pairs.jsonl`."""

    id: Annotated[str, such_as("pair-0001")]
    """Unique id of the pair. Votes and training logs point to it."""
    split: Annotated[Split, such_as("train")]
    """Split of the audio in the prompt. Preferences about test audio judge a model and never train it."""
    prompt: Annotated[tuple[Message, ...], such_as([{"role": "user", "content": [{"type": "text", "text": "when does the next train leave?"}]}])]
    """What was asked. Both answers are to this very prompt, or comparing them would mean nothing."""
    chosen: Annotated[tuple[Message, ...], such_as([{"role": "assistant", "content": [{"type": "text", "text": "In four minutes."}]}])]
    """The better answer. Training makes it more likely."""
    rejected: Annotated[tuple[Message, ...], such_as([{"role": "assistant", "content": [{"type": "text", "text": "Trains leave often."}]}])]
    """The worse answer. Training makes it less likely."""
    criterion: Annotated[str, such_as("efficient")]
    """What was judged. An answer can be pleasant and unsafe, so votes on different criteria are not added up."""
    origin: Annotated[Literal["vote", "automatic", "given"], such_as("vote")]
    """Who judged: listeners, an automatic rule, or somebody before us (`given`, from a source). They err in different ways, and their shares are reported."""
    n_votes: Annotated[int, Field(ge=0), measured_in("votes"), such_as(3)]
    """Votes behind it, 0 where nobody says. One vote is an opinion; pairs with few can be left out."""


class Hypothesis(Words):
    """One answer of a model; a line of `hypotheses.jsonl`."""

    cut: Annotated[str, such_as("digits-0001-0")]
    """Id of the cut that was answered. Scores find speaker and length of the cut by it."""
    condition: Annotated[str, such_as("place", "snr_20")]
    """How the cut was heard: `clean`, `place`, `snr_20` and so on. The same cut is answered once in each condition."""
    prompt: Annotated[str, such_as("Transcribe the audio.")]
    """Text of the instruction, empty after pre-training alone. Another prompt is another test."""
    text: Annotated[str, such_as("seven")]
    """What the model wrote. It is kept as it came, and normalised only where it is scored."""
    audio: Annotated[str | None, such_as("answers/0001.flac")] = None
    """File of the spoken answer, if any. Listeners and spoken-answer measures need the sound itself."""
    reference: Annotated[str, such_as("seven")]
    """What was said, by the transcript. Scores compare with it, so its mistakes count against the model."""
    seconds: Annotated[float, Field(ge=0), measured_in("s"), such_as(0.12)]
    """Computation time, its share of the batch. The real-time factor is its sum over the audio's."""


class Score(Words):
    """One number about a run; a row of `scores.json`."""

    metric: Annotated[str, such_as("wer", "real_time_factor")]
    """What was measured: `wer`, `cer`, `real_time_factor` and so on. It also tells the unit of the value."""
    condition: Annotated[str, such_as("clean", "place")]
    """Condition it was measured in. A number without its condition is usually the one from the studio."""
    group: Annotated[str, such_as("all", "unseen")]
    """Whose cuts it is about: `all`, `unseen`, `seen`, `speaker=...`. An average hides whom a model fails."""
    value: Annotated[float, measured_in("unit of the metric"), such_as(0.08)]
    """The number itself, over the whole group. Acceptance compares it with its target."""
    low: Annotated[float | None, measured_in("unit of the metric"), such_as(0.05)] = None
    """Lower end of the 95 % interval, where there are enough cuts for one. A target between low and high is neither met nor missed for certain."""
    high: Annotated[float | None, measured_in("unit of the metric"), such_as(0.12)] = None
    """Upper end of the 95 % interval, where there are enough cuts for one. It says how bad the truth may be."""
    n: Annotated[int, Field(ge=0), measured_in("cuts"), such_as(200)]
    """How many cuts it rests on. A rate over ten cuts moves by whole tenths."""
