from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from report_world import BANKS, SCENARIO, cut_row, facts_of, ledger_row, segment_row, some_cuts

from speccraft.report.findings import Finding, Verdict, judge
from speccraft.report.tables import LEDGER, LICENCES, MEASURES, SEGMENTS, SplitCertificate, Tables
from speccraft.report.waterfall import flows_of


def verdict(
    cuts: list[dict[str, Any]],
    lost: list[dict[str, Any]] | None = None,
    segments: list[dict[str, Any]] | None = None,
    certificate: dict[str, Any] | None = None,
    **changes: Any,
) -> Verdict:
    ledger = pl.DataFrame([ledger_row(f"{cut['cut']}.wav", "kept", cut["seconds"]) for cut in cuts] + (lost or []), schema=LEDGER)
    own = pl.DataFrame([segment_row(cut, f"{cut['cut']}.wav") for cut in cuts] + (segments or []), schema=SEGMENTS)
    tables = Tables(
        pl.DataFrame(cuts, schema=MEASURES), own, ledger, pl.DataFrame(schema=LICENCES), SplitCertificate.model_validate(certificate or {}), tuple(BANKS)
    )
    return judge(facts_of(changes).scenario, tables, flows_of(ledger, own))


def codes(found: Verdict) -> set[tuple[str, str]]:
    return {(finding.code, finding.severity) for finding in found.findings}


def clause(found: Verdict, name: str) -> Finding:
    return next(finding for finding in found.findings if finding.clause == name)


def accept(**clauses: Any) -> dict[str, Any]:
    return {"acceptance": {"data": clauses}}


def test_a_build_that_meets_every_clause_passes_and_shows_each_one() -> None:
    found = verdict(some_cuts(), **accept(hours={"pretrain": 0.005}, speakers=6, environment_match=0.9))
    assert found.word == "PASS"
    assert [finding.severity for finding in found.clauses] == ["note", "note", "note"]


def test_too_few_hours_block_and_the_fix_names_the_missing_speech_and_the_heaviest_loss() -> None:
    lost = [ledger_row("x.wav", "dropped", 7200.0, rule="job.longest_utterance_s")]
    found = clause(verdict(some_cuts(), lost, **accept(hours={"align": 5.0})), "acceptance.data.hours.align")
    assert found.severity == "block"
    assert found.found == pytest.approx(sum(cut["seconds"] for cut in some_cuts() if cut["split"] == "train") / 3600, abs=1e-6)
    assert found.margin == pytest.approx(found.found - 5.0)
    assert found.fix.startswith("add at least 4.99 h of speech from sources that serve the stage align")
    assert "job.longest_utterance_s" in found.fix


def test_hours_count_training_cuts_of_that_stage_alone() -> None:
    cuts = [cut_row(0, seconds=3600.0), cut_row(1, seconds=3600.0, stages=["align"]), cut_row(2, "test", seconds=3600.0)]
    found = verdict(cuts, **accept(hours={"pretrain": 1.0, "align": 3.0, "prefer": 0.1}))
    assert {finding.clause.split(".")[-1]: finding.found for finding in found.clauses} == {"align": 2.0, "pretrain": 1.0, "prefer": 0.0}


def test_speakers_without_a_name_do_not_count() -> None:
    found = clause(verdict([cut_row(0, speaker=None), cut_row(1, speaker="anna")], **accept(speakers=2)), "acceptance.data.speakers")
    assert (found.severity, found.found, found.margin) == ("block", 1, -1)


def test_speakers_of_speech_without_words_do_not_count_and_those_of_dialogues_do() -> None:
    talks = {"id": "talks", "role": "demonstrations", "format": "conversations", "path": "talks.jsonl", "licence": "CC-BY-4.0"}
    for source, count in (("digits", 1), ("talks", 2)):
        cuts = [cut_row(0, speaker="anna"), cut_row(1, speaker="bela", text=None, source=source)]
        found = verdict(cuts, **accept(speakers=1), sources=[*SCENARIO["sources"], talks])
        assert clause(found, "acceptance.data.speakers").found == count


@pytest.mark.parametrize("column", ["delivered_snr_db", "delivered_rt60_s"])
def test_a_declared_axis_that_nothing_measured_is_never_a_pass(column: str) -> None:
    cuts = [cut_row(number, "test", **{column: None}) for number in range(9)]
    found = verdict(cuts, **accept(environment_match=0.0))
    match = clause(found, "acceptance.data.environment_match")
    assert (match.severity, match.found, match.margin) == ("block", None, None)
    assert "not measured" in match.message
    assert ("SC416", "block") in codes(found)


