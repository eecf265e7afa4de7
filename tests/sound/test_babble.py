"""Noise made of speech: everybody in it is as loud, and it has the spectrum of what it was made of."""

from __future__ import annotations

import numpy as np
import pytest
from sound_world import band_db, level_db, tone, two_sentences, white

from speccraft.sound.babble import babble, levelled, long_term_spectrum, speech_shaped

RATE = 16000


def test_a_quiet_talker_is_as_loud_in_babble_as_a_loud_one() -> None:
    noise = babble([[tone(500, 1.0, amplitude=0.5)], [tone(2000, 1.0, amplitude=0.001)]], 2 * RATE, RATE)
    assert (noise.shape, noise.dtype) == ((2 * RATE,), np.float32)
    assert band_db(noise, RATE, 400, 600) == pytest.approx(band_db(noise, RATE, 1900, 2100), abs=0.2)
    assert level_db(noise) == pytest.approx(-26, abs=0.1)


def test_a_talker_says_one_thing_after_another_and_begins_again() -> None:
    one, other = tone(500, 0.3), tone(2000, 0.3)
    noise = babble([[one, other]], RATE, RATE)
    heard = [np.abs(np.fft.rfft(noise[start : start + 4800])).argmax() * RATE / 4800 for start in (0, 4800, 9600)]
    assert heard == pytest.approx([500, 2000, 500], abs=5)


def test_babble_of_silence_is_silence_and_levels_are_of_active_speech() -> None:
    assert not babble([[np.zeros(100, np.float32)]], 1000, RATE).any()
    speech = np.concatenate([np.zeros(RATE, np.float32), tone(500, 1.02)])
    assert np.sqrt(np.mean(levelled(speech, RATE)[RATE:].astype(float) ** 2)) == pytest.approx(1, rel=0.05)


def test_speech_shaped_noise_has_the_long_term_spectrum_of_the_speech() -> None:
    speech = (two_sentences()[0] / 32768).astype(np.float32)
    noise = speech_shaped(long_term_spectrum([speech, 0.01 * speech], RATE), 20 * RATE, np.random.default_rng(0))
    bands = [(200, 400), (400, 800), (800, 1600), (1600, 3200), (3200, 6000)]
    tilt = np.array([band_db(noise, RATE, *band) - band_db(speech, RATE, *band) for band in bands])
    assert np.abs(tilt - tilt.mean()).max() < 1.5
    assert level_db(noise) == pytest.approx(-26, abs=0.1)


def test_a_loud_utterance_does_not_drown_the_others_in_the_spectrum() -> None:
    low, high = tone(500, 1.0, amplitude=0.9), tone(3000, 1.0, amplitude=0.009)
    spectrum = long_term_spectrum([low, high], RATE)
    assert spectrum[round(500 * 1024 / RATE)] == pytest.approx(spectrum[round(3000 * 1024 / RATE)], rel=0.2)
    assert long_term_spectrum([white(10)], RATE).shape == (513,)


def test_the_same_generator_gives_the_same_noise_and_another_other() -> None:
    spectrum = np.ones(513)
    one, again, other = (speech_shaped(spectrum, 1000, np.random.default_rng(seed)) for seed in (0, 0, 1))
    np.testing.assert_array_equal(one, again)
    assert not np.array_equal(one, other)
