"""The place: drawn again from its seed, every number inside its band, and heard in the order of the real world."""

from __future__ import annotations

from dataclasses import asdict
from pathlib import Path

import numpy as np
import pytest
from sound_world import encoded, tone, two_sentences, white

from speccraft import store
from speccraft.scenario.base import Band
from speccraft.scenario.contracts import EventDraw, NoiseDraw, Place, PlaceRanges, RoomDraw
from speccraft.scenario.environment import BandChannel, CodedChannel, Events, NoChannel, TelephoneChannel
from speccraft.sound.mix import stretch
from speccraft.sound.place import FAR_M, MOST_ROOMS, Bank, BankItem, draw_place, generator_for, render_place
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
EVENTS = Events(sources=("street",), per_minute=Band(low=30, high=90), snr_db=Band(low=-5, high=5))
RANGES = PlaceRanges(snr_db=Band(low=0, high=20), noise=("platform",), rooms=("platform",), channel=CodedChannel(codec="opus"), clean_fraction=0.3)


def voice() -> np.ndarray:
    return (two_sentences()[0] / 32768).astype(np.float32)


EVENT = (EventDraw(id="n2", at=0.3, snr_db=0.0, room=RoomDraw(id="r1", distance_m=4.0)),)


def noise(id: str, snr_db: float, start: float = 0.25) -> NoiseDraw:
    return NoiseDraw(id=id, start=start, snr_db=snr_db)


def test_the_same_seed_cut_and_epoch_draw_the_same_place_and_others_another() -> None:
    def drawn(seed: int, cut: str, epoch: int) -> Place:
        return draw_place(RANGES.model_copy(update={"clean_fraction": 0.0}), BANK, generator_for(seed, cut, epoch), 10.0)

    assert drawn(0, "a", 0) == drawn(0, "a", 0)
    assert len({drawn(*key).model_dump_json() for key in [(0, "a", 0), (0, "a", 1), (1, "a", 0), (0, "b", 0), (0, "a", -1), (0, "a|1", 0)]}) == 6


def test_no_two_keys_run_together_into_one_generator() -> None:
    assert generator_for(1, "1", 1).random() != generator_for(11, "", 1).random()


def test_the_clean_fraction_is_the_share_of_empty_places() -> None:
    places = [draw_place(RANGES, BANK, generator_for(0, "cut", epoch), 10.0) for epoch in range(2000)]
    assert np.mean([place == Place() for place in places]) == pytest.approx(0.3, abs=0.03)
    always = RANGES.model_copy(update={"clean_fraction": 1.0})
    assert all(draw_place(always, BANK, generator_for(0, "cut", epoch), 10.0) == Place() for epoch in range(50))


def test_draws_stay_in_the_declared_ranges_and_use_every_declared_item() -> None:
    places = [draw_place(RANGES.model_copy(update={"clean_fraction": 0.0}), BANK, generator_for(0, "cut", epoch), 10.0) for epoch in range(500)]
    drawn = [place.noise for place in places if place.noise]
    assert len(drawn) == 500
    assert {one.id for one in drawn} == {"n1", "n2"}, "the street was not declared"
    assert {place.room.id for place in places if place.room} == {"r1", "r2"}
    assert all(0 <= one.snr_db <= 20 and 0 <= one.start <= BANK.items[one.id].seconds for one in drawn)
    snr = np.array([one.snr_db for one in drawn])
    assert [snr.mean(), snr.min(), snr.max()] == pytest.approx([10, 0, 20], abs=1)


FULL = RANGES.model_copy(
    update={
        "clean_fraction": 0.0, "events": EVENTS, "dry": ("platform",), "distance_m": Band(low=0.5, high=4),
        "level_dbfs": Band(low=-40, high=-20), "clipped_fraction": Band(low=0, high=0.01),
    }
)  # fmt: skip


def drawn_in_full(count: int, seconds: float = 10.0) -> list[Place]:
    return [draw_place(FULL, BANK, generator_for(0, "cut", epoch), seconds) for epoch in range(count)]


