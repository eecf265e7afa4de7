"""Start the processes of a distributed training with torchrun's own agent; when one dies, the others are ended and it is said which."""

from __future__ import annotations

import json
import logging
import os
import signal
import sys
import tempfile
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from speccraft.errors import BadEnvironment, SpeccraftError

LAUNCHED = "SPECCRAFT_LAUNCHED"
"""In the environment of processes that were started here: what they have to say goes to whoever started them."""
PATIENCE_S = 300
"""So long processes may take to save and leave after they were asked to, before they are killed."""
SINGLE = "localhost:0"


@dataclass(frozen=True)
class Nodes:
    """Machines that train together.

    Attributes:
        count: of them; the same command is run on each.
        rendezvous: HOST:PORT of one of them, where they meet.
        processes: on each.
    """

    count: int = 1
    rendezvous: str = SINGLE
    processes: int = 1


def launch(arguments: Sequence[str], nodes: Nodes) -> None:
    """Run `speccraft` with these arguments in every process, and wait until all are done.

    Raises:
        SpeccraftError: what a process could say of its end, with its exit code.
        BadEnvironment: a process died without a word.
        KeyboardInterrupt, SystemExit: a signal asked to stop; the processes were asked to save and leave.
    """
    from torch.distributed.elastic.multiprocessing import DefaultLogsSpecs, SignalException, Std
    from torch.distributed.elastic.multiprocessing.errors import ChildFailedError
    from torch.distributed.launcher.api import LaunchConfig, elastic_launch

    logging.getLogger("torch.distributed").setLevel(logging.CRITICAL)
    os.environ[LAUNCHED] = "1"
    # Every rank warns of what `find_unused_parameters` costs, which we know and need.
    os.environ.setdefault("TORCH_CPP_LOG_LEVEL", "ERROR")
    with tempfile.TemporaryDirectory() as said:
        config = LaunchConfig(
            min_nodes=nodes.count,
            max_nodes=nodes.count,
            nproc_per_node=nodes.processes,
            rdzv_backend="c10d",
            rdzv_endpoint=nodes.rendezvous,
            run_id="speccraft",
            max_restarts=0,
            shutdown_timeout=PATIENCE_S,
            logs_specs=DefaultLogsSpecs(log_dir=said, redirects=Std.OUT),
        )
        try:
            elastic_launch(config, sys.executable)("-c", "from speccraft.cli import main; main()", *arguments)
        except SignalException as error:
            if error.sigval == signal.SIGINT:
                raise KeyboardInterrupt from error
            raise SystemExit(128 + error.sigval) from error
        except ChildFailedError as error:
            raise _failure(error, Path(said)) from error


def _failure(error: Any, said: Path) -> SpeccraftError:
    """Why a process ended: it was killed, or said so itself; that another was cut off from it is no reason."""
    failures = sorted(error.failures.items())
    for rank, failure in failures:
        if failure.exitcode < 0 and failure.exitcode != -signal.SIGTERM:
            return BadEnvironment(
                f"process {rank} was killed by {signal.Signals(-failure.exitcode).name}, so the others were ended",
                try_this="look for a lack of memory (dmesg); the same command goes on from the last saved state",
            )
    words = [found for path in sorted(said.rglob("stdout.log")) if (found := _words(path)) is not None and found["exit_code"]]
    # Whoever hears nothing any more from a process that ended ends with a bug of ours.
    words.sort(key=lambda found: found["exit_code"] == 70)
    if words:
        return _as_error(words[0])
    rank, failure = failures[0]
    return BadEnvironment(f"process {rank} ended with exit code {failure.exitcode}", try_this="the same command goes on from the last saved state")


def _words(path: Path) -> dict[str, Any] | None:
    try:
        found: dict[str, Any] = json.loads(path.read_text())
    except ValueError:
        return None
    return found


def _as_error(words: dict[str, Any]) -> SpeccraftError:
    """The error of another process."""
    errors = [finding for finding in words["findings"] if finding.get("severity") == "error"]
    first = errors[-1] if errors else {"message": "a process failed"}
    kind = type("OfAnotherProcess", (SpeccraftError,), {"exit_code": words["exit_code"]})
    found: SpeccraftError = kind(first["message"], try_this=first.get("help", ""), details=first.get("details", ()))
    return found
