"""Where the assistant will be used: noise, rooms, channel and the numbers that describe them."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from .base import Band, Fraction, Id, Words


class NoChannel(Words):
    """A direct microphone signal."""

    codec: Literal["none"]
    """`none`: the signal reaches the model as recorded."""


class TelephoneChannel(Words):
    """A narrowband telephone line: 300 to 3400 Hz and mu-law (ITU-T G.711)."""

    codec: Literal["telephone"]
    """`telephone`: 300-3400 Hz, mu-law at 8 kHz."""


class CodedChannel(Words):
    """A lossy codec between microphone and model."""

    codec: Literal["opus", "mp3"]
    """`opus` or `mp3`."""
    bitrate_kbps: Annotated[int, Field(ge=8, le=256)] = 24
    """Bit rate of the codec in kbit/s."""


Channel = Annotated[NoChannel | TelephoneChannel | CodedChannel, Field(discriminator="codec")]


class Environment(Words):
    """The acoustic place; declared here, measured on the delivered data."""

    place: str = ""
    """Where people will stand, in plain words; shown in reports."""
    sampling_rate: Literal[8000, 16000, 24000, 32000, 44100, 48000] = 16000
    """Rate in Hz that every cut is resampled to."""
    snr_db: Band | None = None
    """Signal-to-noise ratio in dB over speech-active samples that users will have."""
    rt60_s: Band | None = None
    """Reverberation time T60 in seconds of the rooms."""
    noise: tuple[Id, ...] = ()
    """Ids of sources with role `noise`."""
    rooms: tuple[Id, ...] = ()
    """Ids of sources with role `rir`."""
    channel: Channel = NoChannel(codec="none")
    """What lies between microphone and model."""
    clean_fraction: Fraction = 0.2
    """Share of training cuts that are left as recorded, drawn afresh each epoch."""
