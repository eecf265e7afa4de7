"""A licensed voice may be used only where a record that is proven says so for this speaker, these uses and this day."""

from __future__ import annotations

import hashlib
import os
import re
from pathlib import Path

import pytest
from hypothesis import HealthCheck, example, given, settings
from hypothesis import strategies as st

from speccraft.errors import InvalidScenario
from speccraft.rights import consents
from speccraft.rights.consents import voice_decision
from speccraft.rights.licences import USES
from speccraft.scenario import Scenario
from speccraft.scenario.text import check, parse

DAY = "2026-06-15"
SIGNED = b"I, Nora, allow my voice to be cloned."
SHORTEST = "speccraft: 1\nname: nora\njob: {task: converse, languages: [en]}\nsources: [{id: s, format: folder, path: audio}]\n"
LICENSED = "voice: {kind: licensed, speaker: nora, consent: nora-2026}\n"
RECORD = {"id": "nora-2026", "speaker": "nora", "uses": "[train, clone]", "from": "2026-01-01", "until": "2026-12-31", "evidence": "nora.txt"}


def scenario(*uses: str, voice: str = LICENSED, file: str | None = "consents.yaml") -> Scenario:
    named = f", consents: {file}" if file else ""
    return check(parse(f"{SHORTEST}{voice}rights: {{use: [{', '.join(uses or ('train', 'clone'))}]{named}}}\n"), Scenario)


def write(folder: Path, *records: dict[str, str], evidence: bytes | None = SIGNED) -> None:
    """A consents file with these records (one that allows everything asked, if none is given), and Nora's document beside it."""
    rows = [{"evidence_sha256": f"'{hashlib.sha256(SIGNED).hexdigest()}'"} | RECORD | record for record in records or ({},)]
    lines = ["  - {" + ", ".join(f"{field}: {value}" for field, value in row.items() if value) + "}" for row in rows]
    (folder / "consents.yaml").write_text("\n".join(["consents:", *lines, ""]))
    if evidence is not None:
        (folder / "nora.txt").write_bytes(evidence)


def said_of(wanted: Scenario, folder: Path, at: str) -> str:
    return voice_decision(wanted, folder, at).refusal


def refusal(folder: Path, *uses: str, at: str = DAY) -> str:
    return said_of(scenario(*uses), folder, at)


def test_a_proven_record_for_this_speaker_use_and_day_allows_the_voice(tmp_path: Path) -> None:
    write(tmp_path, {"id": "ben", "speaker": "ben"}, {})
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
    write(tmp_path, {"uses": "[tarin]"}, {"id": "ben", "speaker": ""})
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
    write(tmp_path, {"until": ""})
    assert refusal(tmp_path, at="9999-12-31") == ""


def test_every_use_that_is_missing_is_named(tmp_path: Path) -> None:
    write(tmp_path)
    assert refusal(tmp_path, "synthesise", "train", "redistribute-model") == "consent `nora-2026` does not allow synthesise, redistribute-model"


def test_to_speak_with_a_voice_its_owner_has_to_allow_that_whether_or_not_the_scenario_lists_it(tmp_path: Path) -> None:
    write(tmp_path, {"uses": "[train, evaluate]"})
    assert refusal(tmp_path, "train", "evaluate") == refusal(tmp_path, "clone", "train") == "consent `nora-2026` does not allow clone"


def test_evidence_that_is_missing_or_no_file_proves_nothing(tmp_path: Path) -> None:
    (tmp_path / "folder").mkdir()
    os.mkfifo(tmp_path / "pipe")
    (tmp_path / "loop").symlink_to("loop")
    (tmp_path / "dangling").symlink_to("gone")
    for name in ("gone.txt", "folder", "pipe", "loop", "dangling", ".", "nora.txt/deeper"):
        write(tmp_path, {"evidence": name})
        assert refusal(tmp_path) == f"the evidence of consent `nora-2026`, {name}, is missing"
    write(tmp_path, {"evidence": "x" * 3000})
    assert refusal(tmp_path).endswith("cannot be read: File name too long")


