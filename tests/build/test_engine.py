"""The engine: workers may die, hang or be killed, and cost the input they were working on."""

from __future__ import annotations

import multiprocessing
import os
import signal
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
from corpus import RATE, bytes_of
from engine_world import fates, unit, write_recordings

from speccraft.build import engine
from speccraft.build.engine import run_local
from speccraft.build.units import Job, Part, Unit
from speccraft.errors import BadEnvironment
from speccraft.scenario.quality import Segmentation
from speccraft.sound import decode as sound


@pytest.fixture(scope="module")
def audio(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return write_recordings(tmp_path_factory.mktemp("audio"), 4)


@pytest.fixture
def meanwhile() -> Iterator[Callable[[Callable[[], bool]], None]]:
    """Try something again and again in the background until it says that it is done."""
    over = threading.Event()
    threads = []

    def start(attempt: Callable[[], bool]) -> None:
        def repeat() -> None:
            while not over.is_set() and not attempt():
                time.sleep(0.005)

        threads.append(threading.Thread(target=repeat))
        threads[-1].start()

    yield start
    over.set()
    for thread in threads:
        thread.join()


def send_to_the_worker_in(cache: Path, number: signal.Signals) -> Callable[[], bool]:
    """Signal the worker that has a scratch folder, once, a little after it began."""

    def attempt() -> bool:
        for scratch in cache.glob(".scratch-*"):
            time.sleep(0.1)
            os.kill(int(scratch.name.rpartition("-")[2]), number)
            return True
        return False

    return attempt


def test_the_result_does_not_depend_on_the_number_of_workers(audio: Path, tmp_path: Path) -> None:
    units = [unit(audio, number, f"short{number}") for number in range(4)]
    for workers in (1, 3):
        done = run_local(units, tmp_path / str(workers), workers=workers)
        assert sorted(done) == [one.name for one in units]
    assert bytes_of(tmp_path / "1") == bytes_of(tmp_path / "3")


def test_every_unit_is_reported_done_once(audio: Path, tmp_path: Path) -> None:
    told: list[str] = []
    units = [unit(audio, number, f"short{number}") for number in range(3)]
    run_local(units, tmp_path, workers=2, on_done=lambda one: told.append(one.name))
    assert sorted(told) == [one.name for one in units]


def test_nothing_to_do_needs_no_worker(tmp_path: Path) -> None:
    assert run_local([], tmp_path, workers=2) == {}


@pytest.mark.parametrize("workers", [1, 2])
def test_a_killed_worker_costs_the_input_it_was_working_on(audio: Path, tmp_path: Path, meanwhile: Callable, workers: int) -> None:
    meanwhile(send_to_the_worker_in(tmp_path, signal.SIGKILL))
    done = run_local([unit(audio, 0, "busy", "short0", "short1")], tmp_path, workers=workers)
    assert fates(done["u/00000"]) == {"busy": "decoder_crashed", "short0": None, "short1": None}


@pytest.mark.slow
def test_a_hanging_worker_is_killed_and_costs_the_input_it_was_working_on(
    audio: Path, tmp_path: Path, meanwhile: Callable, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(engine, "LONGEST_RECORDING_WAIT_S", 3.0)
    meanwhile(send_to_the_worker_in(tmp_path, signal.SIGSTOP))
    done = run_local([unit(audio, 0, "busy", "short0")], tmp_path, workers=1)
    assert fates(done["u/00000"]) == {"busy": "decoder_crashed", "short0": None}


def test_a_worker_killed_while_it_has_nothing_to_do_costs_nothing(audio: Path, tmp_path: Path) -> None:
    killed: list[int] = []

    def kill_the_idle_one(one: Unit) -> None:
        busy = {int(scratch.name.rpartition("-")[2]) for scratch in tmp_path.glob(".scratch-*")}
        if one.name == "u/00001":
            killed.extend(child.pid for child in multiprocessing.active_children() if child.pid not in busy and child.pid is not None)
            for pid in killed:
                os.kill(pid, signal.SIGKILL)

    done = run_local([unit(audio, 0, "busy"), unit(audio, 1, "short0")], tmp_path, workers=2, on_done=kill_the_idle_one)
    assert killed
    assert fates(done["u/00000"]) | fates(done["u/00001"]) == {"busy": None, "short0": None}


def test_a_worker_killed_before_it_reads_its_unit_costs_nothing(audio: Path, tmp_path: Path, meanwhile: Callable) -> None:
    def kill_the_first() -> bool:
        for child in multiprocessing.active_children():
            child.kill()
            return True
        return False

    meanwhile(kill_the_first)
    done = run_local([unit(audio, 0, "short0")], tmp_path, workers=1)
    assert fates(done["u/00000"]) == {"short0": None}


def test_workers_that_die_at_once_again_and_again_are_the_machines_fault(audio: Path, tmp_path: Path, meanwhile: Callable) -> None:
    def kill_all() -> bool:
        for child in multiprocessing.active_children():
            child.kill()
        return False

    meanwhile(kill_all)
    with pytest.raises(BadEnvironment, match="before they touch a recording"):
        run_local([unit(audio, 0, "short0")], tmp_path, workers=1)


def test_what_a_user_must_answer_comes_back_from_the_worker(audio: Path, tmp_path: Path) -> None:
    (tmp_path / "file").write_text("")
    with pytest.raises(BadEnvironment, match="cannot write here"):
        run_local([unit(audio, 0, "short0")], tmp_path / "file" / "cache", workers=1)
    assert multiprocessing.active_children() == []


def test_a_bug_in_a_worker_is_a_bug_of_the_build_and_its_traceback_is_shown(audio: Path, tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    broken = Unit("u/0", "u", "speech", RATE, Segmentation(), 5.0, (Job("neither path nor words", None, None, (Part("neither", whole=True),)),))
    with pytest.raises(RuntimeError, match="neither path nor words"):
        run_local([broken], tmp_path, workers=1)
    assert "AssertionError" in capfd.readouterr().err


def test_what_a_decoder_prints_stays_off_the_terminal(tmp_path: Path, capfd: pytest.CaptureFixture[str]) -> None:
    (tmp_path / "noisy.flac").write_bytes(b"\xff\xfb\x90" * 500)
    sound.decode(tmp_path / "noisy.flac", RATE)
    assert "mpg123" in capfd.readouterr().err
    run_local([unit(tmp_path, 0, "noisy")], tmp_path / "cache", workers=1)
    assert capfd.readouterr().err == ""


def test_an_interrupt_from_the_terminal_is_answered_by_the_supervisor_alone(
    audio: Path, tmp_path: Path, meanwhile: Callable, capfd: pytest.CaptureFixture[str]
) -> None:
    interrupted: list[int] = []

    def interrupt_all() -> bool:
        for child in multiprocessing.active_children():
            assert child.pid is not None
            os.kill(child.pid, signal.SIGINT)
            interrupted.append(child.pid)
        return bool(list(tmp_path.glob(".scratch-*")))

    meanwhile(interrupt_all)
    assert fates(run_local([unit(audio, 0, "busy")], tmp_path, workers=1)["u/00000"]) == {"busy": None}
    assert len(interrupted) > 3
    assert "KeyboardInterrupt" not in capfd.readouterr().err
