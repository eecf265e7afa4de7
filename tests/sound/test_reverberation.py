"""Reverberation time from sound alone: what rings longer reads longer, and where nothing fades there is none."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_world import tone, two_sentences, white

from speccraft.sound.decode import to_int16
from speccraft.sound.frames import frame_length
from speccraft.sound.reverberation import CALIBRATION, reverberation_s, steepest_fade_db_per_s
from speccraft.sound.rooms import Room, simulate_room


def everywhere(samples: np.ndarray, sampling_rate: int = 16000) -> np.ndarray:
    return np.ones(-(-len(samples) // frame_length(sampling_rate)), bool)


def in_a_room(rt60_s: float, sampling_rate: int = 16000, seed: int = 0) -> np.ndarray:
    """Two espeak sentences in a simulated room, float32."""
    dry, _ = two_sentences(sampling_rate)
    return 0.5 * Room(simulate_room(rt60_s, sampling_rate, np.random.default_rng(seed)), sampling_rate).heard(dry / np.float32(32768))


def bursts_in_a_room(rt60_s: float) -> np.ndarray:
    """Noise that is switched on and off and then dies away, float32."""
    gate = np.repeat(np.tile([1.0, 0.0], 4), 8000).astype(np.float32)
    response = white(round(2 * rt60_s * 16000), seed=5) * 10 ** (-3 * np.arange(round(2 * rt60_s * 16000)) / 16000 / rt60_s)
    return 0.3 * Room(response.astype(np.float32), 16000).heard(white(len(gate), rms=0.3) * gate)


@pytest.mark.parametrize("rt60_s", [0.4, 0.8, 1.2])
def test_bursts_fade_by_60_db_in_the_reverberation_time(rt60_s: float) -> None:
    samples = to_int16(bursts_in_a_room(rt60_s))
    # The steepest of many noisy slopes are somewhat steeper than the decay.
    assert 1.0 < steepest_fade_db_per_s(samples, 16000, everywhere(samples)) / (60 / rt60_s) < 1.45


@pytest.mark.parametrize("sampling_rate", [8000, 16000, 44100])
def test_speech_in_a_room_that_rings_longer_reads_longer(sampling_rate: int) -> None:
    samples = [to_int16(in_a_room(rt60_s, sampling_rate)) for rt60_s in (0.2, 0.5, 0.9, 1.4)]
    found = [reverberation_s(one, sampling_rate, everywhere(one, sampling_rate)) for one in samples]
    assert found == sorted(found)
    assert found[-1] > 2 * found[0]


def test_the_sampling_rate_hardly_matters() -> None:
    found = [reverberation_s(to_int16(in_a_room(0.7, rate)), rate, everywhere(in_a_room(0.7, rate), rate)) for rate in (8000, 16000, 22050, 48000)]
    assert max(found) / min(found) < 1.3


@given(st.floats(0.05, 1.0))
@settings(deadline=None)
def test_gain_changes_little(gain: float) -> None:
    wet = in_a_room(0.6)
    one, other = (to_int16(wet * np.float32(factor)) for factor in (1.0, gain))
    assert reverberation_s(other, 16000, everywhere(other)) == pytest.approx(reverberation_s(one, 16000, everywhere(one)), rel=0.05)


def test_silence_around_speech_changes_little() -> None:
    wet = in_a_room(0.6)
    long = to_int16(np.concatenate([white(160000, rms=1e-4), wet, white(160000, seed=1, rms=1e-4)]))
    speech = np.zeros(len(everywhere(long)), bool)
    speech[160000 // 480 : (160000 + len(wet)) // 480] = True
    assert reverberation_s(long, 16000, speech) == pytest.approx(reverberation_s(to_int16(wet), 16000, everywhere(wet)), rel=0.25)


def test_faint_noise_changes_little() -> None:
    wet = in_a_room(0.6)
    noisy = to_int16(wet + white(len(wet), seed=3, rms=float(np.std(wet)) / 20))
    assert reverberation_s(noisy, 16000, everywhere(noisy)) == pytest.approx(reverberation_s(to_int16(wet), 16000, everywhere(wet)), rel=0.25)


def test_an_offset_changes_nothing() -> None:
    wet = 0.5 * in_a_room(0.6)
    one, other = to_int16(wet), to_int16(wet + np.float32(0.1))
    assert reverberation_s(other, 16000, everywhere(other)) == pytest.approx(reverberation_s(one, 16000, everywhere(one)), rel=0.02)


@pytest.mark.parametrize("samples", [
    np.zeros(0, np.int16), np.zeros(1, np.int16), np.zeros(32000, np.int16), np.full(32000, 1000, np.int16), to_int16(tone(440, 2.0)),
    to_int16(0.5 * np.sign(tone(441, 2.0))), to_int16(white(32000)), to_int16(white(3000)),
], ids=["nothing", "one sample", "silence", "offset", "tone", "square wave", "noise", "short"])  # fmt: skip
def test_what_does_not_fade_has_no_reverberation_time(samples: np.ndarray) -> None:
    assert math.isnan(reverberation_s(samples, 16000, everywhere(samples)))


def test_without_speech_there_is_none() -> None:
    wet = to_int16(in_a_room(0.6))
    assert math.isnan(reverberation_s(wet, 16000, np.zeros(len(everywhere(wet)), bool)))


def test_a_faster_fade_means_a_shorter_time() -> None:
    fades, seconds = zip(*CALIBRATION, strict=True)
    assert list(fades) == sorted(fades)
    assert list(seconds) == sorted(seconds, reverse=True)


@given(st.integers(600, 9000), st.integers(0, 2**32 - 1))
def test_any_sound_gives_a_time_of_the_calibrated_range_or_none(num_samples: int, seed: int) -> None:
    random = np.random.default_rng(seed)
    loud = np.repeat(random.choice([1, 100, 10000], -(-num_samples // 300)), 300)[:num_samples]
    samples = (random.uniform(-1, 1, num_samples) * loud).astype(np.int16)
    found = reverberation_s(samples, 8000, random.random(-(-num_samples // 240)) < 0.8)
    assert math.isnan(found) or CALIBRATION[-1][1] <= found <= CALIBRATION[0][1]
