"""Run a command and tell what it cost: CPU seconds of it and all it started, wall seconds, memory of its workers."""

from __future__ import annotations

import ctypes
import json
import os
import resource
import subprocess
import sys
import tempfile
import time
from collections.abc import Sequence
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

EVERY_S = 0.1
LONGEST_FAREWELL_S = 30.0
PR_SET_CHILD_SUBREAPER = 36
TICKS_PER_S = os.sysconf("SC_CLK_TCK")


@dataclass(frozen=True)
class Cost:
    """What a command cost, and what it said on its last line.

    `cpu_s` is user and system time of every process; `peak_mb` the highest sum of their resident sets, where shared pages count once each;
    `workers_mb` the high-water mark of each process that multiprocessing spawned.
    """

    cpu_s: float
    wall_s: float
    peak_mb: float
    workers_mb: list[float]
    said: dict[str, Any]


@dataclass
class _Seen:
    ticks: int = 0
    resident_mb: float = 0.0
    highest_mb: float = 0.0
    is_worker: bool = False


def watch(command: Sequence[str]) -> Cost:
    """Run a command to its end.

    Raises:
        RuntimeError: it failed; the message ends with what it wrote to stderr.
    """
    # Ray leaves daemons behind: as their next of kin we are the one who waits for them, which is when their time is counted.
    ctypes.CDLL(None).prctl(PR_SET_CHILD_SUBREAPER, 1, 0, 0, 0)
    before, begun, seen, peak_mb = _waited_s(), time.monotonic(), dict[int, _Seen](), 0.0
    with tempfile.TemporaryFile() as out, tempfile.TemporaryFile() as err:
        process = subprocess.Popen(command, stdout=out, stderr=err)
        while process.poll() is None:
            peak_mb = max(peak_mb, _look(seen))
            time.sleep(EVERY_S)
        wall_s = time.monotonic() - begun
        _bury_orphans()
        out.seek(0)
        err.seek(0)
        if process.returncode:
            raise RuntimeError(f"{' '.join(command)}: exit code {process.returncode}\n{err.read().decode(errors='replace')[-2000:]}")
        said = json.loads(out.read().decode().splitlines()[-1])
    # A process whose parent ignores its end is never waited for; what was seen of it is the least that it took.
    cpu_s = max(_waited_s() - before, sum(found.ticks for found in seen.values()) / TICKS_PER_S)
    return Cost(cpu_s, wall_s, peak_mb, [found.highest_mb for found in seen.values() if found.is_worker], said)


def python(module: str, *arguments: str) -> list[str]:
    """The command that runs a module with this Python."""
    return [sys.executable, "-W", "ignore", "-m", module, *arguments]


def _waited_s() -> float:
    usage = resource.getrusage(resource.RUSAGE_CHILDREN)
    return usage.ru_utime + usage.ru_stime


def _look(seen: dict[int, _Seen]) -> float:
    """Note the time and memory of every process below this one; return the sum of their resident sets in MB."""
    for found in seen.values():
        found.resident_mb = 0.0
    for pid in _below(os.getpid()):
        # A process may end while it is looked at.
        with suppress(OSError, IndexError):
            folder = Path("/proc") / str(pid)
            fields = (folder / "stat").read_text().rpartition(")")[2].split()
            status = dict(line.split(":\t", 1) for line in (folder / "status").read_text().splitlines() if ":\t" in line)
            if "VmHWM" not in status:
                continue
            found = seen.setdefault(pid, _Seen())
            found.ticks = int(fields[11]) + int(fields[12])
            found.resident_mb = int(status["VmRSS"].split()[0]) / 1024
            found.highest_mb = int(status["VmHWM"].split()[0]) / 1024
            found.is_worker = b"spawn_main" in (folder / "cmdline").read_bytes()
    return sum(found.resident_mb for found in seen.values())


def _below(pid: int) -> list[int]:
    with suppress(OSError):
        children = [int(child) for child in Path(f"/proc/{pid}/task/{pid}/children").read_text().split()]
        return children + [grandchild for child in children for grandchild in _below(child)]
    return []


def _bury_orphans() -> None:
    """Wait for what the command left running, which is on its way out."""
    deadline = time.monotonic() + LONGEST_FAREWELL_S
    with suppress(ChildProcessError):
        while time.monotonic() < deadline:
            if os.waitpid(-1, os.WNOHANG) == (0, 0):
                time.sleep(EVERY_S)
        raise RuntimeError(f"processes {_below(os.getpid())} are still running {LONGEST_FAREWELL_S:g} s after the command that started them")
