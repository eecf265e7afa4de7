"""Draw charts as inline SVG: every text escaped, colours by CSS class, a spoken summary on each."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from typing import Any

from markupsafe import Markup, escape

from speccraft.report.numerals import MINUS, duration, number, plural

WIDTH = 560
LEFT, RIGHT = 44, 14
PANEL, GAP, TOP, AXIS = 104, 20, 24, 38
ROW = 28
LABELS, NUMBERS = 184, 84
Scale = Callable[[float], float]
SERIES = {"dropped": "dropped", "in place": "place"}
"""Series of a histogram that are drawn in a colour of their own."""
CALLED = {"in": "came in", "unvoiced": "silence"}
"""Steps of a waterfall that are called otherwise than by their kind."""


def tag(name: str, *children: Markup | str, **attributes: object) -> Markup:
    """One SVG element; `stroke_width=1` becomes `stroke-width="1"` and a trailing underscore is dropped."""
    given = "".join(f' {key.rstrip("_").replace("_", "-")}="{escape(_plain(value))}"' for key, value in attributes.items())
    return Markup(f"<{name}{given}>{''.join(escape(child) for child in children)}</{name}>")


def histogram(chart: Mapping[str, Any]) -> Markup:
    """Panels of bars over one axis; the declared band lies behind them, the ends of a kept range cross them.

    Args:
        chart: `title`, `unit`, `start`, `step` and `bins` of the axis, `declared` (`low` and `high`, or None), `kept_range` (`min` and `max`, or None) and
            `panels`, each with `name`, `n`, `median` and `series` (`name` and `counts`; a series called `dropped` is drawn as such).
    """
    panels = chart["panels"]
    if not any(panel["n"] for panel in panels):
        return nothing(f"{chart['title']}: nothing was measured")
    height = TOP + len(panels) * PANEL + (len(panels) - 1) * GAP + AXIS
    low, high = chart["start"], chart["start"] + chart["step"] * chart["bins"]
    x = _scale(low, high, LEFT, WIDTH - RIGHT)
    drawn: list[Markup] = []
    if chart["declared"]:
        drawn += _band(chart["declared"], x, height, chart["unit"])
    for index, panel in enumerate(panels):
        drawn += _panel(panel, chart, x, TOP + index * (PANEL + GAP))
    drawn += _limits(chart["kept_range"], x, low, high) if chart["kept_range"] else []
    drawn += [_name(panel, TOP + index * (PANEL + GAP)) for index, panel in enumerate(panels)]
    drawn += _axis(low, high, x, height, chart["unit"])
    return _figure(drawn, height, _spoken(chart))


def room_dots(rooms: Mapping[str, Any]) -> Markup:
    """Reverberation time of each room as a dot, by split, over the declared band; rooms left out are hollow."""
    dots = rooms["dots"]
    if not dots:
        return nothing("Reverberation time: no room was measured")
    lanes = [lane for lane in ("train", "dev", "test", "left out") if any(dot["split"] == lane for dot in dots)]
    ends = [rooms["declared"]["high"]] if rooms["declared"] else []
    high = max([dot["rt60_s"] for dot in dots] + ends) * 1.08 or 1.0
    height = TOP + len(lanes) * 34 + AXIS
    x = _scale(0.0, high, LEFT + 24, WIDTH - RIGHT)
    drawn = list(_band(rooms["declared"], x, height, "s")) if rooms["declared"] else []
    for index, lane in enumerate(lanes):
        y = TOP + 17 + index * 34
        drawn += [tag("text", lane, x=4, y=y + 4, class_="label"), tag("line", x1=LEFT + 24, x2=WIDTH - RIGHT, y1=y, y2=y, class_="grid")]
        for dot in (dot for dot in dots if dot["split"] == lane):
            kind = "dot hollow" if lane == "left out" else "dot simulated" if dot["simulated"] else "dot"
            title = f"{dot['id']}: {number(dot['rt60_s'])} s{', simulated' if dot['simulated'] else ''}"
            drawn.append(tag("circle", tag("title", title), cx=x(dot["rt60_s"]), cy=y, r=5.5, class_=kind))
    drawn += _axis(0.0, high, x, height, "s")
    return _figure(drawn, height, f"Reverberation time of {len(dots)} rooms, from {number(dots[0]['rt60_s'])} to {number(dots[-1]['rt60_s'])} s")


def waterfall(steps: Sequence[Mapping[str, Any]]) -> Markup:
    """Hours step by step from everything that came in to what is kept; each bar starts where the last one ended.

    Args:
        steps: `kind`, `rule`, `rows`, `seconds` of each; one with an `href` is a link to `#href`, where its examples stand.
    """
    total = next((step["seconds"] for step in steps if step["kind"] == "in"), 0.0)
    if total <= 0:
        return nothing("No second of speech came in")
    x = _scale(0.0, total, LABELS, WIDTH - NUMBERS)
    left, drawn = total, []
    for index, step in enumerate(steps):
        y, seconds, loss = 6 + index * ROW, step["seconds"], step["kind"] not in ("in", "kept")
        start = left - seconds if loss else 0.0
        left = start if loss else left
        # Whose length nobody knows is lost all the same.
        hours = plural(step["rows"], "row") if loss and not seconds and step["rows"] else f"{MINUS if loss and seconds else ''}{duration(seconds)}"
        box = {"x": x(start), "y": y, "width": max(x(seconds) - x(0.0), 1.5 if seconds else 0.0), "height": 20}
        parts = [
            tag("rect", x=0, y=y - 3, width=WIDTH, height=ROW - 2, rx=4, class_="hit"),
            tag("text", _clipped(step["rule"] or step_label(step), 27), x=LABELS - 10, y=y + 15, class_="label end"),
            tag("rect", tag("title", f"{step_label(step)}: {hours}, {step['rows']} rows"), **box, rx=3, class_=f"bar {step['kind']}"),
            tag("text", hours, x=WIDTH - 4, y=y + 15, class_="value end"),
        ]
        href = step.get("href")
        drawn += [tag("a", *parts, href=f"#{href}", class_="step", aria_label=f"{step_label(step)}, {hours}: show examples")] if href else parts[1:]
    height = 6 + len(steps) * ROW
    kept = next((step["seconds"] for step in steps if step["kind"] == "kept"), 0.0)
    return _figure(drawn, height, f"Of {duration(total)} that came in, {duration(kept)} are kept")


def step_label(step: Mapping[str, Any]) -> str:
    """What a step of the waterfall is called."""
    if step["kind"] == "dropped":
        return f"dropped: {step['rule']}"
    return CALLED.get(step["kind"], str(step["kind"]))


def strip(row: Mapping[str, Any]) -> Markup:
    """One axis at a glance: the declared band, and where nine tenths of the values lie as recorded (above) and in place (below), with their medians.

    Args:
        row: `scale` (both ends of the axis), `band` (`low` and `high`, either may be None), `before` and `after` (`p5`, `median`, `p95`, or None).
    """
    low, high = row["scale"]
    x = _scale(low, high, 8.0, 232.0)
    drawn = [tag("rect", x=2, y=2, width=236, height=28, rx=4, class_="track")]
    if row["band"]:
        ends = [low if row["band"]["low"] is None else row["band"]["low"], high if row["band"]["high"] is None else row["band"]["high"]]
        left, right = (x(min(max(end, low), high)) for end in ends)
        drawn.append(tag("rect", x=left, y=2, width=max(right - left, 2.0), height=28, rx=2, class_="band strong"))
    for part, y in (("before", 11), ("after", 22)):
        if found := row[part]:
            drawn.append(tag("line", x1=x(found["p5"]), x2=max(x(found["p95"]), x(found["p5"]) + 1), y1=y, y2=y, class_=f"range {part}"))
            drawn.append(tag("circle", cx=x(found["median"]), cy=y, r=4, class_=f"middle-dot {part}"))
    return tag("svg", *drawn, viewBox="0 0 240 32", class_="strip", aria_hidden="true")


def density(chart: Mapping[str, Any]) -> Markup:
    """Characters per second over length: the darker a cell, the more cuts lie in it.

    Args:
        chart: `n`, `length_s` and `rate` (the far ends of both axes), `counts` (rows of speech rate, lowest first, of counts by length).
    """
    if not chart["n"]:
        return nothing("Characters per second against length: no transcript was measured")
    counts = chart["counts"]
    height, top = 262, 22
    x, y = _scale(0.0, chart["length_s"], LEFT, WIDTH - RIGHT), _scale(0.0, chart["rate"], height - AXIS, top)
    step_x, step_y = chart["length_s"] / len(counts[0]), chart["rate"] / len(counts)
    most = max(max(row) for row in counts)
    drawn: list[Markup] = []
    for row, cells in enumerate(counts):
        for column, count in enumerate(cells):
            if count:
                words = f"{number(column * step_x)} to {number((column + 1) * step_x)} s, {number(row * step_y)} to {number((row + 1) * step_y)} characters/s"
                box = {"x": x(column * step_x), "y": y((row + 1) * step_y), "width": x(step_x) - x(0.0) - 1, "height": y(0.0) - y(step_y) - 1}
                # A logarithm shows the single cut beside the thousands; eight shades are as many as an eye tells apart.
                shade = max(1, math.ceil(8 * math.log1p(count) / math.log1p(most)))
                drawn.append(tag("rect", tag("title", f"{words}: {plural(count, 'cut')}"), **box, rx=2, class_=f"cell c{shade}"))
    drawn += [tag("text", number(value), x=LEFT - 6, y=y(value) + 4, class_="tick end") for value in _ticks(0.0, chart["rate"])]
    drawn += [tag("text", "characters/s", x=4, y=10, class_="tick"), *_axis(0.0, chart["length_s"], x, height, "length in s")]
    return _figure(drawn, height, f"Characters per second against length of {plural(chart['n'], 'cut')}")


def bars(rows: Sequence[tuple[str, float, str]], spoken: str) -> Markup:
    """Upright bars side by side, each with its label below.

    Args:
        rows: label, height (any unit, not negative) and CSS class of each.
        spoken: what the chart says, for those who do not see it.
    """
    height = 130
    top = max((value for _, value, _ in rows), default=0.0) or 1.0
    step = min((WIDTH - 8) / max(1, len(rows)), 34.0)
    drawn = []
    for index, (label, value, kind) in enumerate(rows):
        tall = max(96 * value / top, 1.5 if value else 0.0)
        drawn.append(tag("rect", tag("title", f"{label}: {number(value)}"), x=4 + index * step, y=100 - tall, width=step - 3, height=tall, rx=2, class_=kind))
        drawn.append(tag("text", label, x=4 + index * step + (step - 3) / 2, y=118, class_="tick middle"))
    return _figure([tag("line", x1=4, x2=WIDTH - 4, y1=100, y2=100, class_="base"), *drawn], height, spoken)


def gauge(found: float | None, wanted: float, *, met: bool) -> Markup:
    """A bar of what was found, with a mark where it had to reach."""
    top = max(found or 0.0, wanted) * 1.15 or 1.0
    x = _scale(0.0, top, 0.0, 200.0)
    bar = tag("rect", x=0, y=5, width=x(found or 0.0), height=8, rx=4, class_="bar kept" if met else "bar failed")
    mark = tag("line", x1=x(wanted), x2=x(wanted), y1=0, y2=18, class_="mark")
    track = tag("rect", x=0, y=5, width=200, height=8, rx=4, class_="track")
    return tag("svg", track, bar, mark, viewBox="0 0 200 18", preserveAspectRatio="none", class_="gauge", aria_hidden="true")


def share_bar(share: float) -> Markup:
    """A short bar for a table cell; the number stands beside it."""
    bar = tag("rect", x=0, y=2, width=round(100 * min(max(share, 0.0), 1.0), 1), height=8, rx=2, class_="bar kept")
    return tag("svg", tag("rect", x=0, y=2, width=100, height=8, rx=2, class_="track"), bar, viewBox="0 0 100 12", class_="share", aria_hidden="true")


def waveform(peaks: Sequence[int], loudest: int) -> Markup:
    """The outline of a clip from the largest magnitude in each column, as tall as `loudest` allows: clips side by side compare."""
    scale = 28 / max(loudest, 1)
    top = [f"{index},{30 - max(scale * peak, 0.4):.1f}" for index, peak in enumerate(peaks)]
    bottom = [f"{index},{30 + max(scale * peak, 0.4):.1f}" for index, peak in reversed(list(enumerate(peaks)))]
    outline = tag("polygon", points=" ".join(top + bottom), class_="wave")
    return tag("svg", outline, viewBox=f"0 0 {max(len(peaks) - 1, 1)} 60", preserveAspectRatio="none", class_="waveform", aria_hidden="true")


def nothing(sentence: str) -> Markup:
    """What stands where there is nothing to draw."""
    return tag("p", sentence, class_="nothing")


def _figure(drawn: Sequence[Markup], height: float, spoken: str) -> Markup:
    return tag("svg", *drawn, viewBox=f"0 0 {WIDTH} {_plain(height)}", class_="chart", role="img", aria_label=spoken)


def _panel(panel: Mapping[str, Any], chart: Mapping[str, Any], x: Scale, top: float) -> list[Markup]:
    floor = top + PANEL
    stacks = [sum(counts) for counts in zip(*(series["counts"] for series in panel["series"]), strict=True)]
    y = _scale(0, max([*stacks, 1]), floor, top + 14)
    drawn = [tag("line", x1=LEFT, x2=WIDTH - RIGHT, y1=floor, y2=floor, class_="base")]
    if not panel["n"]:
        return [*drawn, tag("text", "not measured", x=(LEFT + WIDTH) / 2, y=floor - PANEL / 2 + 8, class_="label middle")]
    drawn += [tag("text", number(max(stacks)), x=LEFT - 6, y=top + 18, class_="tick end"), tag("text", "0", x=LEFT - 6, y=floor, class_="tick end")]
    below = [0] * len(stacks)
    for series in panel["series"]:
        for bin, count in enumerate(series["counts"]):
            if count:
                edge = chart["start"] + bin * chart["step"]
                title = tag("title", f"{number(edge)} to {number(edge + chart['step'])} {chart['unit']}: {count} {series['name']}")
                width = max(x(edge + chart["step"]) - x(edge) - 1, 1)
                box = {"x": x(edge) + 0.5, "y": y(below[bin] + count), "width": width, "height": y(below[bin]) - y(below[bin] + count)}
                drawn.append(tag("rect", title, **box, class_=f"bar {SERIES.get(series['name'], 'kept')}"))
                below[bin] += count
    median = x(panel["median"])
    return [*drawn, tag("path", d=f"M{median:.1f} {floor + 1} l-4 7 h8 z", class_="median")]


def _name(panel: Mapping[str, Any], top: float) -> Markup:
    return tag("text", f"{panel['name']}, n = {panel['n']}", x=LEFT, y=top + 6, class_="panel")


def _band(declared: Mapping[str, float], x: Scale, height: float, unit: str) -> list[Markup]:
    left, right = x(declared["low"]), x(declared["high"])
    words = f"declared {number(declared['low'])} to {number(declared['high'])} {unit}"
    place = min(max((left + right) / 2, 96.0), WIDTH - 96.0)
    return [
        tag("rect", x=left, y=TOP - 8, width=max(right - left, 1.5), height=height - TOP - AXIS + 8, class_="band"),
        tag("text", words, x=place, y=11, class_="band-label middle"),
    ]


def _limits(kept: Mapping[str, Any], x: Scale, low: float, high: float) -> list[Markup]:
    # A rule judges what was recorded, which is the first panel.
    drawn = []
    for end, sign in (("min", "≥"), ("max", "≤")):
        value = kept[end]
        if value is not None and low <= value <= high:
            side = "end" if x(value) > WIDTH / 2 else "start"
            drawn.append(tag("line", x1=x(value), x2=x(value), y1=TOP + 10, y2=TOP + PANEL, class_="limit"))
            drawn.append(tag("text", f"kept {sign} {number(value)}", x=x(value) + (-5 if side == "end" else 5), y=TOP + 20, class_=f"limit-label {side}"))
    return drawn


def _axis(low: float, high: float, x: Scale, height: float, unit: str) -> list[Markup]:
    base = height - AXIS
    ticks = [tag("text", number(value), x=x(value), y=base + 20, class_="tick middle") for value in _ticks(low, high)]
    return [*ticks, tag("text", unit, x=WIDTH - RIGHT, y=base + 34, class_="tick end")]


def _ticks(low: float, high: float) -> list[float]:
    rough = (high - low) / 6
    scale = 10.0 ** math.floor(math.log10(rough))
    step = next(factor * scale for factor in (1, 2, 5, 10) if factor * scale >= rough)
    return [round(step * index, 9) for index in range(math.ceil(low / step - 1e-9), math.floor(high / step + 1e-9) + 1)]


def _scale(low: float, high: float, start: float, end: float) -> Scale:
    return lambda value: start + (end - start) * (value - low) / (high - low)


def _spoken(chart: Mapping[str, Any]) -> str:
    parts = [f"{panel['name']}: {panel['n']} values, median {number(panel['median'])} {chart['unit']}" for panel in chart["panels"]]
    declared = f"; declared {number(chart['declared']['low'])} to {number(chart['declared']['high'])}" if chart["declared"] else ""
    return f"{chart['title']}{declared}; {'; '.join(parts)}"


def _clipped(text: str, longest: int) -> str:
    return text if len(text) <= longest else text[: longest - 1] + "…"


def _plain(value: object) -> str:
    return f"{value:.2f}".rstrip("0").rstrip(".") if isinstance(value, float) else str(value)
