"""What each measure means in a sentence, what is wrong with a recording, and which of its measures are to be doubted."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from speccraft.build.units import WINDOW_S
from speccraft.sound.errors_published import ERRORS
from speccraft.sound.measures import MEASURES

SNR_RANGE_DB = (0.0, 30.0)
"""Where the error of the SNR was measured (docs/measures.md)."""
LEAST_NOISE_S = 1.0
"""Pause without which a noise floor rests on too few frames: three in which a word begins unnoticed put it 20 dB too high."""
LEAST_SPEECH_S = 1.0
"""Speech without which a voice, a room or a band shows too little of itself."""
OF_SPEECH = ("bandwidth_hz", "reverberation_s", "f0_median_hz", "f0_range_semitones", "characters_per_s", "syllables_per_s")
ALWAYS = frozenset(name for name, known in ERRORS.items() if not known.certain)
FACTS = {
    "container": "Container and encoding.",
    "sampling_rate_hz": "Sampling rate of the file.",
    "measured_at_hz": "Sampling rate that it was measured at.",
    "channels": "Number of channels; what is measured is their mean, or the loudest where they cancel out.",
    "dead_channels": "Channels that hold nothing.",
    "duplicated_channels": "Channels that repeat an earlier one.",
    "antiphase": "Channels that cancel each other out.",
    "noise_dbfs": "Level of the noise that snr_db compares with, in dB relative to full scale.",
    "noise_s": "Seconds of frames without speech.",
    "text": "The transcript beside it.",
    "characters_per_s": "Characters of the transcript per second of speech.",
    "syllables_per_s": "Syllables of the transcript per second of speech, counted where --language names its language.",
}
CHANNELS = {"dead_channels": "dead", "duplicated_channels": "the same as an earlier one"}


def uncertain(row: Mapping[str, Any]) -> list[str]:
    """Names of the measures of a recording that may be far from the truth, in the order of the row."""
    low, high = SNR_RANGE_DB
    speech_s = row["duration_s"] * row["speech_share"]
    doubted = set(ALWAYS)
    if row["duration_s"] > WINDOW_S:
        doubted.add("loudness_lufs")  # each window is gated apart
    if row["noise_s"] < LEAST_NOISE_S:
        doubted |= {"snr_db", "noise_dbfs"}
    if row["snr_db"] is not None and not low <= row["snr_db"] <= high:
        doubted.add("snr_db")
    if speech_s < LEAST_SPEECH_S:
        doubted |= set(OF_SPEECH)
    return [name for name, value in row.items() if name in doubted and value is not None]


def problems(row: Mapping[str, Any]) -> list[str]:
    """What is wrong between the channels of a recording, in words."""
    found = [f"{words}: {row[name]} of {row['channels']} channels" for name, words in CHANNELS.items() if row[name]]
    return [*found, *([f"in antiphase: {row['antiphase']}"] if row["antiphase"] else [])]


def meaning_of(name: str) -> str:
    """The first sentence of a measure's definition; empty for what has none."""
    from speccraft.sound.spectral import SPECTRAL

    measure = {**MEASURES, **SPECTRAL}.get(name)
    words = FACTS.get(name) or (measure.__doc__ if measure is not None else None) or ""
    return words.partition("\n")[0]
