"""Prove again that every licence permits what the scenario intends, and that the build says of itself what is so."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator
from functools import cache

import polars as pl

from speccraft.resources import data_folder
from speccraft.scenario import Scenario
from speccraft.scenario.source_base import HEARD
from speccraft.verify import Problem

from .evidence import Build, named, read_json, some

CROISSANT = "croissant.json"
STAY = ("ledger.parquet", "segments.parquet", "measures.parquet")
"""Tables that name people: they are not described for others."""


def rights(build: Build) -> Iterator[Problem]:
    """Every licence permits every use that the scenario intends, by the table of licences and the scenario's own words."""
    known = {row["id"]: row for row in _licence_rows()} | _own(build.scenario)
    waived = {one["id"] for one in build.info.get("waivers", []) if isinstance(one, dict) and isinstance(one.get("id"), str)}
    for name, table in (("cuts.*.jsonl", build.cuts), ("banks.jsonl", build.banks)):
        for licence in table["licence"].unique().sort().to_list():
            if not waived.intersection((licence or "").split(" AND ")) and (reason := _refusal(licence, build.scenario, known)):
                rows = table.filter(pl.col("licence").eq_missing(licence))
                yield from some("SC527", name, f"under {licence}, but {reason}", rows["id"])
    sources = {source.id: source for source in build.scenario.sources}
    for source in build.cuts["source"].unique().to_list():
        if source not in sources or sources[source].role not in HEARD:
            yield Problem("SC527", "cuts.*.jsonl", f"cuts of {source!r}, which is no source of speech in the scenario")
            continue
        stages = build.cuts.filter(pl.col("source") == source).select(pl.col("stages").explode().drop_nulls().unique())["stages"].to_list()
        if beyond := sorted(set(stages) - set(sources[source].stages)):
            yield Problem(
                "SC527", "cuts.*.jsonl", f"cuts of {source} serve {', '.join(beyond)}, the scenario lets them serve {', '.join(sources[source].stages)}"
            )


@cache
def _licence_rows() -> list[dict[str, str]]:
    """The table of licences, read here again."""
    with (data_folder("rights") / "licences.csv").open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def _own(scenario: Scenario) -> dict[str, dict[str, str]]:
    """Licences of the scenario's own, as rows of the table."""
    return {
        one.id: {**dict.fromkeys(one.permits, "yes"), "consent": " ".join(one.consent), "commercial": "yes" if one.commercial else "no"}
        for one in scenario.rights.licences
    }


def _refusal(licence: str | None, scenario: Scenario, known: dict[str, dict[str, str]]) -> str:
    rights = scenario.rights
    for id in (licence or "").split(" AND "):
        if id not in known:
            return f"{id or 'no licence'} is not in the table of licences"
        if rights.accept and id not in rights.accept:
            return f"{id} is not among rights.accept"
        # What is left to whoever is heard rests on consents, which no build holds.
        if denied := [use for use in rights.use if known[id].get(use) != "yes" and use not in known[id]["consent"].split() and use != "clone"]:
            return f"{id} does not permit {', '.join(denied)}"
        if rights.commercial and known[id]["commercial"] != "yes":
            return f"{id} does not permit commercial use"
    return ""


def description(build: Build) -> Iterator[Problem]:
    """croissant.json lists the files of the record with their digests, none of those that stay in the house, and every licence of what is heard."""
    content = read_json(build.folder, CROISSANT)
    distribution = content.get("distribution")
    rows = [row for row in distribution if isinstance(row, dict)] if isinstance(distribution, list) else []
    listed = {str(row.get("contentUrl")): row.get("sha256") for row in rows}
    recorded = {entry["path"]: entry["sha256"] for entry in build.record["files"] if entry["path"] not in (*STAY, CROISSANT)}
    if listed != recorded:
        wrong = sorted({name for name, _ in listed.items() ^ recorded.items()})
        yield Problem("SC526", CROISSANT, f"its files are not those of the record that may be passed on: {named(wrong)}")
    texts = {row["id"]: row["source"] for row in _licence_rows()}
    heard = {id for table in (build.cuts, build.banks) for licence in table["licence"].drop_nulls().unique() for id in licence.split(" AND ")}
    told = content.get("license")
    if not isinstance(told, list) or {texts.get(id, id) for id in heard} != {str(one) for one in told}:
        yield Problem("SC526", CROISSANT, f"its licences are not those of cuts and banks: {named(sorted(heard))}")


def statements(build: Build) -> Iterator[Problem]:
    """What the record and the report state about the build as a whole."""
    scenario, info = build.scenario, build.info
    if info["scenario"].get("digest") != hashlib.sha256(info["scenario"]["text"].encode()).hexdigest():
        yield Problem("SC526", "BUILD.json", "info.scenario.digest is not that of its text")
    stated = {"name": (build.record["name"], scenario.name), "seed": (info.get("seed"), scenario.seed)}
    stated["sampling_rate"] = (info.get("sampling_rate"), scenario.environment.sampling_rate)
    for name, (said, meant) in stated.items():
        if said != meant:
            yield Problem("SC526", "BUILD.json", f"{name} is {said!r}, the scenario says {meant!r}")
    findings = build.report.get("findings")
    blocked = not isinstance(findings, list) or any(not isinstance(one, dict) or one.get("severity") == "block" for one in findings)
    if info.get("verdict") != (word := "BLOCK" if blocked else "PASS"):
        yield Problem("SC526", "BUILD.json", f"the verdict is {info.get('verdict')!r}, the findings of report.json say {word}")
