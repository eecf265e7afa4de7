"""Rooms: the reverberation time that was asked for is the one that is measured."""

from __future__ import annotations

import numpy as np
import pytest
from sound_world import white

from speccraft.sound.place import in_room
from speccraft.sound.rooms import rt60_of, simulate_room, trimmed


def decay(rt60_s: float, rate: int, seconds: float) -> np.ndarray:
    """White noise under an exponential decay."""
    t = np.arange(round(seconds * rate)) / rate
    return white(len(t), seed=3, rms=1.0) * 10 ** (-3 * t / rt60_s)


@pytest.mark.parametrize("rate", [8000, 16000])
@pytest.mark.parametrize("rt60_s", [0.2, 0.3, 0.5, 0.8, 1.1, 1.5])
def test_a_simulated_room_rings_as_long_as_asked(rt60_s: float, rate: int) -> None:
    measured = [rt60_of(simulate_room(rt60_s, rate, np.random.default_rng(seed)), rate) for seed in range(5)]
    assert measured == pytest.approx([rt60_s] * 5, rel=0.1)


@pytest.mark.parametrize("rt60_s", [0.3, 1.0])
def test_the_direct_sound_may_come_late_and_the_tail_may_be_long(rt60_s: float) -> None:
    response = np.concatenate([np.zeros(700), [40.0], decay(rt60_s, 16000, 2 * rt60_s)])
    assert rt60_of(response, 16000) == pytest.approx(rt60_s, rel=0.1)


def test_what_does_not_decay_by_25_db_has_no_reverberation_time() -> None:
    for response in (np.zeros(100), np.zeros(0) + 1e-30, np.array([1.0]), np.array([0.0, 1.0, 0.0])):
        assert len(response) == 0 or rt60_of(response, 16000) is None


def test_a_simulated_room_starts_with_the_direct_sound_and_is_not_weaker_than_its_tail() -> None:
    for seed in range(10):
        response = simulate_room(0.5, 16000, np.random.default_rng(seed))
        assert response.dtype == np.float32
        assert np.abs(response).argmax() == 0
        assert response[0] == 1
        assert 0 <= 10 * np.log10(1 / np.sum(response[1:].astype(float) ** 2)) <= 6.01


def test_the_same_generator_makes_the_same_room_and_another_another() -> None:
    one, two, other = (simulate_room(0.4, 16000, np.random.default_rng(seed)) for seed in (1, 1, 2))
    np.testing.assert_array_equal(one, two)
    assert not np.array_equal(one, other)


def test_trimming_keeps_the_direct_sound_and_60_db_of_decay() -> None:
    response = np.concatenate([white(1000, rms=1e-6), [-0.5], 0.1 * decay(0.3, 16000, 1.5)]).astype(np.float32)
    short = trimmed(response)
    assert short[16] == 1
    assert short.dtype == np.float32
    np.testing.assert_allclose(short[16:], response[1000 : 1000 + len(short) - 16] / -0.5, rtol=1e-5)
    assert 0.2 * 16000 < len(short) < 0.4 * 16000
    assert rt60_of(short, 16000) == pytest.approx(rt60_of(response, 16000), rel=0.05)


def test_trimming_a_response_that_starts_at_once_or_holds_nothing() -> None:
    assert trimmed(np.array([1.0, 0.5, 0.25]))[0] == 1
    assert len(trimmed(np.zeros(10))) == 0


def test_a_room_keeps_time_and_level() -> None:
    dry = np.zeros(16000, np.float32)
    dry[4000:4800] = white(800)
    response = np.concatenate([np.zeros(50, np.float32), simulate_room(0.3, 16000, np.random.default_rng(0))])
    wet = in_room(dry, response)
    assert wet.shape == dry.shape
    assert not np.abs(wet[:3990]).max() > 1e-4
    assert np.correlate(wet, dry, "full").argmax() == len(dry) - 1
    assert np.mean(wet**2) == pytest.approx(np.mean(dry**2), rel=1e-3)
