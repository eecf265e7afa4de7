"""Whether the cache may be trusted: sources that changed without stat showing it, and recordings that have killed a worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path

from speccraft import store
from speccraft.build.units import CONTENTS, CRASHED, RECORDINGS, Identity, Unit, content_sha256

NOTES = "cache/crashed"
"""Notes of a workspace: by a unit's key, the recordings in it that have killed a worker."""
Progress = Callable[[str, int, int], None]


def distrust(units: Sequence[Unit], workspace: Path, workers: int, on_progress: Progress) -> dict[str, int]:
    """Hash what recordings are decoded from, and forget the cached units that were made of other bytes; what killed a worker may try again.

    Objects in a store are not hashed: they are known by a tag that changes with their content.

    Returns:
        How many recordings were `rehashed`, and how many of them `differed`.
    """
    cache = workspace / store.KINDS["unit"].folder
    total = sum(len(unit.jobs) for unit in units)
    done = rehashed = differed = 0
    stale: set[str] = set()
    with ThreadPoolExecutor(workers) as pool:
        for unit, found in zip(units, pool.map(partial(_differing, cache), units), strict=True):
            if found is None or found:
                stale |= {unit.key, _without_crashed(unit, workspace).key}
            rehashed += 0 if found is None else len(unit.jobs)
            differed += found or 0
            done += len(unit.jobs)
            on_progress("hash sources", done, total)
    store.forget(workspace, stale)
    for key in stale:
        store.remove(workspace / NOTES / key)
    return {"rehashed": rehashed, "differed": differed}


def _differing(cache: Path, unit: Unit) -> int | None:
    """How many recordings of a cached unit are not what it was made of; None where it does not tell, and has to be made again."""
    try:
        made_of = [json.loads(line)["sha256"] for line in (cache / unit.key / CONTENTS).read_bytes().splitlines()]
    except (OSError, ValueError, LookupError, TypeError):
        return None
    if len(made_of) != len(unit.jobs):
        return None
    return sum(then != content_sha256(job) for then, job in zip(made_of, unit.jobs, strict=True))


def without_crashed(units: Sequence[Unit], workspace: Path) -> list[Unit]:
    """The units, told which of their recordings have killed a worker in an earlier run: each costs minutes, and would again."""
    return [_without_crashed(unit, workspace) for unit in units] if (workspace / NOTES).is_dir() else list(units)


def _without_crashed(unit: Unit, workspace: Path) -> Unit:
    try:
        return replace(unit, crashed=frozenset(json.loads((workspace / NOTES / unit.key).read_bytes())))
    except FileNotFoundError:
        return unit


def remember_crashes(unit: Unit, sources: Sequence[Identity], folder: Path, workspace: Path) -> None:
    """Note which recordings of a unit killed a worker, as its finished folder tells.

    Args:
        sources: what the files were known by before they were touched: one that was replaced since has killed nobody.
    """
    content = (folder / RECORDINGS).read_bytes()
    if CRASHED.encode() not in content:
        return
    lost = {row["input"] for row in map(json.loads, content.splitlines()) if row["rule"] == CRASHED}
    names = [job.name for job in unit.jobs if job.parts[0].input in lost]
    store.write_bytes(workspace / NOTES / replace(unit, crashed=frozenset()).key_of(sources), json.dumps(names).encode())
