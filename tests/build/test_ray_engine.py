"""The Ray engine: the local engine's bytes from any nodes, whatever happens to them, and nothing left behind."""

from __future__ import annotations

import json
import os
import re
import shutil
import signal
import subprocess
import sys
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus import RATE, Corpus, bytes_of, command, make_corpus, plan_of, speccraft
from engine_world import busy_flac, fates, unit, write_recordings

from speccraft.build import ray_engine
from speccraft.build import units as units_module
from speccraft.build.engine import run_local
from speccraft.build.ray_engine import CHUNK_BYTES, run_ray
from speccraft.build.run import build
from speccraft.build.units import AUDIO, Job, Part
from speccraft.errors import BadEnvironment, SpeccraftError
from speccraft.ingest.rows import Utterance
from speccraft.scenario import load_scenario
from speccraft.sound.shards import encode_flac

pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("audio"), 8)


class Nodes:
    """A cluster whose head does no work, and the nodes that a test adds to it."""

    def __init__(self, cluster: Any, scratch: Path) -> None:
        self._cluster = cluster
        self.address: str = cluster.address
        self.scratch = scratch

    def add(self, **environment: str) -> Any:
        return self._cluster.add_node(num_cpus=1, object_store_memory=100 << 20, env_vars={"TMPDIR": str(self.scratch), **environment})

    def kill(self, node: Any) -> None:
        self._cluster.remove_node(node, allow_graceful=False)

    def remove_all(self) -> None:
        for node in list(self._cluster.worker_nodes):
            self._cluster.remove_node(node)


@pytest.fixture(scope="module")
def cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Nodes]:
    from ray.cluster_utils import Cluster

    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("RAY_AUTH_MODE", "disabled")
        patch.setenv("RAY_USAGE_STATS_ENABLED", "0")
        # Its sockets need short paths.
        with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as folder:
            head = {"num_cpus": 0, "include_dashboard": False, "object_store_memory": 100 << 20, "temp_dir": folder}
            made = Cluster(initialize_head=True, head_node_args=head)
            yield Nodes(made, tmp_path_factory.mktemp("node"))
            made.shutdown()


@pytest.fixture
def nodes(cluster: Nodes) -> Iterator[Nodes]:
    yield cluster
    cluster.remove_all()
    shutil.rmtree(cluster.scratch)
    cluster.scratch.mkdir()


@contextmanager
def meanwhile(attempt: Callable[[], bool]) -> Iterator[None]:
    """Try something again and again in the background until it says that it is done."""
    over = threading.Event()

    def repeat() -> None:
        while not over.is_set() and not attempt():
            time.sleep(0.005)

    thread = threading.Thread(target=repeat)
    thread.start()
    yield
    over.set()
    thread.join()


def wait_until(true: Callable[[], bool], otherwise: str, *, most_s: float = 20.0) -> None:
    until = time.monotonic() + most_s
    while not true():
        assert time.monotonic() < until, otherwise
        time.sleep(0.01)


def command_lines(*, with_scratch: Path) -> dict[int, bytes]:
    """Command lines of the processes that have a folder for their temporary files, by process."""
    found = {}
    for folder in Path("/proc").glob("[0-9]*"):
        # It may have ended.
        with suppress(OSError):
            if f"TMPDIR={with_scratch}\0".encode() in (folder / "environ").read_bytes():
                found[int(folder.name)] = (folder / "cmdline").read_bytes()
    return found


