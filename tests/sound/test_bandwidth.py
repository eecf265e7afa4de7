"""Bandwidth: where the spectrum ends is found, at any level and rate, and where nothing ends nothing is found to."""

from __future__ import annotations

import io
import math

import numpy as np
import pytest
import soundfile
import soxr
from hypothesis import given
from hypothesis import strategies as st
from scipy.signal import firwin, oaconvolve
from sound_world import tone, two_sentences, white

from speccraft.sound.bandwidth import bandwidth_hz
from speccraft.sound.decode import to_int16


def everywhere(samples: np.ndarray, sampling_rate: int) -> np.ndarray:
    """A speech mask that is all speech."""
    return np.ones(-(-len(samples) // round(0.03 * sampling_rate)), bool)


def band(samples: np.ndarray, sampling_rate: int = 16000) -> float:
    return bandwidth_hz(samples, sampling_rate, everywhere(samples, sampling_rate))


def cut(samples: np.ndarray, limit_hz: float, sampling_rate: int) -> np.ndarray:
    """Behind a steep low-pass."""
    return oaconvolve(samples, firwin(513, limit_hz, fs=sampling_rate, window=("kaiser", 9)), mode="same").astype(np.float32)


@pytest.mark.parametrize(("sampling_rate", "limit_hz"), [(16000, 2000), (16000, 4000), (16000, 7000), (44100, 11000), (48000, 16000), (48000, 20000)])
@pytest.mark.parametrize("rms", [0.003, 0.1])
def test_noise_that_was_cut_off_ends_where_it_was_cut(sampling_rate: int, limit_hz: float, rms: float) -> None:
    samples = to_int16(cut(white(sampling_rate * 3, rms=rms), limit_hz, sampling_rate))
    assert band(samples, sampling_rate) == pytest.approx(limit_hz, abs=200)


@pytest.mark.parametrize("sampling_rate", [8000, 11025, 16000, 22050, 24000, 44100, 48000])
def test_noise_that_was_not_cut_off_fills_the_band(sampling_rate: int) -> None:
    assert band(to_int16(white(2 * sampling_rate)), sampling_rate) == pytest.approx(sampling_rate / 2, abs=150)


@pytest.mark.parametrize("sampling_rate", [16000, 24000, 48000])
@pytest.mark.parametrize("gain", [0.02, 1.0])
def test_narrowband_speech_in_a_wideband_file_is_found(sampling_rate: int, gain: float) -> None:
    narrow, _ = two_sentences(8000)
    wide = to_int16(soxr.resample(narrow / np.float32(32768), 8000, sampling_rate) * np.float32(gain))
    assert band(wide, sampling_rate) == pytest.approx(3850, abs=250)


def test_narrowband_speech_is_found_in_noise_that_is_not_narrow() -> None:
    narrow, spans = two_sentences(8000)
    wide = soxr.resample(narrow / np.float32(32768), 8000, 16000)
    noisy = to_int16(wide + white(len(wide), seed=4, rms=float(np.std(wide)) / 30))
    speech = np.zeros(len(everywhere(noisy, 16000)), bool)
    for start, end in spans:
        speech[start // 240 : end // 240] = True
    assert bandwidth_hz(noisy, 16000, speech) == pytest.approx(3850, abs=350)
    full, _ = two_sentences(16000)
    louder = to_int16(full / np.float32(32768) + white(len(full), seed=4, rms=float(np.std(full / 32768)) / 30))
    assert bandwidth_hz(louder, 16000, speech) > 7500, "speech that fades into noise by and by is not cut off"


@pytest.mark.parametrize(("bit_rate_kbps", "limit_hz"), [(32, 8250), (48, 11250), (64, 16500)])
def test_an_mp3_ends_where_its_encoder_cut_it_off(bit_rate_kbps: int, limit_hz: float) -> None:
    # LAME cuts mono off at one and a half times what lame.c has for the bit rate.
    buffer = io.BytesIO()
    level = 1 - (bit_rate_kbps - 32) / (320 - 32)
    sound = white(44100 * 3)
    soundfile.write(buffer, sound, 44100, format="MP3", compression_level=min(level, 0.999), bitrate_mode="CONSTANT")
    buffer.seek(0)
    samples = soundfile.read(buffer, dtype="int16")[0]
    assert band(samples, 44100) == pytest.approx(limit_hz, rel=0.06)


@given(st.floats(0.05, 0.9), st.integers(2500, 7000))
def test_gain_changes_nothing(gain: float, limit_hz: int) -> None:
    sound = cut(white(16000, seed=2, rms=0.2), limit_hz, 16000)
    assert band(to_int16(sound * np.float32(gain))) == pytest.approx(band(to_int16(sound)), abs=100)


def test_a_tone_ends_near_itself_and_a_square_wave_does_not_end() -> None:
    assert band(to_int16(tone(1000, 1.0))) == pytest.approx(1000, abs=300)
    assert band(to_int16(0.5 * np.sign(tone(441, 1.0)))) > 7000


def test_an_offset_is_no_signal() -> None:
    assert math.isnan(band(np.full(16000, 3000, np.int16)))
    sound = cut(white(16000, rms=0.05), 4000, 16000)
    assert band(to_int16(sound + np.float32(0.2))) == pytest.approx(4000, abs=200)


@pytest.mark.parametrize("num_samples", [0, 1, 511, 512, 1200])
def test_what_is_too_short_has_no_bandwidth(num_samples: int) -> None:
    samples = to_int16(white(num_samples))
    assert math.isnan(band(samples))


def test_silence_has_no_bandwidth_and_sound_without_speech_has() -> None:
    assert math.isnan(band(np.zeros(16000, np.int16)))
    samples = to_int16(cut(white(32000), 5000, 16000))
    assert bandwidth_hz(samples, 16000, np.zeros(67, bool)) == pytest.approx(5000, abs=200)


@given(st.integers(600, 4000), st.integers(0, 2**32 - 1), st.integers(1, 32767))
def test_any_sound_gives_a_frequency_of_the_band_or_none(num_samples: int, seed: int, largest: int) -> None:
    random = np.random.default_rng(seed)
    samples = random.integers(-largest, largest + 1, num_samples).astype(np.int16)
    found = bandwidth_hz(samples, 8000, random.random(-(-num_samples // 240)) < 0.5)
    assert math.isnan(found) == (num_samples < 256 + 3 * 128)
    assert math.isnan(found) or 0 < found <= 4000
