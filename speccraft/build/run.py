"""Build: plan, work through the units, decide, write, judge, commit. The same inputs give the same bytes."""

from __future__ import annotations

import importlib.metadata
import time
from collections import defaultdict
from collections.abc import Callable
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from speccraft import __version__, store
from speccraft.build.banks import make_banks
from speccraft.build.certificate import certificate
from speccraft.build.decide import decide, measures_table, segments_table
from speccraft.build.engine import run_local
from speccraft.build.ledger import make_ledger, need_conservation
from speccraft.build.tables import collect
from speccraft.build.units import RECORDINGS_PER_UNIT, Job, Part, Unit, bucket_count, bucket_of
from speccraft.build.writer import BuildWriter
from speccraft.errors import RefusedByRights
from speccraft.ingest.rows import Row
from speccraft.plan import Plan
from speccraft.plan.estimate import estimate
from speccraft.plan.supply import supply
from speccraft.scenario import LoadedScenario

Progress = Callable[[str, int, int], None]
"""Told the phase, how much of it is done, and how much there is."""
TOOLS = ("numpy", "polars", "scipy", "soundfile", "soxr", "webrtcvad-wheels")


@dataclass(frozen=True)
class Built:
    """A committed build; `reused` says that nothing had to be done."""

    artefact: store.Artefact
    reused: bool


def build(loaded: LoadedScenario, plan: Plan, *, workspace: Path, workers: int, on_progress: Progress = lambda *_: None) -> Built:
    """Carry out a plan.

    Raises:
        RefusedByRights: a source that may not be left out is refused; nothing is written.
        SpeccraftError: a rule drops too much, splits contradict each other, or nothing is left to train on.
    """
    assert plan.scenario == loaded.scenario, "the plan is of the text that is committed"
    if plan.stopped_by:
        reasons = "; ".join(f"{what}: {reason}" for what, reason in plan.stopped_by.items())
        raise RefusedByRights(f"refused by rights: {reasons}", try_this=plan.way_out)
    units = units_of(plan)
    key = store.digest_of([__version__, loaded.digest, plan.as_of, [unit.key for unit in units], _rows_digest(plan), _tools()])
    with store.locked(workspace):
        if (done := store.recall(workspace, key, "build", plan.scenario.name)) is not None:
            store.set_current(workspace, done)
            return Built(done, reused=True)
        started, whole = time.monotonic(), not any(store.is_whole(workspace / store.KINDS["unit"].folder / unit.key, "unit") for unit in units)
        artefact = _build(loaded, plan, units, workspace, workers, on_progress)
        store.remember(workspace, key, artefact, units=[unit.key for unit in units])
        store.set_current(workspace, artefact)
        took = _over_estimate(plan, artefact, workers, time.monotonic() - started) if whole else {}
        store.log(workspace, "build", id=artefact.record.id, workers=workers, **took)
    return Built(artefact, reused=False)


def units_of(plan: Plan) -> list[Unit]:
    """The units of work of a plan, in a fixed order: recordings of a source by hash, each with the rows that are parts of it."""
    scenario = plan.scenario
    recordings: dict[str, dict[tuple[Any, ...], list[Row]]] = defaultdict(lambda: defaultdict(list))
    sources = {source.id: source for source in scenario.sources}
    for item in plan.admitted:
        row = item.row
        recordings[item.source.id][(_name(row), row.path, row.inside, row.channel)].append(row)
    units = []
    for id, groups in recordings.items():
        count = bucket_count(len(groups))
        buckets: dict[int, list[Job]] = defaultdict(list)
        for rows in groups.values():
            buckets[bucket_of(_neighbourhood(rows[0]), count)].append(_job(rows))
        for number, jobs in sorted(buckets.items()):
            units.append(
                Unit(
                    name=f"{id}/{number:05d}",
                    source=id,
                    role=sources[id].role,
                    sampling_rate=scenario.environment.sampling_rate,
                    segmentation=scenario.segmentation,
                    longest_s=scenario.job.longest_utterance_s,
                    with_fingerprints=scenario.looks_for_copies,
                    jobs=tuple(sorted(jobs, key=lambda job: (job.inside.offset if job.inside else 0, job.name, job.channel or 0))),
                )
            )
    return units


def _name(row: Row) -> str:
    """What is decoded once: the recording that a row is a part of, or the row itself."""
    is_part = row.recording is not None and (row.start is not None or row.end is not None)
    return str(row.recording) if is_part else row.input


def _job(rows: list[Row]) -> Job:
    first = rows[0]
    in_time = sorted(rows, key=lambda row: (row.start or 0.0, row.end or 0.0, row.input))
    parts = tuple(Part(row.input, row.text is not None, row.start, row.end) for row in in_time)
    return Job(_name(first), first.path, first.say, parts, first.inside, first.channel)


