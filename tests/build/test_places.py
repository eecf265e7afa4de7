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
from speccraft.scenario.contracts import NoiseDraw, Place
from speccraft.sound.place import Bank


def scenario(seed: int = 0, **environment: Any) -> Scenario:
    return Scenario.model_validate_json(json.dumps({**SCENARIO, "seed": seed, "environment": {**SCENARIO["environment"], **environment}}))


def bank(split: str = "test") -> Bank:
    rng = np.random.default_rng(0)
    clips = [Clip(f"hiss-{n}", "hiss", "noise", "CC0-1.0", 0.1 * rng.standard_normal(RATE).astype(np.float32)) for n in range(12)]
    banks = make_banks(clips, scenario())
    return Bank([item for item in banks.items if item.split == split], banks.samples, RATE)


def test_a_cut_has_one_place_for_a_seed_and_others_have_others() -> None:
    one = evaluation_place(scenario(), "cut-1", bank())
    assert one == evaluation_place(scenario(), "cut-1", bank())
    assert one != evaluation_place(scenario(), "cut-2", bank())
    assert one != evaluation_place(scenario(seed=1), "cut-1", bank())


def test_evaluation_is_always_in_place_however_many_training_cuts_stay_clean() -> None:
    for number in range(20):
        place = evaluation_place(scenario(clean_fraction=1.0), str(number), bank())
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
    place = evaluation_place(scenario(), "cut", bank())
    assert place is not None
    heard = dict(rendered(samples, place, bank()))
    assert list(heard) == ["place", "snr_20", "snr_10", "snr_5", "snr_0"]
    assert all(wet.shape == samples.shape for wet in heard.values())
    quiet = slice(0, RATE // 10)
    powers = [float(np.mean(heard[f"snr_{snr}"][quiet] ** 2)) for snr in (20, 10, 5, 0)]
    assert powers == sorted(powers)


def test_what_is_delivered_is_measured_and_not_repeated_from_what_was_drawn() -> None:
    place = evaluation_place(scenario(), "cut", bank())
    assert place is not None
    assert place.noise is not None
    found = delivered(word_samples("ba").astype(np.float32), place, bank(), None)
    assert found["place_snr_db"] == place.noise.snr_db
    assert found["delivered_snr_db"] is not None
    assert abs(found["delivered_snr_db"] - place.noise.snr_db) < 0.5
    silent = delivered(np.zeros(RATE, np.float32), place, bank(), None)
    assert silent["delivered_snr_db"] is None


def test_noise_of_the_recording_and_added_noise_count_together() -> None:
    assert together_db(10.0, 10.0) == pytest.approx(7.0, abs=0.02)
    assert together_db(10.0, 60.0) == pytest.approx(10.0, abs=0.01)


def test_what_is_delivered_is_never_better_than_the_recording() -> None:
    place = Place(noise=NoiseDraw(id=bank().noise[0].id, start=0.0, snr_db=30.0))
    speech = word_samples("ba").astype(np.float32)
    assert delivered(speech, place, bank(), None)["delivered_snr_db"] == pytest.approx(30.0, abs=0.5)
    assert delivered(speech, place, bank(), 9.0)["delivered_snr_db"] == pytest.approx(9.0, abs=0.2)
