"""Build: plan, work through the units, decide, write, judge, commit. The same inputs give the same bytes."""

from __future__ import annotations

import hashlib
import importlib.metadata
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl

from speccraft import __version__, store
from speccraft.build.banks import Banks, Clip, make_banks
from speccraft.build.cuts import cut_id
from speccraft.build.engine import run_local
from speccraft.build.ledger import make_ledger, need_conservation
from speccraft.build.rules import FATE_SCHEMA, judged, judged_banks
from speccraft.build.splits import Assignment, Member, assign, shared_values
from speccraft.build.tables import Tables, collect
from speccraft.build.units import Job, Unit, bucket_count, bucket_of
from speccraft.build.writer import BuildWriter
from speccraft.errors import RefusedByRights, SpeccraftError
from speccraft.plan import Admitted, Plan
from speccraft.scenario import LoadedScenario, Scenario
from speccraft.scenario.contracts import SPLITS
from speccraft.sound.measures import MEASURES
from speccraft.sound.shards import decode_flac

Progress = Callable[[str, int, int], None]
"""Told the phase, how much of it is done, and how much there is."""
TOOLS = ("numpy", "polars", "scipy", "soundfile", "soxr", "webrtcvad-wheels")
MEASURE_COLUMNS = (*MEASURES, "characters_per_s")
EXAMPLES = 20
AXES = ("recording", "speaker", "session", "audio", "text")


@dataclass(frozen=True)
class Built:
    """A committed build; `reused` says that nothing had to be done."""

    artefact: store.Artefact
    reused: bool


def build(loaded: LoadedScenario, plan: Plan, *, workspace: Path, workers: int, as_of: str, on_progress: Progress = lambda *_: None) -> Built:
    """Carry out a plan.

    Args:
        as_of: the day (YYYY-MM-DD) that rights are judged at; an input like any other.

    Raises:
        RefusedByRights: a source that may not be left out is refused; nothing is written.
        SpeccraftError: a rule drops too much, splits contradict each other, or nothing is left to train on.
    """
    if plan.stopped_by:
        reasons = "; ".join(f"source '{id}': {reason}" for id, reason in plan.stopped_by.items())
        raise RefusedByRights(f"refused by rights: {reasons}", try_this="correct the licence, or set `on_refusal: exclude` on the source")
    units = units_of(plan)
    key = store.digest_of([__version__, loaded.digest, as_of, [unit.key for unit in units], _rows_digest(plan), _tools()])
    with store.locked(workspace):
        if (done := store.recall(workspace, key, "build", plan.scenario.name)) is not None:
            store.set_current(workspace, done)
            return Built(done, reused=True)
        artefact = _build(loaded, plan, units, workspace, workers, as_of, on_progress)
        store.remember(workspace, key, artefact)
        store.set_current(workspace, artefact)
        store.log(workspace, "build", id=artefact.record.id, workers=workers)
    return Built(artefact, reused=False)


def day(as_of: str | None) -> str:
    """A day as written (YYYY-MM-DD), or today in UTC.

    Raises:
        SpeccraftError: it is no day.
    """
    if as_of is None:
        return datetime.now(UTC).date().isoformat()
    try:
        return date.fromisoformat(as_of).isoformat()
    except ValueError as error:
        raise SpeccraftError(f"'{as_of}' is no day", try_this="write it as 2026-11-22") from error


def units_of(plan: Plan) -> list[Unit]:
    """The units of work of a plan, in a fixed order."""
    scenario = plan.scenario
    by_source: dict[str, list[Admitted]] = defaultdict(list)
    for item in plan.admitted:
        by_source[item.source.id].append(item)
    units = []
    for id, items in by_source.items():
        count = bucket_count(len(items))
        buckets: dict[int, list[Job]] = defaultdict(list)
        for item in items:
            job = Job(item.row.input, item.row.path, item.row.say, whole=item.row.text is not None)
            buckets[bucket_of(item.row.input, count)].append(job)
        for number, jobs in sorted(buckets.items()):
            units.append(
                Unit(
                    name=f"{id}/{number:05d}",
                    source=id,
                    role=items[0].source.role,
                    sampling_rate=scenario.environment.sampling_rate,
                    segmentation=scenario.segmentation,
                    longest_s=scenario.job.longest_utterance_s,
                    jobs=tuple(sorted(jobs, key=lambda job: job.input)),
                )
            )
    return units


