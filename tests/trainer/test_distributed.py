from __future__ import annotations

import os
import shutil
import signal
import subprocess
import sys
import time
from pathlib import Path

import pytest
from safetensors.torch import load_file
from test_resume import restless

from speccraft import store
from speccraft.trainer.recipe import Recipe

pytestmark = pytest.mark.slow
STEPS = 100


@pytest.fixture(scope="module")
def recipe_file(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Long enough to be interrupted anywhere."""
    path = tmp_path_factory.mktemp("recipe") / "long.yaml"
    path.write_bytes(restless(recipe, steps=STEPS, save_every=12, evaluate_every=0).as_yaml())
    return path


def command(build: Path, workspace: Path, recipe: Path, *more: str) -> subprocess.Popen[str]:
    """`speccraft train` with two processes, on one stage."""
    home = workspace / "builds" / "tones" / "tones"
    if not home.exists():
        shutil.copytree(build, home)
    words = [sys.executable, "-c", "from speccraft.cli import main; main()", "train", str(home), "--workspace", str(workspace), "--recipe", str(recipe)]
    environment = os.environ | {"OMP_NUM_THREADS": "1"}
    return subprocess.Popen(
        [*words, "--stage", "pretrain", "--nproc", "2", "--allow-change", "code", *more],
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        env=environment,
    )


def wait_for_state(workspace: Path, process: subprocess.Popen[str], beyond: int) -> None:
    """Until a state of a later step is saved."""
    while process.poll() is None:
        steps = [int(path.name[5:]) for path in workspace.glob("runs/tones/*.partial/states/pretrain/step-*")]
        if max(steps, default=0) > beyond:
            return
        time.sleep(0.05)
    raise AssertionError(process.communicate())


def of_rank(number: int, workspace: Path) -> int:
    """The process of a rank."""
    for path in Path("/proc").glob("[0-9]*/environ"):
        try:
            environment, line = path.read_bytes().split(b"\0"), (path.parent / "cmdline").read_bytes()
        except OSError:
            continue
        if f"RANK={number}".encode() in environment and str(workspace).encode() in line:
            return int(path.parent.name)
    raise AssertionError(f"no rank {number}")


def weights(workspace: Path) -> Path:
    run = store.current(workspace, "run", "tones")
    assert run is not None
    assert run.record.info["processes"] == 2
    return run.path / "checkpoints" / "pretrain" / "model.safetensors"


@pytest.fixture(scope="module")
def undisturbed(build: Path, recipe_file: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The weights that two processes come to."""
    workspace = tmp_path_factory.mktemp("undisturbed")
    out, said = (training := command(build, workspace, recipe_file)).communicate(timeout=300)
    assert training.returncode == 0, said
    assert out.startswith("trained ")
    assert said.count("train pretrain: ") == 1
    return weights(workspace)


def test_two_processes_that_share_the_model_out_come_to_the_same_weights_but_for_rounding(
    build: Path, recipe_file: Path, undisturbed: Path, tmp_path: Path
) -> None:
    training = command(build, tmp_path, recipe_file, "--set", "sharded=true")
    said = training.communicate(timeout=300)[1]
    assert training.returncode == 0, said
    one, other = load_file(undisturbed), load_file(weights(tmp_path))
    assert one.keys() == other.keys()
    assert all((one[name] - other[name]).abs().max() < 1e-3 for name in one)


def test_two_processes_survive_a_killed_one_and_a_signal_and_come_to_the_very_same_weights(
    build: Path, recipe_file: Path, undisturbed: Path, tmp_path: Path
) -> None:
    disturbed = tmp_path
    training = command(build, disturbed, recipe_file)
    wait_for_state(disturbed, training, 0)
    os.kill(of_rank(1, disturbed), signal.SIGKILL)
    said = training.communicate(timeout=120)[1]
    assert training.returncode == 6, said
    assert "process 1 was killed by SIGKILL, so the others were ended" in said
    newest = max(int(path.name[5:]) for path in disturbed.glob("runs/tones/*.partial/states/pretrain/step-*"))

    training = command(build, disturbed, recipe_file)
    wait_for_state(disturbed, training, newest)
    training.send_signal(signal.SIGTERM)
    said = training.communicate(timeout=120)[1]
    assert training.returncode == 143, said
    assert f"going on from step {newest} of {STEPS}" in said
    saved = max(int(path.name[5:]) for path in disturbed.glob("runs/tones/*.partial/states/pretrain/step-*"))
    assert saved % 12  # the step that the signal came in, not one that is saved anyway

    training = command(build, disturbed, recipe_file, "--set", "loader_workers=1")
    said = training.communicate(timeout=300)[1]
    assert training.returncode == 0, said
    assert f"going on from step {saved} of {STEPS}" in said
    assert weights(disturbed).read_bytes() == undisturbed.read_bytes()
