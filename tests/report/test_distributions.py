from __future__ import annotations

import json
from dataclasses import replace
from typing import Any

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st
from report_world import BANKS, cut_row, facts_of, ledger_row, segment_row

from speccraft.report.axes import ASKED, RULED
from speccraft.report.distributions import SAMPLED, binning, channel_problems, counts_in, distributions, rooms
from speccraft.report.heard import HEARD
from speccraft.report.tables import LEDGER, LICENCES, MEASURES, SEGMENTS, SplitCertificate, Tables
from speccraft.scenario.quality import Quality, Rule

NOBODY_HEARD = pl.DataFrame(schema=HEARD)
values = st.lists(st.floats(-1e5, 1e5), min_size=1, max_size=50)


def tables(cuts: list[dict[str, Any]], dropped: list[dict[str, Any]] | None = None, lost: list[dict[str, Any]] | None = None, banks: Any = BANKS) -> Tables:
    segments = [segment_row(cut, "a.wav") for cut in cuts] + [segment_row(cut, "b.wav", fate="dropped", rule="snr_db") for cut in dropped or []]
    ledger = pl.DataFrame(lost or [], schema=LEDGER)
    measures, own = pl.DataFrame(cuts, schema=MEASURES), pl.DataFrame(segments, schema=SEGMENTS)
    return Tables(measures, own, ledger, pl.DataFrame(schema=LICENCES), SplitCertificate(), tuple(banks))


def asked_of(quality: dict[str, Any], cuts: list[dict[str, Any]]) -> dict[str, dict[str, Any]]:
    """Charts by measure, where a scenario asks for more."""
    scenario = facts_of({"quality": quality}).scenario
    return {chart["measure"]: chart for chart in distributions(scenario, tables(cuts), NOBODY_HEARD)}


def chart(name: str, *cuts: dict[str, Any], dropped: list[dict[str, Any]] | None = None, sample: pl.DataFrame = NOBODY_HEARD, **changes: Any) -> dict[str, Any]:
    charts = distributions(facts_of(changes).scenario, tables(list(cuts), dropped), sample)
    return next(chart for chart in charts if chart["measure"] == name)


@given(values, st.lists(st.floats(-1e5, 1e5), max_size=2))
def test_every_value_falls_into_one_bin_and_bins_stay_few(found: list[float], ends: list[float]) -> None:
    start, step, bins = binning(found, ends)
    assert 1 <= bins <= 40
    assert start <= min([*found, *ends]) + step * 1e-6
    assert start + step * bins >= max([*found, *ends]) - step * 1e-6
    assert sum(counts_in(pl.Series(found), start, step, bins)) == len(found)


def test_equal_values_share_one_bin_that_holds_them() -> None:
    start, step, bins = binning([7.3, 7.3])
    assert bins == 1
    assert start <= 7.3 <= start + step


def test_a_value_on_an_edge_belongs_to_the_bin_above_and_the_last_bin_is_closed() -> None:
    assert counts_in(pl.Series([0.0, 1.0, 2.0]), 0.0, 1.0, 2) == [1, 2]


def test_kept_and_dropped_segments_are_counted_apart() -> None:
    found = chart("snr_db", cut_row(0), cut_row(1), dropped=[cut_row(2, snr_db=-4.0)])["panels"][0]
    assert {series["name"]: sum(series["counts"]) for series in found["series"]} == {"kept": 2, "dropped": 1}


def test_noise_and_rooms_are_not_counted_as_speech() -> None:
    assert chart("snr_db", cut_row(0), dropped=[cut_row(1, role="noise")])["panels"][0]["n"] == 1


def test_values_that_are_missing_or_not_finite_are_counted_as_not_measured() -> None:
    found = chart("snr_db", cut_row(0), cut_row(1, snr_db=None), cut_row(2, snr_db=float("inf")), cut_row(3, snr_db=float("nan")))["panels"][0]
    assert (found["n"], found["not_measured"]) == (1, 3)
    json.dumps(found, allow_nan=False)


def test_the_declared_band_lies_within_the_axis_even_far_from_the_values() -> None:
    found = chart("snr_db", cut_row(0, snr_db=55.0))
    assert found["start"] <= 0
    assert found["start"] + found["step"] * found["bins"] >= 55
    assert found["declared"] == {"low": 0.0, "high": 20.0}


def test_the_share_inside_is_of_the_delivered_snr_of_test_cuts() -> None:
    panel = chart("snr_db", cut_row(0, "test", delivered_snr_db=5.0), cut_row(1, "test", delivered_snr_db=25.0), cut_row(2, "dev"), cut_row(3))["panels"][1]
    assert (panel["name"], panel["n"], panel["inside"], panel["of"]) == ("in place", 2, 1, "every test cut")
    assert panel["low"] < 0.5 < panel["high"]


def test_what_is_measured_in_place_may_be_off_by_what_the_clause_allows() -> None:
    cuts = [cut_row(number, "test", delivered_snr_db=snr, delivered_rt60_s=rt60) for number, (snr, rt60) in enumerate([(20.9, 1.25), (21.1, 1.27)])]
    assert chart("snr_db", *cuts)["panels"][1]["inside"] == chart("reverberation_s", *cuts)["panels"][1]["inside"] == 1


def test_what_the_build_did_not_measure_is_told_of_the_sample() -> None:
    heard = [{"cut": "a", "condition": "clean", "bandwidth_hz": 7000.0}, {"cut": "a", "condition": "place", "bandwidth_hz": 3400.0, "level_dbfs": -30.0}]
    sample = pl.DataFrame(heard, schema=HEARD)
    recorded, in_place = chart("bandwidth_hz", cut_row(0), sample=sample)["panels"]
    assert [(panel["median"], panel["of"]) for panel in (recorded, in_place)] == [(7000.0, SAMPLED), (3400.0, SAMPLED)]
    recorded, in_place = chart("level_dbfs", cut_row(0), sample=sample)["panels"]
    assert (recorded["of"], in_place["median"]) == ("every segment", -30.0)


