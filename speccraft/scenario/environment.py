"""Where the assistant will be used: noise, rooms, channel and the numbers that describe them."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import Field, model_validator

from .base import Band, Fraction, Id, Words, measured_in, such_as

SamplingRate = Annotated[Literal[8000, 16000, 24000, 32000, 44100, 48000], measured_in("Hz")]
PresetName = Literal["quiet-room", "living-room", "office", "meeting-room", "cafe", "street", "metro-platform", "train", "car", "telephone-line"]
"""The places of `places.yaml`, spelt out for editors and type checkers."""


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


Channel = Annotated[NoChannel | TelephoneChannel | CodedChannel, Field(discriminator="codec")]


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
    channel: Annotated[Channel, such_as({"codec": "opus", "bitrate_kbps": 16}, {"codec": "telephone"})] = NoChannel(codec="none")
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
