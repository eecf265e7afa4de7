"""Gather everything a report shows into one JSON object: the page and the card are drawn from it alone."""

from __future__ import annotations

import hashlib
from collections.abc import Mapping, Sequence
from dataclasses import asdict
from pathlib import Path
from typing import Any

import polars as pl

from speccraft.report import groups
from speccraft.report.choice import topics
from speccraft.report.clips import Dropped, clips
from speccraft.report.delivered import delivered
from speccraft.report.distributions import channel_problems, distributions, rooms
from speccraft.report.facts import BuildFacts
from speccraft.report.findings import Verdict, shared_items
from speccraft.report.heard import heard
from speccraft.report.lost import anchors, examples
from speccraft.report.match import BANDWIDTH_ERROR_HZ, SNR_ERROR_DB, environment_match, wilson
from speccraft.report.personal import told as told_personal
from speccraft.report.repeats import repeats
from speccraft.report.sums import total_of
from speccraft.report.tables import Tables
from speccraft.report.transcripts import transcripts
from speccraft.report.visible import SpeakerNames, all_visible, shortened
from speccraft.report.waterfall import Flow, together
from speccraft.scenario.contracts import SPLITS
from speccraft.scenario.model import Scenario
from speccraft.scenario.source_base import HEARD
from speccraft.sound.channel import upper_limit_hz

CHANNEL_UNITS = {"bitrate_kbps": "kbit/s", "low_hz": "to", "high_hz": "Hz"}
MOST_LOSSES = 60
MOST_NOTES = 40


def summarise(folder: Path, facts: BuildFacts, tables: Tables, flows: Sequence[Flow], verdict: Verdict, dropped: Dropped | None = None) -> dict[str, Any]:
    """The content of `report.json`; all text in it is visible text, and speakers go by the names the scenario allows.

    Args:
        dropped: gives the sound of segments that are in no shard; see `clips.clips`.
    """
    scenario, measures = facts.scenario, tables.measures
    speakers = pl.concat([measures["speaker"], tables.segments["speaker"]]).drop_nulls().unique().to_list()
    names = SpeakerNames(speakers, pseudonyms=scenario.privacy.pseudonyms, key=facts.pseudonym_key)
    charts = distributions(scenario, tables, heard(folder, measures, scenario))
    lost = examples(tables, names)
    links = anchors(lost)
    report = {
        "report": 1,
        "name": facts.name,
        "as_of": facts.as_of,
        "version": facts.version,
        "verdict": verdict.word,
        "findings": [finding.as_row() for finding in verdict.findings],
        "scenario": _declared(facts),
        "totals": _totals(measures),
        "flows": [_flow(flow, links, flow.source) for flow in flows],
        "speech": _flow(together(flows, HEARD), links, None),
        "examples": lost,
        "refusals": [{"source": source, "reason": shortened(names.in_text(reason)), "rows": n} for source, reason, n in facts.refusals[:MOST_LOSSES]],
        "distributions": charts,
        "delivered": delivered(scenario, tables, charts),
        "channels": channel_problems(tables.ledger),
        "rooms": rooms(scenario, tables),
        "in_place": _in_place(scenario, measures),
        "groups": {
            "split": groups.by_split(measures),
            "stage": groups.by_stage(measures),
            "source": groups.by_source(measures),
            "speaker": groups.by_speaker(measures, names),
            "language": groups.by_language(measures),
            "style": groups.by_style(measures),
        },
        "people": groups.by_group(measures),
        "repeats": repeats(scenario, tables),
        "transcripts": transcripts(measures, scenario.job.languages),
        "pseudonyms": names.pseudonyms,
        "personal_data": told_personal(scenario, tables.personal, tables.ledger),
        "unseen": _totals(measures.filter(pl.col("unseen"))),
        "certificate": _certificate(scenario, tables, names),
        "licences": _licences(tables),
        "waivers": [{**waiver, "reason": shortened(waiver["reason"]), "decided_by": shortened(waiver["decided_by"], 120)} for waiver in facts.waivers],
        "attributions": [{"source": source, "licence": licence, "whom": shortened(whom)} for source, licence, whom in facts.attributions],
        "clips": _clips(clips(folder, scenario, tables, names, dropped)),
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


def _flow(flow: Flow, links: Mapping[tuple[str, str | None, str | None], str], source: str | None) -> dict[str, Any]:
    """A waterfall whose steps name where their examples stand in the page, `href`, if they have any."""
    steps = [{**asdict(step), "href": links.get((step.kind, step.rule, source))} for step in flow.steps]
    return {**asdict(flow), "steps": steps}


def _clips(found: dict[str, Any]) -> dict[str, Any]:
    return {**found, "topics": topics(found["shown"])}


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
        "bridges": [{"tie": shortened(names.in_text(tie), 120), "rows": rows} for tie, rows in list(certificate.bridges.items())[:MOST_NOTES]],
        "strata": [
            {"stratum": shortened(str(row["stratum"]), 120), "seconds": row["seconds"], "dev_short": row["dev"]["short"], "test_short": row["test"]["short"]}
            for row in certificate.strata[:MOST_NOTES]
        ],
        "notes": [shortened(names.in_text(note)) for note in certificate.notes[:MOST_NOTES]],
    }


def _licences(tables: Tables) -> list[dict[str, Any]]:
    cuts = [{"source": source, "licence": licence, "used_as": "speech", "items": count} for source, licence, count in tables.licences.iter_rows()]
    kinds = sorted({(item.source, item.licence, item.role) for item in tables.banks})
    count = {kind: sum((item.source, item.licence, item.role) == kind for item in tables.banks) for kind in kinds}
    return cuts + [{"source": source, "licence": licence, "used_as": role, "items": count[source, licence, role]} for source, licence, role in kinds]
