"""The acceptance page: one inert, self-contained HTML file that says PASS or BLOCK and why."""

from __future__ import annotations

import base64
import hashlib
from collections.abc import Callable, Iterable, Mapping, Sequence
from dataclasses import dataclass

from jinja2 import Environment, StrictUndefined
from markupsafe import Markup

from speccraft.evaluation.acceptance import Verdict
from speccraft.evaluation.page_template import STYLE, TEMPLATE
from speccraft.evaluation.scores import condition_order
from speccraft.evaluation.wer import error_counts, normalised
from speccraft.report.visible import visible
from speccraft.rights.personal import masked
from speccraft.scenario.contracts import Hypothesis, Score

WORST = 20
WIDTH, HEIGHT, LEFT, RIGHT, TOP, BOTTOM = 720, 280, 48, 16, 24, 36

_Scale = Callable[[float], float]


def render_page(title: str, facts: Mapping[str, str], verdict: Verdict, rows: Sequence[Score], worst: Sequence[WorstAnswer]) -> str:
    """The page as HTML; everything in it is escaped and nothing is loaded from elsewhere.

    Args:
        facts: what was judged, shown as a list of names and values.
    """
    environment = Environment(autoescape=True, undefined=StrictUndefined, trim_blocks=True, lstrip_blocks=True)
    environment.filters |= {"number": _number, "shown": visible}
    style_hash = base64.b64encode(hashlib.sha256(STYLE.encode()).digest()).decode()
    return environment.from_string(TEMPLATE).render(
        title=title,
        facts=facts,
        verdict=verdict,
        chart=chart([row for row in rows if row.metric == "wer"]),
        speakers=speaker_table(rows),
        worst=worst,
        style=Markup(STYLE),  # our own constant; escaping would change its hash
        style_hash=style_hash,
    )


@dataclass(frozen=True)
class WorstAnswer:
    """One answer that went wrong, with personal data masked; `rate` is its own word error rate, None without reference words."""

    cut: str
    condition: str
    reference: str
    text: str
    errors: int
    rate: float | None


def worst_answers(hypotheses: Iterable[Hypothesis], conditions: Sequence[str] = ("clean", "place")) -> list[WorstAnswer]:
    """The answers with the highest error rate in the conditions that are judged, wrong ones only."""
    found = []
    for answer in hypotheses:
        counts = error_counts(normalised(answer.reference), normalised(answer.text))
        if answer.condition in conditions and counts.errors:
            rate = counts.errors / counts.length if counts.length else None
            found.append(WorstAnswer(answer.cut, answer.condition, masked(answer.reference), masked(answer.text), counts.errors, rate))
    return sorted(found, key=lambda one: (-(one.rate if one.rate is not None else float("inf")), -one.errors, one.condition, one.cut))[:WORST]


@dataclass(frozen=True)
class Point:
    """One score in the chart, in pixels; `low` and `high` are the ends of its interval bar."""

    x: float
    y: float
    low: float
    high: float
    label: str


@dataclass(frozen=True)
class Line:
    """One group over the conditions; `path` joins clean and the SNR ladder, the place stands alone."""

    group: str
    path: str
    points: tuple[Point, ...]


@dataclass(frozen=True)
class Chart:
    """Word error rate by condition, laid out in pixels."""

    lines: tuple[Line, ...]
    conditions: tuple[tuple[float, str], ...]
    ticks: tuple[tuple[float, str], ...]


def chart(rows: Sequence[Score]) -> Chart:
    """Lay out one line a group (seen and unseen, or all) over the conditions."""
    groups = ("seen", "unseen") if any(row.group == "unseen" for row in rows) else ("all",)
    conditions = sorted({row.condition for row in rows}, key=condition_order)
    top = max([1.0, *(row.high or row.value for row in rows if row.group in groups)])
    step = (WIDTH - LEFT - RIGHT) / max(1, len(conditions))
    x = {condition: LEFT + step * (index + 0.5) for index, condition in enumerate(conditions)}

    def y(value: float) -> float:
        return round(TOP + (HEIGHT - TOP - BOTTOM) * (1 - value / top), 1)

    def line(index: int, group: str) -> Line:
        mine = sorted((row for row in rows if row.group == group), key=lambda row: condition_order(row.condition))
        points = {row.condition: _point(row, x[row.condition] + 8 * index, y) for row in mine}
        ladder = [point for condition, point in points.items() if condition == "clean" or condition.startswith("snr_")]
        return Line(group, " ".join(f"{point.x:.1f},{point.y:.1f}" for point in ladder), tuple(points.values()))

    ticks = tuple((y(top * share), f"{top * share:.0%}") for share in (0, 0.25, 0.5, 0.75, 1))
    return Chart(tuple(line(index, group) for index, group in enumerate(groups)), tuple((x[name], name) for name in conditions), ticks)


def _point(row: Score, x: float, y: _Scale) -> Point:
    low, high = (row.value if end is None else end for end in (row.low, row.high))
    return Point(round(x, 1), y(row.value), y(low), y(high), f"{row.group}, {row.condition}: {row.value:.1%} ({low:.1%} to {high:.1%}), {row.n} cuts")


def speaker_table(rows: Sequence[Score]) -> tuple[list[str], list[tuple[str, list[Score | None]]]]:
    """Conditions, and for each speaker, as the build's cuts call them, the word error rate in each of them."""
    mine = {(row.group, row.condition): row for row in rows if row.metric == "wer" and row.group.startswith("speaker=")}
    conditions = sorted({condition for _, condition in mine}, key=condition_order)
    speakers = {group.removeprefix("speaker=") for group, _ in mine}
    return conditions, [(one, [mine.get((f"speaker={one}", condition)) for condition in conditions]) for one in sorted(speakers)]


def _number(value: float | None) -> str:
    return "\u2013" if value is None else f"{value:.3f}"
