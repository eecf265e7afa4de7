"""Mixing: powers that pauses and gain do not touch, ratios that come out as asked, and exactly the share that is clipped."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_world import tone, white

from speccraft.sound.mix import active_frames, active_power, clipped, decibels, gain_to, power, stretch

RATE = 16000


def test_the_power_of_a_square_wave_is_its_square_and_of_nothing_zero() -> None:
    assert power(np.sign(tone(440, 1.0)) * np.float32(0.5)) == pytest.approx(0.25, rel=1e-3)
    assert power(np.full(10, -0.5, np.float32)) == 0.25
    assert power(np.zeros(0, np.float32)) == 0


@pytest.mark.parametrize("silence_s", [0.0, 0.5, 3.0])
def test_pauses_do_not_count_where_somebody_speaks(silence_s: float) -> None:
    speech = np.concatenate([np.zeros(round(silence_s * RATE), np.float32), tone(440, 1.02, amplitude=0.2)])
    active = active_frames(speech, RATE)
    assert active.sum() == pytest.approx(34, abs=1)
    assert active_power(speech, active, RATE) == pytest.approx(0.02, rel=0.05)


@given(seed=st.integers(0, 99), gain_db=st.floats(-60, 0), num_samples=st.integers(1, 5000))
@settings(deadline=None)
def test_speech_activity_does_not_depend_on_gain_and_holds_the_loudest_frame(seed: int, gain_db: float, num_samples: int) -> None:
    samples = white(num_samples, seed) * np.linspace(0, 1, num_samples, dtype=np.float32) ** 4
    active = active_frames(samples, RATE)
    assert len(active) == -(-num_samples // 480)
    assert np.mean(active == active_frames(samples * np.float32(10 ** (gain_db / 20)), RATE)) > 0.8
    energy = [np.sum(samples[start : start + 480].astype(float) ** 2) for start in range(0, num_samples, 480)]
    assert active[int(np.argmax(energy))] or not samples.any()


def test_silence_has_no_active_frame_and_no_power() -> None:
    for silence in (np.zeros(0, np.float32), np.zeros(1, np.float32), np.zeros(5000, np.float32)):
        assert not active_frames(silence, RATE).any()
        assert active_power(silence, active_frames(silence, RATE), RATE) == 0


@given(snr_db=st.floats(-20, 40), speech=st.floats(1e-6, 1), noise=st.floats(1e-6, 1))
def test_a_gain_brings_noise_to_the_ratio(snr_db: float, speech: float, noise: float) -> None:
    assert decibels(speech / (noise * gain_to(speech, noise, snr_db) ** 2)) == pytest.approx(snr_db, abs=1e-6)


def test_silent_noise_or_speech_adds_nothing_and_has_no_ratio() -> None:
    assert gain_to(0.0, 1.0, 10.0) == gain_to(1.0, 0.0, 10.0) == 0
    assert decibels(0.0) is None


@given(length=st.integers(1, 50), start=st.integers(0, 200), num_samples=st.integers(0, 300))
def test_a_short_clip_repeats_without_a_seam(length: int, start: int, num_samples: int) -> None:
    clip = np.arange(length, dtype=np.float32)
    np.testing.assert_array_equal(stretch(clip, start, num_samples), (start + np.arange(num_samples)) % length)


@pytest.mark.parametrize("share", [0.0, 0.001, 0.01, 0.5])
def test_the_share_that_was_asked_is_cut_off_and_the_rest_untouched(share: float) -> None:
    samples = white(20_000)
    cut = clipped(samples, share)
    changed = np.abs(cut) == np.abs(cut).max()
    assert np.count_nonzero(changed) == max(round(share * 20_000), 1)
    np.testing.assert_array_equal(cut[~changed], samples[~changed])


def test_clipping_leaves_silence_and_keeps_the_sign() -> None:
    assert not clipped(np.zeros(100, np.float32), 0.5).any()
    samples = tone(100, 0.1)
    assert (np.sign(clipped(samples, 0.2)) == np.sign(samples)).all()
