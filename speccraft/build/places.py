"""The place of every cut: ranges for training, and one drawn place rendered in fixed conditions for dev and test."""

from __future__ import annotations

import math
from collections.abc import Iterator

import numpy as np

from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SNR_LADDER_DB, Place, PlaceRanges
from speccraft.sound.place import Bank, delivered_snr_db, draw_place, generator_for, render_place

EVALUATION_EPOCH = -1
"""Dev and test draw once, in an epoch that training never reaches."""


def training_ranges(scenario: Scenario) -> PlaceRanges | None:
    """What training draws from; None where the scenario declares no place."""
    environment = scenario.environment
    if not (environment.noise or environment.rooms or environment.channel.codec != "none"):
        return None
    return PlaceRanges(
        snr_db=environment.snr_db if environment.noise else None,
        noise=environment.noise,
        rooms=environment.rooms,
        channel=environment.channel,
        clean_fraction=environment.clean_fraction,
    )


def evaluation_place(scenario: Scenario, cut_id: str, bank: Bank) -> Place | None:
    """The one place a dev or test cut is heard in; the same cut gets the same place in every build with these clips."""
    ranges = training_ranges(scenario)
    if ranges is None:
        return None
    always = ranges.model_copy(update={"clean_fraction": 0.0})
    return draw_place(always, bank, generator_for(scenario.seed, cut_id, EVALUATION_EPOCH))


def rendered(samples: np.ndarray, place: Place, bank: Bank) -> Iterator[tuple[str, np.ndarray]]:
    """The cut in every condition but `clean`: its place, and the same place at each step of the SNR ladder."""
    yield "place", render_place(samples, place, bank)
    if place.noise is not None:
        for snr in SNR_LADDER_DB:
            step = place.model_copy(update={"noise": place.noise.model_copy(update={"snr_db": float(snr)})})
            yield f"snr_{snr}", render_place(samples, step, bank)


def delivered(samples: np.ndarray, place: Place, bank: Bank, recorded_snr_db: float | None) -> dict[str, float | None]:
    """What a rendered place was asked to be and what it is: wanted and measured SNR in dB, measured T60 of its room in seconds.

    Noise that the recording already had counts beside the noise that was added, where it could be measured.
    """
    snr = delivered_snr_db(samples, place, bank)
    if snr is not None and recorded_snr_db is not None:
        snr = together_db(snr, recorded_snr_db)
    return {
        "place_snr_db": place.noise.snr_db if place.noise else None,
        "delivered_snr_db": None if snr is None else round(snr, 3),
        "place_rt60_s": bank.items[place.room.id].rt60_s if place.room else None,
    }


def together_db(*snrs_db: float) -> float:
    """SNR of one signal under several uncorrelated noises, each of which alone would give one of these, in dB."""
    return -10 * math.log10(sum(10 ** (-snr / 10) for snr in snrs_db))
