"""The benchmark job in speccraft: `python -m benchmarks.ours CORPUS OUT --scenario peers --workers 1` builds the corpus from nothing.

The corpus is speech without transcripts, which a plan turns away; here it is admitted, because the peers' job is to cut and measure such speech. All else
is what `speccraft build-manifest` does: rights, plan, units in worker processes, rules, splits, ledger, shards, report, commit.
"""

from __future__ import annotations

import argparse
import json
from dataclasses import replace
from pathlib import Path

from benchmarks.scenarios import NAMES, write_scenario
from speccraft import store
from speccraft.build.engine import run_local
from speccraft.build.run import build, units_of
from speccraft.plan import Admitted, Plan, plan_of
from speccraft.scenario import LoadedScenario, load_scenario

LICENCE = "CC0-1.0"


def planned(name: str, corpus: Path, out: Path) -> tuple[LoadedScenario, Plan]:
    """The scenario and its plan, every file of the corpus admitted."""
    loaded = load_scenario(write_scenario(name, corpus, out))
    plan = plan_of(loaded, data=corpus.parent, as_of="2026-01-01")
    turned = [item for item in plan.turned_away if item.rule == "transcript"]
    assert not plan.admitted, "nothing in the corpus has a transcript"
    assert len(turned) == len(plan.turned_away), "nothing else is wrong with it"
    return loaded, replace(plan, admitted=tuple(Admitted(item.source, item.row, LICENCE) for item in turned), turned_away=())


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
