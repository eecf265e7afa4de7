"""Assemble a build from finished units: decide, write, judge, commit."""

from __future__ import annotations

import json
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any, TypeAlias

import polars as pl

from speccraft import __version__, store
from speccraft.build.banks import NOTHING_MADE, make_banks
from speccraft.build.certificate import certificate
from speccraft.build.decide import MEASURED_COLUMNS, decide, measures_table, segments_table
from speccraft.build.ledger import make_ledger, need_conservation
from speccraft.build.made import NEEDED as TO_MAKE
from speccraft.build.made import make_noise
from speccraft.build.people import names_in, with_pseudonyms
from speccraft.build.tables import collect, sounds_of
from speccraft.build.writer import NEEDED, BuildWriter
from speccraft.machine import without_collector
from speccraft.plan import Plan
from speccraft.report.sums import total_of
from speccraft.rights.licences import TABLE_VERSION
from speccraft.rights.pseudonyms import key_of
from speccraft.scenario import LoadedScenario
from speccraft.scenario.source_base import HEARD

Progress = Callable[[str, int, int], None]
Written: TypeAlias = tuple[dict[str, int], dict[str, Any], Callable[[str], bytes]]
"""The rows of each file, the totals, and the sound of what was dropped, by segment: the report lets it be heard."""


@without_collector()
def assemble(loaded: LoadedScenario, plan: Plan, folders: Mapping[str, Path], builds: Path, tools: Mapping[str, str], on_progress: Progress) -> store.Artefact:
    """Make and commit a build of a plan.

    Args:
        folders: the committed cache folder of each unit, by unit name.
        builds: the folder that the build's own goes into.
        tools: versions of the packages that made it.
    """
    scenario = plan.scenario
    with store.scratch_folder(builds) as scratch:
        key = key_of(scenario, loaded.path.parent)
        counts, totals, dropped = _write(scratch, plan, folders, key, on_progress)
        info = {
            "scenario": {"text": loaded.text, "digest": loaded.digest},
            "as_of": plan.as_of,
            "consent_head": plan.papers.log.head,
            "licence_table": TABLE_VERSION,
            "waivers": plan.waiver_rows,
            "seed": scenario.seed,
            "sampling_rate": scenario.environment.sampling_rate,
            "tools": dict(tools),
            "verdict": _report(scratch, loaded, plan, key or b"", dropped),
            "counts": totals,
        }
        return store.commit(scratch, builds, kind="build", name=scenario.name, info=info, counts=counts)


def _write(scratch: Path, plan: Plan, folders: Mapping[str, Path], key: bytes | None, on_progress: Progress) -> Written:
    """Write everything but the report, which finds the memory of the tables free again."""
    scenario, rate = plan.scenario, plan.scenario.environment.sampling_rate
    decision = decide(collect(plan, folders), scenario)
    made = make_noise(decision.kept(*TO_MAKE), scenario) if scenario.environment.made else NOTHING_MADE
    banks = make_banks(decision.clips, scenario, made)
    ledger = make_ledger(plan, decision.recordings, decision.segments, rate)
    need_conservation(ledger, len(plan.admitted) + len(plan.turned_away))
    seconds = decision.kept("duration_s")["duration_s"]
    totals = {"inputs": ledger.height, "cuts": len(seconds), "seconds": round(total_of(seconds), 3)}
    writer = BuildWriter(scratch, scenario, banks, _counter(on_progress, "write", len(seconds)), decision.dialogues)
    writer.write_table("ledger.parquet", ledger)
    segments = segments_table(decision.segments, decision.recordings, rate)
    names = names_in(segments, key)
    writer.write_table("segments.parquet", segments)
    store.write_bytes(scratch / "splits.json", store.canonical_json(certificate(decision, banks, scenario, names)))
    dropped = sounds_of(decision.segments.filter(pl.col("fate") == "dropped", pl.col("role").is_in(HEARD)))
    cuts, measured = with_pseudonyms(decision.kept(*NEEDED), names), decision.kept(*MEASURED_COLUMNS)
    # A million rows of these take a gigabyte that the writer does not need.
    del decision, ledger, segments
    writer.write_all(cuts)
    writer.write_table("measures.parquet", measures_table(measured, writer.delivered))
    return writer.counts, totals, dropped


def _report(folder: Path, loaded: LoadedScenario, plan: Plan, key: bytes, dropped: Callable[[str], bytes]) -> str:
    from speccraft.report.croissant import write_croissant
    from speccraft.report.facts import BuildFacts
    from speccraft.report.page import write_report

    facts = BuildFacts(
        scenario=plan.scenario,
        scenario_text=loaded.text,
        name=plan.scenario.name,
        as_of=plan.as_of,
        refusals=tuple(plan.refusals),
        attributions=tuple(plan.attributions),
        waivers=tuple(plan.waiver_rows),
        version=__version__,
        pseudonym_key=key,
    )
    verdict = write_report(folder, facts, dropped)
    write_croissant(folder, json.loads((folder / "report.json").read_bytes()))
    return verdict.word


def _counter(on_progress: Progress, phase: str, total: int) -> Callable[[], None]:
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        on_progress(phase, done, total)

    return count
