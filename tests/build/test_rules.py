"""The rules: limits are inclusive, the first rule that drops is named, too much dropping stops the build."""

from __future__ import annotations

import json
from typing import Any

import polars as pl
import pytest
from corpus import SCENARIO

from speccraft.build.near import COPIES
from speccraft.build.rules import judged, judged_banks, without_bridges, without_copies, without_repeats
from speccraft.build.tables import RECORDING_SCHEMA, ROW_SCHEMA, SEGMENT_SCHEMA
from speccraft.errors import SpeccraftError
from speccraft.scenario import Scenario


def scenario(quality: dict[str, Any] | None = None, rt60_s: dict[str, float] | None = None) -> Scenario:
    return Scenario.model_validate_json(json.dumps({**SCENARIO, "quality": quality or {}, "environment": {**SCENARIO["environment"], "rt60_s": rt60_s}}))


def tables(rows: list[dict[str, Any]]) -> tuple[pl.DataFrame, pl.DataFrame]:
    """(segments, recordings), one segment a recording; what a row leaves out has an ordinary value."""
    full = [
        {"source": "words", "input": str(n), "role": "speech", "pcm_sha256": str(n), "text": "four", "duration_s": 1.0, "speech_share": 0.5} | row
        for n, row in enumerate(rows)
    ]
    both = {**ROW_SCHEMA, **SEGMENT_SCHEMA, **RECORDING_SCHEMA}
    wide = pl.DataFrame([{name: row.get(name) for name in both} for row in full], schema=both)
    return wide.drop("pcm_sha256", "rule", "reason", "rt60_s", "channels", "dead_channels", "duplicated_channels"), wide


def rules_of(table: pl.DataFrame) -> list[str | None]:
    return table.sort("input")["rule"].to_list()


@pytest.mark.parametrize(
    ("rule", "kept", "dropped"),
    [
        ({"min": 5.0}, [5.0, 5.000001, 90.0], [4.999999, -3.0]),
        ({"max": 5.0}, [5.0, 4.999999, -3.0], [5.000001, 90.0]),
        ({"min": 5.0, "max": 5.0}, [5.0], [4.999999, 5.000001]),
    ],
)
def test_a_limit_is_kept_and_what_lies_beyond_is_dropped(rule: dict[str, float], kept: list[float], dropped: list[float]) -> None:
    segments, _ = tables([{"snr_db": value} for value in (*kept, *dropped)])
    assert rules_of(judged(segments, scenario({"snr_db": rule}))) == [None] * len(kept) + ["quality.snr_db"] * len(dropped)


def test_a_measure_that_could_not_be_taken_drops_nothing() -> None:
    segments, _ = tables([{"snr_db": None}, {"speech_share": 0.0, "text": "x" * 900}])
    assert rules_of(judged(segments, scenario({"snr_db": {"min": 5.0}, "characters_per_s": {"max": 30.0}}))) == [None, None]


def test_characters_are_counted_over_seconds_of_speech() -> None:
    segments, _ = tables([{"text": "äöüß", "duration_s": 1.0, "speech_share": 0.5}])
    assert judged(segments, scenario())["characters_per_s"].to_list() == [8.0]


def test_syllables_are_counted_by_the_language_of_each_row_over_seconds_of_speech() -> None:
    rows = [{"text": "time table", "language": "en-GB"}, {"text": "time table", "language": "es"}, {"text": "time table", "language": "ja"}, {"language": None}]
    table = judged(tables(rows)[0], scenario({"syllables_per_s": {"max": 7.0}})).sort("input")
    assert table["syllables_per_s"].to_list() == [6.0, 8.0, None, None]
    assert rules_of(table) == [None, "quality.syllables_per_s", None, None]


def test_channels_in_antiphase_drop_a_recording_before_any_rule_and_the_limit_names_the_way_out() -> None:
    rows = [{"antiphase": "channels 0 and 1, correlation -1.00", "snr_db": 1.0}, {"snr_db": 9.0}]
    table = judged(tables(rows)[0], scenario({"snr_db": {"min": 5.0}})).sort("input")
    assert table.select("rule", "value", "limit").rows() == [
        ("antiphase", "channels 0 and 1, correlation -1.00", "one of them, named in `columns.channel`"),
        (None, None, None),
    ]


def test_an_utterance_as_long_as_the_longest_is_kept() -> None:
    segments, _ = tables([{"duration_s": 5.0}, {"duration_s": 5.000125}])
    table = judged(segments, scenario()).sort("input")
    assert table.select("rule", "value", "limit").rows() == [(None, None, None), ("longest_utterance_s", "5.000125", "<= 5")]


def deduplicated(rows: list[dict[str, Any]], quality: dict[str, Any] | None = None) -> list[tuple[str | None, str | None]]:
    """Rule and value of each row, by input."""
    segments, recordings = tables(rows)
    fated = pl.concat([judged(segments, scenario(quality)), judged_banks(segments, recordings, scenario())], how="diagonal")
    return without_repeats(fated, recordings).sort("input").select("rule", "value").rows()


SAME = {"pcm_sha256": "same"}


def test_of_equal_recordings_the_first_is_kept_and_named() -> None:
    rows = [{"input": "b", **SAME}, {"input": "a", **SAME}, {"input": "c", **SAME}, {"input": "d"}]
    assert deduplicated(rows) == [(None, None), ("duplicate", "words:a"), ("duplicate", "words:a"), (None, None)]


def test_of_equal_recordings_the_one_in_the_official_test_split_is_kept() -> None:
    assert deduplicated([{"input": "a", **SAME}, {"input": "b", "given": "test", **SAME}]) == [("duplicate", "words:b"), (None, None)]


