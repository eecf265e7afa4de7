"""Spectral measures: by name, rounded, and nothing where a measure cannot be taken."""

from __future__ import annotations

from typing import get_args

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_world import two_sentences, white

from speccraft.scenario.quality import Quality, Rule, SpectralMeasure
from speccraft.sound.decode import to_int16
from speccraft.sound.frames import frames_of
from speccraft.sound.spectral import SPECTRAL, spectral
from speccraft.sound.vad import energy_frames

SPEECH = two_sentences()[0]
ODD = [np.zeros(0), np.zeros(1), np.ones(1), np.full(20000, 0.5), np.zeros(20000), np.sign(np.sin(np.arange(20000.0)))]
"""Nothing, one sample, an offset, silence, a square wave."""
MASK = energy_frames(frames_of(SPEECH, 16000))


def test_a_scenario_can_name_every_spectral_measure_and_judge_by_it() -> None:
    assert get_args(SpectralMeasure) == tuple(SPECTRAL)
    assert all(Quality.model_validate({name: {"min": 0.0}}).rules() == {name: Rule(min=0.0)} for name in SPECTRAL)


def test_each_is_what_its_function_gives_rounded_to_six_decimals() -> None:
    found = spectral(SPECTRAL, SPEECH, 16000, MASK)
    assert found == {name: round(function(SPEECH, 16000, MASK), 6) for name, function in SPECTRAL.items()}
    assert list(found) == list(SPECTRAL)


@pytest.mark.parametrize("name", SPECTRAL)
def test_one_alone_is_the_same_as_among_the_others(name: str) -> None:
    assert spectral([name], SPEECH, 16000, MASK) == {name: spectral(SPECTRAL, SPEECH, 16000, MASK)[name]}


def test_two_that_are_found_together_are_looked_for_once(monkeypatch: pytest.MonkeyPatch) -> None:
    asked = []
    monkeypatch.setattr("speccraft.sound.spectral.pitch", lambda *_: asked.append(1) or (100.0, 5.0))
    assert spectral(["f0_median_hz", "f0_range_semitones"], SPEECH, 16000, MASK) == {"f0_median_hz": 100.0, "f0_range_semitones": 5.0}
    assert spectral(["loudness_lufs"], SPEECH, 16000, MASK).keys() == {"loudness_lufs"}
    assert asked == [1]


@pytest.mark.parametrize("name", SPECTRAL)
@pytest.mark.parametrize("sampling_rate", [8000, 16000, 44100])
@pytest.mark.parametrize("samples", ODD, ids=range(len(ODD)))
def test_whatever_is_heard_the_answer_is_a_number_or_nothing(name: str, sampling_rate: int, samples: np.ndarray) -> None:
    heard = to_int16(samples)
    frames = frames_of(heard, sampling_rate)
    for speech in (np.ones(len(frames.energy), bool), np.zeros(len(frames.energy), bool)):
        (value,) = spectral([name], heard, sampling_rate, speech).values()
        assert value is None or np.isfinite(value)


@given(gain=st.floats(0.2, 1.0))
@settings(deadline=None, max_examples=10)
def test_a_gain_moves_the_loudness_alone(gain: float) -> None:
    quiet = spectral(SPECTRAL, to_int16(SPEECH / 32768 * gain), 16000, MASK)
    for name, value in spectral(SPECTRAL, SPEECH, 16000, MASK).items():
        moved = 20 * np.log10(gain) if name == "loudness_lufs" else 0.0
        assert value is not None
        assert quiet[name] == pytest.approx(value + moved, rel=0.03, abs=0.1), name


def test_noise_has_a_bandwidth_and_no_voice() -> None:
    noise = to_int16(white(32000))
    found = spectral(SPECTRAL, noise, 16000, np.ones(67, bool))
    assert found["f0_median_hz"] is None
    assert found["loudness_lufs"] is not None
