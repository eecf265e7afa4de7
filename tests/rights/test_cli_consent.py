"""The commands `consent add`, `consent show` and `consent verify`, and what they leave in the log."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from consented import FORM, LOG, RECORD, grant, withdraw, write_consents
from corpus import Corpus, make_corpus, speccraft
from typer.testing import CliRunner

from speccraft.cli import app
from speccraft.errors import RefusedByRights, UnreadableInput, WrongUsage
from speccraft.rights.granting import grant as grant_records
from speccraft.rights.granting import problems, waive_licence
from speccraft.rights.log import read_log
from speccraft.rights.papers import Papers, read_papers
from speccraft.scenario import Scenario, load_scenario

DAY = "2026-06-15"


@pytest.fixture
def corpus(tmp_path: Path) -> Corpus:
    return make_corpus(tmp_path / "corpus", rights={"use": ["train", "clone"], "consents": "consents.yaml"})


def run(*words: Any, code: int = 0) -> tuple[str, dict[str, Any]]:
    """What a command prints, and its JSON object."""
    done = CliRunner().invoke(app, ["consent", *map(str, words), "--json"])
    assert done.exit_code == code, done.output
    return done.output, json.loads(done.output)


def scenario_of(corpus: Corpus) -> Scenario:
    return load_scenario(corpus.scenario).scenario


def papers_of(corpus: Corpus, day: str = DAY) -> Papers:
    return read_papers(scenario_of(corpus), corpus.folder, day)


def test_add_puts_every_record_that_is_not_there_into_the_log_once(corpus: Corpus) -> None:
    (corpus.folder / "ben.txt").write_text("ben agrees")
    ben = {"id": "ben-1", "speaker": "ben", "evidence": "ben.txt", "evidence_sha256": __import__("hashlib").sha256(b"ben agrees").hexdigest()}
    write_consents(corpus.folder, {}, ben, granted=False)
    told = run("add", corpus.scenario, "--as-of", DAY)[1]
    assert [(entry["kind"], entry["body"]["id"], entry["day"]) for entry in told["findings"]] == [("grant", "nora-2026", DAY), ("grant", "ben-1", DAY)]
    assert read_log(corpus.folder / LOG).entries[0].body == {**RECORD, "uses": RECORD["uses"], "until": None, "territory": []}
    assert run("add", corpus.scenario)[1]["findings"] == []
    assert len(read_log(corpus.folder / LOG).entries) == 2


def test_a_record_that_was_changed_is_added_anew_and_counts_as_it_now_stands(corpus: Corpus) -> None:
    write_consents(corpus.folder)
    write_consents(corpus.folder, {"uses": ["train"]}, granted=False)
    assert papers_of(corpus).records[0].standing == "changed"
    (entry,) = grant_records(scenario_of(corpus), corpus.folder, (), DAY)
    assert entry.body["uses"] == ["train"]
    assert papers_of(corpus).records[0].standing == "granted"


def test_nothing_is_added_without_the_document(corpus: Corpus) -> None:
    """L10."""
    write_consents(corpus.folder, {"id": "a"}, {"id": "b", "evidence": "gone.txt"}, granted=False)
    with pytest.raises(RefusedByRights) as raised:
        grant_records(scenario_of(corpus), corpus.folder, (), DAY)
    assert raised.value.details == ("the evidence of consent `b`, gone.txt, is missing",)
    (corpus.folder / "form.txt").write_bytes(FORM + b"!")
    with pytest.raises(RefusedByRights, match="signed document"):
        grant_records(scenario_of(corpus), corpus.folder, ("a",), DAY)
    assert not (corpus.folder / LOG).exists()


def test_who_has_withdrawn_is_not_added_again_with_the_old_document(corpus: Corpus) -> None:
    write_consents(corpus.folder)
    withdraw(corpus.folder, "nora")
    assert grant_records(scenario_of(corpus), corpus.folder, (), DAY) == []
    with pytest.raises(RefusedByRights, match="consents anew by a new document"):
        grant_records(scenario_of(corpus), corpus.folder, ("nora-2026",), DAY)


def test_a_record_or_file_that_is_not_there_is_answered_with_what_is(corpus: Corpus) -> None:
    with pytest.raises(UnreadableInput, match=r"consents\.yaml cannot be read"):
        grant_records(scenario_of(corpus), corpus.folder, (), DAY)
    write_consents(corpus.folder, granted=False)
    with pytest.raises(WrongUsage, match="has no record `nora-2025`") as raised:
        grant_records(scenario_of(corpus), corpus.folder, ("nora-2025",), DAY)
    assert raised.value.try_this == "did you mean `nora-2026`?"


def test_a_waiver_says_why_and_who_decided(corpus: Corpus) -> None:
    said = ("--waive", "hiss", "--licence", "CC-BY", "--use", "train", "--until", "2027-12-31")
    run("add", corpus.scenario, *said, code=2)
    run("add", corpus.scenario, *said, "--reason", "r", code=2)
    run("add", corpus.scenario, "--reason", "r", code=2)
    assert not (corpus.folder / LOG).exists()
    run("add", corpus.scenario, *said, "--reason", "the author wrote", "--decided-by", "J. Doe", "--as-of", DAY)
    (waiver,) = papers_of(corpus).waivers
    assert waiver.said.model_dump() == {
        "source": "hiss", "licence": "CC-BY", "uses": ("train",), "reason": "the author wrote", "decided_by": "J. Doe", "until": "2027-12-31",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("body", "said"),
    [
        ({"source": "his"}, "the scenario has no source 'his'"),
        ({"uses": ["clone"]}, "nobody but the speaker can allow"),
        ({"uses": []}, "this is no waiver: uses"),
        ({"reason": ""}, "this is no waiver: reason"),
        ({"until": "soon"}, "this is no waiver: until"),
        ({"more": 1}, "this is no waiver: more"),
    ],
)
def test_what_no_waiver_may_say_is_not_written(corpus: Corpus, body: dict[str, Any], said: str) -> None:
    whole = {"source": "hiss", "licence": None, "uses": ["train"], "reason": "r", "decided_by": "d"}
    with pytest.raises(WrongUsage, match=said):
        waive_licence(scenario_of(corpus), corpus.folder, whole | body, DAY)
    assert not (corpus.folder / LOG).exists()


def test_show_tells_what_counts_that_day_what_was_withdrawn_and_what_is_waived(corpus: Corpus) -> None:
    assert run("show", corpus.scenario)[1]["findings"] == []
    rows = write_consents(corpus.folder, {"until": "2026-12-31"})
    waive_licence(scenario_of(corpus), corpus.folder, {"source": "hiss", "licence": None, "uses": ["train"], "reason": "r", "decided_by": "J. Doe"}, DAY)
    granted, waived = run("show", corpus.scenario, "--as-of", DAY)[1]["findings"]
    assert (granted["state"], granted["what"], waived["state"]) == ("granted", "nora-2026", "waived")
    assert waived["told"] == "source hiss under no licence, for train: r (decided by J. Doe)"
    assert "held until 2026-12-31" in run("show", corpus.scenario, "nora", "--as-of", "2027-01-01")[1]["findings"][0]["told"]
    assert run("show", corpus.scenario, "ben")[1]["findings"] == []
    withdraw(corpus.folder, "Nora", day=DAY)
    refused, withdrawn = run("show", corpus.scenario, "nora", "--as-of", DAY)[1]["findings"]
    assert (refused["state"], withdrawn["state"]) == ("refused", "withdrawn")
    assert grant(corpus.folder, *rows, day=DAY) is None


def found(corpus: Corpus) -> list[str]:
    return list(problems(papers_of(corpus), corpus.workspace))


def test_verify_finds_what_is_no_longer_as_it_was_put_into_the_log(corpus: Corpus) -> None:
    write_consents(corpus.folder)
    assert found(corpus) == []
    (corpus.folder / "form.txt").write_bytes(b"edited")
    assert found(corpus) == ["the evidence of consent `nora-2026`, form.txt, is not the document whose SHA-256 it states"]
    write_consents(corpus.folder, {"until": "2030-01-01"}, granted=False)
    assert found(corpus) == ["consent `nora-2026` was changed after it was put into the consent log (until)"]
    write_consents(corpus.folder, {"id": "other"}, granted=False)
    assert found(corpus) == ["consent `nora-2026` is in the consent log, and no longer in the consents file"]
    write_consents(corpus.folder, granted=False)
    (corpus.workspace / "builds" / "tiny" / "broken").mkdir(parents=True)
    (corpus.workspace / "builds" / "tiny" / "broken" / "BUILD.json").write_text("{}")
    assert [one for one in found(corpus) if "the commit record is damaged" in one]


@pytest.mark.slow
def test_the_commands_are_processes_with_exit_codes_and_words_for_people(corpus: Corpus) -> None:
    write_consents(corpus.folder, granted=False)
    added = speccraft("consent", "add", corpus.scenario)
    assert (added.returncode, added.stdout.split()[:2]) == (0, ["grant", "nora-2026"])
    assert "granted  nora-2026: nora allows train" in speccraft("consent", "show", corpus.scenario).stdout
    assert "1 line, as they were written" in speccraft("consent", "verify", corpus.scenario).stdout
    log = bytearray((corpus.folder / LOG).read_bytes())
    log[20] ^= 1
    (corpus.folder / LOG).write_bytes(log)
    broken = speccraft("consent", "verify", corpus.scenario)
    assert broken.returncode == 5
    assert "the consent log is broken: line 1" in broken.stderr
