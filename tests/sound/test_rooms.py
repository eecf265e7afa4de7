"""Rooms: the reverberation time that was asked for is the one that is measured."""

from __future__ import annotations

import numpy as np
import pytest
from sound_world import white

from speccraft.sound.rooms import Room, rt60_of, simulate_room, trimmed


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
    wet = Room(response, 16000).heard(dry)
    assert wet.shape == dry.shape
    assert not np.abs(wet[:3990]).max() > 1e-4
    assert np.correlate(wet, dry, "full").argmax() == len(dry) - 1
    assert np.mean(wet**2) == pytest.approx(np.mean(dry**2), rel=1e-3)


def direct_over_rest_db(response: np.ndarray, direct: int) -> float:
    rest = response.astype(float)[direct + 40 :]
    return float(10 * np.log10(np.sum(response[direct : direct + 40].astype(float) ** 2) / np.sum(rest**2)))


@pytest.mark.parametrize("distance_m", [0.5, 1.0, 2.0, 8.0])
def test_the_direct_sound_falls_by_the_distance_and_the_reverberation_stays(distance_m: float) -> None:
    room = Room(np.concatenate([np.zeros(50, np.float32), simulate_room(0.5, 16000, np.random.default_rng(0))]), 16000)
    near, far = room.at(None), room.at(distance_m)
    np.testing.assert_array_equal(far[90:], near[90:])
    assert direct_over_rest_db(near, 50) - direct_over_rest_db(far, 50) == pytest.approx(20 * np.log10(distance_m), abs=0.01)
    assert room.rt60_s(distance_m) == pytest.approx(0.5, rel=0.1)


@pytest.mark.parametrize("distance_m", [0.3, 5.0])
def test_an_impulse_in_a_room_is_the_response_at_the_distance_in_time(distance_m: float) -> None:
    room = Room(np.concatenate([np.zeros(50, np.float32), simulate_room(0.2, 16000, np.random.default_rng(0))]), 16000)
    impulse = np.zeros(8000, np.float32)
    impulse[1000] = 1.0
    heard = room.heard(impulse, distance_m)
    expected = room.at(distance_m)[50:]
    np.testing.assert_allclose(heard[1000 : 1000 + len(expected)], expected / np.sqrt(np.sum(expected.astype(float) ** 2)), atol=1e-4)
    assert np.sum(heard.astype(float) ** 2) == pytest.approx(1, rel=1e-3)


def test_far_away_a_reflection_may_be_stronger_than_the_direct_sound_and_time_is_kept() -> None:
    response = np.zeros(2000, np.float32)
    response[[10, 500]] = [1.0, 0.5]
    heard = Room(response, 16000).heard(np.eye(1, 4000, 1000, dtype=np.float32)[0], 10.0)
    assert np.flatnonzero(np.abs(heard) > 0.05).tolist() == [1000, 1490]


def test_silence_stays_silence_in_a_room() -> None:
    assert not Room(simulate_room(0.3, 16000, np.random.default_rng(0)), 16000).heard(np.zeros(5000, np.float32)).any()
