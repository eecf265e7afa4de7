"""Scores as a plain text table, for the terminal."""

from __future__ import annotations

from collections.abc import Sequence

from speccraft.evaluation.scores import condition_order
from speccraft.scenario.contracts import Score


def wer_table(rows: Sequence[Score]) -> str:
    """Word error rate in per cent, one line a group, one column a condition."""
    wer = {(row.group.removeprefix("speaker="), row.condition): row for row in rows if row.metric == "wer"}
    conditions = sorted({condition for _, condition in wer}, key=condition_order)
    groups = list(dict.fromkeys(group for group, _ in wer))
    width = max((len(group) for group in groups), default=0)
    lines = [" ".join([f"{'WER %':<{width}}", *(f"{condition:>7}" for condition in conditions), f"{'cuts':>6}"])]
    for group in groups:
        cells = [f"{100 * row.value:7.1f}" if (row := wer.get((group, condition))) else f"{'-':>7}" for condition in conditions]
        lines.append(" ".join([f"{group:<{width}}", *cells, f"{max(row.n for (name, _), row in wer.items() if name == group):6d}"]))
    return "\n".join(lines)