def _build(loaded: LoadedScenario, plan: Plan, units: list[Unit], workspace: Path, workers: int, as_of: str, on_progress: Progress) -> store.Artefact:
    scenario, cache = plan.scenario, workspace / store.KINDS["unit"].folder
    builds = workspace / store.KINDS["build"].folder / scenario.name
    store.sweep(cache)
    store.sweep(builds)
    folders = _run_units(units, cache, workers, on_progress)
    tables = collect(plan, folders)
    segments, clips = _fates(tables, scenario)
    assignment, members = _split(segments, scenario)
    segments = _with_cut_and_split(segments, assignment)
    kept = segments.filter((pl.col("role") == "speech") & (pl.col("fate") == "kept"))
    banks = make_banks(clips, scenario)
    ledger = make_ledger(plan, tables.recordings, segments, scenario.environment.sampling_rate)
    need_conservation(ledger, len(plan.admitted) + len(plan.turned_away))
    with store.scratch_folder(builds) as scratch:
        writer = BuildWriter(scratch, scenario, kept, banks, _counter(on_progress, "write", kept.height))
        writer.write_all()
        writer.write_table("measures.parquet", _measures(kept, writer.delivered))
        writer.write_table("segments.parquet", _segments(segments, scenario.environment.sampling_rate))
        writer.write_table("ledger.parquet", ledger)
        store.write_bytes(scratch / "splits.json", store.canonical_json(_certificate(kept, members, assignment, banks, scenario)))
        verdict = _report(scratch, loaded, plan, as_of)
        info = {
            "scenario": {"text": loaded.text, "digest": loaded.digest},
            "as_of": as_of,
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


def _fates(tables: Tables, scenario: Scenario) -> tuple[pl.DataFrame, list[Clip]]:
    """Every segment with its fate, and the noise clips and rooms that are kept."""
    speech, banked = judged(tables.segments, tables.recordings, scenario), judged_banks(tables.segments, tables.recordings, scenario)
    segments = pl.concat([speech, banked], how="diagonal")
    segments = segments.with_columns(fate=pl.when(pl.col("rule").is_null()).then(pl.lit("kept")).otherwise(pl.lit("dropped")))
    clips = [_clip(row) for row in segments.filter((pl.col("role") != "speech") & (pl.col("fate") == "kept")).to_dicts()]
    return segments.join(tables.recordings.select("source", "input", "pcm_sha256", "unit"), on=["source", "input"], how="left"), clips


def _clip(row: dict[str, Any]) -> Clip:
    with Path(row["file"]).open("rb") as file:
        file.seek(row["offset"])
        samples = decode_flac(file.read(row["size"]))
    id = f"{row['source']}-{hashlib.sha256(row['input'].encode()).hexdigest()[:8]}"
    return Clip(id, row["source"], row["role"], row["licence"], samples, rt60_s=row["rt60_s"])


def _split(segments: pl.DataFrame, scenario: Scenario) -> tuple[Assignment, list[Member]]:
    kept = segments.filter((pl.col("role") == "speech") & (pl.col("fate") == "kept"))
    recordings = kept.group_by("source", "input", maintain_order=True).agg(pl.col("duration_s").sum(), pl.col("speaker", "session", "text", "given", "pcm_sha256").first())
    members = [
        Member(
            id=(name := f"{row['source']}:{row['input']}"),
            seconds=row["duration_s"],
            values={
                "recording": name,
                "speaker": row["speaker"],
                "session": row["session"],
                "audio": row["pcm_sha256"],
                "text": None if row["text"] is None else " ".join(row["text"].lower().split()),
            },
            given=row["given"],
        )
        for row in recordings.sort("source", "input").to_dicts()
    ]
    return assign(members, scenario.splits, scenario.seed), members


def _with_cut_and_split(segments: pl.DataFrame, assignment: Assignment) -> pl.DataFrame:
    ids = [cut_id(*row) for row in segments.select("source", "input", "pcm_sha256", "start", "num_samples").iter_rows()]
    names = (pl.col("source") + ":" + pl.col("input")).alias("recording")
    table = segments.with_columns(pl.Series("cut", ids, dtype=pl.String), names)
    splits = pl.DataFrame({"recording": list(assignment.split), "split": list(assignment.split.values())}, schema={"recording": pl.String, "split": pl.String})
    return table.join(splits, on="recording", how="left").with_columns(unseen=pl.col("recording").is_in(list(assignment.unseen)))


def _measures(kept: pl.DataFrame, delivered: Sequence[dict[str, Any]]) -> pl.DataFrame:
    schema = {"cut": pl.String, "place_snr_db": pl.Float64, "delivered_snr_db": pl.Float64, "place_rt60_s": pl.Float64}
    columns = ["cut", "source", "speaker", "split", "stages", "text", *MEASURE_COLUMNS, pl.col("duration_s").alias("seconds"), "unseen"]
    return kept.select(columns).join(pl.DataFrame(list(delivered), schema=schema), on="cut", how="left").sort("cut")


def _segments(segments: pl.DataFrame, sampling_rate: int) -> pl.DataFrame:
    columns = [pl.col("cut").alias("segment"), "input", "source", "role", "speaker", "text", (pl.col("start") / sampling_rate).alias("start_s")]
    return segments.select(*columns, (pl.col("num_samples") / sampling_rate).alias("seconds"), "fate", *FATE_SCHEMA, *MEASURE_COLUMNS).sort("segment")


def _certificate(kept: pl.DataFrame, members: list[Member], assignment: Assignment, banks: Banks, scenario: Scenario) -> dict[str, Any]:
    axes = {}
    for axis in AXES:
        counts, shared = shared_values(members, assignment.split, axis)
        axes[axis] = {**counts, "declared": axis in scenario.splits.disjoint, "n_shared": len(shared), "shared": shared[:EXAMPLES]}
    counts = kept.group_by("split").agg(cuts=pl.len(), seconds=pl.col("duration_s").sum().round(3), speakers=pl.col("speaker").n_unique())
    by_split = {row.pop("split"): row for row in counts.to_dicts()}
    return {
        "axes": axes,
        "counts": {split: by_split.get(split, {"cuts": 0, "seconds": 0.0, "speakers": 0}) for split in SPLITS},
        "unseen": {axis: list(values) for axis, values in scenario.splits.unseen.items()},
        "notes": [*assignment.notes, *banks.notes],
        "banks": {"noise": banks.ids("noise"), "rir": banks.ids("rir")},
    }


def _report(folder: Path, loaded: LoadedScenario, plan: Plan, as_of: str) -> str:
    from speccraft.report.facts import BuildFacts
    from speccraft.report.page import write_report

    facts = BuildFacts(
        scenario=plan.scenario, scenario_text=loaded.text, name=plan.scenario.name, as_of=as_of, refusals=tuple(plan.refusals), version=__version__
    )
    return write_report(folder, facts).word


def _rows_digest(plan: Plan) -> str:
    """Digest of what the rows say, without the places they say it from."""
    rows = [[item.source.id, item.licence, *_row_facts(item)] for item in plan.admitted]
    return store.digest_of([rows, [[item.source.id, item.fate, item.rule, item.reason, item.row.input] for item in plan.turned_away]])


def _row_facts(item: Admitted) -> list[str | None]:
    row = item.row
    return [row.input, row.text, row.speaker, row.session, row.language, row.split]


def _tools() -> dict[str, str]:
    return {name: importlib.metadata.version(name) for name in TOOLS}


def _counter(on_progress: Progress, phase: str, total: int) -> Callable[[], None]:
    done = 0

    def count() -> None:
        nonlocal done
        done += 1
        on_progress(phase, done, total)

    return count
