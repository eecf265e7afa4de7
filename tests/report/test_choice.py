from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from report_world import cut_row, facts_of, segment_row, some_cuts

from speccraft.report.choice import LADDER, MOST_CLIPS, Chosen, choice, topics
from speccraft.report.tables import LEDGER, LICENCES, MEASURES, SEGMENTS, SplitCertificate, Tables


def tables(cuts: list[dict[str, Any]], dropped: list[dict[str, Any]] | None = None) -> Tables:
    segments = [segment_row(cut, "a.wav") for cut in cuts] + (dropped or [])
    frames = pl.DataFrame(cuts, schema=MEASURES), pl.DataFrame(segments, schema=SEGMENTS), pl.DataFrame(schema=LEDGER), pl.DataFrame(schema=LICENCES)
    return Tables(*frames, SplitCertificate(), ())


def chosen(cuts: list[dict[str, Any]], dropped: list[dict[str, Any]] | None = None, **changes: Any) -> list[Chosen]:
    return choice(facts_of(changes).scenario, tables(cuts, dropped))


def shown(found: list[Chosen]) -> dict[tuple[str, str], str]:
    """The ids by their reasons."""
    return {reason: one.id for one in found for reason in one.reasons}


def test_the_typical_and_the_worst_of_each_condition_are_shown() -> None:
    cuts = [cut_row(number, "test", snr_db=snr, delivered_snr_db=10.0 - number) for number, snr in enumerate((30.0, 3.0, 20.0, 21.0, 40.0))]
    found = shown(chosen(cuts))
    assert found["in place, test", "typical: nearest to the median SNR"] == cuts[2]["cut"]
    assert found["in place, test", "worst: lowest SNR"] == cuts[4]["cut"]
    assert found["as recorded, test", "typical: nearest to the median SNR"] == cuts[3]["cut"]
    assert found["as recorded, test", "worst: lowest SNR"] == cuts[1]["cut"]
    assert (LADDER, "typical: nearest to the median length") in found


def test_of_a_rule_what_it_dropped_farthest_and_nearest_and_what_it_just_kept_is_shown() -> None:
    rule = {"quality": {"snr_db": {"min": 5.0, "max": 50.0}}}
    dropped = [segment_row(cut_row(90 + number, snr_db=snr), "x.wav", fate="dropped", rule="quality.snr_db") for number, snr in enumerate((-9.0, 4.5, 51.0))]
    cuts = [cut_row(number, snr_db=snr) for number, snr in enumerate((6.0, 30.0, 48.0))]
    found = {what: id for (topic, what), id in shown(chosen(cuts, dropped, **rule)).items() if topic == "quality.snr_db"}
    assert found == {
        "dropped: farthest from what is kept": dropped[0]["segment"],
        "dropped: nearest to what is kept": dropped[1]["segment"],
        "kept: nearest to the limit": cuts[0]["cut"],
    }


def test_of_a_rule_without_a_measure_something_typical_is_shown() -> None:
    dropped = [segment_row(cut_row(90 + number, seconds=seconds), "x.wav", fate="dropped", rule="duplicate") for number, seconds in enumerate((1.0, 2.0, 9.0))]
    assert shown(chosen([], dropped))["duplicate", "dropped: nearest to the median length"] == dropped[1]["segment"]


@pytest.mark.parametrize("rule", ["pii", "revoked"])
def test_nobody_hears_what_was_taken_away_from_everybody(rule: str) -> None:
    assert chosen([], [segment_row(cut_row(1), "x.wav", fate="dropped", rule=rule)]) == []


def test_nobody_hears_whose_words_hold_personal_data() -> None:
    assert chosen([cut_row(0, "test", text="call me at [phone]")]) == []


def test_the_choice_depends_neither_on_row_order_nor_on_equal_values() -> None:
    cuts = [cut_row(number, "test", snr_db=7.0) for number in range(20)]
    assert [one.id for one in chosen(cuts)] == [one.id for one in chosen(cuts[::-1])]


def test_a_cut_is_shown_once_with_all_its_reasons() -> None:
    (only,) = chosen([cut_row(0, "test")])
    assert len(only.reasons) > 4


def test_cuts_without_any_snr_are_chosen_by_length() -> None:
    cuts = [cut_row(number, snr_db=None, seconds=seconds) for number, seconds in enumerate((1.0, 9.0, 2.0))]
    assert shown(chosen(cuts))["as recorded, train", "typical: nearest to the median length"] == cuts[2]["cut"]


def test_there_are_never_too_many() -> None:
    dropped = [segment_row(cut_row(900 + number), "x.wav", fate="dropped", rule=f"rule {number}") for number in range(200)]
    assert len(chosen(some_cuts(), dropped)) == MOST_CLIPS


def test_topics_stand_in_the_order_of_their_clips() -> None:
    clips = [{"reasons": [{"topic": "b"}, {"topic": "a"}]}, {"reasons": [{"topic": "a"}, {"topic": "c"}]}]
    assert topics(clips) == ["b", "a", "c"]
