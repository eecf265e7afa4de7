"""Build: plan, work through the units, decide, write, judge, commit. The same inputs give the same bytes."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import Any

from speccraft import __version__, store
from speccraft.build.buckets import RECORDINGS_PER_UNIT, bucket_count, bucket_of, is_sampled
from speccraft.build.engine import Engine, run_local
from speccraft.build.given import Stretch
from speccraft.build.revoked import called, found, holding, known, remember, with_fingerprints, without
from speccraft.build.tools import NOT_INSTALLED, SOUND, versions_of
from speccraft.build.trust import Circumstances, distrust, remember_crashes, remember_failures, repaired, to_be_tried_again, without_crashed
from speccraft.build.units import Identity, Job, Part, Unit
from speccraft.errors import BrokenIntegrity, RefusedByRights, UnreadableInput
from speccraft.ingest.rows import Row
from speccraft.machine import without_collector
from speccraft.plan import Plan
from speccraft.plan.fates import keeps_untranscribed
from speccraft.rights.doors import need_log
from speccraft.rights.pseudonyms import key_of
from speccraft.rights.revocations import Revocation, need_finished, revocations_of
from speccraft.scenario import LoadedScenario, Scenario
from speccraft.scenario.source import Source, SpokenSource
from speccraft.scenario.source_base import HEARD
from speccraft.sound.spectral import SPECTRAL

Progress = Callable[[str, int, int], None]
"""Told the phase, how much of it is done, and how much there is."""


@dataclass(frozen=True)
class Built:
    """A committed build; `reused` says that nothing had to be done."""

    artefact: store.Artefact
    reused: bool
    counts: Mapping[str, int]
    """How many recordings were `decoded`; where sources were distrusted, how many were `rehashed`, and how many of these `differed`."""


def build(
    loaded: LoadedScenario,
    plan: Plan,
    *,
    workspace: Path,
    workers: int,
    engine: Engine | None = None,
    rehash: bool = False,
    on_progress: Progress = lambda *_: None,
) -> Built:
    """Carry out a plan, or find it carried out.

    Args:
        engine: does the units; default the local one, with as many workers. The build is the same.
        rehash: compare the content of every source file with what the cache was made of; a file is otherwise known by path, size, time of change and inode.

    Raises:
        RefusedByRights: a source that may not be left out is refused, or a revocation is not finished; nothing is built.
        BrokenIntegrity: something was taken out of the consent log since the current build.
        SpeccraftError: a rule drops too much, splits contradict each other, or nothing is left to train on.
    """
    assert plan.scenario == loaded.scenario, "the plan is of the text that is committed"
    _need_rights(plan)
    _need_same_log(plan, workspace)
    with store.locked(workspace):
        need_finished(workspace)
        work = _Work(loaded, workspace, workers, engine, revocations_of(workspace), on_progress)
        if work.revoked:
            plan = without(plan, called(plan, work.revoked))
            with without_collector():
                plan = without(plan, known(work.units_of(plan), work.revoked, workspace))
            _need_rights(plan)
        with without_collector():
            checked = distrust(work.units_of(plan), workspace, workers, on_progress) if rehash else {}
        return work.build(plan, checked)


def _need_same_log(plan: Plan, workspace: Path) -> None:
    """Check that the consent log is the one that the current build was made with, and perhaps went on: a withdrawal cannot be taken out of it."""
    try:
        before = store.current(workspace, "build", plan.scenario.name)
    except (UnreadableInput, BrokenIntegrity):
        return  # a build that was removed or damaged pins nothing, and to build is what repairs it
    if before is not None:
        need_log(plan.papers, str(before.record.info.get("consent_head", "")), f"build {before.record.id}")


def _need_rights(plan: Plan) -> None:
    if plan.stopped_by:
        reasons = "; ".join(f"{what}: {reason}" for what, reason in plan.stopped_by.items())
        raise RefusedByRights(f"refused by rights: {reasons}", try_this=plan.way_out)


@dataclass(frozen=True)
class _Order:
    """The units of a plan, what their files are known by, their keys, and which of their recordings are tried again."""

    units: list[Unit]
    sources: Mapping[str, Sequence[Identity]]
    keys: Mapping[str, str]
    again: Mapping[str, Circumstances]
    rows: str
    tools: dict[str, str]


@dataclass(frozen=True)
class _Work:
    """One command's work in a workspace that it holds."""

    loaded: LoadedScenario
    workspace: Path
    workers: int
    engine: Engine | None
    revoked: tuple[Revocation, ...]
    on_progress: Progress

    def units_of(self, plan: Plan) -> list[Unit]:
        """The units of a plan, which take fingerprints where copies of revoked voices are looked for."""
        units = units_of(plan)
        return with_fingerprints(units, plan) if self.revoked else units

    def build(self, plan: Plan, checked: Mapping[str, int]) -> Built:
        """Carry out a plan; what turns out to hold a revoked voice is taken out of it, and what was made with it is made again."""
        started, decoded, is_first = time.monotonic(), 0, True
        while True:
            with without_collector():
                order = self._order(plan)
                key = self._key(plan, order, list(order.keys.values()))
            if (done := store.recall(self.workspace, key, "build", plan.scenario.name)) is not None:
                store.set_current(self.workspace, done)
                return Built(done, reused=True, counts={"decoded": decoded, **checked})
            folders, made = self._run(order)
            decoded += _recordings(made)
            held = found(order.units, folders, self.revoked) if self.revoked else {}
            if not held:
                break
            is_first = False
            plan = self._without(plan, held, order, folders)
        artefact = _assemble(self.loaded, plan, folders, self.workspace, order.tools, self.on_progress)
        # Keys as the work began: a file may have changed since, and a recording that has killed a worker is left out of the next run's unit.
        made_of = [folder.name for folder in folders.values()]
        store.remember(self.workspace, self._key(plan, order, made_of), artefact, units=made_of)
        store.set_current(self.workspace, artefact)
        is_timed = is_first and len(made) == len(order.units) and self.engine is None
        took = _over_estimate(plan, artefact, self.workers, time.monotonic() - started) if is_timed else {}
        counts = {"decoded": decoded, **checked}
        store.log(self.workspace, "build", id=artefact.record.id, workers=self.workers, **counts, **took)
        return Built(artefact, reused=False, counts=counts)

    def _order(self, plan: Plan) -> _Order:
        units = without_crashed(self.units_of(plan), self.workspace)
        # The files are looked at once: what follows is about them as they are now.
        sources = {unit.name: unit.identities() for unit in units}
        keys = {unit.name: unit.key_of(sources[unit.name]) for unit in units}
        if again := repaired(units, keys, self.workspace):
            units = to_be_tried_again(units, keys, self.workspace, again)
            keys |= {unit.name: unit.key_of(sources[unit.name]) for unit in units if unit.name in again}
        return _Order(units, sources, keys, again, _rows_digest(plan), _tools(units))

    def _run(self, order: _Order) -> tuple[dict[str, Path], list[Unit]]:
        folders, made = _run_units(order.units, order.keys, self.workspace, self.engine or partial(run_local, workers=self.workers), self.on_progress)
        for unit in made:
            remember_crashes(unit, order.sources[unit.name], folders[unit.name], self.workspace)
            remember_failures(unit, folders[unit.name], self.workspace, order.again.get(unit.name, {}))
        return folders, made

    def _without(self, plan: Plan, held: Mapping[tuple[str, str], Revocation], order: _Order, folders: Mapping[str, Path]) -> Plan:
        """The plan without rows that hold a revoked voice, which the cache forgets."""
        refused = remember(held, order.units, order.sources, self.workspace)
        store.forget(self.workspace, holding(order.units, held, folders))
        plan = without(plan, refused)
        _need_rights(plan)
        return plan

    def _key(self, plan: Plan, order: _Order, units: list[str]) -> str:
        """Digest of everything a build depends on, of which the keys of its units are a part."""
        names = key_of(self.loaded.scenario, self.loaded.path.parent) or b""
        return store.key_of(
            [__version__, self.loaded.digest, plan.as_of, units, order.rows, order.tools, [one.id for one in self.revoked], names.hex(), plan.papers.log.head]
        )


