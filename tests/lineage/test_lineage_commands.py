"""The commands trace and revoke, and those that refuse what a revocation marks, as people run them; docs/revocation.md is run as it stands."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from corpus import Corpus, speccraft
from documented import ROOT, commands, run
from lineage_world import VOICE, built, revoked


def test_trace_prints_a_tree_or_one_object(world: Corpus) -> None:
    built(world)
    told = speccraft("trace", VOICE, world.scenario)
    assert told.stdout.splitlines()[0] == f"speaker {VOICE}"
    assert told.stdout.splitlines()[1].startswith("  build tiny/")
    found = json.loads(speccraft("trace", VOICE, world.workspace, "--json").stdout)
    assert (found["ok"], found["findings"][0]["name"]) == (True, "")
    assert len(found["findings"][0]["below"][0]["below"][0]["ids"]) == 6
    lost = speccraft("trace", "anja", world.scenario)
    assert (lost.returncode, "anna" in lost.stderr) == (3, True)


@pytest.mark.slow
def test_what_is_marked_is_refused_with_exit_code_4_and_used_with_a_warning(world: Corpus) -> None:
    made, _ = built(world)
    revoked(world)
    cut = next(line for line in (made.artefact.path / "cuts.train.jsonl").read_text().splitlines())
    uses = (
        ("report", made.artefact.path),
        ("export", made.artefact.path, "--to", "pointers", "--out", world.folder / "out"),
        ("measure", "--place", made.artefact.path, json.loads(cut)["id"], "--out", world.folder / "heard"),
        ("train", made.artefact.path),
    )
    for use in uses:
        refused = speccraft(*use)
        assert (refused.returncode, "asked us to" in refused.stderr) == (4, True), refused.stderr
    for use in uses[:3]:
        used = speccraft(*use, "--despite-revocation")
        assert used.returncode in (0, 1), used.stderr
        assert "used despite a revocation" in used.stderr
    assert "REVOKED" in speccraft("builds", world.workspace).stdout
    again = json.loads(speccraft("revoke", VOICE, world.scenario, "--reason", "asked us to", "--json").stdout)
    assert any(str(world.folder / "out") in line for line in again["findings"][0]["unreachable"]), "what was exported elsewhere is named"


@pytest.mark.slow
def test_the_commands_of_the_page_about_revocation_work_as_they_stand(world: Corpus) -> None:
    world.write_rows([row | ({"speaker": "theo", "path": row["path"].replace(VOICE, "theo")} if row["speaker"] == VOICE else {}) for row in world.rows])
    for path in sorted((world.folder / "words").glob(f"{VOICE}-*")):
        path.rename(path.with_name(path.name.replace(VOICE, "theo")))
    built(world)
    lines = commands(ROOT / "docs/revocation.md")
    assert [line.split()[1] for line in lines] == ["trace", "trace", "revoke", "revoke", "build-manifest", "gc"]
    for line in lines:
        done = run(line, world.folder)
        assert done.returncode == 0, f"{line}\n{done.stdout}\n{done.stderr}"
    assert (report := next(Path(world.workspace / "revocations/tiny").glob("*/ERASURE.md"))).is_file()
    assert "theo" not in report.read_text()
    assert len(list((world.workspace / "builds/tiny").glob("*/BUILD.json"))) == 1
