"""The local engine: worker processes that may die, and a supervisor that outlives them.

A worker that crashes or hangs costs the input it was working on, nothing else: the unit is done again without it.
"""

from __future__ import annotations

import contextlib
import os
import signal
import sys
import tempfile
import threading
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import get_context, parent_process, resource_tracker
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path
from typing import Any, ClassVar, Protocol

from speccraft.build.units import Unit
from speccraft.errors import BadEnvironment, SpeccraftError

LONGEST_RECORDING_WAIT_S = 600.0
"""A worker that spends longer on one recording is killed."""
WORKER_MEMORY_BYTES = 8 << 30
KEPT_BYTES = 64 << 20
"""Freed memory that a worker keeps for its next arrays, rather than take it from the system page by page again: a tenth of its time."""
M_TRIM_THRESHOLD, M_MMAP_THRESHOLD = -1, -3
"""Parameters of mallopt(3)."""
MOST_EARLY_DEATHS = 3
"""Workers that die before they touch a recording, until the machine is blamed."""


class Work(Protocol):
    """What a worker can be given: a dataclass that travels to it, with the inputs that have killed one before."""

    __dataclass_fields__: ClassVar[dict[str, Any]]

    @property
    def name(self) -> str:
        """Unique among what is run together."""
        ...

    @property
    def jobs(self) -> Sequence[Any]:
        """One for each input."""
        ...

    @property
    def crashed(self) -> frozenset[str]:
        """Inputs that are not to be touched."""
        ...

    def run(self, cache: Path, on_start: Callable[[str], None]) -> Path:
        """Do the work and tell each input before it is touched; where the result lies."""
        ...


class Engine(Protocol):
    """Runs units, as `run_local` does with its workers named; the bytes do not depend on which it is."""

    def __call__(self, units: Sequence[Unit], cache: Path, *, on_done: Callable[[Unit], None]) -> dict[str, Path]:
        """The committed cache folder of each unit, by unit name."""
        ...


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    unit: Work | None = None
    touching: str | None = None
    since: float = field(default_factory=time.monotonic)

    @property
    def died_early(self) -> bool:
        """Whether its death can be blamed on no input."""
        return self.unit is not None and (self.touching is None or self.touching in self.unit.crashed)


def run_local(units: Sequence[Work], cache: Path, *, workers: int, on_done: Callable[[Any], None] = lambda _unit: None) -> dict[str, Path]:
    """Run every unit in worker processes; the result does not depend on how many there are.

    Returns:
        Where the result of each unit lies, by unit name; of a build's unit that is its committed cache folder.

    Raises:
        SpeccraftError: a worker met something a user must answer, such as a full disk or a missing voice.
        BadEnvironment: workers die before they touch a recording, again and again.
    """
    crew = Crew(workers)
    try:
        return crew.run(units, cache, on_done)
    finally:
        crew.dismiss()


@contextlib.contextmanager
def run_unkept(units: Sequence[Work], what: str, *, workers: int, on_progress: Callable[[int, int], None]) -> Iterator[dict[str, Path]]:
    """Run every unit into a cache that is thrown away once its results are read.

    Args:
        what: a word for the name of that folder.
        on_progress: told how many inputs are done, and how many there are.
    """
    done, total = 0, sum(len(unit.jobs) for unit in units)

    def count(unit: Work) -> None:
        nonlocal done
        done += len(unit.jobs)
        on_progress(done, total)

    with tempfile.TemporaryDirectory(prefix=f"speccraft-{what}-") as cache:
        yield run_local(units, Path(cache), workers=workers, on_done=count)


class Crew:
    """Worker processes under one supervisor, kept from one run to the next: to start one takes half a second."""

    def __init__(self, size: int) -> None:
        self._size = size
        self._workers: list[_Worker] = []

    def run(self, units: Sequence[Work], cache: Path, on_done: Callable[[Any], None]) -> dict[str, Path]:
        """Run every unit, as `run_local` says; whatever ends the run early ends the workers."""
        try:
            return self._run(units, cache, on_done)
        except BaseException:
            self.dismiss()
            raise

    def dismiss(self) -> None:
        """End the workers; the next run starts new ones."""
        for worker in self._workers:
            worker.process.kill()
            worker.process.join()
        self._workers.clear()

    def _run(self, units: Sequence[Work], cache: Path, on_done: Callable[[Any], None]) -> dict[str, Path]:
        waiting, done, total = deque[Work](units), dict[str, Path](), len(units)
        early_deaths = 0
        crew = self._workers
        while len(crew) < min(self._size, total):
            crew.append(_start())
        for worker in crew:
            _give(worker, waiting, cache)
        while len(done) < total:
            for worker in _speaking(crew):
                message = _hear(worker)
                if message is None:
                    early_deaths += worker.died_early
                    _bury(worker, waiting, out_of_patience=early_deaths > MOST_EARLY_DEATHS)
                    crew[crew.index(worker)] = fresh = _start()
                    _give(fresh, waiting, cache)
                elif isinstance(message, SpeccraftError):
                    raise message
                elif isinstance(message, Path):
                    assert worker.unit is not None
                    done[worker.unit.name] = message
                    on_done(worker.unit)
                    _give(worker, waiting, cache)
        return done


