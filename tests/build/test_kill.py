"""Killed, interrupted, terminated: the same command again gives the bytes of an undisturbed build."""

from __future__ import annotations

import json
import os
import signal
import subprocess
import time
from collections.abc import Callable
from pathlib import Path

import numpy as np
import pytest
from corpus import Corpus, bytes_of, command, make_corpus, speccraft

from speccraft import store
from speccraft.sound.shards import encode_flac

pytestmark = pytest.mark.skipif(not Path("/proc/self/task").is_dir(), reason="looks for orphans in /proc")

MOMENTS: dict[str, str] = {
    "a worker has begun": "cache/units/.scratch-*",
    "a unit is done": "cache/units/*/UNIT.json",
    "the build is begun": "builds/tiny/.scratch-*",
    "shards are being written": "builds/tiny/.scratch-*/shards/train/*.tar",
    "the ledger is written": "builds/tiny/.scratch-*/ledger.parquet",
    "the build is committed": "builds/tiny/*/BUILD.json",
}


@pytest.fixture(scope="module")
def long_corpus(tmp_path_factory: pytest.TempPathFactory) -> tuple[Corpus, dict[str, bytes]]:
    """A corpus that takes a second to decode, and the bytes of its undisturbed build."""
    corpus = make_corpus(tmp_path_factory.mktemp("long"))
    noise = np.random.default_rng(0).standard_normal(180 * 48000).clip(-4, 4) * 0.1
    corpus.add_row("words/long.flac", encode_flac(noise, 48000), speaker="long")
    built = speccraft(*build_command(corpus, corpus.folder / "undisturbed"))
    assert built.returncode == 0, built.stderr
    return corpus, bytes_of(Path(json.loads(built.stdout)["artifacts"]["build"]))


def build_command(corpus: Corpus, workspace: Path) -> tuple[str | Path, ...]:
    return "build-manifest", corpus.scenario, "--workspace", workspace, "--workers", "2", "--as-of", "2026-01-01", "--json"


def started(corpus: Corpus, workspace: Path, moment: str) -> subprocess.Popen[str]:
    """A build in a process group of its own that has just come to a moment."""
    process = subprocess.Popen(
        command(*build_command(corpus, workspace)),
        stdout=subprocess.PIPE,
        stderr=subprocess.PIPE,
        text=True,
        start_new_session=True,
        env={**os.environ, "OMP_NUM_THREADS": "1"},
    )
    while not any(workspace.glob(MOMENTS[moment])):
        assert process.poll() is None, f"the build ended before {moment}"
        time.sleep(0.001)
    return process


def children_of(pid: int) -> list[int]:
    return [int(child) for thread in Path(f"/proc/{pid}/task").iterdir() for child in (thread / "children").read_text().split()]


def alive(pid: int) -> bool:
    try:
        return Path(f"/proc/{pid}/stat").read_text().rpartition(")")[2].split()[0] != "Z"
    except OSError:
        return False


def need_no_survivors(pids: list[int]) -> None:
    until = time.monotonic() + 10
    while any(map(alive, pids)):
        assert time.monotonic() < until, "a worker outlived its supervisor"
        time.sleep(0.05)


def need_same_bytes_again(corpus: Corpus, workspace: Path, wanted: dict[str, bytes]) -> None:
    again = speccraft(*build_command(corpus, workspace))
    assert (again.returncode, again.stderr) == (0, "")
    assert bytes_of(Path(json.loads(again.stdout)["artifacts"]["build"])) == wanted
    assert not list(workspace.rglob(".scratch-*"))
    current = store.current(workspace, "build", "tiny")
    assert current is not None
    store.check_files(current)


def the_supervisor(process: subprocess.Popen[str]) -> None:
    process.kill()


def the_whole_group(process: subprocess.Popen[str]) -> None:
    os.killpg(process.pid, signal.SIGKILL)


SLOW = pytest.mark.slow


@pytest.mark.parametrize(
    ("moment", "kill"),
    [
        ("a worker has begun", the_supervisor),
        pytest.param("a worker has begun", the_whole_group, marks=SLOW),
        pytest.param("a unit is done", the_supervisor, marks=SLOW),
        pytest.param("the build is begun", the_whole_group, marks=SLOW),
        pytest.param("shards are being written", the_supervisor, marks=SLOW),
        pytest.param("the ledger is written", the_supervisor, marks=SLOW),
        pytest.param("the build is committed", the_whole_group, marks=SLOW),
    ],
)
def test_a_build_killed_at_any_moment_and_run_again_has_the_same_bytes(
    long_corpus: tuple[Corpus, dict[str, bytes]], tmp_path: Path, moment: str, kill: Callable[[subprocess.Popen[str]], None]
) -> None:
    corpus, wanted = long_corpus
    process = started(corpus, tmp_path, moment)
    workers = children_of(process.pid)
    kill(process)
    out, err = process.communicate(timeout=30)
    assert (process.returncode, out) == (-signal.SIGKILL, "")
    assert "Traceback" not in err
    for record in tmp_path.glob("builds/tiny/*/BUILD.json"):
        store.check_files(store.open_artefact(record.parent, "build"))
    need_no_survivors(workers)
    need_same_bytes_again(corpus, tmp_path, wanted)


@SLOW
@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143)])
@pytest.mark.parametrize("moment", ["a worker has begun", "shards are being written"])
def test_an_interrupted_build_says_so_cleans_up_and_goes_on_when_run_again(
    long_corpus: tuple[Corpus, dict[str, bytes]], tmp_path: Path, number: signal.Signals, code: int, moment: str
) -> None:
    corpus, wanted = long_corpus
    process = started(corpus, tmp_path, moment)
    workers = children_of(process.pid)
    # A terminal sends Ctrl-C to the whole group; a service manager or `kill` sends SIGTERM to the process.
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=30)
    assert process.returncode == code, err
    assert json.loads(out)["exit_code"] == code
    assert err == ""
    need_no_survivors(workers)
    assert not list(tmp_path.glob("builds/tiny/.scratch-*"))
    need_same_bytes_again(corpus, tmp_path, wanted)


@SLOW
def test_a_disk_that_fills_up_ends_the_build_and_leaves_nothing_that_looks_finished(corpus: Corpus) -> None:
    limited = ["bash", "-c", 'ulimit -f 8; exec "$@"', "bash", *command(*build_command(corpus, corpus.workspace))]
    done = subprocess.run(limited, capture_output=True, text=True, check=False, timeout=60)
    assert done.returncode == 6, done.stderr
    assert "cannot write" in json.loads(done.stdout)["findings"][0]["message"]
    assert done.stderr == ""
    assert not list(corpus.workspace.glob("builds/tiny/*"))
    assert speccraft(*build_command(corpus, corpus.workspace)).returncode == 0
