"""Estimates: more work costs more, and every number says how it was made."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import pytest
from corpus import SCENARIO
from hypothesis import given, settings
from hypothesis import strategies as st
from plan_world import plan_with, speech

from speccraft.ingest.rows import Row, Utterance
from speccraft.plan.estimate import CHANNEL_S_PER_H, RENDER_S_PER_H, START_S, Estimate, Work, estimate
from speccraft.plan.supply import supply
from speccraft.scenario.environment import BandChannel, CodedChannel, NoChannel, TelephoneChannel
from speccraft.scenario.fields import Wanted, fields_of

NOISY = {"environment": {"sampling_rate": 16000, "noise": ["hiss"], "snr_db": {"low": 0.0, "high": 9.0}}}
SPLITS = {"splits": {"dev": 0.1, "test": 0.1}}


def estimated(speakers: int = 10, minutes: float = 6.0, workers: int = 2, scale: float = 1.0, training: tuple[Work, ...] = (), **changes: Any) -> Estimate:
    made = plan_with(speech(speakers, minutes), **SPLITS | changes)
    return estimate(made, supply(made), workers=workers, scale=scale, training=training)


@given(minutes=st.floats(1, 600), more=st.floats(1.01, 10), workers=st.integers(1, 64))
@settings(deadline=None, max_examples=30)
def test_more_audio_takes_longer_and_more_disk_and_more_workers_take_less_time(minutes: float, more: float, workers: int) -> None:
    one = estimated(minutes=minutes, workers=workers, **NOISY)
    longer, faster = estimated(minutes=minutes * more, workers=workers, **NOISY), estimated(minutes=minutes, workers=workers + 1, **NOISY)
    assert longer.build_s > one.build_s > faster.build_s > START_S
    assert longer.bytes > one.bytes == faster.bytes > 0


def test_a_place_costs_its_conditions_and_a_codec_costs_more() -> None:
    clean, noisy = estimated(environment={"sampling_rate": 16000}), estimated(**NOISY)
    opus = estimated(environment=NOISY["environment"] | {"channel": {"codec": "opus"}})
    assert clean.costs[2].seconds == 0
    assert "no place" in clean.costs[2].made
    assert "in 5 conditions at 6 s an hour" in noisy.costs[2].made
    assert opus.costs[2].seconds == pytest.approx(noisy.costs[2].seconds * (1 + CHANNEL_S_PER_H["opus"] / RENDER_S_PER_H))
    assert "through opus" in opus.costs[2].made


def test_every_channel_has_a_cost() -> None:
    codecs = {codec for model in (NoChannel, TelephoneChannel, CodedChannel, BandChannel) for codec in Wanted.of_field(fields_of(model)["codec"]).choices}
    assert set(CHANNEL_S_PER_H) == codecs


def test_texts_to_be_spoken_cost_by_the_text() -> None:
    say = Utterance("good morning", "en-us", 165, 50)
    rows = [replace(row, say=say, text=say.text) for row in speech(10, 1)]
    made = plan_with(rows)
    assert "100 texts to speak" in estimate(made, supply(made), workers=1).costs[0].made
    assert "nothing enters" in estimate(plan_with(()), supply(plan_with(())), workers=1).costs[0].made


def test_the_estimate_is_scaled_by_what_the_last_build_here_took() -> None:
    assert estimated(scale=3.0).build_s == pytest.approx(3 * estimated().build_s)
    assert estimated(scale=3.0).bytes == estimated().bytes


def test_rows_of_unknown_length_still_cost_their_file() -> None:
    made = plan_with([Row("a", text="ba", speaker="anna"), Row("b", text="di", speaker="bela")])
    assert "0 s in 2 files" in estimate(made, supply(made), workers=1).costs[0].made


def test_training_takes_its_audio_over_the_speed_of_the_recipe_and_counts_gpu_hours_only_on_a_gpu() -> None:
    work = (Work("pretrain", 7200.0, 2.0, "a laptop", on_gpu=False), Work("align", 3600.0, 1.0, "one H100", on_gpu=True))
    found = estimated(training=work)
    assert found.train_s == 7200
    assert found.gpu_hours == 1.0
    assert found.training[0].made == "2.0 h of audio heard, at 2 s of audio a second (a laptop)"


def test_the_sampling_rate_decides_the_disk() -> None:
    narrow = SCENARIO["environment"] | {"sampling_rate": 8000}
    wide = SCENARIO["environment"] | {"sampling_rate": 48000}
    assert estimated(environment=wide).costs[0].bytes == pytest.approx(6 * estimated(environment=narrow).costs[0].bytes)