def test_each_property_is_held_against_the_band_that_the_scenario_declares_for_it() -> None:
    environment = {"level_dbfs": {"low": -40.0, "high": -20.0}, "channel": {"codec": "telephone"}, "rt60_s": {"low": 0.1, "high": 0.9}}
    bands = {name: (found["declared"], found["declared_by"]) for name in RULED for found in [chart(name, cut_row(0), environment=environment, quality={})]}
    assert bands == {
        "snr_db": (None, None),
        "reverberation_s": ({"low": 0.1, "high": 0.9}, "environment.rt60_s"),
        "bandwidth_hz": ({"low": 0.0, "high": 3400.0}, "environment.channel"),
        "level_dbfs": ({"low": -40.0, "high": -20.0}, "environment.level_dbfs"),
        "speech_share": (None, None),
        "longest_pause_s": (None, None),
        "duration_s": ({"low": 0.0, "high": 20.0}, "job.longest_utterance_s"),
        "characters_per_s": (None, None),
    }


def test_a_rule_stands_in_where_no_band_is_declared_and_an_open_end_lets_everything_in() -> None:
    panel = chart("level_dbfs", cut_row(0, level_dbfs=-50.0), cut_row(1, level_dbfs=9.0), quality={"level_dbfs": {"min": -45.0}})["panels"][0]
    assert (panel["n"], panel["inside"]) == (2, 1)


def test_words_and_their_time_have_no_panel_in_place() -> None:
    assert [len(chart(name, cut_row(0))["panels"]) for name in ("duration_s", "characters_per_s", "speech_share")] == [1, 1, 2]


def test_nothing_at_all_is_still_a_chart() -> None:
    panels = [panel for chart in distributions(facts_of().scenario, tables([]), NOBODY_HEARD) for panel in chart["panels"]]
    assert {panel["n"] for panel in panels} == {0}
    assert {panel["inside"] for panel in panels} == {None}


def test_a_room_left_out_for_its_reverberation_is_shown_with_it() -> None:
    lost = [ledger_row("hall.wav", "dropped", 3.0, source="halls", role="rir", rule="environment.rt60_s", value="2.61")]
    found = rooms(facts_of().scenario, tables([], lost=lost))
    assert [(dot["rt60_s"], dot["split"]) for dot in found["dots"]] == [(0.4, "train"), (0.9, "test"), (2.61, "left out")]


def test_a_room_without_a_measured_time_is_counted_not_drawn() -> None:
    found = rooms(facts_of().scenario, tables([], banks=[replace(BANKS[2], rt60_s=None)]))
    assert (found["dots"], found["not_measured"]) == ([], 1)


@pytest.mark.parametrize("count", [200, 201])
def test_very_many_rooms_are_counted_beyond_the_first(count: int) -> None:
    banks = [replace(BANKS[2], id=f"r{number}", rt60_s=0.2 + number / 1000) for number in range(count)]
    found = rooms(facts_of().scenario, tables([], banks=banks))
    assert (len(found["dots"]), found["more"]) == (200, count - 200)


def test_further_measures_are_shown_where_a_rule_or_a_wish_names_them_with_the_cuts_they_were_taken_on() -> None:
    cuts = [cut_row(0, bandwidth_hz=3900.0), cut_row(1), cut_row(2, f0_median_hz=120.0)]
    assert "f0_median_hz" not in asked_of({}, cuts)
    found = asked_of({"bandwidth_hz": {"min": 3400.0}, "measure": ["f0_median_hz", "bandwidth_hz"]}, cuts)
    assert found["bandwidth_hz"]["cuts"] == {"taken": 1, "of": 3, "is_sample": False}
    assert found["f0_median_hz"]["cuts"] == {"taken": 1, "of": 3, "is_sample": True}
    assert found["bandwidth_hz"]["kept_range"] == {"min": 3400.0, "max": None}


def test_what_is_uncertain_about_a_measure_is_said_beside_it() -> None:
    found = asked_of({"measure": ["bandwidth_hz"], "speech_share": {"min": 0.1}, "syllables_per_s": {"max": 9.0}}, [cut_row(0)])
    assert "from the truth" in found["speech_share"]["uncertain"]
    assert "by spelling" in found["syllables_per_s"]["uncertain"]
    assert found["bandwidth_hz"]["uncertain"] is None


def test_every_measure_that_a_rule_can_judge_by_has_its_chart() -> None:
    named = {name for name, field in Quality.model_fields.items() if field.annotation == Rule | None}
    assert RULED.keys() | ASKED.keys() == named


def test_channels_are_told_of_recordings_that_were_mixed() -> None:
    rows = [
        ledger_row("a", "kept", 1.0, channels=2, dead_channels=1, duplicated_channels=0),
        ledger_row("b", "kept", 1.0, channels=8, dead_channels=0, duplicated_channels=3),
        ledger_row("c", "dropped", 1.0, channels=2, dead_channels=0, duplicated_channels=0, rule="antiphase"),
        ledger_row("d", "kept", 1.0, channels=1),
    ]
    assert channel_problems(pl.DataFrame(rows, schema=LEDGER)) == {"mixed": 3, "dead": 1, "duplicated": 1, "antiphase": 1}
    assert channel_problems(pl.DataFrame(schema=LEDGER)) == {"mixed": 0, "dead": 0, "duplicated": 0, "antiphase": 0}
