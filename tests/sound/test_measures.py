"""Measures of known signals are what theory says, and say None where there is nothing to measure."""

from __future__ import annotations

import math

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from sound_world import tone, two_sentences, white

from speccraft.scenario.quality import Quality, Rule, Segmentation
from speccraft.sound.decode import to_int16
from speccraft.sound.frames import frames_of
from speccraft.sound.measures import MEASURES, Stretches, measure
from speccraft.sound.spectral import SPECTRAL
from speccraft.sound.vad import speech_frames


def measured(samples: np.ndarray, speech: np.ndarray | None = None, start: int = 0, end: int | None = None) -> dict[str, float | None]:
    """Measures of one stretch of a recording, by default all of it, by default all speech."""
    frames = frames_of(samples, 16000)
    speech = np.ones(len(frames.power), bool) if speech is None else speech
    (found,) = measure(Stretches.of([(start, len(samples) if end is None else end)], 16000, frames, speech))
    return found


def bursts(snr: float, seed: int = 0) -> tuple[np.ndarray, np.ndarray]:
    """Half-second bursts of a tone in white noise of known power, with the true speech mask."""
    length = 480
    active = np.repeat([False, True] * 6, 17)
    samples = white(len(active) * length, seed, rms=0.01)
    samples += np.repeat(active, length) * tone(440, len(samples) / 16000, amplitude=0.01 * math.sqrt(2) * 10 ** (snr / 20))
    return to_int16(samples), active


@pytest.mark.parametrize("snr", [0, 5, 10, 15, 20, 30])
def test_the_snr_of_bursts_in_noise_is_what_was_mixed(snr: float) -> None:
    samples, active = bursts(snr)
    assert measured(samples, active)["snr_db"] == pytest.approx(snr, abs=1)


@pytest.mark.parametrize("snr", [24, 30])
def test_the_snr_is_right_with_the_energy_detector_too(snr: float) -> None:
    samples, _ = bursts(snr)
    speech = speech_frames(samples, 16000, frames_of(samples, 16000), Segmentation(detector="energy"))
    assert measured(samples, speech)["snr_db"] == pytest.approx(snr, abs=2)


def test_gain_changes_the_level_and_not_the_snr() -> None:
    voice, _ = two_sentences()
    noisy = voice / 32768 + white(len(voice), rms=3e-3)
    speech = speech_frames(voice, 16000, frames_of(voice, 16000), Segmentation())
    loud, quiet = (measured(to_int16(noisy * gain), speech) for gain in (0.9, 0.09))
    assert quiet["snr_db"] == pytest.approx(loud["snr_db"], abs=0.1)
    assert quiet["level_dbfs"] == pytest.approx(loud["level_dbfs"] - 20, abs=0.05)
    assert quiet["speech_share"] == loud["speech_share"]


@pytest.mark.parametrize("amplitude", [1.0, 0.5, 0.01])
def test_level_and_peak_of_a_sine_are_exact(amplitude: float) -> None:
    values = measured(to_int16(tone(500, 1.2, amplitude=amplitude)))
    assert values["level_dbfs"] == pytest.approx(20 * math.log10(amplitude) - 3.01, abs=0.1)
    assert values["peak_dbfs"] == pytest.approx(20 * math.log10(amplitude), abs=0.1)
    assert values["duration_s"] == pytest.approx(1.2)


def test_a_full_scale_square_wave_is_all_clipped() -> None:
    square = np.where(tone(441, 1.0) >= 0, 1.0, -1.0)
    assert measured(to_int16(square))["clipped_fraction"] == 1
    assert measured(to_int16(0.999 * square))["clipped_fraction"] == 0


def test_a_sine_twenty_times_too_loud_is_mostly_clipped() -> None:
    share = 1 - 2 / math.pi * math.asin(1 / 20)
    assert measured(to_int16(tone(441, 1.0, amplitude=20)))["clipped_fraction"] == pytest.approx(share, abs=0.01)


