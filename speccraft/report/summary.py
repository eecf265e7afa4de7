"""Gather everything a report shows into one JSON object: the page and the card are drawn from it alone."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path, PurePosixPath
from typing import Any

import polars as pl

from speccraft.report import groups
from speccraft.report.clips import clips
from speccraft.report.distributions import channel_problems, distributions, rooms
from speccraft.report.facts import BuildFacts
from speccraft.report.findings import BANDWIDTH_ERROR_HZ, SNR_ERROR_DB, Verdict, environment_match, shared_items, wilson
from speccraft.report.sums import total_of
from speccraft.report.tables import Tables
from speccraft.report.visible import SpeakerNames, all_visible, shortened
from speccraft.report.waterfall import Flow, together
from speccraft.scenario.contracts import SPLITS
from speccraft.scenario.model import Scenario
from speccraft.scenario.source_base import HEARD
from speccraft.sound.channel import upper_limit_hz

CHANNEL_UNITS = {"bitrate_kbps": "kbit/s", "low_hz": "to", "high_hz": "Hz"}
MOST_LOSSES = 60
EXAMPLES = 3
MOST_NOTES = 40


def summarise(folder: Path, facts: BuildFacts, tables: Tables, flows: Sequence[Flow], verdict: Verdict) -> dict[str, Any]:
    """The content of `report.json`; all text in it is visible text, and speakers go by the names the scenario allows."""
    scenario, measures = facts.scenario, tables.measures
    speakers = pl.concat([measures["speaker"], tables.segments["speaker"]]).drop_nulls().unique().to_list()
    names = SpeakerNames(speakers, pseudonyms=scenario.privacy.pseudonyms)
    report = {
        "report": 1,
        "name": facts.name,
        "as_of": facts.as_of,
        "version": facts.version,
        "verdict": verdict.word,
        "findings": [finding.as_row() for finding in verdict.findings],
        "scenario": _declared(facts),
        "totals": _totals(measures),
        "flows": [_flow(flow) for flow in flows],
        "speech": _flow(together(flows, HEARD)),
        "losses": _losses(tables.ledger, names),
        "refusals": [{"source": source, "reason": shortened(names.in_text(reason)), "rows": n} for source, reason, n in facts.refusals[:MOST_LOSSES]],
        "distributions": distributions(scenario, tables),
        "channels": channel_problems(tables.ledger),
        "rooms": rooms(scenario, tables),
        "in_place": _in_place(scenario, measures),
        "groups": {
            "split": groups.by_split(measures),
            "stage": groups.by_stage(measures),
            "source": groups.by_source(measures),
            "speaker": groups.by_speaker(measures, names),
        },
        "pseudonyms": names.pseudonyms,
        "unseen": _totals(measures.filter(pl.col("unseen"))),
        "certificate": _certificate(scenario, tables, names),
        "licences": _licences(tables),
        "attributions": [{"source": source, "licence": licence, "whom": shortened(whom)} for source, licence, whom in facts.attributions],
        "clips": clips(folder, measures, names, facts.scenario.environment.sampling_rate),
    }
    visible: dict[str, Any] = all_visible(report)
    return visible


def _declared(facts: BuildFacts) -> dict[str, Any]:
    scenario = facts.scenario
    channel = scenario.environment.channel.model_dump()
    return {
        "sha256": hashlib.sha256(facts.scenario_text.encode()).hexdigest(),
        "seed": scenario.seed,
        "task": scenario.job.task,
        "languages": list(scenario.job.languages),
        "style": scenario.job.style,
        "longest_utterance_s": scenario.job.longest_utterance_s,
        "place": shortened(scenario.environment.place),
        "sampling_rate": scenario.environment.sampling_rate,
        "channel": " ".join([channel.pop("codec"), *(f"{channel[part]:g} {unit}" for part, unit in CHANNEL_UNITS.items() if part in channel)]),
        "clean_fraction": scenario.environment.clean_fraction,
        "segmentation": scenario.segmentation.model_dump(),
        "quality": [{"measure": name, "min": rule.min, "max": rule.max} for name, rule in scenario.quality.rules().items()],
        "use": list(scenario.rights.use),
        "sources": [{"id": source.id, "role": source.role, "format": source.format} for source in scenario.sources],
    }


def _totals(measures: pl.DataFrame) -> dict[str, Any]:
    return {"cuts": measures.height, "seconds": round(total_of(measures["seconds"]), 3), "speakers": measures["speaker"].drop_nulls().n_unique()}


def _flow(flow: Flow) -> dict[str, Any]:
    return {**asdict(flow), "steps": [asdict(step) for step in flow.steps]}


def _losses(ledger: pl.DataFrame, names: SpeakerNames) -> list[dict[str, Any]]:
    """Rows that did not come through, grouped by source, fate and rule, with a few examples each.

    Where speakers go by pseudonyms, an example is named by its row in the ledger alone: file names often hold people's names.
    """
    lost = ledger.with_row_index("row").filter(pl.col("fate") != "kept")
    losses = []
    for (source, fate, rule), rows in sorted(lost.group_by("source", "fate", "rule"), key=lambda group: tuple(str(part) for part in group[0])):
        examples = [_example(row, names) for row in rows.sort("row").head(EXAMPLES).iter_rows(named=True)]
        losses.append({"source": source, "fate": fate, "rule": rule, "rows": rows.height, "examples": examples})
    return losses[:MOST_LOSSES]


def _example(row: dict[str, Any], names: SpeakerNames) -> dict[str, Any]:
    reason, value = row["reason"] or "", row["value"] or ""
    if names.pseudonyms:
        reason = names.in_text(reason.replace(row["input"], "the file").replace(PurePosixPath(row["input"]).name, "the file"))
        value = value if _is_number(value) else ""  # a duplicate's value is another file's name
    return {
        "row": row["row"],
        "input": None if names.pseudonyms else shortened(row["input"], 120),
        "reason": shortened(reason, 200),
        "value": shortened(value, 80),
        "limit": shortened(row["limit"] or "", 80),
    }


def _is_number(text: str) -> bool:
    return re.fullmatch(r"-?\d+(\.\d+)?([eE][-+]?\d+)?", text) is not None


def _in_place(scenario: Scenario, measures: pl.DataFrame) -> dict[str, Any]:
    match = environment_match(scenario.environment, measures)
    drawn = measures.filter(pl.col("split") == "test")
    error = (drawn["delivered_snr_db"] - drawn["place_snr_db"]).abs().drop_nulls().median()
    low, high = wilson(match.inside, match.n) if match.n else (None, None)
    return {
        "cuts": match.n,
        "inside": match.inside,
        "low": None if low is None else round(low, 6),
        "high": None if high is None else round(high, 6),
        "measured": dict(match.measured),
        "snr_slack_db": SNR_ERROR_DB,
        "limit_hz": upper_limit_hz(scenario.environment.channel, scenario.environment.sampling_rate),
        "limit_slack_hz": BANDWIDTH_ERROR_HZ,
        "snr_error_db": None if error is None else round(float(error), 3),  # type: ignore[arg-type]
    }


def _certificate(scenario: Scenario, tables: Tables, names: SpeakerNames) -> dict[str, Any]:
    certificate = tables.certificate
    return {
        "axes": [
            {"axis": axis, **found.model_dump(exclude={"n_shared"}), "shared": found.n_shared, "declared": axis in scenario.splits.disjoint}
            for axis, found in sorted(certificate.axes.items())
        ],
        "banks": [
            {"role": role, **{split: len(items.get(split, ())) for split in SPLITS}, "shared": len(shared_items(items))}
            for role, items in sorted(certificate.banks.items())
        ],
        "notes": [shortened(names.in_text(note)) for note in certificate.notes[:MOST_NOTES]],
    }


def _licences(tables: Tables) -> list[dict[str, Any]]:
    cuts = [{"source": source, "licence": licence, "used_as": "speech", "items": count} for source, licence, count in tables.licences.iter_rows()]
    kinds = sorted({(item.source, item.licence, item.role) for item in tables.banks})
    count = {kind: sum((item.source, item.licence, item.role) == kind for item in tables.banks) for kind in kinds}
    return cuts + [{"source": source, "licence": licence, "used_as": role, "items": count[source, licence, role]} for source, licence, role in kinds]
