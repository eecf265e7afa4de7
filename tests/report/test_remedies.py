from __future__ import annotations

from typing import Any

import polars as pl
from report_world import cut_row, facts_of, ledger_row, segment_row

from speccraft.report.remedies import closer_match, missing_speakers, more_hours, more_speakers
from speccraft.report.tables import LEDGER, LICENCES, MEASURES, SEGMENTS, SplitCertificate, Tables
from speccraft.report.waterfall import flows_of, together


def tables(cuts: list[dict[str, Any]], segments: list[dict[str, Any]] | None = None, lost: list[dict[str, Any]] | None = None) -> Tables:
    ledger = pl.DataFrame([ledger_row(f"{cut['cut']}.wav", "kept", cut["seconds"]) for cut in cuts] + (lost or []), schema=LEDGER)
    own = pl.DataFrame([segment_row(cut, f"{cut['cut']}.wav") for cut in cuts] + (segments or []), schema=SEGMENTS)
    return Tables(pl.DataFrame(cuts, schema=MEASURES), own, ledger, pl.DataFrame(schema=LICENCES), SplitCertificate(), ())


def hours_fix(found: Tables, short_h: float, stage: str = "align", **accept: Any) -> list[str]:
    speech = together(flows_of(found.ledger, found.segments), ("speech",))
    return more_hours(facts_of({"acceptance": {"data": accept}}).scenario, found, speech, stage, short_h).split("; ")


def dropped(number: int, snr: float, seconds: float = 600.0, **changes: Any) -> dict[str, Any]:
    row = cut_row(number, snr_db=snr, seconds=seconds)
    return segment_row(row, "x.wav", fate="dropped", rule="quality.snr_db", limit=">= 10", **changes)


def test_the_missing_minutes_come_with_the_missing_speakers() -> None:
    assert hours_fix(tables([cut_row(0, speaker="anna")]), 0.4, speakers=3) == [
        "add at least 24 min of speech from sources that serve the stage align, from at least 2 more speakers"
    ]


def test_a_rule_that_took_enough_is_loosened_to_the_limit_that_lets_enough_through() -> None:
    found = tables([cut_row(0, seconds=100.0)], [dropped(10 + number, snr) for number, snr in enumerate((9.0, 1.0, 7.5, 4.0))])
    assert "or set quality.snr_db.min to 7.5: about 20 min of what it took come back" in hours_fix(found, 1200 / 3600)
    assert "or set quality.snr_db.min to 1: about 40 min of what it took come back" in hours_fix(found, 2400 / 3600)
    assert not [way for way in hours_fix(found, 2401 / 3600) if "quality.snr_db.min" in way], "all of it would not be enough"


def test_of_what_a_rule_took_only_the_share_for_training_counts() -> None:
    half = [cut_row(0, seconds=100.0), cut_row(1, "test", seconds=100.0)]
    fix = hours_fix(tables(half, [dropped(10, 9.0), dropped(11, 8.0)]), 600 / 3600)
    assert "or set quality.snr_db.min to 8: about 20 min of what it took come back" in fix


def test_what_lies_above_a_range_is_let_through_from_below() -> None:
    high = [dropped(10 + number, 0.0) | {"rule": "quality.duration_s", "limit": "<= 20", "duration_s": length} for number, length in enumerate((25.0, 90.0))]
    assert "or set quality.duration_s.max to 25: about 10 min of what it took come back" in hours_fix(tables([cut_row(0)], high), 600 / 3600)


def test_speech_that_nobody_wrote_down_can_be_written_down() -> None:
    found = tables([cut_row(0), cut_row(1, text=None, seconds=3600.0)])
    assert "or write down 30 min of the 1 h that stand in training without words" in hours_fix(found, 0.5)
    assert len(hours_fix(found, 1.5)) == 1


def test_refused_speech_that_would_do_is_a_matter_of_rights() -> None:
    refused = [ledger_row("r.wav", "refused", 7200.0)]
    assert "or settle the rights of what was refused (2 h)" in hours_fix(tables([cut_row(0)], lost=refused), 1.0)


def test_speakers_are_looked_for_in_dev_and_test_and_in_what_was_dropped() -> None:
    cuts = [cut_row(0, speaker="anna"), cut_row(1, "test", speaker="bela"), cut_row(2, "dev", speaker="carla"), cut_row(3, speaker=None)]
    found = tables(cuts, [dropped(9, 1.0, speaker="dora")])
    scenario = facts_of({"acceptance": {"data": {"speakers": 2}}}).scenario
    assert missing_speakers(scenario, found) == 1
    assert more_speakers(scenario, found, 1).split("; ") == [
        "add recordings of 1 more speaker, or map the speaker column (nobody is named in 1 cut)",
        "or leave more to training: dev and test alone hold 2 speakers (splits.dev, splits.test)",
        "or look at the rules that took every cut of 1 speaker",
    ]
    assert more_speakers(scenario, found, 9) == "add recordings of 9 more speakers, or map the speaker column (nobody is named in 1 cut)"


def match_fix(cuts: list[dict[str, Any]], wanted: float) -> list[str]:
    return closer_match(facts_of().scenario.environment, pl.DataFrame(cuts, schema=MEASURES), wanted).split("; ")


def test_the_axis_that_leaves_its_band_is_named_with_its_cuts() -> None:
    cuts = [cut_row(number, "test", delivered_snr_db=-5.0 if number < 3 else 10.0, delivered_rt60_s=3.0 if number == 0 else 0.5) for number in range(9)]
    assert match_fix(cuts, 0.9)[0] == "outside of their bands are environment.snr_db in 3 cuts, environment.rt60_s in 1 cut"


def test_noise_of_the_recordings_is_kept_out_by_the_lowest_limit_that_is_enough() -> None:
    cuts = [cut_row(number, "test", snr_db=float(number), delivered_snr_db=-5.0 if number < 4 else 10.0) for number in range(20)]
    assert "or set quality.snr_db.min to 4: recordings with noise of their own go (4 cuts, 20 %)" in match_fix(cuts, 1.0)
    assert "or set quality.snr_db.min to 2: recordings with noise of their own go (2 cuts, 10 %)" in match_fix(cuts, 0.88)


def test_a_source_without_which_the_others_are_enough_is_named() -> None:
    cuts = [
        cut_row(number, "test", source="calls" if number < 4 else "digits", snr_db=9.0, delivered_snr_db=-5.0 if number < 4 else 10.0) for number in range(20)
    ]
    assert "or drop source calls: the others reach 100 %" in match_fix(cuts, 0.95)


def test_the_band_that_would_hold_enough_is_told_with_its_condition() -> None:
    cuts = [cut_row(number, "test", snr_db=9.0, delivered_snr_db=-10.0 + number) for number in range(41)]
    assert match_fix(cuts, 0.9)[-1] == "or declare environment.snr_db −8 to 28 dB, if the place is really like that"  # noqa: RUF001
