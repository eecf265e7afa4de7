"""The Ray engine: nodes of a cluster do whole units in killable workers of their own, and this process alone writes what they hand back."""

from __future__ import annotations

import hashlib
import os
import tempfile
from collections import Counter, deque
from collections.abc import Callable, Iterator, Mapping, Sequence
from concurrent import futures
from concurrent.futures import Future, ThreadPoolExecutor
from dataclasses import dataclass, replace
from functools import cache as cached
from pathlib import Path
from typing import IO, Any

from speccraft import __version__, store
from speccraft.build.engine import Crew
from speccraft.build.ray_cluster import cluster, ray
from speccraft.build.tools import version_of
from speccraft.build.units import Identity, Unit
from speccraft.errors import BadEnvironment, BrokenIntegrity, SpeccraftError

UNITS_PER_CPU = 2
"""Units that are with the cluster for each of its CPUs: one at work, one that waits for a CPU to fall idle."""
CHUNK_BYTES = 8 << 20
CHUNKS_AHEAD = 2
"""Chunks that a node may have ready before the first of them is fetched."""
LANDINGS_AT_ONCE = 8
"""Units that are written at the same time: most of that is waiting for the disk."""
MOST_LOSSES = 4
"""Times that the node or process doing a unit may disappear."""
LOOK_ROUND_S, CLEAN_UP_S = 0.2, 3.0


@dataclass(frozen=True)
class _Finished:
    """What a node says of a unit before its bytes: the recordings that killed a worker, and the files in the order they follow."""

    crashed: frozenset[str]
    files: tuple[store.FileEntry, ...]


def run_ray(
    units: Sequence[Unit], cache: Path, *, workers: int, on_done: Callable[[Unit], None] = lambda _unit: None, address: str | None = None
) -> dict[str, Path]:
    """Run every unit on a Ray cluster; the bytes are those of `run_local`. Nodes need the paths of the sources, not the cache.

    Args:
        workers: CPUs of the Ray that is started here where no cluster is named; a cluster has its own count.
        address: `HOST:PORT` of the cluster, or `auto` for the one this machine belongs to; else `RAY_ADDRESS` of the environment.

    Returns:
        The committed cache folder of each unit, by unit name.

    Raises:
        SpeccraftError: a node met something a user must answer.
        BadEnvironment: there is no cluster at the address, nodes are unlike this machine, or a unit is lost again and again.
    """
    if not units:
        return {}
    with cluster(address or os.environ.get("RAY_ADDRESS") or "local", workers) as scratch:
        return _run(units, cache, on_done, scratch)


def _run(units: Sequence[Unit], cache: Path, on_done: Callable[[Unit], None], scratch: str | None) -> dict[str, Path]:
    waiting, done, losses = deque(units), dict[str, Path](), Counter[str]()
    away: dict[Any, Unit] = {}
    landing: dict[Future[Path], Unit] = {}
    sources = {unit.name: unit.identities() for unit in units}
    do = ray.remote(num_cpus=1, max_retries=0, num_returns="streaming", _generator_backpressure_num_objects=CHUNKS_AHEAD)(_do)
    with ThreadPoolExecutor(LANDINGS_AT_ONCE) as pool:
        try:
            while waiting or away or landing:
                for _ in range(min(len(waiting), _room() - len(away) - len(landing))):
                    unit = waiting.popleft()
                    away[do.remote(unit, _sizes(unit), unit.versions, scratch)] = unit
                for stream in ray.wait(list(away), timeout=LOOK_ROUND_S)[0] if away else ():
                    unit = away.pop(stream)
                    landing[pool.submit(_land, stream, unit, cache, sources[unit.name])] = unit
                for landed in _ended(landing, wait=not away):
                    unit = landing.pop(landed)
                    try:
                        done[unit.name] = landed.result()
                    except ray.exceptions.RayTaskError as error:
                        raise _cause(error) from error
                    except ray.exceptions.RayError as error:
                        losses[unit.name] += 1
                        if losses[unit.name] == MOST_LOSSES:
                            raise _lost(unit, error) from error
                        waiting.appendleft(unit)
                    else:
                        on_done(unit)
        except BaseException:
            pool.shutdown(wait=False, cancel_futures=True)
            _call_off(list(away))
            raise
    return done


def _room() -> int:
    """Units that the cluster may have, as it is now: nodes come and go."""
    return UNITS_PER_CPU * max(1, int(ray.cluster_resources().get("CPU", 0)))


def _ended(landing: Mapping[Future[Path], Unit], *, wait: bool) -> list[Future[Path]]:
    """Landings that are over; with `wait`, at least one, if any goes on."""
    return list(futures.wait(landing, timeout=None if wait else 0, return_when=futures.FIRST_COMPLETED).done)


