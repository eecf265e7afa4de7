"""The scene: each part at the ratio, the level and the moment that was asked, and the sum where signals are known."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_world import level_db, tone, two_sentences, white

from speccraft.scenario.contracts import EventDraw, NoiseDraw, Place, RoomDraw
from speccraft.scenario.environment import CodedChannel
from speccraft.sound.mix import active_frames, active_power
from speccraft.sound.place import Bank, BankItem, render_place
from speccraft.sound.rooms import simulate_room
from speccraft.sound.scene import Scene

RATE = 16000
SAMPLES = {
    "hiss": white(2 * RATE, seed=1),
    "short": white(RATE // 10, seed=2),
    "beep": tone(3000, 0.3),
    "silent": np.zeros(RATE, np.float32),
    "near": simulate_room(0.3, RATE, np.random.default_rng(0)),
    "hall": simulate_room(0.9, RATE, np.random.default_rng(1)),
}
BANK = Bank(
    [BankItem(id, "s", "rir" if id in ("near", "hall") else "noise", "train", id, len(one) / RATE, "MIT") for id, one in SAMPLES.items()], SAMPLES, RATE
)


def voice() -> np.ndarray:
    return (two_sentences()[0] / 32768).astype(np.float32)


def noise(id: str = "hiss", snr_db: float = 10.0, room: RoomDraw | None = None) -> NoiseDraw:
    return NoiseDraw(id=id, start=0.25, snr_db=snr_db, room=room)


def speech_over(noise: np.ndarray, speech: np.ndarray) -> float:
    """SNR in dB by its definition."""
    loud = np.repeat(active_frames(speech, RATE), 480)[: len(speech)]
    return float(10 * np.log10(np.mean(speech[loud].astype(float) ** 2) / np.mean(noise.astype(float) ** 2)))


@pytest.mark.parametrize("snr_db", [-5, 0, 10, 20])
@pytest.mark.parametrize("room", [None, RoomDraw(id="near"), RoomDraw(id="hall", distance_m=3.0)], ids=["dry", "near", "far"])
@pytest.mark.parametrize("own", [None, RoomDraw(id="hall", distance_m=4.0)], ids=["recorded there", "dry noise"])
@pytest.mark.parametrize("clip", ["hiss", "short"])
def test_the_snr_that_is_delivered_is_the_one_that_was_asked(snr_db: float, room: RoomDraw | None, own: RoomDraw | None, clip: str) -> None:
    place = Place(noise=noise(clip, snr_db, own), room=room)
    speech = render_place(voice(), place.model_copy(update={"noise": None}), BANK)
    noisy = render_place(voice(), place, BANK)
    # The whole may have been turned down; speech and noise know nothing of each other, so the gain is where they are least alike.
    gain = np.float32(np.dot(noisy, speech) / np.dot(speech, speech))
    assert speech_over(noisy - gain * speech, gain * speech) == pytest.approx(snr_db, abs=0.5)
    assert Scene.of(voice(), place, BANK).snr_db(place) == pytest.approx(snr_db, abs=0.01)


@given(gain_db=st.floats(-40, 0), snr_db=st.floats(-5, 25))
@settings(deadline=None, max_examples=20)
def test_the_gain_of_a_recording_and_of_the_place_do_not_change_the_snr(gain_db: float, snr_db: float) -> None:
    place = Place(noise=noise(snr_db=snr_db), level_db=-12.0)
    quiet = voice() * np.float32(10 ** (gain_db / 20))
    assert Scene.of(quiet, place, BANK).snr_db(place) == pytest.approx(snr_db, abs=0.01)
    one, other = (render_place(samples, place, BANK) for samples in (0.1 * voice(), 0.1 * quiet))
    np.testing.assert_allclose(other, one * np.float32(10 ** (gain_db / 20)), atol=1e-5)


def test_the_snr_counts_speech_active_samples_so_pauses_do_not_change_it() -> None:
    speech, place = tone(440, 1.02, amplitude=0.1), Place(noise=noise())
    for signal in (speech, np.concatenate([np.zeros(3 * RATE, np.float32), speech])):
        added = render_place(signal, place, BANK) - signal
        assert 10 * np.log10(0.005 / np.mean(added.astype(float) ** 2)) == pytest.approx(10, abs=0.1)


def test_a_short_noise_begins_when_it_was_asked_at_its_own_ratio() -> None:
    place = Place(events=(EventDraw(id="beep", at=0.5, snr_db=6.0),))
    speech = tone(440, 1.2, amplitude=0.1)
    added = render_place(speech, place, BANK) - speech
    assert np.flatnonzero(np.abs(added) > 1e-3)[[0, -1]] / RATE == pytest.approx([0.5, 0.8], abs=0.001)
    assert level_db(added[8160:12480]) == pytest.approx(level_db(speech) - 6, abs=0.1)
    scene = Scene.of(speech, place, BANK)
    assert scene.snr_db(place) is None, "short noises are no background"


def test_short_noises_add_up_and_end_with_the_cut() -> None:
    late = EventDraw(id="beep", at=0.9, snr_db=6.0)
    speech = tone(440, 1.0, amplitude=0.1)
    both = render_place(speech, Place(events=(EventDraw(id="beep", at=0.1, snr_db=6.0), late)), BANK)
    alone = render_place(speech, Place(events=(late,)), BANK)
    assert both.shape == speech.shape
    np.testing.assert_allclose(both[RATE // 2 :], alone[RATE // 2 :], atol=1e-6)
    behind = EventDraw(id="beep", at=5.0, snr_db=6.0)
    np.testing.assert_array_equal(render_place(speech, Place(events=(behind,)), BANK), speech)


def test_a_dry_short_noise_rings_on_in_its_room() -> None:
    silence_after = np.concatenate([tone(440, 0.3, amplitude=0.1), np.zeros(RATE, np.float32)])
    dry, wet = (render_place(silence_after, Place(events=(EventDraw(id="beep", at=0.0, snr_db=0.0, room=room),)), BANK) for room in (None, RoomDraw(id="hall")))
    tail = slice(round(0.32 * RATE), round(0.5 * RATE))
    assert not dry[tail].any()
    assert level_db(wet[tail]) > -50


@pytest.mark.parametrize("level_dbfs", [-45.0, -26.0])
def test_the_level_is_that_of_speech_active_samples_whatever_the_recording(level_dbfs: float) -> None:
    for samples in (voice(), 0.01 * voice()):
        heard = render_place(samples, Place(noise=noise(), room=RoomDraw(id="near"), level_db=-12.0, level_dbfs=level_dbfs), BANK)
        scene = Scene.of(samples, Place(noise=noise(), room=RoomDraw(id="near")), BANK)
        assert 10 * np.log10(active_power(heard, scene.active, RATE)) == pytest.approx(level_dbfs, abs=0.01)


def test_a_gain_is_in_decibel_and_a_square_wave_at_a_level_has_that_level() -> None:
    np.testing.assert_allclose(render_place(voice(), Place(level_db=-6.0), BANK), voice() * 10 ** (-0.3), rtol=1e-6)
    square = np.sign(tone(100, 1.02) + np.float32(1e-6))
    assert np.abs(render_place(square, Place(level_dbfs=-20.0), BANK)).max() == pytest.approx(0.1, rel=1e-3)


def test_the_share_that_is_clipped_is_the_one_that_was_asked_and_the_level_comes_after() -> None:
    heard = render_place(voice(), Place(noise=noise(), clipped_fraction=0.01, level_dbfs=-30.0), BANK)
    assert np.mean(np.abs(heard) >= np.abs(heard).max() * 0.99999) == pytest.approx(0.01, abs=1e-4)
    assert np.abs(heard).max() < 0.5


def test_noise_is_heard_before_the_channel_and_the_room_before_the_noise() -> None:
    place = Place(noise=noise(snr_db=0.0), room=RoomDraw(id="hall"))
    scene = Scene.of(voice(), place, BANK)
    dry_noise = scene.at_microphone(place) - scene.speech
    hiss = np.take(SAMPLES["hiss"], np.arange(4000, 4000 + len(voice())), mode="wrap")
    assert np.corrcoef(dry_noise, hiss)[0, 1] > 0.999, "the noise is in no room of its own"
    coded = place.model_copy(update={"channel": CodedChannel(codec="mp3", bitrate_kbps=8)})
    assert np.corrcoef(render_place(voice(), coded, BANK) - scene.speech, hiss)[0, 1] < 0.9


def test_a_ladder_changes_the_noise_and_nothing_else() -> None:
    place = Place(noise=noise(snr_db=20.0), room=RoomDraw(id="near"))
    scene = Scene.of(0.1 * voice(), place, BANK)
    louder = place.model_copy(update={"noise": noise(snr_db=0.0)})
    one, other = scene.at_microphone(place) - scene.speech, scene.at_microphone(louder) - scene.speech
    np.testing.assert_allclose(other, 10 * one, atol=1e-6)
    np.testing.assert_array_equal(scene.sent(louder), render_place(0.1 * voice(), louder, BANK))


def test_silence_stays_silence_and_silent_noise_adds_nothing() -> None:
    silence = np.zeros(8000, np.float32)
    assert not render_place(silence, Place(noise=noise(), room=RoomDraw(id="near"), level_dbfs=-20.0), BANK).any()
    np.testing.assert_array_equal(render_place(voice(), Place(noise=noise("silent")), BANK), voice())
    for samples, place in ((silence, Place(noise=noise())), (voice(), Place(noise=noise("silent"))), (voice(), Place())):
        assert Scene.of(samples, place, BANK).snr_db(place) is None


@pytest.mark.parametrize("wrong", [np.nan, np.inf])
def test_a_sample_that_is_no_number_is_refused(wrong: float) -> None:
    samples = voice()
    samples[100] = wrong
    with pytest.raises(ValueError, match="no number"):
        render_place(samples, Place(), BANK)
