"""Places: training draws afresh from ranges, dev and test are heard in one fixed place at fixed steps."""

from __future__ import annotations

import json
from typing import Any

import numpy as np
import pytest
from corpus import RATE, SCENARIO, word_samples

from speccraft.build.banks import Clip, make_banks
from speccraft.build.places import delivered, evaluation_place, rendered, together_db, training_ranges
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import PLACE_MEASURES, NoiseDraw, Place, RoomDraw
from speccraft.scenario.environment import BandChannel
from speccraft.sound.place import Bank, draw_place, generator_for
from speccraft.sound.scene import Scene


def scenario(seed: int = 0, **environment: Any) -> Scenario:
    return Scenario.model_validate_json(json.dumps({**SCENARIO, "seed": seed, "environment": {**SCENARIO["environment"], **environment}}))


def bank(split: str = "test") -> Bank:
    rng = np.random.default_rng(0)
    clips = [Clip(f"hiss-{n}", "hiss", "noise", "CC0-1.0", 0.1 * rng.standard_normal(RATE).astype(np.float32)) for n in range(12)]
    banks = make_banks(clips, scenario())
    return Bank([item for item in banks.items if item.split == split], banks.samples, RATE)


def test_a_cut_has_one_place_for_a_seed_and_others_have_others() -> None:
    one = evaluation_place(scenario(), "cut-1", bank(), 1.0)
    assert one == evaluation_place(scenario(), "cut-1", bank(), 1.0)
    assert one != evaluation_place(scenario(), "cut-2", bank(), 1.0)
    assert one != evaluation_place(scenario(seed=1), "cut-1", bank(), 1.0)


def test_evaluation_is_always_in_place_however_many_training_cuts_stay_clean() -> None:
    for number in range(20):
        place = evaluation_place(scenario(clean_fraction=1.0), str(number), bank(), 1.0)
        assert place is not None
        assert place.noise is not None
        assert place.room is not None


def test_training_ranges_say_what_the_environment_says() -> None:
    ranges = training_ranges(scenario(clean_fraction=0.4))
    assert ranges is not None
    assert (ranges.snr_db, ranges.noise, ranges.rooms, ranges.clean_fraction) == (scenario().environment.snr_db, ("hiss",), ("halls",), 0.4)
    assert training_ranges(scenario(noise=[], rooms=[], snr_db=None)) is None


def test_every_step_of_the_ladder_is_louder_noise_in_the_same_place() -> None:
    samples = word_samples("ba").astype(np.float32)
    place = evaluation_place(scenario(), "cut", bank(), 1.0)
    assert place is not None
    heard = dict(rendered(Scene.of(samples, place, bank()), place))
    assert list(heard) == ["place", "snr_20", "snr_10", "snr_5", "snr_0"]
    assert all(wet.shape == samples.shape for wet in heard.values())
    quiet = slice(0, RATE // 10)
    powers = [float(np.mean(heard[f"snr_{snr}"][quiet] ** 2)) for snr in (20, 10, 5, 0)]
    assert powers == sorted(powers)


def measured(samples: np.ndarray, place: Place, recorded_snr_db: float | None = None) -> dict[str, float | None]:
    scene = Scene.of(samples.astype(np.float32), place, bank())
    return delivered(scene, scene.sent(place), place, bank(), recorded_snr_db)


def test_what_is_delivered_is_measured_and_not_repeated_from_what_was_drawn() -> None:
    place = evaluation_place(scenario(), "cut", bank(), 1.0)
    assert place is not None
    assert place.noise is not None
    found = measured(word_samples("ba"), place)
    assert tuple(found) == PLACE_MEASURES
    assert found["place_snr_db"] == place.noise.snr_db
    assert found["delivered_snr_db"] == pytest.approx(place.noise.snr_db, abs=0.5)
    assert found["delivered_rt60_s"] == pytest.approx(found["place_rt60_s"], rel=0.05)
    assert measured(np.zeros(RATE), place)["delivered_snr_db"] is None
    assert set(measured(word_samples("ba"), Place()).values()) == {None}


def test_the_room_is_measured_at_its_distance_and_the_level_before_the_channel() -> None:
    room = bank().rooms[0]
    place = Place(room=RoomDraw(id=room.id, distance_m=3.0), level_dbfs=-30.0, channel=BandChannel(codec="band", high_hz=1000.0))
    found = measured(word_samples("di"), place)
    assert found["place_rt60_s"] == room.rt60_s
    assert found["delivered_rt60_s"] == pytest.approx(bank().room(room.id).rt60_s(3.0), abs=1e-3)
    assert found["delivered_level_dbfs"] == pytest.approx(-30.0, abs=0.01)
    loud = measured(word_samples("di"), place.model_copy(update={"level_dbfs": 0.0}))["delivered_level_dbfs"]
    assert loud is not None
    assert loud < -1, "it would have clipped, and was turned down"


def test_the_bandwidth_is_that_of_what_leaves_the_channel() -> None:
    speech = 0.1 * np.random.default_rng(0).standard_normal(2 * RATE)
    narrow, open = (measured(speech, Place(channel=BandChannel(codec="band", high_hz=high_hz))) for high_hz in (2500.0, 3900.0))
    assert narrow["place_bandwidth_hz"] == 2500
    assert narrow["delivered_bandwidth_hz"] == pytest.approx(2500, abs=200)
    assert open["place_bandwidth_hz"] is None, "it passes all that the rate has"
    assert open["delivered_bandwidth_hz"] == pytest.approx(RATE / 2, abs=200)
    assert measured(np.zeros(RATE), Place(channel=BandChannel(codec="band", high_hz=2500.0)))["delivered_bandwidth_hz"] is None


def test_noise_of_the_recording_and_added_noise_count_together() -> None:
    assert together_db(10.0, 10.0) == pytest.approx(7.0, abs=0.02)
    assert together_db(10.0, 60.0) == pytest.approx(10.0, abs=0.01)


def test_what_is_delivered_is_never_better_than_the_recording() -> None:
    place = Place(noise=NoiseDraw(id=bank().noise[0].id, start=0.0, snr_db=30.0))
    assert measured(word_samples("ba"), place)["delivered_snr_db"] == pytest.approx(30.0, abs=0.5)
    assert measured(word_samples("ba"), place, 9.0)["delivered_snr_db"] == pytest.approx(9.0, abs=0.2)


def test_ranges_hold_everything_that_the_environment_declares() -> None:
    events = {"sources": ["hiss"], "per_minute": {"low": 1.0, "high": 2.0}, "snr_db": {"low": 0.0, "high": 5.0}}
    bands = {"distance_m": {"low": 0.5, "high": 4.0}, "level_dbfs": {"low": -40.0, "high": -20.0}, "clipped_fraction": {"low": 0.0, "high": 0.1}}
    ranges = training_ranges(scenario(made=["babble", "simulated-rooms"], events=events, dry=["hiss"], **bands))
    assert ranges is not None
    assert (ranges.noise, ranges.rooms, ranges.dry) == (("hiss", "babble"), ("halls", "simulated-rooms"), ("hiss",))
    said = ranges.model_dump(mode="json")
    assert {name: said[name] for name in bands} == bands
    assert said["events"] == events
    alone = training_ranges(scenario(noise=[], rooms=[], snr_db=None, level_dbfs=bands["level_dbfs"], clean_fraction=0.0))
    assert alone is not None
    assert draw_place(alone, bank(), generator_for(0, "cut", 0), 1.0).level_dbfs is not None
