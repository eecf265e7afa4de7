"""Write a build's report: one inert HTML page that opens anywhere, the same content as data, and the dataset card."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speccraft import store
from speccraft.report import charts
from speccraft.report.card import card_of
from speccraft.report.clips import Dropped
from speccraft.report.facts import BuildFacts
from speccraft.report.findings import Finding, Verdict, judge
from speccraft.report.inert import render
from speccraft.report.summary import summarise
from speccraft.report.tables import read_tables
from speccraft.report.visible import all_visible
from speccraft.report.waterfall import flows_of

MOST_PAGE_BYTES = 5_000_000


def write_report(folder: Path, facts: BuildFacts, dropped: Dropped | None = None) -> Verdict:
    """Judge the tables in a build's folder and write `report.html`, `report.json` and `README.md` beside them.

    Args:
        dropped: gives the sound of segments that are in no shard, so that what a rule took can be heard; see `clips.clips`.
    """
    tables = read_tables(folder)
    flows = flows_of(tables.ledger, tables.segments)
    verdict = judge(facts.scenario, tables, flows)
    report = summarise(folder, facts, tables, flows, verdict, dropped)
    page = render_report(report).encode()
    while len(page) > MOST_PAGE_BYTES and report["clips"]["shown"]:
        report["clips"]["shown"].pop()
        report["clips"]["left_out"] += 1
        page = render_report(report).encode()
    if len(page) > MOST_PAGE_BYTES:
        raise ValueError(f"the page has {len(page)} bytes without any clip: some table in it has no bound")
    store.write_bytes(folder / "report.json", store.canonical_json(report))
    store.write_bytes(folder / "report.html", page)
    store.write_bytes(folder / "README.md", card_of(report).encode())
    return verdict


def render_report(report: Mapping[str, Any]) -> str:
    """The page of a `report.json`: the same text for the same content."""
    heard = {clip["cut"]: clip["id"] for clip in report["clips"]["shown"]}
    content: dict[str, Any] = {"charts": charts, "report": all_visible(report), "heard": heard}
    return render("page.html.j2", styles=["page.css"], scripts=["page.js"], carries=["media", "img"], **content)


def verdict_of(report: Mapping[str, Any]) -> Verdict:
    """The verdict that a `report.json` holds."""
    return Verdict(tuple(Finding.from_row(row) for row in report["findings"]))
