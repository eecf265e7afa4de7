"""Finding speech: at any level and rate, with its pauses, and cut only where nobody speaks."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_world import tone, two_sentences, white

from speccraft.scenario.quality import Segmentation
from speccraft.sound.decode import to_int16
from speccraft.sound.frames import FRAME_S, Frames, frames_of
from speccraft.sound.vad import HANGOVER_FRAMES, SHORTEST_PAUSE_FRAMES, energy_frames, hearing_gain, speech_frames, utterances

WEBRTC, ENERGY, GIVEN = Segmentation(), Segmentation(detector="energy"), Segmentation(detector="given")
LENGTH = 480


def found(samples: np.ndarray, rate: int, segmentation: Segmentation, *, longest_s: float = 20.0, whole: bool = False) -> list[tuple[int, int]]:
    frames = frames_of(samples, rate)
    speech = speech_frames(samples, rate, frames, segmentation)
    assert speech.shape == frames.power.shape
    return utterances(speech, frames, segmentation, longest_s=longest_s, whole=whole)


def of_mask(mask: list[bool], num_samples: int | None = None) -> tuple[np.ndarray, Frames]:
    speech = np.array(mask, bool)
    zeros = np.zeros(len(speech), np.int64)
    return speech, Frames(LENGTH, len(speech) * LENGTH if num_samples is None else num_samples, *[zeros] * 6)


@pytest.mark.parametrize("segmentation", [WEBRTC, Segmentation(aggressiveness=3), ENERGY], ids=str)
@pytest.mark.parametrize("gain_db", [0, -35])
def test_two_sentences_are_two_utterances_at_any_level(segmentation: Segmentation, gain_db: int) -> None:
    samples, spans = two_sentences(gain=10 ** (gain_db / 20))
    ranges = found(samples, 16000, segmentation)
    assert len(ranges) == 2
    for (start, end), (first, last) in zip(ranges, spans, strict=True):
        assert first - 0.45 * 16000 <= start <= first + 0.12 * 16000
        assert last - 0.25 * 16000 <= end <= last + 0.6 * 16000


def mask_of(samples: np.ndarray, rate: int = 16000, segmentation: Segmentation = WEBRTC) -> np.ndarray:
    return speech_frames(samples, rate, frames_of(samples, rate), segmentation)


@given(gain_db=st.floats(-40, 0), aggressiveness=st.integers(0, 3))
@settings(max_examples=20, deadline=None)
def test_gain_changes_next_to_no_frame_of_the_webrtc_detector(gain_db: float, aggressiveness: int) -> None:
    masks = [mask_of(two_sentences(gain=10 ** (db / 20))[0], 16000, Segmentation(aggressiveness=aggressiveness)) for db in (0.0, gain_db)]
    assert np.mean(masks[0] == masks[1]) > 0.97


def test_a_slammed_door_does_not_make_speech_too_quiet_to_be_heard() -> None:
    samples, _ = two_sentences(gain=0.02)
    slammed = samples.copy()
    slammed[2000:2100] = 32767
    assert np.mean(mask_of(samples)[10:] == mask_of(slammed)[10:]) > 0.97


@pytest.mark.parametrize("noise_dbfs", [-60, -40])
def test_steady_noise_before_the_first_word_is_no_speech(noise_dbfs: int) -> None:
    samples, ((first, _), _) = two_sentences()
    noisy = np.concatenate([np.zeros(24000), samples / 32768]) + white(24000 + len(samples), rms=10 ** (noise_dbfs / 20))
    speech = speech_frames(to_int16(noisy), 16000, frames_of(to_int16(noisy), 16000), Segmentation())
    assert speech.argmax() * FRAME_S == pytest.approx((24000 + first) / 16000, abs=0.3)


@pytest.mark.parametrize("offset", [-3000, 200, 3000])
def test_a_constant_offset_is_not_heard(offset: int) -> None:
    samples, _ = two_sentences(gain=0.1)
    assert np.mean(mask_of(samples) == mask_of(samples + np.int16(offset))) > 0.97


@pytest.mark.parametrize("samples", [np.full(16000, 5000, np.int16), np.array([9000], np.int16), np.zeros(1, np.int16), np.zeros(0, np.int16)], ids=len)
@pytest.mark.parametrize("segmentation", [WEBRTC, ENERGY], ids=lambda one: one.detector)
def test_a_constant_and_one_sample_hold_no_speech(samples: np.ndarray, segmentation: Segmentation) -> None:
    assert not mask_of(samples, 16000, segmentation).any()


def bursts(*frames: int) -> np.ndarray:
    """A tone, silence, a tone ... of so many frames, in faint noise and with a second of it around."""
    parts = [tone(300, 0.03 * count) * (index % 2 == 0) for index, count in enumerate(frames)]
    signal = np.concatenate([np.zeros(33 * LENGTH), *parts, np.zeros(33 * LENGTH)])
    return to_int16(signal + white(len(signal), rms=1e-4))


def test_speech_goes_on_for_the_hangover_behind_what_is_heard() -> None:
    speech = np.flatnonzero(mask_of(bursts(20), segmentation=ENERGY))
    assert (speech[0], speech[-1] + 1) == (33, 53 + HANGOVER_FRAMES)


def test_a_pause_of_150_ms_is_part_of_speech_and_one_of_180_ms_is_a_pause() -> None:
    for pause, runs in ((SHORTEST_PAUSE_FRAMES - 1, 1), (SHORTEST_PAUSE_FRAMES, 2)):
        assert np.count_nonzero(np.diff(mask_of(bursts(20, pause, 20), segmentation=ENERGY).astype(int)) == 1) == runs


def test_with_given_times_everything_is_speech_whatever_it_sounds_like() -> None:
    samples, _ = two_sentences()
    assert mask_of(samples, segmentation=GIVEN).all()
    for whole in (True, False):
        assert found(samples, 16000, GIVEN, longest_s=1.0, whole=whole) == [(0, len(samples))]


@pytest.mark.parametrize("rate", [8000, 24000, 32000, 44100, 48000])
@pytest.mark.parametrize("segmentation", [WEBRTC, ENERGY], ids=lambda one: one.detector)
def test_the_sampling_rate_moves_no_boundary_by_more_than_a_few_frames(rate: int, segmentation: Segmentation) -> None:
    ranges = found(two_sentences(rate)[0], rate, segmentation)
    wanted = found(two_sentences(16000)[0], 16000, segmentation)
    assert np.array(ranges) / rate == pytest.approx(np.array(wanted) / 16000, abs=0.2)


def test_silence_holds_no_speech() -> None:
    for num_samples in (16000, 1, 0):
        for segmentation in (WEBRTC, ENERGY):
            assert found(np.zeros(num_samples, np.int16), 16000, segmentation, whole=True) == []


def test_a_click_of_60_ms_is_no_speech_to_the_energy_detector_and_90_ms_are() -> None:
    for frames, count in ((2, 0), (3, 1)):
        samples = np.zeros(48000, np.int16)
        samples[9600 : 9600 + frames * LENGTH : 2] = 20000
        assert len(found(samples, 16000, ENERGY)) == count


def test_a_whole_recording_is_trimmed_to_one_utterance_that_holds_every_pause() -> None:
    samples, spans = two_sentences()
    [(start, end)] = found(samples, 16000, WEBRTC, whole=True)
    assert spans[0][0] - 0.45 * 16000 <= start < spans[0][0] + 0.12 * 16000
    assert spans[1][1] - 0.25 * 16000 < end <= spans[1][1] + 0.6 * 16000


def test_energy_frames_are_those_above_the_noise_floor() -> None:
    samples = white(48000, rms=0.01)
    samples[16000:32000] += tone(300, 1.0, amplitude=0.3)
    speech = energy_frames(frames_of(to_int16(samples), 16000))
    assert speech[34:66].all()
    assert not speech[:33].any()
    assert not speech[67:].any()


def test_a_recording_that_is_all_speech_has_no_floor_of_its_own() -> None:
    assert energy_frames(frames_of(to_int16(tone(300, 1.0)), 16000)).all()


def test_a_pause_as_long_as_is_kept_does_not_cut_and_a_longer_one_does() -> None:
    for pause, count in ((10, 1), (11, 2)):
        speech, frames = of_mask([True] * 20 + [False] * pause + [True] * 20)
        assert len(utterances(speech, frames, WEBRTC, longest_s=20, whole=False)) == count


def test_what_is_too_long_is_cut_at_its_longest_pause() -> None:
    speech, frames = of_mask([True] * 30 + [False] * 4 + [True] * 30 + [False] * 8 + [True] * 30)
    ranges = utterances(speech, frames, WEBRTC, longest_s=2.4, whole=False)
    assert ranges == [(0, 68 * LENGTH), (68 * LENGTH, 102 * LENGTH)]
    assert len(utterances(speech, frames, WEBRTC, longest_s=2.4, whole=True)) == 1


def test_the_silence_that_is_kept_makes_no_utterance_too_long() -> None:
    speech, frames = of_mask([False] * 50 + [True] * 62 + [False] * 50)
    [(start, end)] = utterances(speech, frames, WEBRTC, longest_s=2.0, whole=False)
    assert (end - start) / 16000 <= 2.0
    assert (start, end) == (48 * LENGTH, 114 * LENGTH)


def test_speech_without_a_pause_stays_too_long() -> None:
    speech, frames = of_mask([True] * 200)
    assert utterances(speech, frames, WEBRTC, longest_s=1.0, whole=False) == [(0, 200 * LENGTH)]


MASKS = st.lists(st.tuples(st.booleans(), st.integers(1, 40)), max_size=20).map(lambda runs: [value for value, length in runs for _ in range(length)])


@given(mask=MASKS, keep=st.sampled_from([0.0, 0.03, 0.3, 1.0]), longest_s=st.floats(0.05, 5), whole=st.booleans(), short=st.integers(0, LENGTH - 1))
@settings(max_examples=300, deadline=None)
def test_utterances_are_ordered_apart_inside_and_never_cut_through_speech(mask: list[bool], keep: float, longest_s: float, whole: bool, short: int) -> None:
    speech, frames = of_mask(mask, max(0, len(mask) * LENGTH - short))
    ranges = utterances(speech, frames, Segmentation(keep_pause_s=keep), longest_s=longest_s, whole=whole)
    edges = [edge for one in ranges for edge in one]
    assert edges == sorted(edges)
    assert all(0 <= start < end <= frames.num_samples for start, end in ranges)
    covered = np.zeros(len(speech), bool)
    for start, end in ranges:
        first, last = start // LENGTH, -(-end // LENGTH)
        assert first == 0 or not speech[first - 1] or not speech[first]
        assert last == len(speech) or not speech[last - 1] or not speech[last]
        covered[first:last] = True
        silent = np.flatnonzero(speech[first:last])
        assert len(silent), "an utterance holds speech"
        assert silent[0] <= round(keep / FRAME_S)
        assert (end - start) <= longest_s * 16000 or whole or speech[first] or speech[last - 1]
    assert not (speech & ~covered).any(), "no speech is lost"
    assert len(ranges) <= 1 or not whole


@given(mask=MASKS, keep=st.sampled_from([0.03, 0.3, 1.0]))
@settings(max_examples=200, deadline=None)
def test_every_pause_up_to_what_is_kept_stays_in_its_utterance_at_its_length(mask: list[bool], keep: float) -> None:
    speech, frames = of_mask(mask)
    ranges = utterances(speech, frames, Segmentation(keep_pause_s=keep), longest_s=1e6, whole=False)
    inside = [pause for start, end in ranges for pause in pauses_of(speech[start // LENGTH : end // LENGTH])]
    assert inside == [pause for pause in pauses_of(speech) if pause <= round(keep / FRAME_S)]


def pauses_of(speech: np.ndarray) -> list[int]:
    """Frames of each pause between speech."""
    active = np.flatnonzero(speech)
    return [int(gap) - 1 for gap in np.diff(active) if gap > 1]


def test_hours_of_even_pauses_are_cut_in_the_middle_again_and_again() -> None:
    runs = [(30 * number, 30 * number + 20) for number in range(20_000)]
    speech, frames = of_mask([frame % 30 < 20 for frame in range(30 * len(runs))])
    cuts = utterances(speech, frames, Segmentation(keep_pause_s=0.3), longest_s=5.0, whole=False)
    assert all(end - start <= 5.0 / FRAME_S * frames.length for start, end in cuts)
    assert cuts == sorted(cuts)
    assert sum(end - start for start, end in cuts) >= speech.sum() * frames.length


def test_a_window_of_noise_is_not_made_as_loud_as_the_speech_before_it() -> None:
    speech, noise = (one for one in (two_sentences(16000)[0], to_int16(white(160_000, rms=0.001))))
    frames = frames_of(noise, 16000)
    alone = speech_frames(noise, 16000, frames, WEBRTC)
    behind = speech_frames(noise, 16000, frames, WEBRTC, is_spoken=False, most_gain=hearing_gain(frames_of(speech, 16000)))
    assert alone.mean() > 0.5
    assert behind.mean() < 0.1