def _tools(units: Sequence[Unit]) -> dict[str, str]:
    """Versions of the packages that a build is made with: those that its units need and that are there, and what its tables are made with."""
    needed = {name: version for unit in units for name, version in unit.versions.items() if version != NOT_INSTALLED}
    return versions_of(("polars", *SOUND)) | {name: version for name, version in needed.items() if name != "speccraft"}


def _recordings(units: Sequence[Unit]) -> int:
    return sum(len(unit.jobs) for unit in units)


def units_of(plan: Plan) -> list[Unit]:
    """The units of work of a plan, in a fixed order: recordings of a source by hash, each with the rows that are parts of it."""
    scenario = plan.scenario
    recordings: dict[str, dict[tuple[Any, ...], list[Row]]] = defaultdict(lambda: defaultdict(list))
    sources, aside = {source.id: source for source in scenario.sources}, _aside(plan)
    for item in plan.admitted:
        row = item.row
        if row.is_text:
            continue
        recordings[item.source.id][_recording(row)].append(row)
    units = []
    for id, groups in recordings.items():
        count = bucket_count(len(groups))
        buckets: dict[int, list[Job]] = defaultdict(list)
        for recording, rows in groups.items():
            measures = _spectral(scenario, sources[id], is_sampled(_name(rows[0]), len(groups)))
            buckets[bucket_of(_neighbourhood(rows[0]), count)].append(
                _job(rows, keeps_untranscribed(scenario, sources[id]), measures, aside.get((id, recording), ()))
            )
        for number, jobs in sorted(buckets.items()):
            units.append(
                Unit(
                    name=f"{id}/{number:05d}",
                    source=id,
                    role=sources[id].role,
                    sampling_rate=scenario.environment.sampling_rate,
                    segmentation=scenario.segmentation,
                    longest_s=scenario.job.longest_utterance_s,
                    # Takes of one text in one voice are much alike, and were asked for.
                    with_fingerprints=scenario.looks_for_copies and not isinstance(sources[id], SpokenSource),
                    jobs=tuple(sorted(jobs, key=lambda job: (job.inside.offset if job.inside else 0, job.name, job.channel or 0))),
                )
            )
    return units


