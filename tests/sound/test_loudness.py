"""Loudness: what the standard says of its own signals, and what it leaves open."""

from __future__ import annotations

import numpy as np
import pyloudnorm
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_world import tone, two_sentences, white

from speccraft.sound.decode import to_int16
from speccraft.sound.loudness import loudness_lufs

UNUSED = np.zeros(0, bool)


def loudness(samples: np.ndarray, sampling_rate: int = 16000) -> float:
    return loudness_lufs(to_int16(samples), sampling_rate, UNUSED)


@pytest.mark.parametrize(("sampling_rate", "error"), [(48000, 0.05), (44100, 0.05), (16000, 0.1), (8000, 0.2)])
@pytest.mark.parametrize("level_dbfs", [0, -23, -40])
def test_a_sine_of_997_hz_has_the_loudness_that_bs_1770_gives_it(sampling_rate: int, error: float, level_dbfs: int) -> None:
    assert loudness(tone(997, 2.0, sampling_rate, 10 ** (level_dbfs / 20)), sampling_rate) == pytest.approx(level_dbfs - 3.01, abs=error)


def test_silence_around_a_sound_is_gated_away() -> None:
    sound = tone(997, 4.0, amplitude=0.1)
    quiet = np.zeros(16000 * 8, np.float32)
    assert loudness(np.concatenate([quiet, sound, quiet])) == pytest.approx(loudness(sound), abs=0.5)


def test_what_is_far_quieter_than_the_rest_is_gated_away_too() -> None:
    sound = tone(997, 4.0, amplitude=0.1)
    assert loudness(np.concatenate([sound, 0.1 * sound])) == pytest.approx(loudness(sound), abs=0.5)
    assert loudness(np.concatenate([sound, 0.5 * sound])) < loudness(sound) - 1


def test_a_low_hum_is_less_loud_than_a_voice_of_its_power() -> None:
    assert loudness(tone(40, 2.0)) < loudness(tone(1000, 2.0)) - 4


@pytest.mark.parametrize("num_samples", [0, 1, 6399])
def test_below_four_tenths_of_a_second_there_is_no_loudness(num_samples: int) -> None:
    assert np.isnan(loudness(white(num_samples)))
    assert np.isfinite(loudness(white(6400)))


def test_silence_has_no_loudness() -> None:
    assert np.isnan(loudness(np.zeros(16000, np.float32)))


def test_an_incomplete_last_block_changes_nothing() -> None:
    sound = white(16000)
    assert loudness(np.concatenate([sound, np.zeros(1500, np.float32)])) == loudness(sound)


@given(gain_db=st.floats(-20, 0))
@settings(deadline=None, max_examples=20)
def test_a_gain_moves_the_loudness_of_speech_by_as_much(gain_db: float) -> None:
    loud, quiet = (loudness_lufs(two_sentences(gain=gain)[0], 16000, UNUSED) for gain in (1.0, 10 ** (gain_db / 20)))
    assert quiet - loud == pytest.approx(gain_db, abs=0.05)


@pytest.mark.parametrize("sampling_rate", [48000, 16000, 8000])
def test_speech_is_as_loud_as_pyloudnorm_says(sampling_rate: int) -> None:
    samples, _ = two_sentences(sampling_rate)
    whole = samples[: len(samples) - len(samples) % (sampling_rate // 10)]
    theirs = pyloudnorm.Meter(sampling_rate).integrated_loudness(whole / 32768.0)
    assert loudness_lufs(whole, sampling_rate, UNUSED) == pytest.approx(theirs, abs=1e-6)