def test_of_equal_recordings_one_that_was_written_down_is_kept() -> None:
    rows = [{"input": "a", "text": None, "given": "test", **SAME}, {"input": "b", "text": "four", **SAME}]
    assert deduplicated(rows) == [("duplicate", "words:b"), (None, None)]


def test_what_repeats_a_recording_that_goes_for_its_own_sake_is_kept_by_its_good_words() -> None:
    rows = [{"input": "a", "text": "x" * 900, **SAME}, {"input": "b", "text": "five", **SAME}, {"input": "c", "text": "five", **SAME}]
    dropped = ("quality.characters_per_s", "1800.0")
    assert deduplicated(rows, {"characters_per_s": {"max": 30.0}}) == [dropped, (None, None), ("duplicate", "words:b")]
    assert deduplicated(rows[:1], {"characters_per_s": {"max": 30.0}}) == [dropped]


def test_a_dialogue_repeats_speech_and_takes_its_place_where_that_is_dropped() -> None:
    rows = [{"input": "a", "text": "x" * 900, **SAME}, {"input": "b", "role": "demonstrations", "text": None, **SAME}]
    assert deduplicated(rows) == [(None, None), ("duplicate", "words:a")]
    assert deduplicated(rows, {"characters_per_s": {"max": 30.0}})[1] == (None, None)


def test_a_copy_is_dropped_with_what_it_repeats_and_how_alike_they_are() -> None:
    segments, _ = tables([{"input": "a"}, {"input": "b"}, {"input": "c", "snr_db": 1.0}])
    copied = pl.DataFrame([("words", "b", "words:a", 0.97), ("words", "c", "words:a", 0.96)], schema=COPIES, orient="row")
    table = without_copies(judged(segments, scenario({"snr_db": {"min": 5.0}})), copied).sort("input")
    assert table.select("rule", "value", "limit").rows() == [
        (None, None, None),
        ("near_duplicate", "words:a, correlation 0.97", "first of its copies"),
        ("quality.snr_db", "1.0", ">= 5"),
    ]
    assert table.columns == judged(segments, scenario()).columns


def test_a_bridge_is_dropped_with_its_axis_and_value_and_keeps_an_earlier_fate() -> None:
    segments = tables([{"input": "a"}, {"input": "b"}, {"input": "c"}])[0].with_columns(
        rule=pl.Series([None, None, "quality.snr_db"]), value=pl.Series([None, None, "1.0"]), limit=pl.Series([None, None, ">= 5"]),
        fate=pl.Series(["kept", "kept", "dropped"]),
    )  # fmt: skip
    table = without_bridges(segments, {"words:b": ("session", "duet"), "words:c": ("session", "duet")})
    assert table.select("fate", "rule", "value", "limit").rows() == [
        ("kept", None, None, None),
        ("dropped", "splits.bridge", "session duet", "in one split"),
        ("dropped", "quality.snr_db", "1.0", ">= 5"),
    ]
    assert table.columns == segments.columns


def test_the_same_samples_in_two_roles_are_no_duplicates() -> None:
    assert deduplicated([SAME, {"role": "noise", "source": "hiss", **SAME}]) == [(None, None)] * 2


def test_a_repeated_noise_clip_is_dropped_so_that_it_cannot_serve_two_splits() -> None:
    rows = [{"role": "noise", "source": source, **SAME} for source in ("hiss", "hum")]
    assert deduplicated(rows) == [(None, None), ("duplicate", "hiss:0")]


def test_rooms_out_of_band_and_rooms_that_cannot_be_measured_are_dropped() -> None:
    segments, recordings = tables([{"role": "rir", "rt60_s": value} for value in (0.2, 1.2, 0.1999, 1.2001, None)])
    table = judged_banks(segments, recordings, scenario(rt60_s={"low": 0.2, "high": 1.2})).sort("input")
    assert rules_of(table) == [None, None, *["environment.rt60_s"] * 3]
    assert table.row(3, named=True)["value"] == "1.2001"
    assert table.row(3, named=True)["limit"] == ">= 0.2 and <= 1.2"
    assert rules_of(judged_banks(segments, recordings, scenario())) == [None] * 5


def test_rooms_stay_in_their_order_which_decides_who_serves_which_split() -> None:
    rooms = [{"role": "rir", "input": f"hall{number:03d}", "rt60_s": 0.5} for number in range(300)]
    segments, recordings = tables([*rooms, *({"input": f"word{number}"} for number in range(2000))])
    assert judged_banks(segments, recordings.reverse(), scenario())["input"].to_list() == [room["input"] for room in rooms]


def test_noise_has_no_reverberation_time_to_drop_it() -> None:
    segments, recordings = tables([{"role": "noise"}])
    assert rules_of(judged_banks(segments, recordings, scenario(rt60_s={"low": 0.2, "high": 1.2}))) == [None]


@pytest.mark.parametrize(("max_drop", "stops"), [(0.24, True), (0.25, False), (1.0, False)])
def test_a_rule_that_drops_more_than_its_share_stops_the_build(max_drop: float, stops: bool) -> None:
    segments, _ = tables([{"snr_db": value} for value in (1.0, 9.0, 9.0, 9.0)])
    wanted = scenario({"snr_db": {"min": 5.0, "max_drop": max_drop}})
    if stops:
        with pytest.raises(SpeccraftError, match=r"quality.snr_db drops 1 of 4 utterances \(25%\), more than its max_drop of 24%"):
            judged(segments, wanted)
    else:
        assert rules_of(judged(segments, wanted)).count("quality.snr_db") == 1


def test_nothing_is_judged_without_complaint() -> None:
    segments, recordings = tables([])
    assert judged(segments, scenario({"snr_db": {"min": 5.0, "max_drop": 0.0}})).is_empty()
    assert judged_banks(segments, recordings, scenario()).is_empty()
