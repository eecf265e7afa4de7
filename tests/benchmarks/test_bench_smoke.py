import json
import subprocess
import sys
from pathlib import Path

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


def run(*arguments: str, check: bool = True) -> subprocess.CompletedProcess[str]:
    return subprocess.run([sys.executable, "-W", "ignore", "-m", *arguments], cwd=ROOT, check=check, capture_output=True, text=True)


@pytest.mark.slow
def test_the_same_seed_makes_the_same_corpus_and_less_of_it_is_its_beginning(tmp_path: Path):
    import soundfile

    for name, hours in (("all", 0.08), ("again", 0.08), ("half", 0.04)):
        run("benchmarks.corpus", str(tmp_path / name), "--hours", str(hours))
    files = {
        name: sorted(path.relative_to(tmp_path / name) for path in (tmp_path / name).rglob("*.*") if path.suffix != ".json")
        for name in ("all", "again", "half")
    }
    assert files["all"] == files["again"]
    assert len(files["all"]) == 8
    assert set(files["half"]) < set(files["all"])
    for path in files["all"]:
        for other in ("again", "half")[: 1 + (path in files["half"])]:
            assert np.array_equal(soundfile.read(tmp_path / "all" / path)[0], soundfile.read(tmp_path / other / path)[0])


def test_a_corpus_is_not_made_over_other_files(tmp_path: Path):
    (tmp_path / "mine.txt").write_text("mine")
    assert run("benchmarks.corpus", str(tmp_path), "--hours", "0.04", check=False).returncode
    assert [path.name for path in tmp_path.iterdir()] == ["mine.txt"]


def test_the_cost_of_a_command_holds_what_its_children_took(tmp_path: Path):
    from benchmarks.watch import watch

    burn = "import time; b = time.process_time()\nwhile time.process_time() < b + 0.5: pass\n"
    # The orphan outlives the command, as the daemons of Ray do.
    code = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {burn!r}]); subprocess.Popen([sys.executable, '-c', {burn!r}]); print('{{}}')"
    cost = watch([sys.executable, "-c", code])
    assert cost.said == {}
    assert 1.0 <= cost.cpu_s < 2.0
    assert cost.peak_mb > 5


@pytest.mark.slow
def test_the_benchmark_writes_every_command_beside_decoding_alone_and_goes_on_where_it_was(tmp_path: Path):
    arguments = [
        "benchmarks.build",
        "--hours",
        "0.08",
        "--rounds",
        "1",
        "--peers",
        "lhotse",
        "--work",
        str(tmp_path / "work"),
        "--out",
        str(tmp_path / "results.md"),
    ]
    run(*arguments)
    first = (tmp_path / "results.md").read_text()
    commands = {line.split("|")[1].strip(): line.split("|") for line in first.split("## Targets")[0].splitlines() if line.startswith("| ")}
    assert {"decoding alone", "speccraft, peers", "speccraft, defaults", "speccraft, everything", "speccraft, judged", "lhotse"} < commands.keys()
    assert commands["decoding alone"][5].strip() == "1.00"
    kept, theirs = int(commands["speccraft, peers"][8]), int(commands["lhotse"][8])
    # Not the same: we leave the loudest silence out of the noise floor, so more of noisy recordings passes the rule.
    assert theirs <= kept <= 1.5 * theirs
    assert kept > 20
    notes = (tmp_path / "work" / "measured.jsonl").read_text()
    run(*arguments)
    assert (tmp_path / "work" / "measured.jsonl").read_text() == notes, "nothing is measured twice"
    assert all(json.loads(line)["state"] for line in notes.splitlines())
