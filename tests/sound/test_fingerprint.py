"""Fingerprints: copies stay alike through codec, gain, rate, cuts and noise; other takes, words and noises do not."""

from __future__ import annotations

import subprocess
import sys

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.scenario.environment import CodedChannel
from speccraft.sound.channel import through_channel
from speccraft.sound.decode import to_int16
from speccraft.sound.fingerprint import FEWEST_FRAMES, LONGEST_S, MOST_KEYS, Fingerprint, fingerprint, is_copy, keys_of_text, likeness

RATE = 16000


def babble(seed: int, seconds: float = 3.0) -> np.ndarray:
    """Float samples that change like speech: a harmonic voice whose pitch and loudness wander, through two wandering formants."""
    random, count = np.random.default_rng(seed), round(seconds * RATE)
    time = np.arange(count) / RATE

    def wander(low: float, high: float, per_s: float) -> np.ndarray:
        points = max(3, round(seconds * per_s))
        return np.interp(time, np.linspace(0, seconds, points), random.uniform(low, high, points))

    phase = 2 * np.pi * np.cumsum(wander(90, 220, 5)) / RATE
    first, second = wander(300, 900, 8), wander(1000, 2800, 8)
    pitch = np.gradient(phase) * RATE / 2 / np.pi
    voice = sum(
        np.sin(number * phase) * (np.exp(-(((number * pitch - first) / 150) ** 2)) + 0.5 * np.exp(-(((number * pitch - second) / 200) ** 2)))
        for number in range(1, 25)
    )
    sound = np.asarray(voice) * wander(0, 1, 10) + 0.002 * random.standard_normal(count)
    return (0.5 * sound / np.abs(sound).max()).astype(np.float32)


def print_of(samples: np.ndarray, rate: int = RATE) -> Fingerprint:
    text = fingerprint(to_int16(samples), rate)
    assert text is not None
    return Fingerprint.from_text(text)


def with_noise(samples: np.ndarray, snr_db: float) -> np.ndarray:
    noise = np.random.default_rng(9).standard_normal(len(samples)).astype(np.float32)
    return samples + noise * np.sqrt(np.mean(samples**2) / 10 ** (snr_db / 10))


CHANGES = {
    "half as loud": lambda samples: 0.5 * samples,
    "through MP3 at 32 kbit/s": lambda samples: through_channel(samples, CodedChannel(codec="mp3", bitrate_kbps=32), RATE),
    "through Opus at 24 kbit/s": lambda samples: through_channel(samples, CodedChannel(codec="opus", bitrate_kbps=24), RATE),
    "by way of 8 kHz": lambda samples: soxr.resample(soxr.resample(samples, RATE, 8000), 8000, RATE),
    "by way of 48 kHz": lambda samples: soxr.resample(soxr.resample(samples, RATE, 48000), 48000, RATE),
    "cut by 0.3 s before and 0.2 s behind": lambda samples: samples[round(0.3031 * RATE) : -round(0.2 * RATE)],
    "in noise at 25 dB": lambda samples: with_noise(samples, 25),
}


@pytest.mark.parametrize("change", CHANGES)
@pytest.mark.parametrize("seed", range(3))
def test_a_copy_is_known(change: str, seed: int) -> None:
    sound = babble(seed)
    original, copy = print_of(sound), print_of(CHANGES[change](sound))
    assert is_copy(*likeness(original, copy))
    assert len(np.intersect1d(original.keys, copy.keys)) >= 3


@pytest.mark.parametrize("seconds", [0.4, 1.0, 3.0])
def test_other_sounds_of_the_same_kind_are_not_copies(seconds: float) -> None:
    prints = [print_of(babble(seed, seconds)) for seed in range(12)]
    assert not [1 for one in range(12) for other in range(one) if is_copy(*likeness(prints[one], prints[other]))]


def test_other_noise_of_the_same_colour_is_no_copy() -> None:
    noises = [print_of(0.1 * np.random.default_rng(seed).standard_normal(3 * RATE)) for seed in range(6)]
    assert not [1 for one in range(6) for other in range(one) if is_copy(*likeness(noises[one], noises[other]))]


def test_the_fingerprint_of_another_rate_is_alike() -> None:
    sound = babble(0)
    assert is_copy(*likeness(print_of(sound), print_of(soxr.resample(sound, RATE, 8000), 8000)))


@pytest.mark.parametrize("samples", [np.zeros(0), np.zeros(3 * RATE), babble(0, 0.1)], ids=["nothing", "silence", "a tenth of a second"])
def test_what_cannot_be_told_from_others_has_no_fingerprint(samples: np.ndarray) -> None:
    assert fingerprint(to_int16(samples), RATE) is None


def test_a_jingle_before_a_long_recording_is_not_looked_at() -> None:
    jingle, tail = babble(1), babble(2, LONGEST_S + 4)
    with_jingle = np.concatenate([jingle, tail, babble(3)])
    alone = np.concatenate([babble(4), tail, babble(5)])
    assert fingerprint(to_int16(with_jingle), RATE) == fingerprint(to_int16(alone), RATE)


@settings(max_examples=30, deadline=None)
@given(seed=st.integers(0, 2**32 - 1), count=st.integers(0, 9000), loudness=st.sampled_from([0, 1, 100, 32767]))
def test_any_samples_have_one_fingerprint_that_reads_as_it_was_written(seed: int, count: int, loudness: int) -> None:
    samples = np.random.default_rng(seed).integers(-loudness, loudness + 1, count).astype(np.int16)
    text = fingerprint(samples, 8000)
    assert text == fingerprint(samples.copy(), 8000)
    if text is not None:
        read = Fingerprint.from_text(text)
        assert read.as_text() == text
        assert read.changes.min() >= -7
        assert len(read.changes) >= FEWEST_FRAMES - 2
        assert 1 <= len(np.unique(read.keys)) == len(read.keys) <= MOST_KEYS
        assert keys_of_text(text).tolist() == read.keys.tolist()
        assert likeness(read, read)[0] == pytest.approx(1.0)


def test_likeness_has_no_direction() -> None:
    one, other = print_of(babble(0, 2.0)), print_of(babble(0, 2.0)[2000:])
    assert likeness(one, other) == likeness(other, one)


def test_workers_stay_light() -> None:
    heavy = "import sys, speccraft.sound.fingerprint; print([m for m in ('torch', 'lhotse', 'librosa', 'polars') if m in sys.modules])"
    assert subprocess.run([sys.executable, "-c", heavy], capture_output=True, text=True, check=True).stdout.strip() == "[]"
