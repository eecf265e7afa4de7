"""The properties of speech that a scenario speaks of: what each is called, which measure tells it, and which band is declared for it."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from speccraft.report.match import BANDWIDTH_ERROR_HZ, LEVEL_ERROR_DB, RT60_ERROR, SNR_ERROR_DB
from speccraft.scenario.base import Band
from speccraft.scenario.model import Scenario
from speccraft.sound.channel import upper_limit_hz


@dataclass(frozen=True)
class Axis:
    """One property of speech that a scenario speaks of: the measure that tells it, and the column of its value in place where the build took it."""

    name: str
    measure: str
    title: str
    unit: str
    delivered: str | None = None
    slack: float = 0.0
    """Error allowed to what was measured in place, as the clause `environment_match` allows it."""


AXES = (
    Axis("SNR", "snr_db", "Signal-to-noise ratio", "dB", "delivered_snr_db", SNR_ERROR_DB),
    Axis("reverberation", "reverberation_s", "Reverberation time", "s", "delivered_rt60_s"),
    Axis("bandwidth", "bandwidth_hz", "Bandwidth", "Hz", "delivered_bandwidth_hz", BANDWIDTH_ERROR_HZ),
    Axis("level", "level_dbfs", "Level of speech", "dBFS", "delivered_level_dbfs", LEVEL_ERROR_DB),
    Axis("speech share", "speech_share", "Share of speech frames", ""),
    Axis("pauses", "longest_pause_s", "Longest pause", "s"),
    Axis("utterance length", "duration_s", "Length of utterances", "s"),
    Axis("speech rate", "characters_per_s", "Speech rate", "characters/s"),
)
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
    environment = scenario.environment
    limit = upper_limit_hz(environment.channel, environment.sampling_rate)
    bands: dict[str, tuple[Band | None, str]] = {
        "snr_db": (environment.snr_db, "environment.snr_db"),
        "reverberation_s": (environment.rt60_s, "environment.rt60_s"),
        "bandwidth_hz": (None if limit is None else Band(low=0.0, high=limit), "environment.channel"),
        "level_dbfs": (environment.level_dbfs, "environment.level_dbfs"),
        "duration_s": (Band(low=0.0, high=scenario.job.longest_utterance_s), "job.longest_utterance_s"),
    }
    band, field = bands.get(measure, (None, ""))
    return None if band is None else (band, field)


def allowed_error(axis: Axis, scenario: Scenario) -> float:
    """Error allowed to a value in place, in the unit of the axis, as the clause `environment_match` allows it."""
    rt60 = scenario.environment.rt60_s
    return RT60_ERROR * rt60.high if axis.measure == "reverberation_s" and rt60 else axis.slack
