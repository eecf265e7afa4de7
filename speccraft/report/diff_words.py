"""A comparison of two builds in words, line by line, for a terminal: the same as its page, without the charts."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from speccraft.report.charts import CALLED
from speccraft.report.diff_page import fate, more, reason, seconds_more
from speccraft.report.numerals import THIN, duration, number, plural, quantity
from speccraft.report.visible import shortened

MOST_LINES = 12
"""Of one kind; the page has the others."""
LONGEST_VALUE = 100


def told(content: Mapping[str, Any]) -> Iterator[str]:
    """What changed, as a short table: what it is about, then what is different."""
    before, after = content["before"], content["after"]
    for side, build in (("before", before), ("after", after)):
        yield _line(side, f"{build['verdict']:<5}  {build['name']}/{build['id']}  {build['cuts']} cuts, {duration(build['seconds'])}, as of {build['as_of']}")
    yield from (_line("note", note) for note in content["notes"])
    parts = {
        "scenario": _scenario(content),
        "clause": _clauses(content),
        "finding": (f"{one['change']} {one['code']} {one['message']}" for one in content["findings"]),
        "split": _shares(content["splits"]),
        "source": _shares(content["sources"]),
        "fate": _fates(content),
        "speakers": _speakers(content),
        "measure": _measures(content),
        "cuts": _cuts(content),
        "inputs": _inputs(content),
    }
    for what, lines in parts.items():
        shown = list(lines)
        yield from (_line(what, line) for line in shown[:MOST_LINES])
        if shown[MOST_LINES:]:
            yield _line(what, f"{len(shown[MOST_LINES:])} more on the page")


def _line(what: str, line: str) -> str:
    return f"{what:<9} {line}".replace(THIN, " ")  # which a terminal may not have


def _scenario(content: Mapping[str, Any]) -> Iterator[str]:
    for change in content["scenario"]:
        before, after = (_short(change[side]) for side in ("before", "after"))
        yield f"{change['path']}: {before} -> {after}"


def _short(value: str | None) -> str:
    return "nothing" if value is None else shortened(value, LONGEST_VALUE)


def _clauses(content: Mapping[str, Any]) -> Iterator[str]:
    for clause in (one for one in content["clauses"] if one["before"] != one["after"]):
        yield f"{clause['clause']}: {_judged(clause, 'before')} -> {_judged(clause, 'after')}"


def _judged(clause: Mapping[str, Any], side: str) -> str:
    one = clause[side]
    if one is None:
        return "not declared"
    return f"{quantity(one['found'], clause['unit'])} of {quantity(one['wanted'], clause['unit'])}, {'met' if one['met'] else 'missed'}"


def _shares(rows: list[dict[str, Any]]) -> Iterator[str]:
    nothing = {"cuts": 0, "seconds": 0.0, "speakers": 0}
    for row in rows:
        before, after = (row[side] or nothing for side in ("before", "after"))
        if before != after:
            amount = f"{duration(before['seconds'])} -> {duration(after['seconds'])} ({seconds_more(before['seconds'], after['seconds'])})"
            yield f"{row['name']}: {amount}, {before['cuts']} -> {after['cuts']} cuts, {before['speakers']} -> {after['speakers']} speakers"


def _fates(content: Mapping[str, Any]) -> Iterator[str]:
    for row in content["fates"]:
        before, after = (row[side] or {"rows": 0, "seconds": 0.0} for side in ("before", "after"))
        what = CALLED.get(row["fate"], fate(row))
        yield f"{row['source']}, {what}: {duration(before['seconds'])} -> {duration(after['seconds'])}, {before['rows']} -> {after['rows']} rows"


def _speakers(content: Mapping[str, Any]) -> Iterator[str]:
    speakers = content["speakers"]
    if speakers["came"] or speakers["left"]:
        yield f"{speakers['stayed']} in both, {speakers['came']} came, {speakers['left']} left"


def _measures(content: Mapping[str, Any]) -> Iterator[str]:
    for shift in content["measures"]["moved"]:
        unit = f" {shift['unit']}" if shift["unit"] else ""
        medians = f"median {number(shift['before']['median'])} -> {number(shift['after']['median'])}{unit}"
        far = "in one build alone" if shift["apart"] is None else f"moved {number(shift['moved'])}{unit} (Wasserstein), apart {number(shift['apart'])} (KS)"
        yield f"{shift['measure']}: {medians}; {far}"


def _cuts(content: Mapping[str, Any]) -> Iterator[str]:
    cuts, before, after = content["cuts"], content["before"], content["after"]
    yield f"{plural(cuts['stayed'], 'cut')} in both, {cuts['entered']['cuts']} entered, {cuts['left']['cuts']} left ({more(before['cuts'], after['cuts'])})"
    yield from (f"{plural(row['cuts'], 'cut')} moved from {row['before']} to {row['after']}" for row in cuts["moved"])
    yield from (f"{plural(count, 'cut')} with another {column}" for column, count in cuts["edited"].items() if count)
    for group in cuts["groups"]:
        yield f"{group['cuts']} of {group['source']} {group['way']}, {duration(group['seconds'])}: {reason(group)}"


def _inputs(content: Mapping[str, Any]) -> Iterator[str]:
    for group in content["inputs"]["groups"]:
        yield f"{group['inputs']} of {group['source']}: {fate(group['before'])} -> {fate(group['after'])}"
