"""Claps: rooms ring as long as they do, and nothing that is no clap has a room."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_world import tone, two_sentences, white

from speccraft.sound.clap import clap_rt60_s
from speccraft.sound.decode import to_int16
from speccraft.sound.rooms import simulate_room


def clap(rt60_s: float, rate: int = 16000, *, noise_db: float = -65.0, burst_s: float = 0.003, seed: int = 0) -> np.ndarray:
    """A short burst of noise in a simulated room, half a second into a recording: int16 samples."""
    rng = np.random.default_rng(seed)
    burst = rng.standard_normal(round(burst_s * rate)) * np.exp(-3 * np.arange(round(burst_s * rate)) / (burst_s * rate))
    sound = np.convolve(simulate_room(rt60_s, rate, rng), burst)
    sound = np.concatenate([np.zeros(rate // 2), 0.5 * sound / np.abs(sound).max(), np.zeros(rate)])
    return to_int16(sound + 0.5 * 10 ** (noise_db / 20) * rng.standard_normal(len(sound)))


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
@pytest.mark.parametrize("rt60_s", [0.3, 0.6, 1.2])
def test_a_clap_tells_how_long_the_room_rings(rt60_s: float, rate: int) -> None:
    found = [value for seed in range(4) if (value := clap_rt60_s(clap(rt60_s, rate, seed=seed), rate)) is not None]
    assert len(found) >= 3
    assert found == pytest.approx([rt60_s] * len(found), rel=0.1)


def test_an_impulse_response_is_a_clap_too_and_turning_it_down_changes_nothing() -> None:
    response = simulate_room(0.5, 16000, np.random.default_rng(1)).astype(np.float64)
    loud, soft = (clap_rt60_s(to_int16(gain * response), 16000) for gain in (0.9, 0.3))
    assert loud == pytest.approx(0.5, rel=0.05)
    assert soft == pytest.approx(loud, rel=0.02)


def test_a_clap_that_the_noise_swallows_says_nothing() -> None:
    assert clap_rt60_s(clap(0.6, noise_db=-60), 16000) is not None
    assert clap_rt60_s(clap(0.6, noise_db=-30), 16000) is None


def test_speech_noise_and_tones_are_no_claps() -> None:
    spoken, _ = two_sentences()
    t = np.arange(16000) / 16000
    swelling = to_int16(white(16000) * np.sin(np.pi * t))
    for sound in (spoken, to_int16(white(32000)), to_int16(tone(440, 2.0)), swelling, np.zeros(16000, np.int16), np.zeros(0, np.int16)):
        assert clap_rt60_s(sound, 16000) is None


def test_two_decays_one_behind_the_other_are_no_room() -> None:
    # A room that opens into a longer one: no single number is right.
    t = np.arange(32000) / 16000
    envelope = 10 ** (-3 * t / 0.15) + 0.08 * 10 ** (-3 * t / 2.5)
    assert clap_rt60_s(to_int16(0.3 * envelope * np.random.default_rng(0).standard_normal(len(t)).clip(-3, 3)), 16000) is None


@settings(deadline=None, max_examples=40)
@given(st.binary(max_size=4000), st.sampled_from([8000, 16000, 48000]))
def test_no_samples_make_it_fail(content: bytes, rate: int) -> None:
    samples = np.frombuffer(content[: len(content) // 2 * 2], np.int16)
    found = clap_rt60_s(samples, rate)
    assert found is None or found > 0
