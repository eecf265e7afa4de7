"""Measure a sample of the test cuts twice, as recorded and in place, by the same estimators: what the place does to a recording."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl

from speccraft.scenario.model import Scenario
from speccraft.sound.decode import to_int16
from speccraft.sound.frames import frames_of
from speccraft.sound.measures import Stretches, measure
from speccraft.sound.shards import ShardReader
from speccraft.sound.spectral import spectral
from speccraft.sound.vad import speech_frames

SAMPLE = 120
"""Cuts that are measured. The interval of a share of 90 % is then 12 points wide, and a build takes a second or two longer."""
LONGEST_S = 20.0
"""Of a longer cut so much is measured."""
PLAIN = ("level_dbfs", "speech_share", "longest_pause_s", "snr_db")
SPECTRAL = ("bandwidth_hz", "reverberation_s")
HEARD = {"cut": pl.String, "condition": pl.String, **dict.fromkeys((*PLAIN, *SPECTRAL), pl.Float64)}


def heard(folder: Path, measures: pl.DataFrame, scenario: Scenario) -> pl.DataFrame:
    """Measures of test cuts by cut and condition (`clean`, `place`); empty where no test cut has a place.

    The cuts are spread evenly over their ids, which are hashes: the same ones for the same build, and none of them chosen.

    Args:
        folder: the build's, with `shards/test`.
        measures: its table of cuts.
    """
    reader = ShardReader(folder / "shards" / "test")
    rows = list(_rows(reader, measures, scenario)) if "place" in reader.conditions else []
    return pl.DataFrame(rows, schema=HEARD)


def evenly(cuts: list[str], most: int) -> list[str]:
    """At most so many cuts, spread evenly over them in order."""
    ordered = sorted(cuts)
    return [ordered[index * len(ordered) // most] for index in range(most)] if len(ordered) > most else ordered


def _rows(reader: ShardReader, measures: pl.DataFrame, scenario: Scenario) -> Iterator[dict[str, Any]]:
    for cut in evenly(measures.filter(pl.col("split") == "test")["cut"].to_list(), SAMPLE):
        for condition in ("clean", "place"):
            yield {"cut": cut, "condition": condition, **_measured(reader.samples(cut, condition), scenario)}


def _measured(samples: np.ndarray, scenario: Scenario) -> dict[str, float | None]:
    rate = scenario.environment.sampling_rate
    whole = to_int16(samples[: round(LONGEST_S * rate)])
    frames = frames_of(whole, rate)
    speech = speech_frames(whole, rate, frames, scenario.segmentation)
    found = measure(Stretches.of([(0, len(whole))], rate, frames, speech))[0]
    return {name: found[name] for name in PLAIN} | spectral(SPECTRAL, whole, rate, speech)