def test_evidence_outside_the_folder_of_the_consents_file_proves_nothing(tmp_path: Path) -> None:
    inside = tmp_path / "inside"
    inside.mkdir()
    (tmp_path / "nora.txt").write_bytes(SIGNED)
    (inside / "link.txt").symlink_to("../nora.txt")
    (inside / "up").symlink_to("..")
    for name in ("../nora.txt", str(tmp_path / "nora.txt"), "link.txt", "up/nora.txt", "../inside-not/nora.txt"):
        write(inside, {"evidence": name})
        assert refusal(inside) == f"the evidence of consent `nora-2026`, {name}, lies outside the folder of consents.yaml"


def test_evidence_is_found_beside_the_consents_file_wherever_that_lies(tmp_path: Path) -> None:
    shared = tmp_path / "shared"
    (shared / "signed").mkdir(parents=True)
    write(shared, {"evidence": "signed/nora.txt"}, evidence=None)
    (shared / "signed/nora.txt").write_bytes(SIGNED)
    (tmp_path / "link").symlink_to(shared)
    assert said_of(scenario(file="shared/consents.yaml"), tmp_path, DAY) == ""
    assert said_of(scenario(file="link/consents.yaml"), tmp_path, DAY) == ""
    write(shared, {"evidence": "signed/../signed/link.txt"}, evidence=None)
    (shared / "signed/link.txt").symlink_to("nora.txt")
    assert said_of(scenario(file="shared/consents.yaml"), tmp_path, DAY) == ""


@pytest.mark.parametrize("changed", [b"", SIGNED + b"\n", SIGNED[:-1], SIGNED.replace(b"Nora", b"Mara")])
def test_a_document_that_was_changed_proves_nothing(tmp_path: Path, changed: bytes) -> None:
    write(tmp_path, evidence=changed)
    assert refusal(tmp_path) == "the evidence of consent `nora-2026`, nora.txt, is not the document whose SHA-256 it states"


def test_a_document_over_the_limit_is_not_read_into_memory(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    write(tmp_path)
    monkeypatch.setattr(consents, "MOST_EVIDENCE_BYTES", len(SIGNED))
    assert refusal(tmp_path) == ""
    monkeypatch.setattr(consents, "MOST_EVIDENCE_BYTES", len(SIGNED) - 1)
    assert "is over" in refusal(tmp_path)


USE_SETS = st.lists(st.sampled_from(USES), min_size=1, max_size=4, unique=True)
DAYS = st.sampled_from(["2025-12-31", "2026-01-01", DAY, "2026-12-31", "2027-01-01"])


@given(
    asked=USE_SETS,
    granted=st.just([*USES]) | USE_SETS,
    at=DAYS,
    ids=st.sampled_from(["nora-2026", "nora-2026", "nora-2025"]),
    speaker=st.sampled_from(["nora", "nora", "ben"]),
    until=st.sampled_from(["2026-12-31", DAY, ""]),
    evidence=st.sampled_from([SIGNED, SIGNED, SIGNED + b"!", None]),
)
@example(asked=["clone"], granted=["clone"], at=DAY, ids="nora-2026", speaker="nora", until=DAY, evidence=SIGNED)
@settings(deadline=None, max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_a_voice_is_allowed_exactly_where_every_condition_holds(
    tmp_path: Path, asked: list[str], granted: list[str], at: str, ids: str, speaker: str, until: str, evidence: bytes | None
) -> None:
    (tmp_path / "nora.txt").unlink(missing_ok=True)
    write(tmp_path, {"id": ids, "speaker": speaker, "uses": f"[{', '.join(granted)}]", "until": until}, evidence=evidence)
    holds = [ids == "nora-2026", speaker == "nora", "2026-01-01" <= at <= (until or at), {*asked, consents.SPEAKING} <= {*granted}, evidence == SIGNED]
    told = refusal(tmp_path, *asked, at=at)
    assert (told == "") == all(holds)
    assert not re.search(r"\n|/", told)
