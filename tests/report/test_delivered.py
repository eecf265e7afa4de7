from __future__ import annotations

from typing import Any

import polars as pl
from report_world import cut_row, facts_of, ledger_row, segment_row

from speccraft.report.delivered import delivered
from speccraft.report.distributions import distributions
from speccraft.report.heard import HEARD
from speccraft.report.tables import LEDGER, LICENCES, MEASURES, SEGMENTS, SplitCertificate, Tables


def rows(cuts: list[dict[str, Any]], lost: list[dict[str, Any]] | None = None, **changes: Any) -> dict[str, dict[str, Any]]:
    scenario = facts_of(changes).scenario
    ledger = pl.DataFrame([ledger_row(f"{cut['cut']}.wav", "kept", 1.0) for cut in cuts] + (lost or []), schema=LEDGER)
    segments = pl.DataFrame([segment_row(cut, "a.wav") for cut in cuts], schema=SEGMENTS)
    tables = Tables(pl.DataFrame(cuts, schema=MEASURES), segments, ledger, pl.DataFrame(schema=LICENCES), SplitCertificate(), ())
    charts = distributions(scenario, tables, pl.DataFrame(schema=HEARD))
    return {row["axis"]: row for row in delivered(scenario, tables, charts)}


def test_ten_properties_are_held_against_the_scenario_whatever_it_declares() -> None:
    names = ["SNR", "reverberation", "bandwidth", "level", "speech share", "pauses", "utterance length", "speech rate", "language", "style"]
    assert list(rows([])) == list(rows([cut_row(0, "test")], environment={}, quality={})) == names


def test_a_declared_band_has_its_share_with_an_interval_before_and_after() -> None:
    cuts = [cut_row(number, "test", snr_db=30.0, delivered_snr_db=10.0) for number in range(9)]
    row = rows(cuts)["SNR"]
    assert (row["declared"], row["declared_by"]) == ("0 to 20 dB", "environment.snr_db")
    assert (row["before"]["inside"], row["after"]["inside"], row["after"]["n"]) == (0, 9, 9)
    assert row["after"]["low"] < 0.75 < row["after"]["high"] == 1.0


def test_what_is_not_declared_has_no_share_and_a_rule_declares_too() -> None:
    found = rows([cut_row(0, "test")], quality={"level_dbfs": {"min": -45.0}}, environment={})
    assert (found["SNR"]["declared"], found["SNR"]["before"]["inside"]) == (None, None)
    assert (found["level"]["declared"], found["level"]["declared_by"]) == ("from −45 dBFS", "quality.level_dbfs")  # noqa: RUF001


def test_what_is_missing_says_why() -> None:
    found = rows([cut_row(0)])
    assert "name it under quality.measure" in found["bandwidth"]["note"]
    assert "there is no test cut" in found["SNR"]["note"]
    assert "neither the words nor the time" in found["speech rate"]["note"]
    assert rows([cut_row(0, "test")], environment={})["level"]["note"] == "no place is declared"
    assert "nothing was kept" in rows([])["SNR"]["note"]


def test_rows_in_other_languages_are_outside_and_those_with_a_region_inside() -> None:
    lost = [ledger_row("d.wav", "dropped", 1.0, rule="job.languages"), ledger_row("r.wav", "refused", 1.0)]
    row = rows([cut_row(0, language="en"), cut_row(1, language="en-GB"), cut_row(2, language="en")], lost)["language"]
    assert (row["before"]["inside"], row["before"]["n"]) == (3, 4)
    assert {kind["name"]: (kind["cuts"], kind["inside"]) for kind in row["kinds"]} == {"en": (2, True), "en-GB": (1, True)}
    assert "1 rows in other languages" in row["note"]


def test_a_style_that_the_job_does_not_want_is_outside() -> None:
    cuts = [cut_row(0, style="scripted"), cut_row(1, style="spontaneous"), cut_row(2, style="mixed")]
    job = {"task": "transcribe", "languages": ["en"]}
    assert rows(cuts, job={**job, "style": "spontaneous"})["style"]["before"]["inside"] == 1
    assert rows(cuts, job={**job, "style": "mixed"})["style"]["before"]["inside"] == 3
