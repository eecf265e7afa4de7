"""The page of results: every number with its ratio to decoding alone, the targets, the profile, and the machine."""

from __future__ import annotations

import importlib.metadata
import os
import platform
import statistics
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path

from benchmarks.corpus import Corpus
from benchmarks.scenarios import NAMES
from benchmarks.watch import Cost

DECODE, OURS = "decoding alone", "speccraft, peers"
UNITS, TWO_WORKERS = f"{OURS}, units alone", f"{OURS}, two workers"
AN_HOUR = f"{UNITS}, the first hour"
"""Beside the whole corpus: whether workers stay as small as at the beginning."""
TARGETS = {OURS: 4.0, "speccraft, defaults": 5.5, "speccraft, everything": 8.0}
"""Times decoding alone."""
PEER_TARGETS = {"lhotse": 0.45, "datasets": 0.55, "Ray Data": 0.65}
"""Our whole build over theirs."""
MANIFEST_TARGET, FASTER = 2.8, 1.8
WORKER_MB, WORKER_GROWTH = 250, 0.1
TOOLS = ("speccraft", "numpy", "soundfile", "soxr", "webrtcvad-wheels", "polars", "lhotse", "datasets", "ray", "pyarrow")

Profile = Mapping[str, Mapping[str, float]]


@dataclass(frozen=True)
class Measured:
    """What was measured: costs by command and round, profiles by scenario, and the machine's load after each command."""

    corpus: Corpus
    rounds: int
    costs: Mapping[tuple[str, int], Cost]
    profiles: Mapping[str, Profile]
    loads: list[float]

    @property
    def names(self) -> list[str]:
        """Commands, in the order they were first run in."""
        return list(dict.fromkeys(name for name, _ in self.costs))

    def all(self, name: str) -> list[Cost]:
        """The costs of a command, a round each."""
        return [cost for (found, _), cost in self.costs.items() if found == name]

    def cpu_s(self, name: str) -> float:
        """Median CPU seconds of a command."""
        return statistics.median(cost.cpu_s for cost in self.all(name))

    def wall_s(self, name: str) -> float:
        """The shortest wall time of a command: what else the machine does only makes it longer."""
        return min(cost.wall_s for cost in self.all(name))

    def worker_mb(self, name: str) -> float:
        """Median of the largest worker's high-water mark."""
        return statistics.median(max(cost.workers_mb) for cost in self.all(name))

    def ratio(self, name: str) -> float:
        """CPU seconds over those of decoding alone."""
        return self.cpu_s(name) / self.cpu_s(DECODE)


def results(found: Measured) -> str:
    """The page."""
    parts = [_opening(found), _commands(found), _targets(found), _stages(found), _memory(found), _method()]
    return "\n\n".join(parts) + "\n"


def _opening(found: Measured) -> str:
    corpus = found.corpus
    kinds = ", ".join(f"{count} {ending.upper()}" for ending, count in corpus.endings.items())
    lines = [
        "# Results",
        "",
        f"{corpus.hours:.2f} h of made speech in {corpus.files} files ({kinds}; `benchmarks/corpus.py`), {found.rounds} interleaved rounds, medians of CPU",
        "seconds, user and system, of a command and all it started. Written by `make bench`; what is measured is said at the end.",
        "",
        f"Machine: {_processor()}, {len(os.sched_getaffinity(0))} cores, {_memory_gb():.0f} GB; {platform.system()} {platform.release()}.",
        f"Load average after the commands: {min(found.loads):.1f} to {max(found.loads):.1f}, median {statistics.median(found.loads):.1f}.",
        f"Python {platform.python_version()}, " + ", ".join(f"{tool.name} {tool.version}" for tool in map(_installed, TOOLS) if tool is not None) + ".",
    ]
    return "\n".join(lines)


def _commands(found: Measured) -> str:
    rows = [_command(found, name) for name in found.names if name != AN_HOUR]
    head = ["command", "CPU-s", "least to most", "CPU-s an hour", "/ decoding", "least wall s", "peak MB, all processes", "kept"]
    return "## Commands\n\n" + _table(head, rows)


def _command(found: Measured, name: str) -> list[str]:
    costs, seconds = found.all(name), [cost.cpu_s for cost in found.all(name)]
    peak_mb = statistics.median(cost.peak_mb for cost in costs)
    numbers = [
        f"{found.cpu_s(name):.2f}",
        f"{min(seconds):.2f} to {max(seconds):.2f}",
        f"{found.cpu_s(name) / found.corpus.hours:.2f}",
        f"{found.ratio(name):.2f}",
    ]
    return [name, *numbers, f"{found.wall_s(name):.1f}", f"{peak_mb:.0f}", str(costs[0].said.get("kept", ""))]


def _targets(found: Measured) -> str:
    rows = [_target(f"{name} / decoding", found.ratio(name), most) for name, most in TARGETS.items()]
    rows += [_target(f"{OURS} / {peer}", found.cpu_s(OURS) / found.cpu_s(peer), most) for peer, most in PEER_TARGETS.items() if peer in found.names]
    rows.append(_target(f"{OURS}, less FLAC and shards (by the profile) / decoding", manifest_ratio(found), MANIFEST_TARGET))
    rows.append(_two_workers(found))
    return "## Targets\n\n" + _table(["what", "measured", "target", ""], rows)


