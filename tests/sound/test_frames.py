"""The frame table: powers, peaks and clipped samples of 30 ms frames, the last of which may be short."""

from __future__ import annotations

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
    np.testing.assert_allclose(frames.power, [np.mean((piece / 32768) ** 2) for piece in pieces])
    np.testing.assert_array_equal(frames.peak, [np.abs(piece).max() for piece in pieces])
    np.testing.assert_array_equal(frames.clipped, [(np.abs(piece) >= FULL_SCALE).sum() for piece in pieces])
    assert frames.num_samples == num_samples


@pytest.mark.parametrize("rate", [8000, 16000, 24000, 32000, 44100, 48000])
def test_a_frame_is_30_ms_exactly_at_every_rate_of_the_scenario(rate: int) -> None:
    assert frames_of(np.zeros(rate, np.int16), rate).length / rate == pytest.approx(0.03, abs=1e-12)


def test_a_frame_that_the_file_ends_in_is_not_diluted_by_silence() -> None:
    frames = frames_of(to_int16(np.full(16000 + 10, 0.5, np.float32)), 16000)
    assert frames.power[-1] == pytest.approx(0.25)


def test_a_slice_holds_the_frames_that_samples_touch() -> None:
    frames = frames_of(to_int16(tone(440, 1.0)), 16000)
    assert frames.slice(480, 960) == slice(1, 2)
    assert frames.slice(479, 961) == slice(0, 3)
    assert frames.slice(0, 16000) == slice(0, 34)
