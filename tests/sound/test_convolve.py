"""Fast convolution is convolution, whatever the lengths, and the centre of a response stays in time."""

from __future__ import annotations

import numpy as np
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_world import white

from speccraft.sound.convolve import Response


@given(num_samples=st.integers(1, 4000), num_taps=st.integers(1, 700), centre=st.integers(0, 699), seed=st.integers(0, 9))
@settings(deadline=None, max_examples=60)
def test_it_is_convolution_with_the_centre_in_time(num_samples: int, num_taps: int, centre: int, seed: int) -> None:
    samples, taps, centre = white(num_samples, seed), white(num_taps, seed + 1), min(centre, num_taps - 1)
    whole = np.pad(np.convolve(samples.astype(float), taps.astype(float)), (0, num_samples))
    heard = Response(taps, centre).applied(samples)
    assert (heard.dtype, heard.shape) == (np.float32, samples.shape)
    np.testing.assert_allclose(heard, whole[centre : centre + num_samples], atol=1e-5)


def test_a_long_recording_goes_through_a_short_filter_in_pieces_without_a_seam() -> None:
    samples, taps = white(200_000), white(300, 1)
    heard = Response(taps).applied(samples)
    np.testing.assert_allclose(heard, np.convolve(samples.astype(float), taps.astype(float))[: len(samples)], atol=1e-4)


def test_an_impulse_passes_samples_through_and_nothing_stays_nothing() -> None:
    np.testing.assert_allclose(Response(np.array([1.0], np.float32)).applied(white(1000)), white(1000), atol=1e-6)
    assert Response(np.ones(3, np.float32)).applied(np.zeros(0, np.float32)).shape == (0,)
    assert not Response(np.zeros(0, np.float32)).applied(white(5)).any()


def test_the_same_samples_give_the_same_result_after_others_have_passed() -> None:
    response = Response(white(500))
    first = response.applied(white(3000, 1))
    for num_samples in (10, 100_000, 999):
        response.applied(white(num_samples, 2))
    np.testing.assert_array_equal(response.applied(white(3000, 1)), first)
