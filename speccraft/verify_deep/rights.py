"""Prove again that every licence permits what the scenario intends, and that the build says of itself what is so."""

from __future__ import annotations

import csv
import hashlib
from collections.abc import Iterator

import polars as pl

from speccraft.resources import data_folder
from speccraft.scenario import Scenario
from speccraft.scenario.source_base import HEARD
from speccraft.verify import Problem

from .evidence import Build, some


def rights(build: Build) -> Iterator[Problem]:
    """Every licence permits every use that the scenario intends, by the table of licences and the scenario's own words."""
    with (data_folder("rights") / "licences.csv").open(newline="", encoding="utf-8") as file:
        known = {row["id"]: row for row in csv.DictReader(file)}
    for name, table in (("cuts.*.jsonl", build.cuts), ("banks.jsonl", build.banks)):
        for licence in table["licence"].unique().sort().to_list():
            if reason := _refusal(licence, build.scenario, known):
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


def _refusal(licence: str | None, scenario: Scenario, known: dict[str, dict[str, str]]) -> str:
    rights = scenario.rights
    for id in (licence or "").split(" AND "):
        if id not in known:
            return f"{id or 'no licence'} is not in the table of licences"
        if rights.accept and id not in rights.accept:
            return f"{id} is not among rights.accept"
        if denied := [use for use in rights.use if known[id][use] != "yes"]:
            return f"{id} does not permit {', '.join(denied)}"
        if rights.commercial and known[id]["commercial"] != "yes":
            return f"{id} does not permit commercial use"
    return ""


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
