"""Write a build's report: one inert HTML page that opens anywhere, the same content as data, and the dataset card."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from jinja2 import Environment, FileSystemLoader, StrictUndefined
from markupsafe import Markup

from speccraft import store
from speccraft.report import charts, numerals
from speccraft.report.card import card_of
from speccraft.report.clips import Dropped
from speccraft.report.facts import BuildFacts
from speccraft.report.findings import Finding, Verdict, judge
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
    return render("page.html.j2", report=all_visible(report), heard=heard)


def render(template: str, **content: Any) -> str:
    """A template of this folder as an inert page: every value escaped, and a policy that lets our own style and script run and nothing else.

    Templates begin with `{% import "parts.html.j2" as parts with context %}` and `{{ parts.head(title) }}`; they can use `charts`, the words of
    `numerals` as filters, and `quantity`. They hold no style attribute and no handler: the policy would not let them act.
    """
    folder = Path(__file__).parent
    environment = Environment(loader=FileSystemLoader(folder), autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {filter.__name__: filter for filter in (numerals.number, numerals.duration, numerals.percent, numerals.plural, numerals.sentence)}
    style, script = ((folder / name).read_text(encoding="utf-8") for name in ("page.css", "page.js"))
    policy = (
        f"default-src 'none'; style-src '{_hash(style)}'; script-src '{_hash(script)}'; media-src data:; img-src data:; base-uri 'none'; form-action 'none'"
    )
    # Our own files, whose hashes the policy names: escaping would change them.
    own = {"style": Markup(style), "script": Markup(script), "policy": policy}
    return environment.get_template(template).render(charts=charts, quantity=numerals.quantity, **own, **content)


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}"


def verdict_of(report: Mapping[str, Any]) -> Verdict:
    """The verdict that a `report.json` holds."""
    return Verdict(tuple(Finding.from_row(row) for row in report["findings"]))
