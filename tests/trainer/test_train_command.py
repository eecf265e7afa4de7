from __future__ import annotations

import json
import shutil
from pathlib import Path
from typing import Any

import pytest
from click.testing import Result
from typer.testing import CliRunner

from speccraft.cli import app
from speccraft.cli.train import note
from speccraft.trainer.recipe import Recipe


@pytest.fixture
def home(build: Path, tmp_path: Path) -> Path:
    """A build in its workspace."""
    return Path(shutil.copytree(build, tmp_path / "builds" / "tones" / "tones"))


@pytest.fixture
def few(recipe: Recipe, tmp_path: Path) -> Path:
    """A recipe of four steps."""
    stages = {stage: getattr(recipe, stage).model_copy(update={"steps": 4, "log_every": 2, "evaluate_every": 2}) for stage in ("pretrain", "align")}
    path = tmp_path / "few.yaml"
    path.write_bytes(recipe.model_copy(update=stages).as_yaml())
    return path


def train(*words: object) -> Result:
    return CliRunner().invoke(app, ["train", *map(str, words)])


def answer(result: Result) -> dict[str, Any]:
    found: dict[str, Any] = json.loads(result.stdout)
    return found


def test_training_says_what_it_made_and_what_to_run_next(home: Path, few: Path) -> None:
    done = train(home, "--recipe", few, "--stage", "pretrain")
    assert done.exit_code == 0, done.output
    assert done.stdout.startswith("trained  ")
    assert f"next: speccraft evaluate {home}" in done.stderr
    assert "dev loss" in done.stderr
    assert "padding" in done.stderr


def test_a_preflight_is_a_table_or_counts_and_makes_no_run(home: Path, few: Path) -> None:
    done = train(home, "--recipe", few, "--preflight", "--json", "--stage", "pretrain")
    assert done.exit_code == 0, done.output
    assert answer(done)["counts"]["pretrain"]["steps"] == 4
    assert not (home.parents[2] / "runs").exists()


def test_a_smoke_tries_every_stage_and_keeps_nothing(home: Path, few: Path) -> None:
    done = train(home, "--recipe", few, "--smoke")
    assert done.exit_code == 0, done.output
    assert [line.split()[0] for line in done.stdout.splitlines()] == ["pretrain", "align"]
    assert not (home.parents[2] / "runs").exists()
    assert not list(home.parents[2].glob(".scratch-*"))


def test_what_cannot_be_gone_on_from_is_a_usage_error_with_its_reason(home: Path, few: Path) -> None:
    done = train(home, "--recipe", few, "--resume", "abc", "--json")
    assert done.exit_code == 2
    assert "names 0 unfinished runs" in answer(done)["findings"][0]["message"]


def test_many_machines_need_a_place_to_meet(home: Path, few: Path) -> None:
    done = train(home, "--recipe", few, "--nodes", 2)
    assert done.exit_code == 2
    assert "--rendezvous" in done.stderr


def test_what_the_dev_split_said_stays_beside_the_loss_until_it_says_more() -> None:
    row = {"loss": 1.25, "audio_s_per_s": 99.6, "padding_share": 0.05}
    seen = note(row | {"dev_loss": 0.5, "dev_wer": 0.25, "dev_accuracy": 0.75}, "")
    assert seen == "loss 1.250 100x padding 5% dev loss 0.500 WER 0.250"
    assert note(row | {"loss": 1.0}, seen) == seen.replace("1.250", "1.000")
    assert note(row, "") == seen.partition(" dev")[0]
