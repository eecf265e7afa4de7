"""Where a build's CPU time goes: `python -m benchmarks.stages CORPUS --scenario peers` works in this process with a clock around each stage."""

from __future__ import annotations

import argparse
import importlib
import json
import tempfile
import time
from collections import defaultdict
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any

from benchmarks.ours import planned
from benchmarks.scenarios import NAMES
from benchmarks.watch import python, watch

STAGES = {
    "decode": ("speccraft.build.units.decoding",),
    "VAD": ("speccraft.build.units.speech_frames",),
    "frame table": ("speccraft.build.units.frames_of",),
    "utterances": ("speccraft.build.units.utterances",),
    "measures": ("speccraft.build.stretches.measure",),
    "spectral measures": ("speccraft.build.stretches.spectral",),
    "FLAC": ("speccraft.build.stretches.encode_flac",),
    "fingerprint": ("speccraft.build.units.fingerprint",),
    "unit files and commit": ("speccraft.store.commit", "speccraft.store.json_lines"),
    "tables": ("speccraft.build.assemble.collect",),
    "rules and splits": ("speccraft.build.assemble.decide",),
    "ledger": ("speccraft.build.assemble.make_ledger", "speccraft.build.assemble.need_conservation", "speccraft.build.assemble.certificate"),
    "shards": ("speccraft.build.writer.BuildWriter.write_all", "speccraft.build.writer.BuildWriter.write_table"),
    "report": ("speccraft.build.assemble._report",),
}
"""Stages and the functions whose time is theirs, as the rooms that call them name them; the innermost stage is charged."""


class Clock:
    """Charges CPU seconds of this process to the innermost stage that runs."""

    def __init__(self) -> None:
        self.seconds: dict[str, float] = defaultdict(float)
        self._running = ["the rest"]
        self._since = time.process_time()

    def enter(self, stage: str) -> None:
        """A stage begins inside the one that runs."""
        self._charge()
        self._running.append(stage)

    def leave(self) -> None:
        """The stage that runs ends."""
        self._charge()
        self._running.pop()

    def _charge(self) -> None:
        now = time.process_time()
        self.seconds[self._running[-1]] += now - self._since
        self._since = now

    def around(self, stage: str, function: Callable[..., Any]) -> Callable[..., Any]:
        """The function with its time charged to a stage."""

        def timed(*args: Any, **options: Any) -> Any:
            self.enter(stage)
            try:
                return function(*args, **options)
            finally:
                self.leave()

        return timed

    def along(self, stage: str, items: Iterator[Any]) -> Iterator[Any]:
        """The items, the time to make each charged to a stage."""
        while True:
            self.enter(stage)
            try:
                item = next(items, None)
            finally:
                self.leave()
            if item is None:
                return
            yield item


def clocked(clock: Clock) -> None:
    """Put the clock around every stage, for as long as this process lives."""
    for stage, names in STAGES.items():
        for name in names:
            owner, attribute = _owner(name)
            setattr(owner, attribute, clock.around(stage, getattr(owner, attribute)))
    # Blocks are decoded when they are taken, and hashed as they come.
    from speccraft.sound.stream import SampleStream

    plain = SampleStream.__init__

    def begun(stream: SampleStream, blocks: Iterator[Any]) -> None:
        plain(stream, clock.along("decode", blocks))
        stream._digest = _ClockedDigest(clock, stream._digest)  # type: ignore[assignment]

    SampleStream.__init__ = begun  # type: ignore[method-assign]


class _ClockedDigest:
    def __init__(self, clock: Clock, digest: Any) -> None:
        self.update = clock.around("hash", digest.update)
        self.hexdigest = digest.hexdigest


def _owner(name: str) -> tuple[Any, str]:
    """The module or class that holds a dotted name, and the attribute."""
    parts = name.split(".")
    for length in range(len(parts) - 1, 0, -1):
        try:
            owner = importlib.import_module(".".join(parts[:length]))
        except ModuleNotFoundError:
            continue
        for part in parts[length:-1]:
            owner = getattr(owner, part)
        return owner, parts[-1]
    raise AssertionError(f"{name}: no such module")


def profile(name: str, corpus: Path) -> dict[str, dict[str, float]]:
    """CPU seconds by stage of the units alone, and of all that follows them."""
    from speccraft.build import run
    from speccraft.build.units import run_unit

    with tempfile.TemporaryDirectory() as scratch:
        begun = time.process_time()
        loaded, plan = planned(name, corpus, Path(scratch))
        before = {"scenario and plan": time.process_time() - begun}
        cache = Path(scratch) / "cache" / "units"
        cache.mkdir(parents=True)
        clock = Clock()
        clocked(clock)
        for unit in run.units_of(plan):
            run_unit(unit, cache, lambda _: None)
        clock.enter("the rest")
        units = dict(clock.seconds)
        clock.seconds.clear()
        run.build(loaded, plan, workspace=Path(scratch), workers=1)
        clock.leave()
        return {"before": before, "units": units, "after": dict(clock.seconds)}


def profile_of(name: str, corpus: Path) -> dict[str, dict[str, float]]:
    """The profile, taken in a process of its own, for the clock stays in the one that takes it."""
    return watch(python("benchmarks.stages", str(corpus), "--scenario", name)).said


def main() -> None:
    """Print the profile as JSON."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("--scenario", choices=NAMES, default="peers")
    options = parser.parse_args()
    print(json.dumps(profile(options.scenario, options.corpus.absolute())))


if __name__ == "__main__":
    main()