def _two_workers(found: Measured) -> list[str]:
    faster, cores = found.wall_s(OURS) / found.wall_s(TWO_WORKERS), len(os.sched_getaffinity(0))
    verdict = "reached" if faster >= FASTER else "missed"
    if cores < 2 or statistics.median(found.loads) > cores:
        verdict = "not judged: wall time needs two idle cores"
    return ["two workers, times as fast as one", f"{faster:.2f}", f"≥ {FASTER}", verdict]


def manifest_ratio(found: Measured) -> float:
    """What a build without audio shards would cost: there is no such command, so the share of the stages that write them is taken off."""
    profile = found.profiles["peers"]
    total = sum(sum(stages.values()) for stages in profile.values())
    audio = sum(stages.get("FLAC", 0.0) + stages.get("shards", 0.0) for stages in profile.values())
    return (found.cpu_s(OURS) - audio * min(1.0, found.cpu_s(OURS) / total)) / found.cpu_s(DECODE)


def _target(what: str, measured: float, most: float) -> list[str]:
    return [what, f"{measured:.2f}", f"≤ {most}", "reached" if measured <= most else f"missed by {measured / most - 1:.0%}"]


def _stages(found: Measured) -> str:
    rows = []
    for part in found.profiles[NAMES[0]]:
        for stage in dict.fromkeys(stage for name in NAMES for stage in found.profiles[name][part]):
            rows.append([part, stage, *(f"{found.profiles[name][part].get(stage, 0.0):.2f}" for name in NAMES)])
    seen = {name: sum(sum(times.values()) for times in found.profiles[name].values()) for name in NAMES}
    rows.append(
        ["start", "imports and the worker process: the command less the stages", *(f"{found.cpu_s(f'speccraft, {name}') - seen[name]:.2f}" for name in NAMES)]
    )
    note = "CPU seconds by stage; one run, in one process, with a clock around each stage. `before` and `after` are what a build does around its units."
    return f"## Where the time goes\n\n{note}\n\n" + _table(["part", "stage", *NAMES], rows)


def _memory(found: Measured) -> str:
    names = [name for name in found.names if name.startswith("speccraft")]
    most = max(map(found.worker_mb, names))
    lines = [f"Target: at most {WORKER_MB} MB: {'reached' if most <= WORKER_MB else 'missed'}."]
    if AN_HOUR in names:
        growth = found.worker_mb(UNITS) / found.worker_mb(AN_HOUR) - 1
        verdict = "reached" if abs(growth) <= WORKER_GROWTH else "missed"
        lines.append(f"From 1 to {found.corpus.hours:.0f} h it changes by {growth:+.0%}; target: no more than {WORKER_GROWTH:.0%} either way: {verdict}.")
    note = "The largest resident set of a worker process (VmHWM), in MB."
    return (
        f"## Memory of a worker\n\n{note}\n\n"
        + _table(["command", "MB"], [[name, f"{found.worker_mb(name):.0f}"] for name in names])
        + "\n\n"
        + " ".join(lines)
    )


def _table(head: list[str], rows: list[list[str]]) -> str:
    return "\n".join(f"| {' | '.join(cells)} |" for cells in (head, ["---"] * len(head), *rows))


def _method() -> str:
    return """## What is compared

- The peers' job: decode, WebRTC's detector (mode 2, 30 ms, at full scale), join and pad, measure level, peak, clipping, signal-to-noise ratio and
  speech share of every piece, keep SNR of 10 dB and more, clipping up to 0.1 %, 0.5 to 30 s, write FLAC and rows. All peers are given the same
  lean numpy functions (`benchmarks/peers/recipe.py`), so what differs is how they find, move and decode again. We keep somewhat more: pieces are
  padded and repeats are treated otherwise, and our noise floor leaves out the loudest silence.
- speccraft does more than the peers: rights, hash and repeats, splits, ledger, report, checksums and commit. The corpus has no transcripts,
  so all of it serves pre-training and is in train.
- `peers` has the peers' rules; `defaults` says nothing about quality, so near-duplicates are looked for; `everything` has a rule on every
  measure that needs no samples, takes the others on a sample as `quality.measure` does, and keeps splits apart on every axis; `judged`
  has a rule on those others too, so they are taken on every segment. `units alone` stops where decoded, measured and encoded units lie in the cache.
- speccraft has no pass that writes a manifest without audio; what one would cost is worked out from the profile.
- Every command has one worker and one thread unless it says otherwise. Starting Python and imports are in every number. Of processes that
  nobody waits for, which Ray has, the time is what was last seen of it."""


def _installed(name: str) -> importlib.metadata.Distribution | None:
    """A package, unless it is a peer that nobody asked for and that is not there."""
    return next(importlib.metadata.distributions(name=name), None)


def _processor() -> str:
    lines = Path("/proc/cpuinfo").read_text().splitlines() if Path("/proc/cpuinfo").exists() else []
    return next((line.split(":")[1].strip() for line in lines if line.startswith("model name")), platform.machine())


def _memory_gb() -> float:
    return os.sysconf("SC_PAGE_SIZE") * os.sysconf("SC_PHYS_PAGES") / 1e9
