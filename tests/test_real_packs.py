"""The main job on real recordings: spoken digits are built, learnt from scratch and judged. Runs where SPECCRAFT_DATA names the packs."""

from __future__ import annotations

import json
import os
import subprocess
import sys
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from corpus import called

from speccraft import store

ROOT = Path(__file__).parent.parent
SPECCRAFT = Path(sys.executable).with_name("speccraft")
SCENARIO = ROOT / "examples" / "metro-digits" / "scenario.yaml"
PACKS = os.environ.get("SPECCRAFT_DATA", "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PACKS, reason="SPECCRAFT_DATA does not name the packs")]


def speccraft(*arguments: str) -> dict[str, Any]:
    """Run a command with --json and return its object."""
    done = subprocess.run([str(SPECCRAFT), *arguments, "--json"], capture_output=True, text=True, check=False)
    assert "Traceback" not in done.stderr, done.stderr
    return json.loads(done.stdout)


@pytest.fixture(scope="module")
def workspace(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return tmp_path_factory.mktemp("metro")


@pytest.fixture(scope="module")
def build(workspace: Path) -> Path:
    told = speccraft("build-manifest", str(SCENARIO), "--data", f"{PACKS}/demo", "--workspace", str(workspace))
    assert told["exit_code"] == 0, told
    return Path(told["artifacts"]["build"])


@pytest.fixture(scope="module")
def scores(build: Path, workspace: Path) -> dict[tuple[str, str, str], float]:
    assert speccraft("train", str(SCENARIO), "--workspace", str(workspace))["exit_code"] == 0
    told = speccraft("evaluate", str(SCENARIO), "--workspace", str(workspace))
    rows = json.loads((Path(told["artifacts"]["evaluation"]) / "scores.json").read_bytes())["rows"]
    return {(row["metric"], row["condition"], row["group"]): row["value"] for row in rows}


def test_every_row_of_the_pack_is_in_the_ledger_and_the_seconds_agree(build: Path):
    ledger = pl.read_parquet(build / "ledger.parquet")
    assert ledger.height == 1500 + 6 + 5
    assert ledger["seconds"].sum() == pytest.approx(ledger.select("seconds_kept", "seconds_dropped", "seconds_unvoiced").to_numpy().sum(), abs=1e-3)


def test_the_hall_that_rings_too_long_is_noticed_and_left_out(build: Path):
    rooms = pl.read_parquet(build / "ledger.parquet").filter(pl.col("role") == "rir")
    hall = rooms.filter(pl.col("input") == "rir/omni-35-10.wav").to_dicts()[0]
    assert (hall["fate"], hall["rule"]) == ("dropped", "environment.rt60_s")
    assert float(hall["value"]) == pytest.approx(2.57, abs=0.15)
    assert any("environment.rt60_s" in finding["clause"] for finding in json.loads((build / "report.json").read_bytes())["findings"])


def test_official_takes_are_honoured_and_the_unseen_speaker_is_in_test_alone(build: Path):
    measures = pl.read_parquet(build / "measures.parquet")
    assert set(measures.filter(pl.col("speaker") == "fsdd_theo")["split"]) == {"test"}
    assert measures.filter((pl.col("split") == "test") & ~pl.col("unseen")).height == 250


def test_the_build_and_its_report_hold_against_verify_and_acceptance(build: Path):
    assert speccraft("verify", str(build))["exit_code"] == 0
    assert speccraft("report", str(build))["exit_code"] == 0


def test_it_learns_known_speakers_and_one_it_has_never_heard(scores: dict[tuple[str, str, str], float]):
    assert scores["wer", "clean", "seen"] <= 0.15
    assert scores["wer", "clean", "unseen"] <= 0.30


def test_noise_makes_it_worse_step_by_step(build: Path, scores: dict[tuple[str, str, str], float]):
    ladder = [scores["wer", condition, "all"] for condition in ("clean", "snr_10", "snr_0")]
    assert ladder == sorted(ladder)
    assert ladder[-1] > ladder[0] + 0.1
    assert ("wer", "place", f"speaker={called('fsdd_theo', store.open_artefact(build, 'build'))}") in scores
