"""What this machine has: cores that we may use, and free disk."""

from __future__ import annotations

import contextlib
import gc
import os
import shutil
from collections.abc import Iterator
from pathlib import Path

CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


def free_bytes(folder: Path) -> int:
    """Free disk where a folder is, or would be made."""
    existing = next(path for path in (folder.absolute(), *folder.absolute().parents) if path.exists())
    return shutil.disk_usage(existing).free


def memory_limits() -> list[int | str]:
    """What bounds the memory of a process here: the limits that it inherits, the machine's memory, and that of its control group."""
    import resource

    group = Path("/sys/fs/cgroup/memory.max")
    with contextlib.suppress(OSError):
        return [*resource.getrlimit(resource.RLIMIT_AS), os.sysconf("SC_PHYS_PAGES"), group.read_text().strip()]
    return [*resource.getrlimit(resource.RLIMIT_AS), os.sysconf("SC_PHYS_PAGES")]


@contextlib.contextmanager
def without_collector() -> Iterator[None]:
    """Hold the collector of reference cycles while many objects are made that last: it would look at them again and again, a quarter of the time."""
    was_on = gc.isenabled()
    gc.disable()
    try:
        yield
    finally:
        if was_on:
            gc.enable()
