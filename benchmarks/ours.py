"""The benchmark job in speccraft: `python -m benchmarks.ours CORPUS OUT --scenario peers --workers 1` builds the corpus from nothing.

It is what `speccraft build-manifest` does: rights, plan, units in worker processes, rules, splits, ledger, shards, report, commit. The corpus is speech
without transcripts, as the peers' job has it, so it serves pre-training and is all in train.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path

from benchmarks.scenarios import NAMES, write_scenario
from speccraft import store
from speccraft.build.engine import run_local
from speccraft.build.run import build, units_of
from speccraft.plan import Plan, plan_of
from speccraft.scenario import LoadedScenario, load_scenario


def planned(name: str, corpus: Path, out: Path) -> tuple[LoadedScenario, Plan]:
    """The scenario and its plan, every file of the corpus admitted."""
    loaded = load_scenario(write_scenario(name, corpus, out))
    plan = plan_of(loaded, data=corpus.parent, as_of="2026-01-01")
    assert not plan.turned_away, "nothing is wrong with the corpus"
    return loaded, plan


def work(name: str, corpus: Path, out: Path, *, workers: int, units_only: bool) -> dict[str, float]:
    """Build from nothing, or do no more than the units' work; say how many cuts, or units, there are."""
    loaded, plan = planned(name, corpus, out)
    if not units_only:
        counts = build(loaded, plan, workspace=out, workers=workers).artefact.record.info["counts"]
        return {"kept": counts["cuts"], "seconds": counts["seconds"]}
    cache = out / store.KINDS["unit"].folder
    cache.mkdir(parents=True)
    return {"units": len(run_local(units_of(plan), cache, workers=workers))}


def main() -> None:
    """Do it, and say what was made."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("corpus", type=Path)
    parser.add_argument("out", type=Path)
    parser.add_argument("--scenario", choices=NAMES, default="peers")
    parser.add_argument("--workers", type=int, default=1)
    parser.add_argument("--units-only", action="store_true")
    options = parser.parse_args()
    options.out.mkdir(parents=True)
    print(json.dumps(work(options.scenario, options.corpus.absolute(), options.out, workers=options.workers, units_only=options.units_only)))


if __name__ == "__main__":
    main()