def _speaking(crew: list[_Worker]) -> Iterator[_Worker]:
    """Workers with something to say, dead ones and hanging ones included."""
    ready = wait([worker.pipe for worker in crew], timeout=1.0)
    for worker in list(crew):
        if worker.pipe in ready:
            yield worker
        elif worker.unit is not None and time.monotonic() - worker.since > LONGEST_RECORDING_WAIT_S:
            worker.process.kill()
            yield worker


def _hear(worker: _Worker) -> str | Path | SpeccraftError | None:
    """The worker's next message: an input it begins, a finished folder, an error; None when it is dead."""
    try:
        message: str | Path | SpeccraftError = worker.pipe.recv()
    except (EOFError, OSError):
        # OSError: it died in the middle of a message, or before it read its unit.
        return None
    worker.since = time.monotonic()
    if isinstance(message, str):
        worker.touching = message
    return message


def _give(worker: _Worker, waiting: deque[Work], cache: Path) -> None:
    worker.unit = waiting.popleft() if waiting else None
    worker.touching, worker.since = None, time.monotonic()
    if worker.unit is not None:
        # A worker that has just died cannot be told; the next wait finds it.
        with contextlib.suppress(BrokenPipeError):
            worker.pipe.send((worker.unit, cache))


def _bury(worker: _Worker, waiting: deque[Work], *, out_of_patience: bool) -> None:
    """Put a dead worker's unit back, without the input that killed it."""
    worker.process.join()
    worker.pipe.close()
    if (worker.process.exitcode or 0) > 0:
        raise RuntimeError(f"a worker failed on {worker.touching}: its traceback is above")
    if out_of_patience:
        raise BadEnvironment(
            f"worker processes die before they touch a recording (exit code {worker.process.exitcode})", try_this="check free memory, or use fewer --workers"
        )
    if worker.unit is not None:
        blamed = frozenset[str]() if worker.touching is None else {worker.touching}
        waiting.appendleft(replace(worker.unit, crashed=worker.unit.crashed | blamed))


def _start() -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs,), daemon=True)
    with _interrupts_held():
        process.start()
    theirs.close()
    return _Worker(process, ours)


@contextlib.contextmanager
def _interrupts_held() -> Iterator[None]:
    """Hold Ctrl-C and a hang-up back while a process starts: it inherits that for good, so only the supervisor answers them."""
    # The resource tracker, when it has to start, would let interrupts through again.
    resource_tracker.ensure_running()
    before = signal.pthread_sigmask(signal.SIG_BLOCK, {signal.SIGINT, signal.SIGHUP})
    try:
        yield
    finally:
        signal.pthread_sigmask(signal.SIG_SETMASK, before)


def _work(pipe: Connection) -> None:
    """Run units until the supervisor is gone."""
    threading.Thread(target=_end_with_supervisor, daemon=True).start()
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    _silence_libraries()
    _keep_freed_memory()
    import resource

    _, most = resource.getrlimit(resource.RLIMIT_AS)
    resource.setrlimit(resource.RLIMIT_AS, (WORKER_MEMORY_BYTES if most == resource.RLIM_INFINITY else min(WORKER_MEMORY_BYTES, most), most))
    while True:
        try:
            unit, cache = pipe.recv()
        except (EOFError, OSError):
            return
        try:
            pipe.send(unit.run(cache, pipe.send))
        except SpeccraftError as error:
            pipe.send(error)
        except MemoryError:
            pipe.send(BadEnvironment("a worker needs more memory than it may use", try_this="free some, or raise the limit (ulimit -v)"))


def _keep_freed_memory() -> None:
    import ctypes

    # Only glibc has it, and only there is it needed.
    if (mallopt := getattr(ctypes.CDLL(None), "mallopt", None)) is not None:
        mallopt(M_MMAP_THRESHOLD, KEPT_BYTES // 2)
        mallopt(M_TRIM_THRESHOLD, KEPT_BYTES)


def _silence_libraries() -> None:
    """Keep what decoders print about broken files off the terminal, the ledger has the reason; Python's own tracebacks still arrive."""
    sys.stderr = os.fdopen(os.dup(2), "w", buffering=1, encoding="utf-8", errors="backslashreplace")
    nowhere = os.open(os.devnull, os.O_WRONLY)
    os.dup2(nowhere, 2)
    os.close(nowhere)


def _end_with_supervisor() -> None:
    """End at once when the supervisor is killed: an orphan must not write beside the next build."""
    supervisor = parent_process()
    assert supervisor is not None, "a worker has a supervisor"
    supervisor.join()
    os._exit(1)
