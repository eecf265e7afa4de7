"""A licensed voice may be used only where a record that is proven says so for this speaker, these uses and this day."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path
from typing import Any

import pytest
from consented import FORM, LOG, withdraw, write_consents
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from speccraft.errors import InvalidScenario
from speccraft.rights import consents, papers
from speccraft.rights.doors import voice_decision
from speccraft.rights.licences import USES
from speccraft.rights.papers import read_papers
from speccraft.scenario import Scenario
from speccraft.scenario.text import check, parse

DAY = "2026-06-15"
SHORTEST = "speccraft: 1\nname: nora\njob: {task: converse, languages: [en]}\nsources: [{id: s, format: folder, path: audio}]\n"
LICENSED = "voice: {kind: licensed, speaker: nora, consent: nora-2026}\n"
IN_2026 = {"uses": ["train", "clone"], "from": "2026-01-01", "until": "2026-12-31"}


def scenario(*uses: str, voice: str = LICENSED, file: str | None = "consents.yaml", more: str = "") -> Scenario:
    named = f", consents: {file}" if file else ""
    return check(parse(f"{SHORTEST}{voice}rights: {{use: [{', '.join(uses or ('train', 'clone'))}]{named}{more}}}\n"), Scenario)


def write(folder: Path, *records: dict[str, Any], form: bytes | None = FORM, granted: bool = True) -> None:
    """A consents file with these records (one that allows everything asked, if none is given), granted, and Nora's document beside it."""
    (folder / LOG).unlink(missing_ok=True)
    write_consents(folder, *({**IN_2026, **record} for record in records or ({},)), form=form, granted=granted)


def said_of(wanted: Scenario, folder: Path, at: str) -> str:
    return voice_decision(wanted, read_papers(wanted, folder, at)).refusal


def refusal(folder: Path, *uses: str, at: str = DAY) -> str:
    return said_of(scenario(*uses), folder, at)


def test_a_proven_record_for_this_speaker_use_and_day_allows_the_voice(tmp_path: Path) -> None:
    write(tmp_path, {"id": "nora-2025"}, {})
    assert refusal(tmp_path) == refusal(tmp_path, "clone") == ""


@pytest.mark.parametrize("voice", ["", "voice: {kind: none}\n", "voice: {kind: stock}\n"])
def test_a_voice_that_is_nobodys_needs_no_consent(tmp_path: Path, voice: str) -> None:
    assert said_of(scenario(voice=voice, file=None), tmp_path, DAY) == ""
    assert said_of(scenario(voice=voice, file="no-such.yaml"), tmp_path, DAY) == ""


def test_without_a_consents_file_nobody_has_consented(tmp_path: Path) -> None:
    write(tmp_path)
    assert said_of(scenario(file=None), tmp_path, DAY) == "the voice of nora is licensed, and `rights.consents` names no consents file"