def test_silence_and_nothing_give_none_and_never_infinity() -> None:
    for samples in (np.zeros(16000, np.int16), np.zeros(1, np.int16), np.zeros(0, np.int16)):
        for value in (True, False):
            values = measured(samples, np.full(-(-len(samples) // 480), value))
            assert values["peak_dbfs"] is None
            assert values["level_dbfs"] is None
            assert values["snr_db"] is None
            assert all(number is None or math.isfinite(number) for number in values.values())


def test_without_speech_and_in_a_quarter_of_a_second_there_is_no_snr() -> None:
    samples = to_int16(white(16000))
    assert measured(samples, np.zeros(34, bool))["snr_db"] is None
    assert measured(samples[: 8 * 480], np.ones(8, bool))["snr_db"] is None
    assert measured(samples[: 9 * 480], np.ones(9, bool))["snr_db"] is not None


@pytest.mark.parametrize("noise_dbfs", [None, -60])
def test_a_clean_word_without_a_pause_has_a_high_snr(noise_dbfs: float | None) -> None:
    """Soft ends of words are no noise, though a quarter of the frames be soft."""
    loudness_db = np.interp(np.arange(16000), [0, 1000, 2000, 11000, 15000, 16000], [-70, -60, 0, 0, -60, -70])
    word = tone(200, 1.0) * 10 ** (loudness_db / 20)
    samples = word if noise_dbfs is None else word + white(16000, rms=10 ** (noise_dbfs / 20))
    found = measured(to_int16(samples), np.ones(34, bool))["snr_db"]
    assert found > 50 if noise_dbfs is None else found == pytest.approx(48, abs=2)


@pytest.mark.parametrize("snr", [0, 10, 20])
def test_the_snr_is_right_where_the_detector_hears_speech_everywhere(snr: float) -> None:
    samples, active = bursts(snr)
    # Half of what it hears is no speech: 3 dB less of it.
    assert measured(samples, np.ones_like(active))["snr_db"] == pytest.approx(snr - 3, abs=1)


def test_soft_ends_of_words_that_the_detector_misses_are_no_noise() -> None:
    samples, active = bursts(30)
    heard = active.copy()
    heard[[17, 51, 85]] = False
    assert measured(samples, heard)["snr_db"] == pytest.approx(30, abs=0.5)


def test_white_noise_that_is_taken_for_speech_has_a_snr_far_below_speech() -> None:
    assert (measured(to_int16(white(32000)))["snr_db"] or 0.0) < -8


def test_noise_as_loud_as_speech_has_no_snr_in_decibels() -> None:
    samples = to_int16(np.concatenate([tone(440, 0.48, amplitude=0.5), tone(440, 0.48, amplitude=0.1)]))
    assert measured(samples, np.arange(32) >= 16)["snr_db"] is None


def test_digital_silence_counts_as_quantisation_noise() -> None:
    samples = to_int16(np.concatenate([np.zeros(4800, np.float32), tone(440, 0.9, amplitude=1.0)]))
    assert measured(samples, np.arange(40) >= 10)["snr_db"] == pytest.approx(98.1, abs=0.2)


def test_a_part_is_measured_by_its_own_frames_and_the_noise_of_the_whole() -> None:
    samples, active = bursts(20)
    part = measured(samples, active, start=17 * 480, end=34 * 480)
    assert part["speech_share"] == 1
    assert part["duration_s"] == pytest.approx(0.51)
    assert part["snr_db"] == pytest.approx(20, abs=1.5)
    assert measured(samples, active, start=0, end=34 * 480)["speech_share"] == pytest.approx(0.5)


def test_silence_around_and_between_speech_is_counted_in_frames() -> None:
    samples = to_int16(tone(440, 0.9))
    speech = np.zeros(30, bool)
    speech[[3, 4, 5, 10, 11, 20]] = True
    values = measured(samples, speech)
    assert (values["leading_silence_s"], values["trailing_silence_s"]) == (0.09, 0.27)
    assert (values["pauses"], values["longest_pause_s"]) == (2, pytest.approx(0.24))
    part = measured(samples, speech, start=4 * 480, end=12 * 480)
    assert (part["leading_silence_s"], part["pauses"], part["longest_pause_s"], part["trailing_silence_s"]) == (0, 1, pytest.approx(0.12), 0)
    nothing = measured(samples, speech, start=12 * 480, end=19 * 480)
    assert (nothing["leading_silence_s"], nothing["trailing_silence_s"], nothing["pauses"], nothing["longest_pause_s"]) == (None, None, 0, 0)


def test_an_offset_and_exact_zeros_are_seen() -> None:
    samples = np.zeros(1000, np.int16)
    samples[:250] = 3277
    values = measured(samples)
    assert values["dc_offset"] == pytest.approx(0.1 / 4, abs=1e-5)
    assert values["zero_fraction"] == 0.75


@given(st.integers(1, 4000), st.lists(st.tuples(st.integers(0, 4000), st.integers(0, 4000)), max_size=5), st.integers(0, 2**32 - 1))
def test_many_stretches_at_once_are_each_as_alone(num_samples: int, bounds: list[tuple[int, int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    samples = rng.integers(-32768, 32768, num_samples).astype(np.int16)
    frames = frames_of(samples, 8000)
    speech = rng.random(len(frames.energy)) < 0.5
    inside = [(start % num_samples, start % num_samples + end % (num_samples - start % num_samples) + 1) for start, end in bounds]
    together = measure(Stretches.of(inside, 8000, frames, speech))
    assert together == [measure(Stretches.of([one], 8000, frames, speech))[0] for one in inside]
    for (start, end), values in zip(inside, together, strict=True):
        window = speech[start // 240 : -(-end // 240)]
        heard = samples[start // 240 * 240 : -(-end // 240) * 240].astype(np.int64)
        assert values["duration_s"] == pytest.approx((end - start) / 8000, abs=1e-6)
        assert values["speech_share"] == pytest.approx(window.mean(), abs=1e-6)
        assert values["peak_dbfs"] == (None if not heard.any() else pytest.approx(20 * math.log10(np.abs(heard).max() / 32768), abs=1e-5))


def test_every_rule_of_the_scenario_has_its_measure() -> None:
    rules = {name for name, field in Quality.model_fields.items() if field.annotation == Rule | None}
    assert rules - {"characters_per_s", "syllables_per_s"} == {*MEASURES, *SPECTRAL} - {"pauses"}


def holed(seconds: float, at: float = 1.0) -> np.ndarray:
    """Two seconds of a tone without a zero, and zeros in it."""
    samples = to_int16(np.maximum(np.abs(tone(440, 2.0)), 0.001))
    samples[round(at * 16000) : round((at + seconds) * 16000)] = 0
    return samples


@pytest.mark.parametrize(("seconds", "found"), [(0.009, 0), (0.01, 1), (0.05, 1), (0.1, 1), (0.101, 0), (0.9, 0)])
def test_a_dropout_is_a_hole_too_long_for_a_zero_and_too_short_for_a_pause(seconds: float, found: int) -> None:
    assert measured(holed(seconds))["dropouts"] == found


def test_zeros_at_the_ends_and_outside_of_speech_are_no_dropouts() -> None:
    assert measured(holed(0.05, at=0.0))["dropouts"] == 0
    assert measured(holed(0.05, at=1.95))["dropouts"] == 0
    assert measured(holed(0.05), np.arange(67) < 33)["dropouts"] == 0
    assert measured(holed(0.05), np.arange(67) >= 33)["dropouts"] == 1


def test_a_dropout_belongs_to_the_stretch_that_it_begins_in() -> None:
    assert measured(holed(0.05), start=0, end=480 * 33)["dropouts"] == 0
    assert measured(holed(0.05), start=480 * 33)["dropouts"] == 1