def _recording(row: Row) -> tuple[Any, ...]:
    # A text, for a path takes longer to hash.
    return _name(row), str(row.path), row.inside, row.channel


def _aside(plan: Plan) -> Mapping[tuple[str, tuple[Any, ...]], Sequence[Stretch]]:
    """Of each recording of a source the stretches that rows name which are turned away, where their times say what is silence."""
    found: dict[tuple[str, tuple[Any, ...]], list[Stretch]] = defaultdict(list)
    for item in plan.turned_away if plan.scenario.segmentation.detector == "given" else ():
        row = item.row
        if item.source.role in HEARD and (row.start is not None or row.end is not None):
            found[item.source.id, _recording(row)].append((row.start, row.end))
    return found


def _name(row: Row) -> str:
    """What is decoded once: the recording that a row is a part of, or the row itself."""
    is_part = row.recording is not None and (row.start is not None or row.end is not None)
    return str(row.recording) if is_part else row.input


def _spectral(scenario: Scenario, source: Source, is_sampled: bool) -> tuple[str, ...]:
    """The spectral measures of a recording: those that a rule judges by, and in the sample those that are asked for."""
    quality = scenario.quality
    wanted = {*quality.rules(), *(quality.measure if is_sampled else ())} if source.role in HEARD else set()
    return tuple(name for name in SPECTRAL if name in wanted)