def test_everything_that_is_declared_is_drawn_inside_its_band() -> None:
    places = drawn_in_full(300)
    numbers = {
        "distance_m": [place.room.distance_m for place in places if place.room],
        "level_dbfs": [place.level_dbfs for place in places],
        "clipped_fraction": [place.clipped_fraction for place in places],
        "snr_db": [event.snr_db for place in places for event in place.events],
        "at": [event.at for place in places for event in place.events],
    }
    bands = {"distance_m": (0.5, 4), "level_dbfs": (-40, -20), "clipped_fraction": (0, 0.01), "snr_db": (-5, 5), "at": (0, 10)}
    for name, (low, high) in bands.items():
        assert low <= min(numbers[name]) < low + (high - low) / 10, name
        assert high - (high - low) / 10 < max(numbers[name]) <= high, name


@pytest.mark.slow
def test_short_noises_come_as_often_as_declared_whatever_the_length_and_in_order() -> None:
    for seconds in (2.0, 20.0):
        events = [place.events for place in drawn_in_full(600, seconds)]
        assert np.mean([len(some) for some in events]) == pytest.approx(seconds, rel=0.1), "60 a minute"
        assert all([event.at for event in some] == sorted(event.at for event in some) for some in events)
    assert {len(some) for some in (place.events for place in drawn_in_full(300, 2.0))} > {0, 1, 2, 3}


def test_dry_noise_is_heard_in_another_room_from_farther_off() -> None:
    for place in drawn_in_full(50):
        assert place.noise is not None
        assert place.noise.room is not None
        assert place.room is not None
        assert (place.noise.room.id != place.room.id, place.noise.room.distance_m) == (True, FAR_M)
        assert all(event.room is None for event in place.events), "the street was recorded on the street"
    alone = Bank([item("n1", "noise"), item("r1", "rir")], {"n1": np.ones(RATE, np.float32)}, RATE)
    place = draw_place(FULL, alone, generator_for(0, "cut", 0), 1.0)
    assert place.noise is not None
    assert place.noise.room == RoomDraw(id="r1", distance_m=FAR_M), "one room serves both"
    without = draw_place(FULL.model_copy(update={"rooms": ()}), BANK, generator_for(0, "cut", 0), 1.0)
    assert without.noise is not None
    assert without.noise.room is None


def test_babble_is_dry_without_being_said_to_be() -> None:
    bank = Bank([item("babble-1", "noise", source="babble"), item("r1", "rir")], {"babble-1": np.ones(RATE, np.float32)}, RATE)
    ranges = RANGES.model_copy(update={"noise": ("babble",), "clean_fraction": 0.0})
    place = draw_place(ranges, bank, generator_for(0, "cut", 0), 1.0)
    assert place.noise is not None
    assert place.noise.room is not None


def test_the_distance_is_in_the_level_too_unless_that_is_set_and_does_nothing_to_a_place_without_rooms_but_that() -> None:
    assert {place.level_db for place in drawn_in_full(20)} == {0.0}
    for epoch in range(20):
        place = draw_place(FULL.model_copy(update={"level_dbfs": None}), BANK, generator_for(0, "cut", epoch), 1.0)
        assert place.room is not None
        assert place.room.distance_m is not None
        assert place.level_db == pytest.approx(-20 * np.log10(place.room.distance_m), abs=0.01)
    ranges = PlaceRanges(distance_m=Band(low=2, high=2))
    assert draw_place(ranges, BANK, generator_for(0, "cut", 0), 1.0) == Place(level_db=-6.02)


