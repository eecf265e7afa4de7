"""What is to be doubted: measures with large published errors always, others where they rest on too little."""

from __future__ import annotations

from typing import Any

import pytest

from speccraft.measuring.uncertain import ALWAYS, FACTS, meaning_of, problems, uncertain
from speccraft.sound.errors_published import ERRORS
from speccraft.sound.measures import MEASURES
from speccraft.sound.spectral import SPECTRAL

SOLID: dict[str, Any] = {
    "duration_s": 10.0, "speech_share": 0.5, "snr_db": 20.0, "noise_s": 5.0, "noise_dbfs": -50.0, "bandwidth_hz": 7000.0, "f0_median_hz": 120.0,
}  # fmt: skip


def doubted(**change: Any) -> list[str]:
    """What is doubted of a recording, beyond what always is."""
    return [name for name in uncertain(SOLID | change) if name not in ALWAYS]


def test_long_speech_with_long_pauses_leaves_no_doubt_but_about_what_is_published_as_uncertain() -> None:
    assert doubted() == []
    assert uncertain(SOLID) == ["speech_share"]
    assert not ERRORS["speech_share"].certain


@pytest.mark.parametrize(
    ("change", "names"),
    [
        ({"noise_s": 0.5}, ["snr_db", "noise_dbfs"]),
        ({"snr_db": 61.0}, ["snr_db"]),
        ({"speech_share": 0.05}, ["bandwidth_hz", "f0_median_hz"]),
    ],
)
def test_what_rests_on_little_is_doubted(change: dict[str, Any], names: list[str]) -> None:
    assert doubted(**change) == names


def test_every_measure_says_what_it_means() -> None:
    for name in (*MEASURES, *SPECTRAL, *FACTS):
        assert len(meaning_of(name)) > 10
    assert meaning_of("file") == ""


def test_problems_between_channels_are_words() -> None:
    row = {"channels": 4, "dead_channels": 1, "duplicated_channels": 0, "antiphase": "channels 0 and 1, correlation -1.00"}
    assert problems(row) == ["dead: 1 of 4 channels", "in antiphase: channels 0 and 1, correlation -1.00"]
