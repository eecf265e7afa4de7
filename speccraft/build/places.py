"""The place of every cut: ranges for training, and one drawn place rendered in fixed conditions for dev and test."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SNR_LADDER_DB, Place, PlaceRanges
from speccraft.sound.bandwidth import bandwidth_hz
from speccraft.sound.channel import upper_limit_hz
from speccraft.sound.decode import to_int16
from speccraft.sound.mix import active_power, decibels
from speccraft.sound.place import Bank, draw_place, generator_for
from speccraft.sound.scene import Scene

EVALUATION_EPOCH = -1
"""Dev and test draw once, in an epoch that training never reaches."""


def training_ranges(scenario: Scenario) -> PlaceRanges | None:
    """What training draws from; None where the scenario declares no place."""
    environment = scenario.environment
    if not environment.does_something:
        return None
    return PlaceRanges(
        snr_db=environment.snr_db if environment.background else None,
        noise=environment.background,
        rooms=environment.reverberant,
        events=environment.events,
        dry=environment.dry,
        distance_m=environment.distance_m,
        level_dbfs=environment.level_dbfs,
        clipped_fraction=environment.clipped_fraction,
        channel=environment.channel,
        clean_fraction=environment.clean_fraction,
    )


def evaluation_place(scenario: Scenario, cut_id: str, bank: Bank, seconds: float) -> Place | None:
    """The one place a dev or test cut is heard in; the same cut gets the same place in every build with these clips."""
    ranges = training_ranges(scenario)
    if ranges is None:
        return None
    always = ranges.model_copy(update={"clean_fraction": 0.0})
    return draw_place(always, bank, generator_for(scenario.seed, cut_id, EVALUATION_EPOCH), seconds)


def rendered(scene: Scene, place: Place) -> Iterator[tuple[str, np.ndarray]]:
    """The cut in every condition but `clean`: its place, and the same place at each step of the SNR ladder."""
    yield "place", scene.sent(place)
    if place.noise is not None:
        for snr in SNR_LADDER_DB:
            yield f"snr_{snr}", scene.sent(place.model_copy(update={"noise": place.noise.model_copy(update={"snr_db": float(snr)})}))


def delivered(scene: Scene, heard: np.ndarray, place: Place, bank: Bank, recorded_snr_db: float | None) -> dict[str, float | None]:
    """What a rendered place was asked to be and what it is, by `PLACE_MEASURES`; None where it cannot be measured or nothing was done.

    Noise that the recording already had counts beside the noise that was added, where it could be measured. T60 is that of the room at its
    distance, the level that of what enters the channel, the bandwidth that of what leaves it.

    Args:
        heard: the cut in its place, float32 of shape (num_samples,).
    """
    snr = scene.snr_db(place)
    if snr is not None and recorded_snr_db is not None:
        snr = together_db(snr, recorded_snr_db)
    room = place.room and bank.room(place.room.id)
    found = {
        "place_snr_db": place.noise.snr_db if place.noise else None,
        "delivered_snr_db": snr,
        "place_rt60_s": bank.items[place.room.id].rt60_s if place.room else None,
        "delivered_rt60_s": room.rt60_s(place.room.distance_m) if room and place.room else None,
        "place_level_dbfs": place.level_dbfs,
        "delivered_level_dbfs": _level_dbfs(scene, place) if place.level_dbfs is not None else None,
        "place_bandwidth_hz": upper_limit_hz(place.channel, bank.sampling_rate) if place.channel else None,
        "delivered_bandwidth_hz": _bandwidth_hz(scene, heard) if place.channel else None,
    }
    return {name: round(value, 3) if value is not None and name.startswith("delivered") else value for name, value in found.items()}


def _level_dbfs(scene: Scene, place: Place) -> float | None:
    return decibels(active_power(scene.at_microphone(place), scene.active, scene.sampling_rate))


def _bandwidth_hz(scene: Scene, heard: np.ndarray) -> float | None:
    found = bandwidth_hz(to_int16(heard), scene.sampling_rate, scene.active)
    return None if math.isnan(found) else found


def together_db(*snrs_db: float) -> float:
    """SNR of one signal under several uncorrelated noises, each of which alone would give one of these, in dB."""
    return -10 * math.log10(sum(10 ** (-snr / 10) for snr in snrs_db))