def test_two_nodes_build_the_bytes_of_this_machine(nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(units_module, "RECORDINGS_PER_UNIT", 4)
    corpus = make_corpus(tmp_path)
    nodes.add(), nodes.add()
    built = {}
    for name, engine in (("local", None), ("ray", partial(run_ray, workers=1, address=nodes.address))):
        workspace = tmp_path / name
        built[name] = build(load_scenario(corpus.scenario), plan_of(corpus), workspace=workspace, workers=1, engine=engine).artefact
    assert len(list((tmp_path / "ray/cache/units").iterdir())) > 8
    assert built["ray"].record.id == built["local"].record.id
    assert bytes_of(built["ray"].path) == bytes_of(built["local"].path)
    assert bytes_of(tmp_path / "ray/cache/units") == bytes_of(tmp_path / "local/cache/units")
    assert not list(nodes.scratch.iterdir())


def test_a_node_that_is_killed_costs_nothing(audio: Path, nodes: Nodes, tmp_path: Path) -> None:
    units = [unit(audio, number, "busy", f"short{number}") for number in range(6)]
    (tmp_path / "scratch").mkdir()
    doomed, told, killed = nodes.add(TMPDIR=str(tmp_path / "scratch")), [], []
    nodes.add()

    def kill_the_node_at_work() -> bool:
        if not told or not list((tmp_path / "scratch").glob("*/.scratch-*")):
            return False
        killed.append(list(told))
        nodes.kill(doomed)
        return True

    with meanwhile(kill_the_node_at_work):
        done = run_ray(units, tmp_path / "ray", workers=2, on_done=lambda one: told.append(one.name), address=nodes.address)
    assert 1 <= len(killed[0]) < len(units), "the node was killed in the middle"
    assert sorted(told) == sorted(done) == [one.name for one in units]
    run_local(units, tmp_path / "local", workers=2)
    assert bytes_of(tmp_path / "ray") == bytes_of(tmp_path / "local")


def test_a_recording_that_kills_its_decoder_costs_that_recording(audio: Path, nodes: Nodes, tmp_path: Path) -> None:
    def kill_the_decoder() -> bool:
        for scratch in nodes.scratch.glob("*/.scratch-*"):
            time.sleep(0.1)
            os.kill(int(scratch.name.rpartition("-")[2]), signal.SIGKILL)
            return True
        return False

    nodes.add()
    one = unit(audio, 0, "busy", "short0")
    with meanwhile(kill_the_decoder):
        done = run_ray([one], tmp_path / "ray", workers=1, address=nodes.address)
    assert fates(done[one.name]) == {"busy": "decoder_crashed", "short0": None}
    run_local([replace(one, crashed=frozenset({"busy"}))], tmp_path / "local", workers=1)
    assert bytes_of(tmp_path / "ray") == bytes_of(tmp_path / "local")


def test_a_unit_larger_than_a_chunk_arrives_whole(nodes: Nodes, tmp_path: Path) -> None:
    noise = np.random.default_rng(0).standard_normal(700 * RATE).clip(-4, 4) * 0.2
    (tmp_path / "noise.flac").write_bytes(encode_flac(noise, RATE))
    one = replace(unit(tmp_path, 0, "noise"), role="noise", jobs=(*unit(tmp_path, 0, "noise").jobs, replace(unit(tmp_path, 0, "noise").jobs[0], name="again")))
    nodes.add()
    done = run_ray([one], tmp_path / "ray", workers=1, address=nodes.address)
    run_local([one], tmp_path / "local", workers=1)
    assert (done[one.name] / AUDIO).stat().st_size > 2 * CHUNK_BYTES
    assert bytes_of(tmp_path / "ray") == bytes_of(tmp_path / "local")


def test_what_a_user_must_answer_comes_back_from_the_node_with_its_address(nodes: Nodes, tmp_path: Path) -> None:
    pytest.importorskip("espeakng_loader")
    nodes.add()
    said = Job("hello", None, Utterance("hello", "xx-nobody", 170, 50), (Part("hello", whole=True),))
    with pytest.raises(SpeccraftError, match="no voice 'xx-nobody'") as raised:
        run_ray([replace(unit(tmp_path, 0), jobs=(said,))], tmp_path, workers=1, address=nodes.address)
    assert type(raised.value) is SpeccraftError
    assert raised.value.details[0].startswith("on the Ray node ")


def test_a_bug_in_a_node_is_a_bug_of_the_build(nodes: Nodes, tmp_path: Path) -> None:
    nodes.add()
    broken = replace(unit(tmp_path, 0), jobs=(Job("neither path nor words", None, None, (Part("neither", whole=True),)),))
    with pytest.raises(RuntimeError, match="neither path nor words"):
        run_ray([broken], tmp_path, workers=1, address=nodes.address)


@pytest.mark.parametrize(
    ("package", "says"),
    [
        ("__version__ = '0.0.0'\n__path__.append({here!r})\n", "speccraft: 0.0.0 there"),
        ("__version__ = '0.0.0'\n__path__.append({here!r})\nimport sys\nsys.modules['speccraft.build.ray_engine'] = None\n", "cannot run speccraft"),
        ("", "cannot run speccraft"),
    ],
    ids=["another", "one without the engine", "none"],
)
def test_a_node_with_another_speccraft_or_none_is_named(corpus: Corpus, nodes: Nodes, tmp_path: Path, package: str, says: str) -> None:
    (tmp_path / "speccraft").mkdir()
    (tmp_path / "speccraft/__init__.py").write_text(package.format(here=str(Path(ray_engine.__file__).parents[1])))
    nodes.add(PYTHONPATH=str(tmp_path))
    # Ray puts the folder of whoever calls before a node's own path.
    done = speccraft(*ray_command(corpus, tmp_path / "work", "--address", nodes.address), cwd=corpus.folder)
    assert done.returncode == 6, done.stdout
    (finding,) = json.loads(done.stdout)["findings"]
    assert says in " ".join([finding["message"], *finding["details"]])
    assert "install" in finding["help"]


def test_a_node_that_does_not_see_the_sources_is_refused(audio: Path, nodes: Nodes, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(ray_engine, "_sizes", lambda unit: [len(unit.jobs)])
    nodes.add()
    with pytest.raises(BadEnvironment, match=r"short0.flac: 1 bytes on this machine, \d+ bytes on a node"):
        run_ray([unit(audio, 0, "short0")], tmp_path, workers=1, address=nodes.address)
    assert not list(tmp_path.iterdir())


def test_a_unit_that_is_lost_again_and_again_ends_the_build(audio: Path, nodes: Nodes, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_whoever_does_it() -> bool:
        for pid, line in command_lines(with_scratch=nodes.scratch).items():
            if line.startswith(b"ray::_do"):
                os.kill(pid, signal.SIGKILL)
                killed.append(pid)
        return False

    nodes.add()
    with meanwhile(kill_whoever_does_it), pytest.raises(BadEnvironment, match="disappeared 4 times"):
        run_ray([unit(audio, 0, "busy")], tmp_path, workers=1, address=nodes.address)
    assert len(set(killed)) >= 4


def ray_command(corpus: Corpus, workspace: Path, *more: str) -> tuple[str | Path, ...]:
    return "build-manifest", corpus.scenario, "--workspace", workspace, "--as-of", "2026-01-01", "--engine", "ray", "--workers", "1", "--json", *more


@pytest.fixture
def alone(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A home and folders for temporary files in which a Ray of the command's own can leave traces; Ray's own is short, for sockets."""
    for name in ("RAY_AUTH_MODE", "RAY_AUTH_TOKEN", "RAY_ADDRESS"):
        monkeypatch.delenv(name, raising=False)
    for name, folder in (("HOME", "home"), ("TMPDIR", "tmp")):
        (tmp_path / folder).mkdir()
        monkeypatch.setenv(name, str(tmp_path / folder))
    with tempfile.TemporaryDirectory(dir="/tmp", ignore_cleanup_errors=True) as short:
        # Its own, for another test may start a Ray at the same time.
        monkeypatch.setenv("RAY_TMPDIR", short)
        yield tmp_path


def rays_own_folders() -> set[Path]:
    return set(Path(os.environ["RAY_TMPDIR"]).glob("speccraft-ray-*"))


def test_without_a_cluster_the_command_starts_a_ray_and_leaves_no_trace_of_it(corpus: Corpus, alone: Path) -> None:
    before = rays_own_folders()
    by_ray, here = (speccraft(*ray_command(corpus, alone / engine, "--engine", engine)) for engine in ("ray", "local"))
    assert (by_ray.returncode, by_ray.stderr, here.returncode) == (0, "", 0)
    builds = [Path(json.loads(done.stdout)["artifacts"]["build"]) for done in (by_ray, here)]
    assert bytes_of(builds[0]) == bytes_of(builds[1])
    assert not list((alone / "home").iterdir())
    assert not list((alone / "tmp").iterdir())
    assert rays_own_folders() <= before


def test_nobody_else_can_use_the_ray_that_was_started(corpus: Corpus, alone: Path) -> None:
    process = subprocess.Popen(command(*ray_command(corpus, alone / "work")), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True)
    wait_until(lambda: bool(list((alone / "tmp").glob("speccraft-*/speccraft-*/.scratch-*"))), "no unit was begun", most_s=60)
    process.send_signal(signal.SIGSTOP)
    try:
        address = re.search(rb"--gcs-address=([\d.]+:\d+)", b"".join(command_lines(with_scratch=alone / "tmp").values()))
        assert address is not None
        join = [sys.executable, "-c", f"import ray; ray.init('{address[1].decode()}')"]
        stranger = subprocess.run(join, env={**os.environ, "RAY_AUTH_MODE": "disabled"}, capture_output=True, text=True, check=False)
    finally:
        process.send_signal(signal.SIGCONT)
    assert process.wait(60) == 0
    assert stranger.returncode != 0
    assert "InvalidAuthToken" in stranger.stderr


@pytest.mark.parametrize(("number", "code"), [(signal.SIGINT, 130), (signal.SIGTERM, 143), (signal.SIGHUP, 129)])
def test_an_interrupt_ends_the_ray_that_was_started_and_the_next_build_goes_on(corpus: Corpus, alone: Path, number: signal.Signals, code: int) -> None:
    before = rays_own_folders()
    corpus.add_row("words/busy.flac", busy_flac(), speaker="busy")
    process = subprocess.Popen(command(*ray_command(corpus, alone / "work")), stdout=subprocess.PIPE, stderr=subprocess.PIPE, text=True, start_new_session=True)
    while not list((alone / "tmp").glob("speccraft-*/speccraft-*/.scratch-*")):
        assert process.poll() is None, "the build ended before a unit was begun"
        time.sleep(0.01)
    (os.killpg if number == signal.SIGINT else os.kill)(process.pid, number)
    out, err = process.communicate(timeout=60)
    assert (process.returncode, json.loads(out)["exit_code"], err) == (code, code, "")
    wait_until(lambda: not command_lines(with_scratch=alone / "tmp"), "something outlived the command")
    assert not list((alone / "tmp").iterdir())
    assert rays_own_folders() <= before
    again = speccraft(*ray_command(corpus, alone / "work", "--engine", "local"))
    assert again.returncode == 0, again.stderr
    assert not list((alone / "work").rglob(".scratch-*"))


@pytest.mark.parametrize(
    ("more", "code", "says"),
    [
        (("--address", "127.0.0.1:1"), 6, "no Ray cluster answers at 127.0.0.1:1"),
        (("--address", "ray://127.0.0.1:10001"), 2, "not the address of a Ray cluster"),
        (("--address", "10.0.0.1:6379", "--engine", "local"), 2, "--engine ray --address"),
    ],
)
def test_an_address_that_cannot_be_used_is_told_before_any_work(corpus: Corpus, alone: Path, more: tuple[str, ...], code: int, says: str) -> None:
    done = speccraft(*ray_command(corpus, alone / "work", *more))
    assert (done.returncode, done.stderr) == (code, "")
    (finding,) = json.loads(done.stdout)["findings"]
    assert says in finding["message"] + finding["help"]


def test_without_ray_the_command_says_what_to_install(corpus: Corpus, alone: Path) -> None:
    (alone / "ray.py").write_text("raise ModuleNotFoundError(\"No module named 'ray'\", name='ray')")
    done = speccraft(*ray_command(corpus, alone / "work"), environment={"PYTHONPATH": str(alone)})
    assert done.returncode == 8
    assert "speccraft[ray]" in json.loads(done.stdout)["findings"][0]["help"]
    assert not (alone / "work").exists()
