"""Fundamental frequency: of pulses that are known to the sample, and of espeak's voices, whose range their files state."""

from __future__ import annotations

import numpy as np
import pytest
import soxr
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_world import tone, white

from speccraft.sound.decode import to_int16
from speccraft.sound.espeak import speak
from speccraft.sound.frames import frame_length, frames_of
from speccraft.sound.pitch import FEWEST_VOICED, f0_median_hz, f0_range_semitones, pitch
from speccraft.sound.vad import energy_frames


def pulses(f0_hz: np.ndarray, sampling_rate: int, *, formant_hz: float = 700.0) -> np.ndarray:
    """A pulse for each period of a frequency that may change, through a vowel's resonance: float64 of shape (num_samples,)."""
    from scipy.signal import lfilter

    train = np.diff(np.floor(np.cumsum(f0_hz / sampling_rate)), prepend=0.0)
    radius = np.exp(-np.pi * 90 / sampling_rate)
    resonance = [1, -2 * radius * np.cos(2 * np.pi * formant_hz / sampling_rate), radius**2]
    found = lfilter([1], np.convolve(resonance, [1, -0.95]), train - train.mean())
    return np.asarray(0.5 * found / np.abs(found).max())


def pitch_of(samples: np.ndarray, sampling_rate: int = 16000) -> tuple[float, float]:
    return pitch(to_int16(samples), sampling_rate, np.ones(-(-len(samples) // frame_length(sampling_rate)), bool))


def semitones(one: float, other: float) -> float:
    return float(12 * np.log2(one / other))


@pytest.mark.parametrize("sampling_rate", [8000, 11025, 16000, 44100])
@pytest.mark.parametrize("f0_hz", [65.0, 100.0, 180.0, 260.0, 440.0])
def test_a_pulse_train_has_its_frequency_and_does_not_move(sampling_rate: int, f0_hz: float) -> None:
    median, moves = pitch_of(pulses(np.full(sampling_rate, f0_hz), sampling_rate), sampling_rate)
    assert abs(semitones(median, f0_hz)) < 0.15
    assert moves < 0.3


@given(low=st.floats(80, 220), octaves=st.floats(0.1, 0.6), formant=st.floats(300, 900), seed=st.integers(0, 99))
@settings(deadline=None, max_examples=30)
def test_a_glide_has_the_median_and_range_of_its_contour_in_noise_too(low: float, octaves: float, formant: float, seed: int) -> None:
    contour = low * 2 ** np.linspace(0, octaves, 32000)
    voice = pulses(contour, 16000, formant_hz=formant)
    median, moves = pitch_of(voice + white(len(voice), seed, rms=float(0.1 * voice.std())))
    assert abs(semitones(median, float(np.median(contour)))) < 0.5
    assert moves == pytest.approx(12 * octaves * 0.9, abs=0.7)


def test_a_voice_without_its_fundamental_is_heard_as_by_telephone() -> None:
    voice = sum(tone(110 * harmonic, 1.0, 8000, 0.05) for harmonic in range(3, 31))
    assert pitch_of(np.asarray(voice), 8000)[0] == pytest.approx(110, rel=0.01)


@pytest.mark.parametrize(("voice", "low", "high"), [("en-us+m1", 75, 109), ("en-us+m3", 80, 122), ("en-us+f1", 140, 200), ("en-us+f3", 140, 240)])
def test_espeak_speaks_within_the_range_that_the_file_of_a_voice_states(voice: str, low: float, high: float) -> None:
    spoken, rate = speak("the next train leaves from platform four", voice=voice, words_per_minute=150, pitch=50)
    samples = to_int16(soxr.resample(spoken / np.float32(32768), rate, 16000))
    speech = energy_frames(frames_of(samples, 16000))
    median, moves = pitch(samples, 16000, speech)
    assert low < median < high
    assert 0.5 < moves < 1.5 * semitones(high, low)
    assert (f0_median_hz(samples, 16000, speech), f0_range_semitones(samples, 16000, speech)) == (median, moves)


@given(gain=st.floats(0.01, 1.9))
@settings(deadline=None, max_examples=20)
def test_loudness_changes_nothing(gain: float) -> None:
    voice = pulses(150 * 2 ** np.linspace(0, 0.3, 16000), 16000)
    assert pitch_of(gain * voice) == pytest.approx(pitch_of(voice), rel=0.01)


@pytest.mark.parametrize("samples", [np.zeros(16000), white(48000, 3), np.full(16000, 0.3), tone(3000, 1.0), np.zeros(0), np.ones(1)], ids=range(6))
def test_what_is_no_voice_has_no_pitch(samples: np.ndarray) -> None:
    assert np.isnan(pitch_of(samples)).all()


def test_frames_without_speech_are_not_looked_at() -> None:
    samples = to_int16(np.concatenate([pulses(np.full(16320, 100.0), 16000), pulses(np.full(16320, 300.0), 16000)]))
    first = np.arange(68) < 33
    assert pitch(samples, 16000, first)[0] == pytest.approx(100, rel=0.01)
    assert pitch(samples, 16000, ~first)[0] == pytest.approx(300, rel=0.01)
    assert np.isnan(pitch(samples, 16000, np.arange(68) < FEWEST_VOICED - 1)).all()


def test_of_hours_only_some_frames_are_looked_at_and_the_voice_is_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    voice = pulses(150 * 2 ** np.linspace(0, 0.3, 64000), 16000)
    before = pitch_of(voice)
    monkeypatch.setattr("speccraft.sound.pitch.MOST_FRAMES", 20)
    after = pitch_of(voice)
    assert after != before
    assert after == pytest.approx(before, rel=0.1)
