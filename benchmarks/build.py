"""Measure builds beside decoding alone and beside peers on the same job, interleaved, and write benchmarks/results.md: `python -m benchmarks.build`.

What is measured is kept in the work folder: the same command goes on where it was interrupted, unless the code has changed since.
"""

from __future__ import annotations

import argparse
import hashlib
import json
import os
import shutil
import time
from dataclasses import asdict
from pathlib import Path

from benchmarks.corpus import made
from benchmarks.page import AN_HOUR, DECODE, TWO_WORKERS, UNITS, Measured, results
from benchmarks.scenarios import NAMES
from benchmarks.stages import profile_of
from benchmarks.watch import Cost, python, watch

HERE = Path(__file__).parent

PEERS = {
    "lhotse": ("benchmarks.peers.lhotse_build",),
    "lhotse, measured while detecting": ("benchmarks.peers.lhotse_build", "--fused"),
    "datasets": ("benchmarks.peers.hf_datasets_build",),
    "Ray Data": ("benchmarks.peers.ray_data_build",),
}
OURS = {
    **{f"speccraft, {name}": ("benchmarks.ours", "--scenario", name) for name in NAMES},
    **{f"speccraft, {name}, units alone": ("benchmarks.ours", "--scenario", name, "--units-only") for name in NAMES},
    TWO_WORKERS: ("benchmarks.ours", "--scenario", "peers", "--workers", "2"),
}


def main() -> None:
    """Run what has not been run, and write the page."""
    options = _options()
    os.environ |= {"OMP_NUM_THREADS": "1", "TOKENIZERS_PARALLELISM": "false", "HF_HUB_OFFLINE": "1"}
    options.work.mkdir(parents=True, exist_ok=True)
    corpus = made(options.work / f"corpus-{options.hours:g}h", options.hours)
    hour = made(options.work / "corpus-1h", 1.0) if options.hours > 1 else None
    peers = {name: command for name, command in PEERS.items() if not options.peers or command[0].split(".")[-1].removesuffix("_build") in options.peers}
    commands = {DECODE: ("benchmarks.peers.decode_only",), **OURS, **peers}
    folders = dict.fromkeys(commands, corpus.folder)
    if hour is not None:
        commands[AN_HOUR], folders[AN_HOUR] = OURS[UNITS], hour.folder
    measured = _Notebook(options.work / "measured.jsonl", _state(options.hours))
    for number in range(options.rounds):
        for name in _turned(list(commands), number):
            if (name, number) not in measured.costs:
                measured.add(name, number, _run(commands[name], folders[name], options.work / "out"))
                print(f"round {number + 1} of {options.rounds}, {name}: {measured.costs[name, number].cpu_s:.2f} CPU-s", flush=True)
    for name in NAMES:
        if name not in measured.profiles:
            measured.add_profile(name, profile_of(name, corpus.folder))
    options.out.write_text(results(Measured(corpus, options.rounds, measured.costs, measured.profiles, measured.loads)))
    print(options.out.read_text())


def _options() -> argparse.Namespace:
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("--hours", type=float, default=10.0)
    parser.add_argument("--rounds", type=int, default=3)
    parser.add_argument("--work", type=Path, default=Path("bench-work"), help="corpora, and what was measured so far")
    parser.add_argument("--out", type=Path, default=HERE / "results.md")
    parser.add_argument("--peers", nargs="*", choices=["lhotse", "hf_datasets", "ray_data"], help="only these; default all")
    return parser.parse_args()


def _turned(names: list[str], number: int) -> list[str]:
    """Every round begins elsewhere, so that nothing always follows the same neighbour."""
    start = number * 3 % len(names)
    return names[start:] + names[:start]


def _run(command: tuple[str, ...], corpus: Path, out: Path) -> Cost:
    """Run a command into an empty folder that is gone afterwards."""
    shutil.rmtree(out, ignore_errors=True)
    module, *arguments = command
    try:
        return watch(python(module, str(corpus), str(out), *arguments))
    finally:
        shutil.rmtree(out, ignore_errors=True)


class _Notebook:
    """What was measured, kept as lines of a file; lines of another state of the code or another corpus are not read."""

    def __init__(self, path: Path, state: str) -> None:
        self.costs: dict[tuple[str, int], Cost] = {}
        self.profiles: dict[str, dict[str, dict[str, float]]] = {}
        self.loads: list[float] = []
        self._path, self._state = path, state
        for line in path.read_text().splitlines() if path.exists() else []:
            self._note(json.loads(line))

    def add(self, name: str, number: int, cost: Cost) -> None:
        """Keep one measurement, with the machine's load just after it."""
        self._keep({"name": name, "round": number, "load": os.getloadavg()[0], "cost": asdict(cost)})

    def add_profile(self, name: str, profile: dict[str, dict[str, float]]) -> None:
        """Keep one profile."""
        self._keep({"name": name, "profile": profile})

    def _keep(self, line: dict[str, object]) -> None:
        line |= {"state": self._state, "at": time.strftime("%Y-%m-%d %H:%M:%S")}
        with self._path.open("a") as file:
            file.write(json.dumps(line) + "\n")
        self._note(line)

    def _note(self, line: dict) -> None:
        if line["state"] != self._state:
            return
        if "profile" in line:
            self.profiles[line["name"]] = line["profile"]
        else:
            self.costs[line["name"], line["round"]] = Cost(**line["cost"])
            self.loads.append(line["load"])


def _state(hours: float) -> str:
    """Digest of the code and of which corpus it runs on."""
    digest = hashlib.sha256(f"{hours:g}".encode())
    for folder in (HERE, HERE.parent / "speccraft"):
        for path in sorted(folder.rglob("*.py")):
            digest.update(path.read_bytes())
    return digest.hexdigest()[:16]


if __name__ == "__main__":
    main()
