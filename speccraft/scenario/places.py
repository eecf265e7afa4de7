"""Places that a scenario can name: bands of noise and reverberation, channel and rate, each with the work it was read from."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import cache
from pathlib import Path
from typing import Any

from .base import Band, Words
from .environment import Channel, SamplingRate
from .text import read_model


class Preset(Words):
    """One place; what it has no number for is None and stays with the scenario."""

    words: str
    """The place in plain words."""
    snr_db: Band | None = None
    """Signal-to-noise ratio in dB at the microphone."""
    rt60_s: Band | None = None
    """Reverberation time T60 in seconds."""
    channel: Channel | None = None
    """What lies between microphone and model, where the place forces it."""
    sampling_rate: SamplingRate | None = None
    """Rate in Hz, where the place forces it."""
    sources: tuple[str, ...]
    """Keys of `WORKS` that the numbers come from."""
    note: str
    """How each number was read off, and which is our choice."""

    @property
    def values(self) -> dict[str, Any]:
        """What the place says about an environment, by the name of the field."""
        numbers = {"snr_db": self.snr_db, "rt60_s": self.rt60_s, "channel": self.channel, "sampling_rate": self.sampling_rate}
        return {"place": self.words} | {field: value for field, value in numbers.items() if value is not None}


class _Table(Words):
    """The file `places.yaml`."""

    places: dict[str, Preset]
    """What a scenario can name; `PresetName` spells the names out."""
    works: dict[str, str]
    """What the numbers were read from, by the short names that `sources` and `note` use."""


@cache
def _table() -> _Table:
    return read_model(Path(__file__).with_name("places.yaml"), _Table)[0]


class _Presets(Mapping[str, Preset]):
    """The places of the file, which is read when the first one is asked for and not at import."""

    def __getitem__(self, name: str) -> Preset:
        return _table().places[name]

    def __iter__(self) -> Iterator[str]:
        return iter(_table().places)

    def __len__(self) -> int:
        return len(_table().places)


PRESETS: Mapping[str, Preset] = _Presets()
"""Every place by its name."""


def works() -> Mapping[str, str]:
    """What the numbers were read from: by a short name, the full one and what it says."""
    return _table().works


def as_markdown() -> str:
    """The places as a page: what each stands for, how its numbers were read off, and the works."""
    rows = [f"| `{name}` | {one.words} | {_band(one.snr_db)} | {_band(one.rt60_s)} | {_line(one)} |" for name, one in PRESETS.items()]
    notes = [f"**`{name}`** {one.note} Sources: {', '.join(one.sources)}." for name, one in PRESETS.items()]
    cited = [f"- **{name}**: {text}" for name, text in works().items()]
    parts = [
        "# Places",
        "`environment: {preset: NAME}` fills in what the environment leaves out. What is written wins; `snr_db: null` or `rt60_s: null` takes it away.",
        "\n".join(("| name | place | SNR, dB | T60, s | channel |", "|---|---|---|---|---|", *rows)),
        "A preset brings numbers and no sound: noise and rooms are recordings that you name under `noise:` and `rooms:`. A band is where to "
        "start, not a fact about your users; measure the place when you can, and write what you found.",
        "## How the numbers were read off",
        *notes,
        "## Works",
        "\n".join(cited),
    ]
    return "\n\n".join(parts) + "\n"


def _band(band: Band | None) -> str:
    return "" if band is None else f"{band.low:g} to {band.high:g}"


def _line(preset: Preset) -> str:
    rate = f"{preset.sampling_rate} Hz" if preset.sampling_rate is not None else ""
    return ", ".join(filter(None, ("" if preset.channel is None else preset.channel.codec, rate)))
