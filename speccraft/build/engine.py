"""The local engine: worker processes that may die, and a supervisor that outlives them.

A worker that crashes or hangs costs the input it was working on, nothing else: the unit is done again without it.
"""

from __future__ import annotations

import os
import time
from collections import deque
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, field, replace
from multiprocessing import get_context
from multiprocessing.connection import Connection, wait
from multiprocessing.process import BaseProcess
from pathlib import Path

from speccraft.build.units import Unit
from speccraft.errors import BadEnvironment, SpeccraftError

LONGEST_RECORDING_WAIT_S = 600.0
"""A worker that spends longer on one recording is killed."""
WORKER_MEMORY_BYTES = 8 << 30


@dataclass
class _Worker:
    process: BaseProcess
    pipe: Connection
    unit: Unit | None = None
    touching: str | None = None
    since: float = field(default_factory=time.monotonic)


def run_local(units: Sequence[Unit], cache: Path, *, workers: int, on_done: Callable[[Unit], None] = lambda _unit: None) -> dict[str, Path]:
    """Run every unit in worker processes; the result does not depend on how many there are.

    Returns:
        The committed cache folder of each unit, by unit name.

    Raises:
        SpeccraftError: a worker met something a user must answer, such as a full disk or a missing voice.
    """
    waiting, done, total = deque(units), dict[str, Path](), len(units)
    crew = [_start(cache) for _ in range(min(workers, total))]
    try:
        for worker in crew:
            _give(worker, waiting)
        while len(done) < total:
            for worker in _speaking(crew):
                message = _hear(worker)
                if message is None:
                    _bury(worker, waiting)
                    crew[crew.index(worker)] = fresh = _start(cache)
                    _give(fresh, waiting)
                elif isinstance(message, SpeccraftError):
                    raise message
                elif isinstance(message, Path):
                    assert worker.unit is not None
                    done[worker.unit.name] = message
                    on_done(worker.unit)
                    _give(worker, waiting)
    finally:
        for worker in crew:
            worker.process.kill()
            worker.process.join()
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
    except EOFError:
        return None
    worker.since = time.monotonic()
    if isinstance(message, str):
        worker.touching = message
    return message


def _give(worker: _Worker, waiting: deque[Unit]) -> None:
    worker.unit = waiting.popleft() if waiting else None
    worker.touching, worker.since = None, time.monotonic()
    if worker.unit is not None:
        worker.pipe.send(worker.unit)


def _bury(worker: _Worker, waiting: deque[Unit]) -> None:
    """Put a dead worker's unit back, without the input that killed it."""
    worker.process.join()
    worker.pipe.close()
    if (worker.process.exitcode or 0) > 0:
        raise RuntimeError(f"a worker failed on {worker.touching}: its traceback is above")
    if worker.unit is None or worker.touching is None or worker.touching in worker.unit.crashed:
        raise BadEnvironment(
            f"a worker process died before it touched a recording (exit code {worker.process.exitcode})", try_this="check free memory, or use fewer --workers"
        )
    waiting.appendleft(replace(worker.unit, crashed=worker.unit.crashed | {worker.touching}))


def _start(cache: Path) -> _Worker:
    context = get_context("spawn")
    ours, theirs = context.Pipe()
    process = context.Process(target=_work, args=(theirs, cache), daemon=True)
    process.start()
    theirs.close()
    return _Worker(process, ours)


def _work(pipe: Connection, cache: Path) -> None:
    """Run units until the supervisor is gone."""
    os.environ.setdefault("OMP_NUM_THREADS", "1")
    import resource

    from speccraft.build.units import run_unit

    resource.setrlimit(resource.RLIMIT_AS, (WORKER_MEMORY_BYTES, resource.getrlimit(resource.RLIMIT_AS)[1]))
    while True:
        try:
            unit = pipe.recv()
        except (EOFError, OSError, KeyboardInterrupt):
            return
        try:
            pipe.send(run_unit(unit, cache, pipe.send))
        except SpeccraftError as error:
            pipe.send(error)
