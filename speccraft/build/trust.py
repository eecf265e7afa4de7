"""Whether the cache may be trusted: sources that changed without stat showing it, failures that were repaired, and recordings that have killed a worker."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from dataclasses import replace
from functools import partial
from pathlib import Path
from typing import Any, TypeAlias

from speccraft import store
from speccraft.build.tools import CONTAINERS, version_of
from speccraft.build.units import CHANGED, CONTENTS, CRASHED, FAILED, RECORDINGS, UNDECODED, UNREAD, Identity, Job, Unit, content_sha256
from speccraft.machine import memory_limits
from speccraft.sound.containers import is_installed

NOTES = "cache/crashed"
"""Notes of a workspace: by a unit's key, the recordings in it that have killed a worker."""
TRIED = "cache/tried"
"""Notes of a workspace: by a unit's key, the circumstances in which recordings of it failed."""
Progress = Callable[[str, int, int], None]
Circumstances: TypeAlias = dict[str, Any]
"""For recordings that failed, what stat does not show and may make them succeed."""


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


def repaired(units: Sequence[Unit], keys: Mapping[str, str], workspace: Path) -> dict[str, Circumstances]:
    """Recordings that failed and are to be tried again, by unit: they can be read now, or there is another decoder or more memory.

    Nothing is decoded to find out: what could not be read is read, and for the rest the circumstances are compared with those it failed in.
    """
    found = {}
    for unit in units:
        note, failed = workspace / TRIED / keys[unit.name], _failed(workspace / store.KINDS["unit"].folder / keys[unit.name])
        if not failed:
            # Where another unit of this key was, its note must not outlive it.
            store.remove(note)
            continue
        then = _noted(note)
        now = {job.name: _circumstance(job, failed[job.name]) for job in unit.jobs if job.name in failed}
        if again := {name: one for name, one in now.items() if one is None or one != then.get(name)}:
            found[unit.name] = again
    return found


def to_be_tried_again(units: Sequence[Unit], keys: Mapping[str, str], workspace: Path, again: Mapping[str, Circumstances]) -> list[Unit]:
    """The units, of which those with repaired recordings are forgotten, and are told no more that these have killed a worker."""
    store.forget(workspace, [keys[name] for name in again])
    for unit in units:
        if unit.crashed & again.get(unit.name, {}).keys():
            store.remove(workspace / NOTES / replace(unit, crashed=frozenset()).key)
    return [replace(unit, crashed=unit.crashed - again.get(unit.name, {}).keys()) for unit in units]


def remember_failures(unit: Unit, folder: Path, workspace: Path, again: Circumstances) -> None:
    """Note in which circumstances recordings of a finished unit failed.

    Args:
        again: those of recordings that were tried again.
    """
    if failed := _failed(folder):
        # What could not be read may be readable a moment later, and is to be tried then.
        first = {job.name: failed[job.name] != UNREAD and _circumstance(job, failed[job.name]) for job in unit.jobs if job.name in failed}
        store.write_bytes(workspace / TRIED / folder.name, store.json_lines([first | again]))


def _circumstance(job: Job, rule: str) -> Any:
    """What stat does not show of what a failure depends on, as JSON; None where only a try can tell."""
    if rule == UNREAD and job.remote is None:
        return content_sha256(job) is not None
    if rule in (UNREAD, CHANGED):
        return None
    return [is_installed(), *map(version_of, CONTAINERS)] if rule == UNDECODED else memory_limits()


def _failed(folder: Path) -> dict[str, str]:
    """The rule of each recording of a unit that failed and may be repaired."""
    return {row["recording"]: row["rule"] for row in _lines(folder / FAILED)}


def _noted(note: Path) -> Circumstances:
    return next(iter(_lines(note)), {})


def _lines(path: Path) -> list[dict[str, Any]]:
    try:
        return [json.loads(line) for line in path.read_bytes().splitlines()]
    except (FileNotFoundError, ValueError):
        return []