def _neighbourhood(row: Row) -> str:
    """What decides the unit of a recording: its name, or for a cell of a table its place there, for cells are read in groups."""
    if row.inside is None or row.inside.kind == "bytes":
        return _name(row)
    return f"{row.path and row.path.name}:{row.inside.offset // RECORDINGS_PER_UNIT}"


def _build(loaded: LoadedScenario, plan: Plan, units: list[Unit], workspace: Path, workers: int, on_progress: Progress) -> store.Artefact:
    scenario, cache = plan.scenario, workspace / store.KINDS["unit"].folder
    builds = workspace / store.KINDS["build"].folder / scenario.name
    store.sweep(cache)
    store.sweep(builds)
    folders = _run_units(units, cache, workers, on_progress)
    tables = collect(plan, folders)
    decision = decide(tables, scenario)
    kept, banks = decision.kept, make_banks(decision.clips, scenario)
    ledger = make_ledger(plan, tables.recordings, decision.segments, scenario.environment.sampling_rate)
    need_conservation(ledger, len(plan.admitted) + len(plan.turned_away))
    with store.scratch_folder(builds) as scratch:
        writer = BuildWriter(scratch, scenario, kept, banks, _counter(on_progress, "write", kept.height))
        writer.write_all()
        writer.write_table("measures.parquet", measures_table(kept, writer.delivered))
        writer.write_table("segments.parquet", segments_table(decision.segments, scenario.environment.sampling_rate))
        writer.write_table("ledger.parquet", ledger)
        store.write_bytes(scratch / "splits.json", store.canonical_json(certificate(decision, banks, scenario)))
        verdict = _report(scratch, loaded, plan)
        info = {
            "scenario": {"text": loaded.text, "digest": loaded.digest},
            "as_of": plan.as_of,
            "seed": scenario.seed,
            "sampling_rate": scenario.environment.sampling_rate,
            "tools": _tools(),
            "verdict": verdict,
            "counts": {"inputs": ledger.height, "cuts": kept.height, "seconds": round(float(kept["duration_s"].sum()), 3)},
        }
        return store.commit(scratch, builds, kind="build", name=scenario.name, info=info, counts=writer.counts)


def _run_units(units: list[Unit], cache: Path, workers: int, on_progress: Progress) -> dict[str, Path]:
    """The cache folder of every unit; finished ones cost no process, and damaged ones are done again."""
    done = {unit.name: folder for unit in units if store.is_whole(folder := cache / unit.key, "unit")}
    missing = [unit for unit in units if unit.name not in done]
    total = sum(len(unit.jobs) for unit in units)
    finished = total - sum(len(unit.jobs) for unit in missing)

    def on_done(unit: Unit) -> None:
        nonlocal finished
        finished += len(unit.jobs)
        on_progress("decode and measure", finished, total)

    on_progress("decode and measure", finished, total)
    done |= run_local(missing, cache, workers=workers, on_done=on_done)
    return {unit.name: done[unit.name] for unit in units}


def _report(folder: Path, loaded: LoadedScenario, plan: Plan) -> str:
    from speccraft.report.facts import BuildFacts
    from speccraft.report.page import write_report

    facts = BuildFacts(
        scenario=plan.scenario,
        scenario_text=loaded.text,
        name=plan.scenario.name,
        as_of=plan.as_of,
        refusals=tuple(plan.refusals),
        attributions=tuple(plan.attributions),
        version=__version__,
    )
    return write_report(folder, facts).word


def _over_estimate(plan: Plan, artefact: store.Artefact, workers: int, wall_s: float) -> dict[str, float]:
    """What a build from nothing took, and over the estimate that knows how long its recordings are: the next plan here is scaled by that."""
    import polars as pl

    seconds = {(source, input): found for source, input, found in pl.read_parquet(artefact.path / "ledger.parquet")["source", "input", "seconds"].iter_rows()}
    timed = tuple(replace(item, row=replace(item.row, seconds=seconds[item.source.id, item.row.input])) for item in plan.admitted)
    known = replace(plan, admitted=timed)
    return {"wall_s": round(wall_s, 1), "over_estimate": round(wall_s / estimate(known, supply(known), workers=workers).build_s, 3)}


def _rows_digest(plan: Plan) -> str:
    """Digest of what the rows say, without the places they say it from."""
    entering = [(item.source.id, item.licence, item.row) for item in plan.admitted]
    rows = [[source, licence, row.input, row.recording, row.text, row.speaker, row.session, row.language, row.split] for source, licence, row in entering]
    return store.digest_of([rows, plan.attributions, [[item.source.id, item.fate, item.rule, item.reason, item.row.input] for item in plan.turned_away]])


def _tools() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in TOOLS}


def _counter(on_progress: Progress, phase: str, total: int) -> Callable[[], None]:
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        on_progress(phase, done, total)

    return count
