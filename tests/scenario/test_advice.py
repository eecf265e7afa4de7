"""The meaning of a scenario: contradictions, targets that nothing can reach, and fields without effect."""

from __future__ import annotations

import re
from pathlib import Path
from typing import Any, get_args

import pytest
from pydantic import BaseModel
from scenario_world import FULL, SHORTEST, said

from speccraft.scenario import advice as room
from speccraft.scenario.advice import CHECKS, PENDING, advise
from speccraft.scenario.diagnostics import CODES
from speccraft.scenario.model import Scenario
from speccraft.scenario.text import check, parse

NOISE = "  - {id: n, role: noise, format: folder, path: p}\n"
ROOMS = "".join(path.read_text() for path in sorted(Path(room.__file__).parent.glob("*.py")))
ROOM = "  - {id: r, role: rir, format: folder, path: p}\n"


CONTRADICTIONS = [
    ("two sources of one name", "  - {id: digits, format: folder, path: b}\n", "SC201", "error", 6, 10),
    ("noise that is no source", "environment: {snr_db: {low: 0, high: 1}, noise: [n]}\n", "SC202", "error", 6, 50),
    ("noise that is speech", "environment: {snr_db: {low: 0, high: 1}, noise: [digits]}\n", "SC202", "error", 6, 50),
    ("a room that is noise", NOISE + "environment: {snr_db: {low: 0, high: 1}, noise: [n], rooms: [n]}\n", "SC202", "error", 7, 62),
    ("an SNR without noise", "environment: {snr_db: {low: 0, high: 1}}\n", "SC203", "error", 6, 23),
    ("noise without an SNR", NOISE + "environment: {noise: [n]}\n", "SC203", "error", 7, 22),
    ("reverberation without rooms", "environment: {rt60_s: {low: 0, high: 1}}\n", "SC203", "warning", 6, 23),
    ("a voice nobody hears", "voice: {kind: stock}\n", "SC205", "warning", 6, 8),
    ("a manual for transcripts", "manual: {rules: [{id: a, must: answer}]}\n", "SC206", "error", 6, 17),
    ("a target for nobody", "acceptance: {model: {wer: {unseen: 0.3}}}\n", "SC207", "error", 6, 36),
    ("a target for nobody, named", "acceptance: {model: {wer: {unseen: 0.3}}}\nsplits: {unseen: {speaker: []}}\n", "SC207", "error", 6, 36),
    ("a target for no place", "acceptance: {model: {wer: {environment: 0.3}}}\n", "SC208", "error", 6, 41),
    ("a match with no place", "acceptance: {data: {environment_match: 0.9}}\n", "SC208", "error", 6, 40),
    ("official splits of a folder", "splits: {given: split}\n", "SC209", "error", 6, 17),
    ("a stage without preferences", "training: {stages: [pretrain, prefer]}\n", "SC210", "error", 6, 31),
    ("hours for a stage that does not run", "training: {stages: [pretrain]}\nacceptance: {data: {hours: {align: 1}}}\n", "SC211", "warning", 7, 36),
    ("clean cuts of no place", "environment: {clean_fraction: 0.5}\n", "SC212", "warning", 6, 31),
    ("a bank nobody uses", ROOM, "SC212", "warning", 6, 10),
    ("preferences without the stage", "preference: {criteria: [safe]}\n", "SC212", "warning", 6, 13),
    ("a setting of another detector", "segmentation: {detector: energy, aggressiveness: 2}\n", "SC212", "warning", 6, 50),
]


@pytest.mark.parametrize(("extra", "code", "severity", "line", "col"), [pytest.param(*case[1:], id=case[0]) for case in CONTRADICTIONS])
def test_a_contradiction_is_told_at_its_place(extra: str, code: str, severity: str, line: int, col: int) -> None:
    found = next(one for one in said(extra) if one.code != "SC290")
    assert (found.code, found.severity, found.line, found.col) == (code, severity, line, col)


def test_the_shortest_scenario_needs_no_advice() -> None:
    assert said("") == []


def test_a_full_scenario_is_told_only_what_has_no_effect_yet() -> None:
    document = parse(FULL, "a.yaml")
    assert {one.code for one in advise(check(document, Scenario), document)} == {"SC290"}


def test_two_sources_of_one_name_show_both_places() -> None:
    assert said("  - {id: digits, format: folder, path: b}\n")[0].related == ((5, 10, "first used here"),)


def test_a_source_with_another_role_is_shown() -> None:
    found = said("environment: {snr_db: {low: 0, high: 1}, noise: [digits]}\n")[0]
    assert found.related == ((5, 10, "has role `speech`"),)


def test_a_misspelt_bank_is_suggested() -> None:
    found = said(NOISE.replace("id: n", "id: platform") + "environment: {snr_db: {low: 0, high: 1}, noise: [platfrom]}\n")
    assert [one.help for one in found if one.code == "SC202"] == ["did you mean 'platform'?"]


def test_a_scenario_without_speech_is_refused() -> None:
    assert [one.code for one in said("", SHORTEST.replace("id: digits,", "id: digits, role: rir,"))] == ["SC204", "SC212"]


def test_spoken_answers_need_a_voice() -> None:
    speaking = SHORTEST.replace("task: transcribe", "task: converse, output: [speech]")
    assert [one.code for one in said("", speaking)] == ["SC290", "SC205"]
    assert [one.code for one in said("voice: {kind: stock}\n", speaking)] == ["SC290"]


def test_a_stage_that_no_source_serves_shows_what_they_serve() -> None:
    (found,) = said("", SHORTEST.replace("id: digits,", "id: digits, stages: [align],"))
    assert (found.code, found.path, found.related) == ("SC210", "training.stages[0]", ((5, 26, "without `pretrain`"),))


@pytest.mark.parametrize(
    "line",
    [
        "preference: {criteria: [safe]}",
        "acceptance: {model: {manual: 0.9}}",
    ],
)
def test_a_field_without_effect_is_named(line: str) -> None:
    notes = [one for one in said(line + "\n") if one.code == "SC290"]
    assert [(one.severity, one.line) for one in notes] == [("note", 6)]


def test_fields_without_effect_are_fields() -> None:
    for where in PENDING:
        model: Any = Scenario
        for name in where:
            annotation = model.model_fields[name].annotation
            model = next((one for one in get_args(annotation) if isinstance(one, type) and issubclass(one, BaseModel)), annotation)


def test_every_check_of_these_files_is_in_the_table_once() -> None:
    defined = re.findall(r"^def ([a-z]\w+)\(scenario: Scenario, written: Written\)", ROOMS, re.MULTILINE)
    assert sorted(check.__name__ for check in CHECKS) == sorted(defined)


def test_every_code_about_meaning_is_used_and_explained() -> None:
    used = set(re.findall(r'"(SC2\d\d)"', ROOMS))
    assert used == {code for code in CODES if code.startswith("SC2")}