def _job(rows: list[Row], may_be_cut: bool, measures: tuple[str, ...], aside: Sequence[Stretch]) -> Job:
    first = rows[0]
    in_time = sorted(rows, key=lambda row: (row.start or 0.0, row.end or 0.0, row.input))
    parts = tuple(_part(row, may_be_cut, measures) for row in in_time)
    return Job(
        _name(first),
        first.path,
        first.say,
        parts,
        first.inside,
        first.channel,
        first.remote,
        tuple(sorted(aside, key=lambda span: (span[0] or 0.0, span[1] is None, span[1] or 0.0))),
    )


def _part(row: Row, may_be_cut: bool, measures: tuple[str, ...]) -> Part:
    is_whole, has_times = bool(row.text) or row.dialogue is not None, row.start is not None or row.end is not None
    return Part(row.input, is_whole, row.start, row.end, may_be_cut=may_be_cut and is_whole and not has_times, spectral=measures)


def _neighbourhood(row: Row) -> str:
    """What decides the unit of a recording: its name, or for a cell of a table its place there, for cells are read in groups."""
    if row.inside is None or row.inside.kind == "bytes":
        return _name(row)
    return f"{row.path and row.path.name}:{row.inside.offset // RECORDINGS_PER_UNIT}"


def _run_units(units: list[Unit], keys: Mapping[str, str], workspace: Path, engine: Engine, on_progress: Progress) -> tuple[dict[str, Path], list[Unit]]:
    """The cache folder of every unit, and the units that were made for it; finished ones cost no process, and damaged ones are done again."""
    cache = workspace / store.KINDS["unit"].folder
    store.sweep(cache)
    done = {name: folder for name, key in keys.items() if store.is_whole(folder := cache / key, "unit")}
    missing = [unit for unit in units if unit.name not in done]
    total = _recordings(units)
    finished = total - _recordings(missing)

    def on_done(unit: Unit) -> None:
        nonlocal finished
        finished += len(unit.jobs)
        on_progress("decode and measure", finished, total)

    on_progress("decode and measure", finished, total)
    done |= engine(missing, cache, on_done=on_done)
    # Workers that were killed cleaned nothing up.
    store.sweep(cache)
    return {unit.name: done[unit.name] for unit in units}, missing


def _assemble(loaded: LoadedScenario, plan: Plan, folders: Mapping[str, Path], workspace: Path, tools: dict[str, str], on_progress: Progress) -> store.Artefact:
    # Here, because where nothing has changed nothing is assembled, and half a second of imports is a tenth of what that may take.
    from speccraft.build.assemble import assemble

    builds = workspace / store.KINDS["build"].folder / plan.scenario.name
    store.sweep(builds)
    return assemble(loaded, plan, folders, builds, tools, on_progress)


def _over_estimate(plan: Plan, artefact: store.Artefact, workers: int, wall_s: float) -> dict[str, float]:
    """What a build from nothing took here, and over the estimate that knows how long its recordings are: the next plan here is scaled by that."""
    import polars as pl

    from speccraft.plan.estimate import estimate
    from speccraft.plan.supply import supply

    seconds = {(source, input): found for source, input, found in pl.read_parquet(artefact.path / "ledger.parquet")["source", "input", "seconds"].iter_rows()}
    timed = tuple(replace(item, row=replace(item.row, seconds=seconds[item.source.id, item.row.input])) for item in plan.admitted)
    known = replace(plan, admitted=timed)
    return {"wall_s": round(wall_s, 1), "over_estimate": round(wall_s / estimate(known, supply(known), workers=workers).build_s, 3)}


def _rows_digest(plan: Plan) -> str:
    """Digest of what the rows say, without the places they say it from."""
    entering = [(item.source.id, item.licence, item.row) for item in plan.admitted]
    rows = [
        [source, licence, row.input, row.recording, row.text, row.speaker, row.session, row.groups, row.language, row.split]
        for source, licence, row in entering
    ]
    dialogues = [[source, row.input, row.part, row.dialogue.as_data()] for source, _, row in entering if row.dialogue is not None]
    return store.key_of(
        [rows, dialogues, plan.attributions, [[item.source.id, item.fate, item.rule, item.reason, item.row.input] for item in plan.turned_away]]
    )
