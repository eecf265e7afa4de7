"""What README.md tells people to run works as it stands there."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest
import soundfile
from documented import RATE, ROOT, blocks, commands, record, run


@pytest.fixture
def own_folder(tmp_path: Path) -> Path:
    """The folder README describes: its scenario, recordings with transcripts beside them, and noise."""
    scenario = next(block for block in blocks(ROOT / "README.md", "yaml") if block.startswith("# scenario.yaml"))
    (tmp_path / "scenario.yaml").write_text(scenario)
    for speaker, name in enumerate(("anna", "ben", "cleo", "dan", "eve")):
        for take in range(1, 7):
            audio = tmp_path / "recordings" / name / f"{take:03d}.wav"
            record(audio, words=1 + take % 3, pitch_hz=110 + 25 * speaker + take)
            audio.with_suffix(".txt").write_text(" ".join(["hello"] * (1 + take % 3)))
    for number in range(3):
        noise = np.random.default_rng(number).normal(0, 0.1, 3 * RATE)
        (tmp_path / "noise").mkdir(exist_ok=True)
        soundfile.write(tmp_path / "noise" / f"{number}.wav", noise, RATE)
    return tmp_path


@pytest.mark.slow
def test_the_way_through_in_the_readme_works_on_a_folder_of_recordings(own_folder: Path):
    lines = [line for line in commands(ROOT / "README.md") if line.startswith("speccraft")]
    assert [line.split()[1] for line in lines] == ["init", "check", "plan", "build-manifest", "report", "train", "evaluate"]
    for line in lines[1:]:
        done = run(line, own_folder)
        expected = (0, 1) if line.split()[1] in ("report", "evaluate") else (0,)  # a few steps teach nothing: BLOCK is the right verdict
        assert done.returncode in expected, f"{line}\n{done.stdout}\n{done.stderr}"
        assert "Traceback" not in done.stderr
    build_id = (own_folder / "speccraft-work/builds/my-assistant/current").read_text().strip()
    (python,) = blocks(ROOT / "README.md", "python")
    done = subprocess.run([sys.executable, "-c", python.replace("BUILD_ID", build_id)], cwd=own_folder, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr
    assert done.stdout.splitlines()[0] == "my-assistant ['ours', 'street']"
    assert done.stdout.splitlines()[1].startswith("{'train': 0.0")
    assert set(done.stdout.splitlines()[2].split()) == {"hello"}


@pytest.mark.slow
def test_init_listens_to_the_folder_of_the_readme_and_writes_a_scenario_that_passes_check(own_folder: Path):
    (own_folder / "scenario.yaml").unlink()
    line = next(line for line in commands(ROOT / "README.md") if line.startswith("speccraft init"))
    done = run(f"{line} --no-input --answer licence=CC-BY-4.0", own_folder)
    assert done.returncode == 0, done.stderr
    assert run("speccraft check scenario.yaml", own_folder).returncode == 0
    assert (own_folder / "scenario.schema.json").is_file()


def test_the_two_commands_are_targets_of_the_makefile():
    targets = [line.split()[1] for line in commands(ROOT / "README.md") if line.startswith("make")]
    assert targets == ["demo", "test"]
    for target in targets:
        done = subprocess.run(["make", "--dry-run", target], cwd=ROOT, capture_output=True, text=True, check=True)
        assert {"demo": "speccraft demo", "test": "-m pytest"}[target] in done.stdout


def test_continuous_integration_runs_exactly_the_test_command_of_the_readme():
    lines = (ROOT / ".ci/run").read_text().splitlines()
    assert [line for line in lines if line.startswith("make")] == ["make lint", "make test"]


def test_links_in_the_documents_lead_somewhere():
    for document in ROOT.glob("*.md"):
        for target in re.findall(r"\]\(([^)#:]+)\)", document.read_text()):
            assert (ROOT / target).exists(), f"{document.name}: {target}"
