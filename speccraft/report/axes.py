"""The properties of speech that a scenario speaks of: what each is called, which measure tells it, and which band is declared for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from speccraft.report.match import bands
from speccraft.scenario.base import Band
from speccraft.scenario.model import Scenario


@dataclass(frozen=True)
class Axis:
    """One property of speech that a scenario speaks of: the measure that tells it, and the column of its value in place where the build took it."""

    name: str
    measure: str
    title: str
    unit: str
    delivered: str | None = None


AXES = (
    Axis("SNR", "snr_db", "Signal-to-noise ratio", "dB", "delivered_snr_db"),
    Axis("reverberation", "reverberation_s", "Reverberation time", "s", "delivered_rt60_s"),
    Axis("bandwidth", "bandwidth_hz", "Bandwidth", "Hz", "delivered_bandwidth_hz"),
    Axis("level", "level_dbfs", "Level of speech", "dBFS", "delivered_level_dbfs"),
    Axis("speech share", "speech_share", "Share of speech frames", ""),
    Axis("pauses", "longest_pause_s", "Longest pause", "s"),
    Axis("utterance length", "duration_s", "Length of utterances", "s"),
    Axis("speech rate", "characters_per_s", "Speech rate", "characters/s"),
)
DECLARED_BY: Mapping[str, str] = {
    "snr_db": "environment.snr_db",
    "reverberation_s": "environment.rt60_s",
    "bandwidth_hz": "environment.channel",
    "level_dbfs": "environment.level_dbfs",
}
"""Measures of which the environment can declare a band, and the field that does."""
UNCHANGED = ("duration_s", "characters_per_s")
"""What no place changes: neither the words nor the time they take."""
RULED: Mapping[str, tuple[str, str]] = {axis.measure: (axis.title, axis.unit) for axis in AXES}
"""Title and unit of the measures that tell the axes."""
ASKED: Mapping[str, tuple[str, str]] = {
    "syllables_per_s": ("Syllables", "syllables/s"),
    "peak_dbfs": ("Peak", "dBFS"),
    "clipped_fraction": ("Clipped samples", ""),
    "dc_offset": ("Offset", ""),
    "zero_fraction": ("Samples that are zero", ""),
    "dropouts": ("Dropouts", "per utterance"),
    "leading_silence_s": ("Silence before speech", "s"),
    "trailing_silence_s": ("Silence behind speech", "s"),
    "loudness_lufs": ("Loudness", "LUFS"),
    "f0_median_hz": ("Fundamental frequency, median", "Hz"),
    "f0_range_semitones": ("Fundamental frequency, range", "semitones"),
}
"""Shown besides, where a rule judges by them or `quality.measure` asks for them."""


def declared_band(measure: str, scenario: Scenario) -> tuple[Band, str] | None:
    """The band that the scenario declares for a measure and the field that does; None where it declares none."""
    if measure == "duration_s":
        return Band(low=0.0, high=scenario.job.longest_utterance_s), "job.longest_utterance_s"
    field = DECLARED_BY.get(measure, "")
    band, _ = bands(scenario.environment).get(field, (None, 0.0))
    return None if band is None else (band, field)


def allowed_error(axis: Axis, scenario: Scenario) -> float:
    """Error allowed to a value in place, in the unit of the axis, as the clause `environment_match` allows it."""
    _, slack = bands(scenario.environment).get(DECLARED_BY.get(axis.measure, ""), (None, 0.0))
    return slack