def test_noise_begins_where_it_is_heard() -> None:
    gated = np.zeros(5 * RATE, np.float32)
    gated[3 * RATE : 3 * RATE + 400] = 0.1
    bank = Bank([item("n1", "noise", 5.0)], {"n1": gated}, RATE)
    for epoch in range(50):
        place = draw_place(RANGES.model_copy(update={"rooms": (), "clean_fraction": 0.0}), bank, generator_for(0, "cut", epoch), 0.2)
        assert place.noise is not None
        assert np.any(stretch(gated, int(place.noise.start * RATE), RATE // 5))


def test_what_was_added_later_changes_no_draw_of_a_scenario_that_does_not_declare_it() -> None:
    """Numbers of the version before: builds of old scenarios keep their places."""
    old = RANGES.model_copy(update={"clean_fraction": 0.0, "channel": None})
    place = draw_place(old, BANK, generator_for(0, "cut", 0), 10.0)
    rng = generator_for(0, "cut", 0)
    rng.random()
    clips = [BANK.items["n1"], BANK.items["n2"]]
    clip = clips[rng.integers(2)]
    start, snr_db = round(float(rng.uniform(0, clip.seconds)), 3), round(float(rng.uniform(0, 20)), 2)
    assert place.noise == NoiseDraw(id=clip.id, start=start, snr_db=snr_db)
    assert place.room == RoomDraw(id=["r1", "r2"][rng.integers(2)])


def test_without_noise_rooms_or_codec_the_place_lacks_them() -> None:
    bare = draw_place(PlaceRanges(snr_db=Band(low=0, high=1), channel=NoChannel(codec="none")), BANK, generator_for(0, "c", 0), 10.0)
    assert bare == Place()
    no_snr = draw_place(RANGES.model_copy(update={"snr_db": None, "clean_fraction": 0.0}), BANK, generator_for(0, "c", 0), 10.0)
    assert no_snr.noise is None
    assert no_snr.room is not None


def test_an_empty_place_leaves_the_cut_as_recorded() -> None:
    np.testing.assert_array_equal(render_place(voice(), Place(), BANK), voice())


@pytest.mark.parametrize(
    "channel",
    [
        None,
        BandChannel(codec="band", high_hz=3000.0),
        TelephoneChannel(codec="telephone"),
        CodedChannel(codec="opus"),
        CodedChannel(codec="mp3", bitrate_kbps=32),
    ],
    ids=str,
)
@pytest.mark.parametrize("signal", ["speech", "silence", "one sample", "loud", "constant", "nothing"])
def test_whatever_goes_in_comes_out_in_shape_finite_and_unclipped(signal: str, channel: TelephoneChannel | CodedChannel | None) -> None:
    signals = {"speech": voice(), "silence": np.zeros(8000, np.float32), "one sample": np.full(1, 0.5, np.float32), "loud": np.sign(voice())}
    signals |= {"constant": np.full(5000, 0.3, np.float32), "nothing": np.zeros(0, np.float32)}
    samples = signals[signal]
    place = Place(noise=noise("n2", 0), room=RoomDraw(id="r2", distance_m=3.0), events=EVENT, clipped_fraction=0.01, level_dbfs=-10.0, channel=channel)
    wet = render_place(samples, place, BANK)
    assert (wet.shape, wet.dtype) == (samples.shape, np.float32)
    assert np.isfinite(wet).all()
    assert np.abs(wet).max(initial=0) <= 0.9901


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


def test_a_bank_reads_the_items_of_its_split(tmp_path: Path) -> None:
    store.write_bytes(tmp_path / "banks/n.flac", encoded(white(800), RATE, "FLAC"))
    rows = [asdict(item("n", "noise")), asdict(item("m", "noise")) | {"split": "test"}]
    rows[0]["path"], rows[1]["path"] = "banks/n.flac", "banks/missing.flac"
    store.write_bytes(tmp_path / "banks.jsonl", store.json_lines(rows))
    bank = Bank.load(tmp_path, "train", RATE)
    assert [one.id for one in bank.noise] == ["n"]
    assert bank.rooms == ()
    np.testing.assert_allclose(bank.samples("n"), white(800), atol=1 / 32768)


def test_a_bank_keeps_few_rooms_at_hand_and_gives_the_same_ones() -> None:
    responses = {f"r{number}": simulate_room(0.1, RATE, np.random.default_rng(number)) for number in range(MOST_ROOMS + 5)}
    bank = Bank([item(id, "rir") for id in responses], responses, RATE)
    first = [render_place(voice()[:2000], Place(room=RoomDraw(id=id)), bank) for id in responses]
    again = [render_place(voice()[:2000], Place(room=RoomDraw(id=id)), bank) for id in responses]
    assert all(map(np.array_equal, first, again))
    assert bank.room("r0") is bank.room("r0")
    assert len(bank._rooms) == MOST_ROOMS


def test_a_bank_chooses_items_by_role_and_source() -> None:
    assert [one.id for one in BANK.of("noise", ("platform",))] == ["n1", "n2"]
    assert [one.id for one in BANK.of("rir", ("platform", "street"))] == ["r1", "r2"]
    assert BANK.of("noise", ()) == ()
