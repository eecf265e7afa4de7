"""The command `plan`, and a build that holds itself to a saved plan."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest
from consented import write_consents
from corpus import Corpus, speccraft

AS_OF = ("--as-of", "2026-06-01")
VOICED: dict[str, Any] = {
    "job": {"task": "converse", "languages": ["en"], "output": ["text", "speech"], "longest_utterance_s": 5.0},
    "voice": {"kind": "licensed", "speaker": "nora", "consent": "nora-2026"},
    "rights": {"use": ["train", "synthesise"], "accept": [], "consents": "consents.yaml"},
}


def test_a_plan_says_what_enters_what_is_missing_what_it_costs_and_what_to_decide(corpus: Corpus) -> None:
    corpus.write_scenario(acceptance={"data": {"hours": {"pretrain": 2.0}, "speakers": 20}})
    done = speccraft("plan", corpus.scenario)
    assert done.returncode == 0
    for heading in ("Sources", "Speech for each stage", "In the way of acceptance", "Training", "Time and disk, estimated", "Three questions"):
        assert f"\n{heading}" in done.stdout
    assert "you need 3." in done.stdout
    assert f"next: speccraft build-manifest {corpus.scenario}" in done.stderr


def test_a_plan_as_data_holds_the_numbers_and_the_warnings(corpus: Corpus) -> None:
    corpus.write_scenario(acceptance={"data": {"hours": {"pretrain": 2.0}}})
    told = json.loads(speccraft("plan", corpus.scenario, "--json").stdout)
    assert told["counts"]["admitted"] == 36
    assert told["counts"]["supply"]["stages"][0]["wanted_hours"] == 2.0
    assert told["counts"]["estimate"]["build_s"] > 0
    assert [finding["message"] for finding in told["findings"]] == told["counts"]["missing"]
    assert told["findings"][0]["severity"] == "warn"


@pytest.mark.slow
def test_a_build_takes_a_saved_plan_while_the_world_stands_still(corpus: Corpus, tmp_path: Path) -> None:
    saved = tmp_path / "plan.json"
    planned = speccraft("plan", corpus.scenario, "--out", saved, *AS_OF)
    assert f"--plan {saved}" in planned.stderr
    done = speccraft("build-manifest", corpus.scenario, "--plan", saved, "--json")
    assert done.returncode == 0, done.stdout
    record = json.loads((Path(json.loads(done.stdout)["artifacts"]["build"]) / "BUILD.json").read_bytes())
    assert record["info"]["as_of"] == "2026-06-01"


@pytest.mark.slow
def test_a_build_refuses_when_the_world_changed_since_and_says_how(corpus: Corpus, tmp_path: Path) -> None:
    saved = tmp_path / "plan.json"
    speccraft("plan", corpus.scenario, "--out", saved)
    corpus.edit_row("words/anna-ba.wav", text="other words")
    done = speccraft("build-manifest", corpus.scenario, "--plan", saved)
    assert done.returncode == 5
    assert "source 'words': 1 with other words or facts: words/anna-ba.wav" in done.stderr
    assert not corpus.workspace.exists()
    assert "Traceback" not in done.stderr


@pytest.mark.parametrize(("content", "code"), [(None, 3), ("{}", 3), ("not json", 3)])
def test_a_plan_that_cannot_be_read_is_unreadable_input(corpus: Corpus, tmp_path: Path, content: str | None, code: int) -> None:
    saved = tmp_path / "plan.json"
    if content is not None:
        saved.write_text(content)
    done = speccraft("build-manifest", corpus.scenario, "--plan", saved)
    assert done.returncode == code
    assert "plan.json" in done.stderr


def write_consent(corpus: Corpus, **changes: Any) -> None:
    record = {"uses": ["train", "synthesise", "clone"], "from": "2026-01-01", "until": "2026-12-31"}
    write_consents(corpus.folder, record | changes, day="2026-01-01")


def test_a_licensed_voice_is_planned_under_its_consent(corpus: Corpus) -> None:
    corpus.write_scenario(**VOICED)
    write_consent(corpus)
    done = speccraft("plan", corpus.scenario, *AS_OF)
    assert done.returncode == 0, done.stdout + done.stderr
    assert "under its consent" in done.stdout


@pytest.mark.slow
@pytest.mark.parametrize(
    ("changes", "reason"),
    [
        ({"until": "2026-05-31"}, "held until 2026-05-31, no longer on 2026-06-01"),
        ({"uses": ["train"]}, "does not allow synthesise, clone"),
        ({"id": "nora-2025"}, "has no record `nora-2026`; the nearest is `nora-2025`"),
        ({"evidence_sha256": "0" * 64}, "is not the document"),
    ],
)
def test_a_voice_without_a_consent_that_holds_is_refused_and_nothing_is_built(corpus: Corpus, changes: dict[str, Any], reason: str) -> None:
    corpus.write_scenario(**VOICED)
    write_consent(corpus, **changes)
    for name in ("plan", "build-manifest"):
        done = speccraft(name, corpus.scenario, *AS_OF)
        assert done.returncode == 4
        assert reason in " ".join((done.stdout + done.stderr).split())
    assert not corpus.workspace.exists()


def test_a_broken_consents_file_is_shown_at_its_place(corpus: Corpus) -> None:
    corpus.write_scenario(**VOICED)
    write_consents(corpus.folder, {"uses": ["everything"]}, granted=False)
    done = speccraft("plan", corpus.scenario)
    assert done.returncode == 1
    assert "consents.yaml:1:" in done.stderr
    assert "`everything` is not allowed" in done.stderr
