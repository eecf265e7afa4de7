"""The place: drawn again from its seed, delivered at the SNR that was asked, in time, and never clipped."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_world import encoded, tone, two_sentences, white

from speccraft import store
from speccraft.scenario.base import Band
from speccraft.scenario.contracts import NoiseDraw, Place, PlaceRanges, RoomDraw
from speccraft.scenario.environment import CodedChannel, NoChannel, TelephoneChannel
from speccraft.sound.place import Bank, BankItem, add_noise, delivered_snr_db, draw_place, generator_for, render_place, speech_active, stretch
from speccraft.sound.rooms import simulate_room

RATE = 16000


def item(id: str, role: str, seconds: float = 2.0, source: str = "platform") -> BankItem:
    return BankItem(id=id, source=source, role=role, split="train", path=f"banks/{id}.flac", seconds=seconds, licence="CC0-1.0")


BANK = Bank(
    [item("n1", "noise"), item("n2", "noise", 0.1), item("r1", "rir"), item("r2", "rir"), item("other", "noise", source="street")],
    {
        "n1": white(2 * RATE, seed=1),
        "n2": white(RATE // 10, seed=2),
        "r1": simulate_room(0.3, RATE, np.random.default_rng(0)),
        "r2": simulate_room(0.9, RATE, np.random.default_rng(1)),
        "other": np.zeros(RATE, np.float32),
    },
    RATE,
)
RANGES = PlaceRanges(snr_db=Band(low=0, high=20), noise=("platform",), rooms=("platform",), channel=CodedChannel(codec="opus"), clean_fraction=0.3)


def voice() -> np.ndarray:
    return (two_sentences()[0] / 32768).astype(np.float32)


def noise(id: str, snr_db: float, start: float = 0.25) -> NoiseDraw:
    return NoiseDraw(id=id, start=start, snr_db=snr_db)


@pytest.mark.parametrize("snr", [-5, 0, 10, 20])
@pytest.mark.parametrize("room", [None, RoomDraw(id="r1"), RoomDraw(id="r2")], ids=["dry", "short", "long"])
@pytest.mark.parametrize("clip", ["n1", "n2"])
def test_the_snr_that_is_delivered_is_the_one_that_was_asked(snr: float, room: RoomDraw | None, clip: str) -> None:
    place = Place(noise=noise(clip, snr), room=room)
    assert delivered_snr_db(voice(), place, BANK) == pytest.approx(snr, abs=0.5)


def test_the_snr_counts_speech_active_samples_so_pauses_do_not_change_it() -> None:
    speech = tone(440, 1.0, amplitude=0.1)
    for signal in (speech, np.concatenate([np.zeros(3 * RATE, np.float32), speech])):
        added = add_noise(signal, white(len(signal), seed=5), 10.0, RATE) - signal
        assert 10 * np.log10(0.005 / np.mean(added.astype(float) ** 2)) == pytest.approx(10, abs=0.1)


def test_the_same_seed_cut_and_epoch_draw_the_same_place_and_others_another() -> None:
    def drawn(seed: int, cut: str, epoch: int) -> Place:
        return draw_place(RANGES.model_copy(update={"clean_fraction": 0.0}), BANK, generator_for(seed, cut, epoch))

    assert drawn(0, "a", 0) == drawn(0, "a", 0)
    assert len({drawn(*key).model_dump_json() for key in [(0, "a", 0), (0, "a", 1), (1, "a", 0), (0, "b", 0), (0, "a", -1), (0, "a|1", 0)]}) == 6


def test_no_two_keys_run_together_into_one_generator() -> None:
    assert generator_for(1, "1", 1).random() != generator_for(11, "", 1).random()


def test_the_clean_fraction_is_the_share_of_empty_places() -> None:
    places = [draw_place(RANGES, BANK, generator_for(0, "cut", epoch)) for epoch in range(2000)]
    assert np.mean([place == Place() for place in places]) == pytest.approx(0.3, abs=0.03)
    always = RANGES.model_copy(update={"clean_fraction": 1.0})
    assert all(draw_place(always, BANK, generator_for(0, "cut", epoch)) == Place() for epoch in range(50))


def test_draws_stay_in_the_declared_ranges_and_use_every_declared_item() -> None:
    places = [draw_place(RANGES.model_copy(update={"clean_fraction": 0.0}), BANK, generator_for(0, "cut", epoch)) for epoch in range(500)]
    drawn = [place.noise for place in places if place.noise]
    assert len(drawn) == 500
    assert {one.id for one in drawn} == {"n1", "n2"}, "the street was not declared"
    assert {place.room.id for place in places if place.room} == {"r1", "r2"}
    assert all(0 <= one.snr_db <= 20 and 0 <= one.start <= BANK.items[one.id].seconds for one in drawn)
    snr = np.array([one.snr_db for one in drawn])
    assert [snr.mean(), snr.min(), snr.max()] == pytest.approx([10, 0, 20], abs=1)


def test_without_noise_rooms_or_codec_the_place_lacks_them() -> None:
    bare = draw_place(PlaceRanges(snr_db=Band(low=0, high=1), channel=NoChannel(codec="none")), BANK, generator_for(0, "c", 0))
    assert bare == Place()
    no_snr = draw_place(RANGES.model_copy(update={"snr_db": None, "clean_fraction": 0.0}), BANK, generator_for(0, "c", 0))
    assert no_snr.noise is None
    assert no_snr.room is not None


def test_an_empty_place_leaves_the_cut_as_recorded() -> None:
    np.testing.assert_array_equal(render_place(voice(), Place(), BANK), voice())


@pytest.mark.parametrize(
    "channel", [None, TelephoneChannel(codec="telephone"), CodedChannel(codec="opus"), CodedChannel(codec="mp3", bitrate_kbps=32)], ids=str
)
@pytest.mark.parametrize("signal", ["speech", "silence", "one sample", "loud"])
def test_whatever_goes_in_comes_out_in_shape_finite_and_unclipped(signal: str, channel: TelephoneChannel | CodedChannel | None) -> None:
    samples = {"speech": voice(), "silence": np.zeros(8000, np.float32), "one sample": np.full(1, 0.5, np.float32), "loud": np.sign(voice())}[signal]
    wet = render_place(samples, Place(noise=noise("n2", 0), room=RoomDraw(id="r2"), channel=channel), BANK)
    assert (wet.shape, wet.dtype) == (samples.shape, np.float32)
    assert np.isfinite(wet).all()
    assert np.abs(wet).max() <= 0.9901


def test_a_place_stays_in_time() -> None:
    wet = render_place(voice(), Place(noise=noise("n1", 20), room=RoomDraw(id="r2"), channel=CodedChannel(codec="opus", bitrate_kbps=32)), BANK)
    lag = int(np.correlate(wet[:48000], voice()[:48000], "full").argmax()) - 47999
    assert abs(lag) <= 8


def test_noise_that_overloads_is_turned_down_before_the_channel_and_not_clipped_by_it() -> None:
    bank = Bank([item("n1", "noise")], {"n1": tone(660, 1.0)}, RATE)
    loud = tone(440, 1.0, amplitude=0.9)
    place = Place(noise=noise("n1", 0, start=0.0))
    without = render_place(loud, place, bank)
    coded = render_place(loud, place.model_copy(update={"channel": CodedChannel(codec="mp3", bitrate_kbps=160)}), bank)
    gain = np.dot(coded, without) / np.dot(without, without)
    error = np.mean((coded - gain * without) ** 2) / np.mean((gain * without) ** 2)
    assert 10 * np.log10(error) < -25


def test_silence_stays_silence_and_silent_noise_adds_nothing() -> None:
    silence = np.zeros(8000, np.float32)
    assert not render_place(silence, Place(noise=noise("n1", 10), room=RoomDraw(id="r1")), BANK).any()
    np.testing.assert_array_equal(render_place(voice(), Place(noise=noise("other", 10)), BANK), voice())
    for samples, place in ((silence, Place(noise=noise("n1", 10))), (voice(), Place(noise=noise("other", 10))), (voice(), Place())):
        assert delivered_snr_db(samples, place, BANK) is None


def test_level_is_a_gain_in_decibel() -> None:
    np.testing.assert_allclose(render_place(voice(), Place(level_db=-6.0), BANK), voice() * 10 ** (-0.3), rtol=1e-6)


@given(length=st.integers(1, 50), start=st.integers(0, 200), num_samples=st.integers(0, 300))
def test_a_short_clip_repeats_without_a_seam(length: int, start: int, num_samples: int) -> None:
    clip = np.arange(length, dtype=np.float32)
    np.testing.assert_array_equal(stretch(clip, start, num_samples), (start + np.arange(num_samples)) % length)


@given(seed=st.integers(0, 99), gain_db=st.floats(-60, 0), num_samples=st.integers(1, 5000))
@settings(deadline=None)
def test_speech_activity_does_not_depend_on_gain_and_holds_the_loudest_sample(seed: int, gain_db: float, num_samples: int) -> None:
    samples = white(num_samples, seed) * np.linspace(0, 1, num_samples) ** 4
    active = speech_active(samples, RATE)
    assert active.shape == samples.shape
    assert np.mean(active == speech_active(samples * np.float32(10 ** (gain_db / 20)), RATE)) > 0.8
    assert active[np.abs(samples).argmax()] or not samples.any()


def test_a_bank_reads_the_items_of_its_split(tmp_path: Path) -> None:
    store.write_bytes(tmp_path / "banks/n.flac", encoded(white(800), RATE, "FLAC"))
    rows = [asdict(item("n", "noise")), asdict(item("m", "noise")) | {"split": "test"}]
    rows[0]["path"], rows[1]["path"] = "banks/n.flac", "banks/missing.flac"
    store.write_bytes(tmp_path / "banks.jsonl", store.json_lines(rows))
    bank = Bank.load(tmp_path, "train", RATE)
    assert [one.id for one in bank.noise] == ["n"]
    assert bank.rooms == ()
    np.testing.assert_allclose(bank.samples("n"), white(800), atol=1 / 32768)
