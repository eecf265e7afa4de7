"""The page of a comparison: one inert HTML file in the style of the report, and the charts that lay two distributions over each other."""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from typing import Any

from markupsafe import Markup

from speccraft.report.charts import CALLED, nothing, tag
from speccraft.report.inert import render
from speccraft.report.numerals import MINUS, duration, number, percent, plural
from speccraft.report.visible import all_visible

WIDTH, HEIGHT = 560, 190
LEFT, RIGHT, TOP, BASE = 44, 14, 16, 150
TICKS, MOST_CHARTS = 6, 12
WHY = {
    "dropped": "dropped",
    "failed": "its recording failed",
    "refused": "refused by the rights gate",
    "cut otherwise": "its recording is cut otherwise",
    "no input": "its recording is not among the inputs",
    "no source": "the scenario has no such source",
}
"""What became of a cut in the build that does not have it."""


def render_diff(content: Mapping[str, Any]) -> str:
    """The page of a comparison, as `compare` makes it: the same text for the same content. It runs no script."""
    own: dict[str, Any] = {"overlaid": overlaid, "pair": pair, "nothing": nothing, "reason": reason, "fate": fate, "called": CALLED}
    filters = (more, seconds_more)
    return render("diff.html.j2", styles=["page.css", "diff.css"], filters=filters, diff=all_visible(content), most_charts=MOST_CHARTS, **own)


def overlaid(shift: Mapping[str, Any]) -> Markup:
    """Two histograms of one measure in shares of their own builds: the earlier one as an area, the later one as a line, a triangle under each median."""
    sides = {side: shift[side] for side in ("before", "after") if shift[side]["n"]}
    shares = {side: [count / one["n"] for count in one["counts"]] for side, one in sides.items()}
    top = max(max(values) for values in shares.values())
    ends = shift["start"], shift["start"] + shift["step"] * len(shift["before"]["counts"])
    drawn = [tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=BASE, y2=BASE, class_="base")]
    drawn += [tag("path", d=_outline(values, top), class_=f"outline {side}") for side, values in shares.items()]
    drawn += [_median(one["median"], ends, side) for side, one in sides.items()]
    drawn += [tag("text", percent(top), x=LEFT - 6, y=TOP + 8, class_="tick end"), tag("text", "0", x=LEFT - 6, y=BASE, class_="tick end")]
    drawn += _axis(shift, ends)
    return tag("svg", *drawn, viewBox=f"0 0 {WIDTH} {HEIGHT}", class_="chart", role="img", aria_label=_spoken(shift))


def pair(before: float | None, after: float | None, largest: float) -> Markup:
    """Two bars over each other for a table cell, before above after; the numbers stand beside them."""
    bars = [
        tag("rect", x=0, y=y, width=100 * value / largest if largest else 0.0, height=6, rx=2, class_=f"bar {side}")
        for side, value, y in (("before", before or 0.0, 1), ("after", after or 0.0, 9))
    ]
    return tag("svg", *bars, viewBox="0 0 100 16", class_="pair", aria_hidden="true")


def more(before: float | None, after: float | None) -> str:
    """How much more there is, with its sign; nothing where one is not known."""
    if before is None or after is None:
        return ""
    return _signed(after - before, number(abs(after - before)))


def seconds_more(before: float | None, after: float | None) -> str:
    """How much more speech there is, with its sign."""
    difference = (after or 0.0) - (before or 0.0)
    return _signed(difference, duration(abs(difference)))


def fate(step: Mapping[str, Any] | None) -> str:
    """A fate in words, with the rule that decided it."""
    if step is None:
        return "not an input"
    return f"{step['fate']} by {step['rule']}" if step["rule"] else str(step["fate"])


def reason(group: Mapping[str, Any]) -> str:
    """Why a cut is in one build alone, in words about the other."""
    return WHY[group["why"]] + (f" by {group['rule']}" if group["rule"] else "")


def _signed(difference: float, size: str) -> str:
    return "±0" if size in ("0", "0 s") else f"{'+' if difference > 0 else MINUS}{size}"


def _x(value: float, ends: tuple[float, float]) -> float:
    low, high = ends
    return min(max(LEFT + (WIDTH - RIGHT - LEFT) * (value - low) / (high - low), LEFT), WIDTH - RIGHT)


def _outline(shares: Sequence[float], top: float) -> str:
    """A closed outline of steps, one a bin."""
    width = (WIDTH - RIGHT - LEFT) / len(shares)
    steps = [f"V{BASE - (BASE - TOP) * share / top:.1f}H{LEFT + width * (bin + 1):.1f}" for bin, share in enumerate(shares)]
    return f"M{LEFT} {BASE}{''.join(steps)}V{BASE}z"


def _median(value: float, ends: tuple[float, float], side: str) -> Markup:
    return tag("path", tag("title", f"median {side}: {number(value)}"), d=f"M{_x(value, ends):.1f} {BASE + 1} l-5 8 h10 z", class_=f"median {side}")


def _axis(shift: Mapping[str, Any], ends: tuple[float, float]) -> list[Markup]:
    """Numbers at some edges of bins, which are round ones."""
    bins = len(shift["before"]["counts"])
    values = [shift["start"] + shift["step"] * bin for bin in range(0, bins + 1, math.ceil(bins / TICKS))]
    ticks = [tag("text", number(value), x=_x(value, ends), y=BASE + 22, class_="tick middle") for value in values]
    return [*ticks, tag("text", shift["unit"], x=WIDTH - RIGHT, y=BASE + 37, class_="tick end")]


def _spoken(shift: Mapping[str, Any]) -> str:
    sides = {side: shift[side] for side in ("before", "after")}
    parts = [f"{side}: {plural(one['n'], 'value')}, median {number(one['median'])} {shift['unit']}".rstrip() for side, one in sides.items()]
    return f"{shift['title']}; {'; '.join(parts)}"
