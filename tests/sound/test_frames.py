"""The frame table: powers, peaks and clipped samples of 30 ms frames, the last of which may be short."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_world import tone

from speccraft.sound.decode import to_int16
from speccraft.sound.frames import FULL_SCALE, frames_of


@given(num_samples=st.integers(0, 2000), seed=st.integers(0, 9), rate=st.sampled_from([8000, 16000, 44100]))
@settings(deadline=None)
def test_every_frame_is_what_its_samples_say(num_samples: int, seed: int, rate: int) -> None:
    samples = np.random.default_rng(seed).integers(-32768, 32768, num_samples).astype(np.int16)
    frames = frames_of(samples, rate)
    pieces = [samples[at : at + frames.length].astype(float) for at in range(0, num_samples, frames.length)]
    np.testing.assert_allclose(frames.power, [np.var(piece / 32768) for piece in pieces], atol=2.0**-30)
    np.testing.assert_array_equal(frames.total, [piece.sum() for piece in pieces])
    np.testing.assert_array_equal(frames.zeros, [(piece == 0).sum() for piece in pieces])
    np.testing.assert_array_equal(frames.peak, [np.abs(piece).max() for piece in pieces])
    np.testing.assert_array_equal(frames.clipped, [(np.abs(piece) >= FULL_SCALE).sum() for piece in pieces])
    assert frames.num_samples == num_samples


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 32000, 44100, 48000])
def test_a_frame_is_30_ms_exactly_at_every_rate_of_the_scenario(rate: int) -> None:
    assert frames_of(np.zeros(rate, np.int16), rate).length / rate == pytest.approx(0.03, abs=1e-12)


def test_a_frame_that_the_file_ends_in_is_not_diluted_by_silence() -> None:
    square = np.where(np.arange(16000 + 10) % 2, 0.5, -0.5).astype(np.float32)
    assert frames_of(to_int16(square), 16000).power[-1] == pytest.approx(0.25)


def test_a_constant_offset_has_no_power() -> None:
    samples = to_int16(tone(500, 1.2, amplitude=0.1))
    np.testing.assert_allclose(frames_of(samples + np.int16(9000), 16000).power, frames_of(samples, 16000).power, rtol=1e-3)
    assert not frames_of(np.full(16000, 9000, np.int16), 16000).power.any()


@given(rate=st.sampled_from([4000, 8000, 11025, 16000, 44100]), sounding=st.sampled_from([0.5, 0.02, 0.005, 0.001]), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=60)
def test_holes_are_counted_where_they_begin_wherever_they_lie(rate: int, sounding: float, seed: int) -> None:
    samples = (np.random.default_rng(seed).random(3 * rate) < sounding).astype(np.int16)
    frames, at = frames_of(samples, rate), np.flatnonzero(samples)
    counts = np.zeros(len(frames.holes), int)
    for before, after in pairwise(at):
        if round(0.01 * rate) <= after - before - 1 <= round(0.1 * rate):
            counts[(before + 1) // frames.length] += 1
    np.testing.assert_array_equal(frames.holes, counts)