def test_a_consents_file_that_cannot_be_read_refuses_without_naming_this_machines_folders(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    told = {name: said_of(scenario(file=name), tmp_path, DAY) for name in ("gone.yaml", "folder", "pipe", "loop", "x" * 3000)}
    assert told["gone.yaml"] == "the consents file gone.yaml cannot be read: No such file or directory"
    assert told["folder"] == "the consents file folder is a folder, not a file"
    assert told["pipe"] == "the consents file pipe is a pipe or device, not a file"
    assert all(told.values())
    assert not any(str(tmp_path) in one for one in told.values())


def test_a_consents_file_outside_the_scenarios_folder_is_read_only_where_roots_name_its_folder(tmp_path: Path) -> None:
    write(tmp_path)
    inner = tmp_path / "scenarios"
    inner.mkdir()
    wanted = scenario(file="../consents.yaml")
    assert said_of(wanted, inner, DAY) == "the consents file ../consents.yaml lies outside the scenario's folder and `roots`"
    assert said_of(wanted.model_copy(update={"roots": ("..",)}), inner, DAY) == ""


def test_a_consents_file_that_is_not_valid_is_an_error_with_its_problems(tmp_path: Path) -> None:
    write(tmp_path, {"uses": ["tarin"]}, {"id": "ben", "speaker": ""}, granted=False)
    with pytest.raises(InvalidScenario, match=r"^consents\.yaml: the consents file is not valid\n") as caught:
        refusal(tmp_path)
    assert [one.path for one in caught.value.findings] == ["consents[0].uses[0]", "consents[1].speaker"]
    for content in (b"", b"\xff", b"consents: [", b"- a\n"):
        (tmp_path / "consents.yaml").write_bytes(content)
        with pytest.raises(InvalidScenario):
            refusal(tmp_path)


def test_a_record_that_is_not_there_is_answered_with_the_near_one(tmp_path: Path) -> None:
    write(tmp_path, {"id": "nora-2025"}, {"id": "ben"})
    assert refusal(tmp_path) == "consents.yaml has no record `nora-2026`; the nearest is `nora-2025`"
    write(tmp_path, {"id": "ben"})
    assert refusal(tmp_path) == "consents.yaml has no record `nora-2026`"


def test_a_record_speaks_for_nobody_else(tmp_path: Path) -> None:
    write(tmp_path, {"speaker": "Nora"})
    assert refusal(tmp_path) == "consent `nora-2026` is about Nora, not about nora"


@pytest.mark.parametrize(
    ("day", "said"),
    [
        ("2025-12-31", "holds from 2026-01-01, not yet on 2025-12-31"),
        ("2026-01-01", ""),
        ("2026-12-31", ""),
        ("2027-01-01", "held until 2026-12-31, no longer on 2027-01-01"),
        ("9999-12-31", "no longer"),
    ],
)
def test_a_record_holds_from_its_first_day_to_its_last_both_included(tmp_path: Path, day: str, said: str) -> None:
    write(tmp_path)
    told = refusal(tmp_path, at=day)
    assert said in told
    assert bool(told) == bool(said)


def test_a_record_without_a_last_day_goes_on(tmp_path: Path) -> None:
    write(tmp_path, {"until": None})
    assert refusal(tmp_path, at="9999-12-31") == ""


def test_every_use_that_is_missing_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    assert refusal(tmp_path, "synthesise", "train", "redistribute-model") == "consent `nora-2026` does not allow synthesise, redistribute-model"


def test_to_speak_with_a_voice_its_owner_has_to_allow_that_whether_or_not_the_scenario_lists_it(tmp_path: Path) -> None:
    write(tmp_path, {"uses": ["train", "evaluate"]})
    assert refusal(tmp_path, "train", "evaluate") == refusal(tmp_path, "clone", "train") == "consent `nora-2026` does not allow clone"


def test_evidence_that_is_missing_or_no_file_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("gone")
    for name in ("gone.txt", "folder", "pipe", "loop", "dangling", ".", "form.txt/deeper"):
        write(tmp_path, {"evidence": name})
        assert refusal(tmp_path) == f"the evidence of consent `nora-2026`, {name}, is missing"
    write(tmp_path, {"evidence": "x" * 3000})
    assert refusal(tmp_path).endswith("cannot be read: File name too long")


def test_evidence_outside_the_folder_of_the_consents_file_proves_nothing(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "form.txt").write_bytes(FORM)
    (inside / "link.txt").symlink_to("../form.txt")
    (inside / "up").symlink_to("..")
    for name in ("../form.txt", str(tmp_path / "form.txt"), "link.txt", "up/form.txt", "../inside-not/form.txt"):
        write(inside, {"evidence": name})
        assert refusal(inside) == f"the evidence of consent `nora-2026`, {name}, lies outside the folder of consents.yaml"


def test_evidence_is_found_beside_the_consents_file_wherever_that_lies(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / "signed").mkdir(parents=True)
    write(shared, {"evidence": "signed/form.txt"}, form=None)
    (shared / "signed/form.txt").write_bytes(FORM)
    (tmp_path / "link").symlink_to(shared)
    assert said_of(scenario(file="shared/consents.yaml"), tmp_path, DAY) == ""
    assert said_of(scenario(file="link/consents.yaml"), tmp_path, DAY) == ""
    write(shared, {"evidence": "signed/../signed/link.txt"}, form=None)
    (shared / "signed/link.txt").symlink_to("form.txt")
    assert said_of(scenario(file="shared/consents.yaml"), tmp_path, DAY) == ""


@pytest.mark.parametrize("changed", [b"", FORM + b"\n", FORM[:-1], FORM.replace(b"test", b"rest")])
def test_a_document_that_was_changed_proves_nothing(tmp_path: Path, changed: bytes) -> None:
    write(tmp_path, form=changed)
    assert refusal(tmp_path) == "the evidence of consent `nora-2026`, form.txt, is not the document whose SHA-256 it states"


def test_a_document_over_the_limit_is_not_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setattr(papers, "MOST_EVIDENCE_BYTES", len(FORM))
    assert refusal(tmp_path) == ""
    monkeypatch.setattr(papers, "MOST_EVIDENCE_BYTES", len(FORM) - 1)
    assert "is over" in refusal(tmp_path)


USE_SETS = st.lists(st.sampled_from(USES), min_size=1, max_size=4, unique=True)
DAYS = st.sampled_from(["2025-12-31", "2026-01-01", DAY, "2026-12-31", "2027-01-01"])


@pytest.mark.parametrize(
    ("record", "more", "said"),
    [
        ({"adult": False}, "", "consent `nora-2026` is a minor's own"),
        ({}, ", terms: ['2026-01']", ""),
        ({}, ", terms: ['2025-07']", "consent `nora-2026` was given on the terms of 2026-01, which `rights.terms` does not accept"),
        ({"territory": ["CH", "DE"]}, "", ""),
        ({"territory": ["CH", "DE"]}, ", territory: [DE]", ""),
        ({"territory": ["CH", "DE"]}, ", territory: [DE, FR]", "consent `nora-2026` holds in CH, DE, not in FR"),
        ({}, ", territory: [FR]", ""),
    ],
)
def test_age_terms_and_territory_are_judged(tmp_path: Path, record: dict[str, Any], more: str, said: str) -> None:
    write(tmp_path, record)
    assert said_of(scenario(more=more), tmp_path, DAY) == said


def test_a_record_counts_once_the_log_holds_it_and_as_it_holds_it(tmp_path: Path) -> None:
    write(tmp_path, granted=False)
    assert refusal(tmp_path) == "consent `nora-2026` is not in the consent log: `speccraft consent add` puts it there"
    write(tmp_path)
    assert refusal(tmp_path) == ""
    write_consents(tmp_path, IN_2026 | {"uses": ["train", "clone", "synthesise"], "until": "2027-12-31"}, granted=False)
    assert refusal(tmp_path) == "consent `nora-2026` was changed after it was put into the consent log (uses, until)"


def test_who_has_withdrawn_consents_anew_by_a_new_document_alone(tmp_path: Path) -> None:
    write(tmp_path)
    withdraw(tmp_path, "nora", day="2026-03-01")
    assert refusal(tmp_path) == "consent `nora-2026` was withdrawn on 2026-03-01"
    write_consents(tmp_path, IN_2026, day="2026-03-02")
    assert "was withdrawn" in refusal(tmp_path), "the same document does not count again"
    (tmp_path / "anew.txt").write_bytes(FORM + b" Once more.")
    anew = {"evidence": "anew.txt", "evidence_sha256": hashlib.sha256(FORM + b" Once more.").hexdigest()}
    write_consents(tmp_path, IN_2026 | anew, day="2026-03-03")
    assert refusal(tmp_path) == ""


def test_a_clock_that_was_set_back_does_not_bring_back_a_consent_that_ended(tmp_path: Path) -> None:
    write(tmp_path, {"until": "2026-12-31"}, {"id": "ben", "speaker": "ben", "from": "2027-02-01", "until": None, "evidence_sha256": "0" * 64})
    assert refusal(tmp_path, at="2026-06-15") == ""
    withdraw(tmp_path, "ben", day="2027-03-01")
    assert refusal(tmp_path, at="2026-06-15") == "consent `nora-2026` held until 2026-12-31, no longer on 2027-03-01"


def test_one_document_is_not_the_evidence_of_two_people(tmp_path: Path) -> None:
    write(tmp_path, {}, {"id": "ben", "speaker": "ben"})
    assert refusal(tmp_path) == "consent `nora-2026` has a document that is the evidence of somebody else's consent, too"


@given(
    asked=USE_SETS,
    granted=st.just([*USES]) | USE_SETS,
    at=DAYS,
    ids=st.sampled_from(["nora-2026", "nora-2026", "nora-2025"]),
    speaker=st.sampled_from(["nora", "nora", "ben"]),
    until=st.sampled_from(["2026-12-31", DAY, ""]),
    evidence=st.sampled_from([FORM, FORM, FORM + b"!", None]),
)
@example(asked=["clone"], granted=["clone"], at=DAY, ids="nora-2026", speaker="nora", until=DAY, evidence=FORM)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_voice_is_allowed_exactly_where_every_condition_holds(
    tmp_path: Path, asked: list[str], granted: list[str], at: str, ids: str, speaker: str, until: str, evidence: bytes | None
) -> None:
    (tmp_path / "form.txt").unlink(missing_ok=True)
    write(tmp_path, {"id": ids, "speaker": speaker, "uses": granted, "until": until or None}, form=evidence)
    holds = [ids == "nora-2026", speaker == "nora", "2026-01-01" <= at <= (until or at), {*asked, consents.SPEAKING} <= {*granted}, evidence == FORM]
    told = refusal(tmp_path, *asked, at=at)
    assert (told == "") == all(holds)
    assert not re.search(r"\n|/", told)
