"""The page about what is learnt of real digits, made of made-up numbers."""

from __future__ import annotations

from typing import Any


def made_up(shift: float) -> dict[str, Any]:
    from benchmarks.learn import MIXES, TASKS

    found = {"pretrain takes": 0.9 + shift, "pretrain theo": 0.8}
    for stage in ("align", "prefer"):
        for task in TASKS:
            found |= {f"{stage} {task} takes": 0.9 + shift, f"{stage} {task} theo": 0.7 + shift, f"{stage} {task} polite": 0.5}
    tax = [{"group": group, "points": 100 * shift, "low": -1.0, "high": 1.0} for group in ("seen", "unseen", "speaker=theo")]
    mix = {"theo": 100 * shift, "takes": 1.0, "polite": 0.45, "right": 0.9, "cpu_s": 7.0}
    return {"accuracies": found, "cpu_s": {"pretrain": 50.0, "align": 10.0, "prefer": 5.0}, "tax": tax, "mixes": dict.fromkeys(MIXES, mix)}


def test_the_page_holds_medians_over_seeds_beside_their_goals_and_every_mix() -> None:
    from benchmarks.learn import MIXES, page
    from speccraft.trainer.recipe import load_recipe

    written = page({0: made_up(0.01), 1: made_up(0.03), 2: made_up(0.02)}, load_recipe("tiny-cpu"))
    assert "| pretrain: right, takes | 0.910 | 0.930 | 0.920 | 0.920 | .92 |" in written
    assert "| align: right, theo | 0.710 | 0.730 | 0.720 | 0.720 | .82 |" in written
    assert "| alignment tax, theo, points | 1.0 | 3.0 | 2.0 | 2.0 | ≤ 3 |" in written
    assert all(f"| {name} | 1.0, 3.0, 2.0 | 2.0 | 1.0 | 50.0 % | 7 |" in written for name in MIXES)