def _land(stream: Iterator[Any], unit: Unit, cache: Path, sources: Sequence[Identity]) -> Path:
    """Write a unit that a node has finished, and commit it as the local engine does, under the files as they were when it was given away."""
    parts = (ray.get(part) for part in stream)
    finished = next(parts)
    if isinstance(finished, SpeccraftError):
        raise finished
    unit = replace(unit, crashed=finished.crashed)
    with store.scratch_folder(cache) as scratch:
        for entry in finished.files:
            with store.new_file(scratch / entry.path) as file:
                _receive(parts, entry, file)
        counts = {entry.path: entry.count for entry in finished.files if entry.count is not None}
        key = unit.key_of(sources)
        store.commit(scratch, final := cache / key, kind="unit", name=unit.source, id=key, counts=counts)
    return final


def _receive(parts: Iterator[bytes], entry: store.FileEntry, file: IO[bytes]) -> None:
    digest, missing = hashlib.sha256(), entry.bytes
    while missing:
        chunk = next(parts)
        digest.update(chunk)
        file.write(chunk)
        missing -= len(chunk)
    if digest.hexdigest() != entry.sha256:
        raise BrokenIntegrity(f"{entry.path} of a unit arrived other than a node sent it", try_this="run the same command again; finished units are kept")


def _call_off(streams: list[Any]) -> None:
    """Cancel what is with the cluster, and give its nodes a moment to remove what they began."""
    for stream in streams:
        ray.cancel(stream)
    if streams:
        ray.wait(streams, num_returns=len(streams), timeout=CLEAN_UP_S)


def _lost(unit: Unit, error: Exception) -> BadEnvironment:
    said = str(error).strip().splitlines()
    return BadEnvironment(
        f"the Ray node or process that did unit {unit.name} has disappeared {MOST_LOSSES} times",
        try_this="look for nodes that end or run out of memory; finished units are kept",
        details=[f"{type(error).__name__}: {said[0] if said else ''}"],
    )


def _cause(error: ray.exceptions.RayTaskError) -> Exception:
    """What went wrong in a node's Python, where it can be named: a node that cannot load the task or the unit has another speccraft, or none."""
    reason = error.cause
    if isinstance(reason, ray.exceptions.RaySystemError) or "failed to import" in str(reason):
        said = str(reason).strip().splitlines()
        return BadEnvironment(
            f"a node of the Ray cluster cannot run speccraft {__version__}",
            try_this=f"install speccraft {__version__} on every node",
            details=[said[0], said[-1]],
        )
    return reason if isinstance(reason, Exception) else error


# --- what runs on a node


def _do(unit: Unit, sizes: list[int | None], versions: dict[str, str], scratch: str | None) -> Iterator[_Finished | SpeccraftError | bytes]:
    """Do a unit in a folder of the node, below `scratch` or where its temporary files are, and hand it back in chunks."""
    try:
        _need_same_versions(versions)
        _need_same_files(unit, sizes)
        with tempfile.TemporaryDirectory(prefix="speccraft-", dir=scratch) as folder:
            crashed = set(unit.crashed)
            finished = _crew().run([unit], Path(folder), lambda one: crashed.update(one.crashed))[unit.name]
            files = store.open_artefact(finished, "unit").record.files
            yield _Finished(frozenset(crashed), files)
            for entry in files:
                with (finished / entry.path).open("rb") as file:
                    while chunk := file.read(CHUNK_BYTES):
                        yield chunk
    except SpeccraftError as error:
        error.details += (f"on the Ray node {ray.util.get_node_ip_address()}",)
        yield error


@cached
def _crew() -> Crew:
    """The killable worker of this Ray process, kept between units."""
    return Crew(1)


def _sizes(unit: Unit) -> list[int | None]:
    """Size of each recording's file in bytes; None for those that are not there, are spoken, not read, or lie in object storage, where a node fetches them."""
    return [None if job.remote is not None else _size(job.path) for job in unit.jobs]


def _size(path: Path | None) -> int | None:
    try:
        return None if path is None else path.stat().st_size
    except OSError:
        return None


def _need_same_versions(wanted: Mapping[str, str]) -> None:
    other = [f"{name}: {version_of(name)} there, {here} here" for name, here in wanted.items() if version_of(name) != here]
    if other:
        raise BadEnvironment("a node of the Ray cluster would make other bytes", try_this="install the same versions on every node", details=other)


def _need_same_files(unit: Unit, sizes: list[int | None]) -> None:
    """A node without the sources would turn every recording into a broken one."""
    for job, here, there in zip(unit.jobs, sizes, _sizes(unit), strict=True):
        if here != there:
            raise BadEnvironment(
                f"{job.path}: {_in_bytes(here)} on this machine, {_in_bytes(there)} on a node of the Ray cluster",
                try_this="sources have to be at the same paths on every node, such as on a shared file system",
            )


def _in_bytes(size: int | None) -> str:
    return "not there" if size is None else f"{size} bytes"
