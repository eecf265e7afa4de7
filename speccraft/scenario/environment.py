"""Where the assistant will be used: noise, rooms, channel and the numbers that describe them."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Literal, Self, get_args

from pydantic import AfterValidator, Field, model_validator

from .base import Band, Fraction, Id, Words, measured_in, such_as

SamplingRate = Annotated[Literal[8000, 16000, 24000, 32000, 44100, 48000], measured_in("Hz")]
SAMPLING_RATES_HZ: tuple[int, ...] = get_args(get_args(SamplingRate)[0])
"""Every rate that a scenario can have, in order."""
PresetName = Literal["quiet-room", "living-room", "office", "meeting-room", "cafe", "street", "metro-platform", "train", "car", "telephone-line"]
"""The places of `places.yaml`, spelt out for editors and type checkers."""
Made = Literal["babble", "speech-shaped", "simulated-rooms"]
"""Sounds that a build makes, for want of recordings."""
BABBLE: Made = "babble"
LOWEST_HZ = 20.0
MADE_NOISE: tuple[Made, ...] = (BABBLE, "speech-shaped")
MADE_ROOMS: tuple[Made, ...] = ("simulated-rooms",)


def _within(low: float, high: float) -> Callable[[Band], Band]:
    def check(band: Band) -> Band:
        if band.low < low or band.high > high:
            raise ValueError(f"{band.low:g} to {band.high:g} is not within {low:g} to {high:g}")
        return band

    return check


Distance = Annotated[Band, AfterValidator(_within(0.05, 100))]
Level = Annotated[Band, AfterValidator(_within(-90, 0))]
ClippedShare = Annotated[Band, AfterValidator(_within(0, 0.5))]


class NoChannel(Words):
    """A direct microphone signal."""

    codec: Annotated[Literal["none"], such_as("none")]
    """`none`: the signal reaches the model as recorded. Written beside a preset, it takes the channel of the preset away."""


class TelephoneChannel(Words):
    """A narrowband telephone line: 300 to 3400 Hz and mu-law (ITU-T G.711)."""

    codec: Annotated[Literal["telephone"], such_as("telephone")]
    """`telephone`: 300-3400 Hz, mu-law at 8 kHz. A model that only ever heard wideband speech misses the consonants on a call."""


class CodedChannel(Words):
    """A lossy codec between microphone and model."""

    codec: Annotated[Literal["opus", "mp3"], such_as("opus")]
    """`opus` or `mp3`: what the audio goes through before the model hears it. Codecs take away what people do not hear and a model may lean on."""
    bitrate_kbps: Annotated[int, Field(ge=8, le=256), measured_in("kbit/s"), such_as(16, 24, 64)] = 32
    """Bit rate of the codec in kbit/s. The lower it is, the more of the speech is lost on the way."""


class BandChannel(Words):
    """A line or loudspeaker that passes one band of frequencies and nothing else."""

    codec: Annotated[Literal["band"], such_as("band")]
    """`band`: what lies outside of `low_hz` to `high_hz` is gone. It stands for a line or microphone of which only the band is known."""
    low_hz: Annotated[float, Field(ge=0), measured_in("Hz"), such_as(100.0)] = 0.0
    """Lowest frequency that passes, half of it in amplitude. Small loudspeakers and voice filters cut what is below 100 to 300 Hz."""
    high_hz: Annotated[float, Field(gt=0), measured_in("Hz"), such_as(7000.0)]
    """Highest frequency that passes, half of it in amplitude. The build is judged by it: nothing delivered may reach above."""


Channel = Annotated[NoChannel | TelephoneChannel | CodedChannel | BandChannel, Field(discriminator="codec")]


class Events(Words):
    """Short noises: doors, beeps, coughs, at moments of their own."""

    sources: Annotated[tuple[Id, ...], Field(min_length=1), such_as(["doors"])]
    """Ids of sources with role `noise` that hold short sounds. Each recording is heard from its beginning, once each time it is drawn."""
    per_minute: Annotated[Band, measured_in("events per minute"), such_as({"low": 2.0, "high": 6.0})]
    """How many are heard in a minute, on average. Their number in a cut is drawn from a Poisson distribution, so that some cuts have none."""
    snr_db: Annotated[Band, measured_in("dB"), such_as({"low": 0.0, "high": 15.0})]
    """Speech over the short noise in dB, each over its active samples. It is drawn for each, and does not count in the `snr_db` of the place."""


def _ordered(channel: Channel) -> Channel:
    if isinstance(channel, BandChannel) and channel.low_hz >= channel.high_hz:
        raise ValueError(f"low_hz ({channel.low_hz:g}) is not below high_hz ({channel.high_hz:g})")
    if isinstance(channel, BandChannel) and 0 < channel.low_hz < LOWEST_HZ:
        raise ValueError(f"low_hz ({channel.low_hz:g}) is neither 0 nor at least {LOWEST_HZ:g} Hz, below which nobody hears")
    return channel


def _countable(events: Events | None) -> Events | None:
    if events is not None:
        _within(0, 600)(events.per_minute)
    return events


class Environment(Words):
    """The acoustic place; declared here, measured on the delivered data."""

    preset: Annotated[PresetName | None, such_as("office", "metro-platform", "telephone-line")] = None
    """A place that fills in what is not written here; `docs/places.md` has its numbers and where they come from. What is written wins;
    `snr_db: null` or `rt60_s: null` takes it away. It is where to start for a team that has not measured its place yet."""
    place: Annotated[str, such_as("metro platform")] = ""
    """Where people will stand, in plain words. Reports and the model card name it, so that nobody takes the numbers for those of another place."""
    sampling_rate: Annotated[SamplingRate, such_as(16000, 8000)] = 16000
    """Rate in Hz that every cut is resampled to. Data and model have to agree on one, and what lies above half of it is gone."""
    snr_db: Annotated[Band | None, measured_in("dB"), such_as({"low": 0.0, "high": 20.0})] = None
    """Signal-to-noise ratio in dB over speech-active samples that users will have. Noise is mixed in at ratios drawn from it, and the build is judged by
    the ratios that it delivers."""
    rt60_s: Annotated[Band | None, measured_in("s"), such_as({"low": 0.2, "high": 1.2})] = None
    """Reverberation time T60 in seconds of the rooms. Recorded rooms outside of it are left out, for they are another place."""
    noise: Annotated[tuple[Id, ...], such_as(["platform"])] = ()
    """Ids of sources with role `noise`: the recordings by which `snr_db` is reached. Without any, the number is a promise that nothing keeps."""
    rooms: Annotated[tuple[Id, ...], such_as(["station"])] = ()
    """Ids of sources with role `rir`: the rooms that the speech is heard in. Without any, `rt60_s` is a promise that nothing keeps."""
    made: Annotated[tuple[Made, ...], such_as(["babble", "speech-shaped"], ["simulated-rooms"])] = ()
    """Sounds to make where nobody recorded them: `babble` of training speakers, noise with the spectrum of speech, or rooms with a T60 in `rt60_s`.
    They stand beside the sources in `noise` and `rooms`; recordings of the real place say more."""
    events: Annotated[
        Events | None,
        AfterValidator(_countable),
        such_as({"sources": ["doors"], "per_minute": {"low": 2.0, "high": 6.0}, "snr_db": {"low": 0.0, "high": 15.0}}),
    ] = None
    """Short noises on top of the background. A model that never heard a door close takes it for a word."""
    dry: Annotated[tuple[Id, ...], such_as(["doors"])] = ()
    """Sources of noise that were recorded close by, without a room. They are heard in a room of the bank, another than the speech where there is one;
    recordings of the place bring their own. Babble that is made is always dry."""
    distance_m: Annotated[Distance | None, measured_in("m"), such_as({"low": 0.5, "high": 4.0})] = None
    """Distance in metres from mouth to microphone, where rooms and recordings are taken as made at 1 m. The direct sound and the level fall by the
    distance, the reverberation of the room stays."""
    level_dbfs: Annotated[Level | None, measured_in("dBFS"), such_as({"low": -40.0, "high": -20.0})] = None
    """Level in dBFS, over speech-active samples, at which the sound enters the channel. Devices differ by tens of dB, and a model that heard one of
    them may fail the others."""
    clipped_fraction: Annotated[ClippedShare | None, measured_in("fraction"), such_as({"low": 0.0, "high": 0.01})] = None
    """Share of samples cut off at the top, as by an overloaded microphone. It is drawn before the level is set."""
    channel: Annotated[Channel, AfterValidator(_ordered), such_as({"codec": "opus", "bitrate_kbps": 16}, {"codec": "telephone"})] = NoChannel(codec="none")
    """What lies between microphone and model. It is applied after room and noise, as on the way from a real user."""
    clean_fraction: Annotated[Fraction, such_as(0.2, 0.5)] = 0.2
    """Share of training cuts that are left as recorded, drawn afresh each epoch. A model that hears nothing but the place gets worse on clean speech."""

    @model_validator(mode="after")
    def _as_in_its_preset(self) -> Self:
        if self.preset is not None:
            from .places import PRESETS  # that room uses the channels above; the table is read only where a scenario names a place

            # Not by `model_copy`: pydantic goes on with this instance, and `model_fields_set` goes on telling what was written.
            self.__dict__.update({field: value for field, value in PRESETS[self.preset].values.items() if field not in self.model_fields_set})
        return self

    @model_validator(mode="after")
    def _lets_something_through(self) -> Self:
        if isinstance(self.channel, BandChannel) and self.channel.low_hz >= self.sampling_rate / 2:
            raise ValueError(f"channel.low_hz ({self.channel.low_hz:g}) leaves nothing of sound at {self.sampling_rate} Hz")
        return self

    @property
    def background(self) -> tuple[str, ...]:
        """What noise is drawn from: ids of sources, and names of what is made."""
        return (*self.noise, *(one for one in MADE_NOISE if one in self.made))

    @property
    def reverberant(self) -> tuple[str, ...]:
        """What rooms are drawn from: ids of sources, and the name of those that are made."""
        return (*self.rooms, *(one for one in MADE_ROOMS if one in self.made))

    @property
    def recorded_noise(self) -> tuple[str, ...]:
        """Every source of noise that is heard, long or short."""
        return tuple(dict.fromkeys((*self.noise, *(self.events.sources if self.events else ()))))

    @property
    def has_noise(self) -> bool:
        """Whether background noise is added, at a declared ratio."""
        return bool(self.background) and self.snr_db is not None

    @property
    def does_something(self) -> bool:
        """Whether the place does anything to a recording."""
        drawn = (self.events, self.distance_m, self.level_dbfs, self.clipped_fraction)
        return bool(self.has_noise or self.reverberant or self.channel.codec != "none" or any(one is not None for one in drawn))