def test_a_cut_on_which_one_axis_failed_to_measure_is_not_inside() -> None:
    cuts = [cut_row(0, "test"), cut_row(1, "test", delivered_snr_db=None)]
    found = clause(verdict(cuts, **accept(environment_match=0.9)), "acceptance.data.environment_match")
    assert (found.severity, found.found) == ("block", 0.5)


@pytest.mark.parametrize(("cuts", "environment"), [([cut_row(0)], {}), (some_cuts(), {"environment": {}})])
def test_no_in_place_test_cut_and_no_declared_band_are_not_measured(cuts: list[dict[str, Any]], environment: dict[str, Any]) -> None:
    found = clause(verdict(cuts, **accept(environment_match=0.5), **environment), "acceptance.data.environment_match")
    assert (found.severity, found.found) == ("block", None)


def test_a_build_that_kept_nothing_blocks_whatever_was_asked() -> None:
    assert ("SC420", "block") in codes(verdict([], **accept()))


def test_a_value_in_two_splits_blocks_where_the_scenario_wants_it_apart() -> None:
    certificate = {
        "axes": {"speaker": {"train": 3, "test": 1, "n_shared": 1, "shared": ["anna"]}, "text": {"train": 3, "test": 1, "n_shared": 1, "shared": ["seven"]}}
    }
    found = verdict(some_cuts(), certificate=certificate, **accept())
    assert {(finding.clause, finding.severity) for finding in found.findings if finding.code == "SC417"} == {
        ("splits.disjoint.speaker", "block"),
        ("splits.disjoint.text", "note"),
    }


def test_a_noise_clip_that_serves_train_and_test_blocks() -> None:
    found = verdict(some_cuts(), certificate={"banks": {"noise": {"train": ["a", "b"], "test": ["b"]}}}, **accept())
    assert clause(found, "banks.noise").severity == "block"


def test_what_was_lost_is_warned_of_by_source() -> None:
    lost = [
        ledger_row("hall.wav", "dropped", 3.0, source="halls", role="rir", rule="environment.rt60_s", value="2.6", limit="0.2 to 1.2"),
        ledger_row("bad.wav", "failed", None, reason="truncated"),
        ledger_row("mine.wav", "refused", 2.0, reason="no licence"),
    ]
    found = verdict(some_cuts(), lost, **accept())
    assert {("SC410", "warn"), ("SC411", "warn"), ("SC412", "warn")} <= codes(found)
    assert "2.6" in clause(found, "environment.rt60_s").message
    assert found.passed


def test_a_rule_that_drops_more_than_a_fifth_is_named_and_one_that_drops_less_is_not() -> None:
    cuts = some_cuts(40)
    dropped = [segment_row(cut_row(100 + number), "x.wav", fate="dropped", rule="snr_db") for number in range(14)]
    dropped += [segment_row(cut_row(200 + number), "x.wav", fate="dropped", rule="level_dbfs") for number in range(5)]
    assert [finding.clause for finding in verdict(cuts, segments=dropped, **accept()).findings if finding.code == "SC413"] == ["snr_db"]


def test_a_rule_whose_measure_is_missing_is_told_to_be_blind() -> None:
    cuts = [cut_row(0, snr_db=None), cut_row(1, snr_db=float("nan")), cut_row(2, level_dbfs=None)]
    assert [finding.message[:52] for finding in verdict(cuts, **accept()).findings if finding.code == "SC418"] == [
        "the rule quality.snr_db could not judge 2 of 3 segme"
    ]


def test_an_empty_split_that_was_asked_for_is_warned_of() -> None:
    cuts = [cut_row(number) for number in range(8)]
    assert [finding.clause for finding in verdict(cuts, **accept()).findings if finding.code == "SC414"] == ["splits.dev", "splits.test"]
    assert [finding.clause for finding in verdict(cuts, **accept(), splits={"dev": 0.0}).findings if finding.code == "SC414"] == ["splits.test"]


def test_a_ledger_row_whose_seconds_do_not_add_up_blocks() -> None:
    wrong = ledger_row("x.wav", "kept", 3.0, seconds_kept=2.0)
    assert ("SC419", "block") in codes(verdict(some_cuts(), [wrong], **accept()))


def test_a_finding_survives_its_row() -> None:
    for finding in verdict(some_cuts(), **accept(hours={"pretrain": 9.0}, environment_match=0.9)).findings:
        assert Finding.from_row(finding.as_row()) == finding


def test_simulated_rooms_are_a_warning() -> None:
    assert ("SC421", "warn") in codes(verdict(some_cuts(), environment={"rooms": ["halls"]}))
    assert "SC421" not in {code for code, _ in codes(verdict(some_cuts(), environment={"rooms": ["other"]}))}
