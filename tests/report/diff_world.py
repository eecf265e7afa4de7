"""Committed builds to compare, made of the rows that a test states."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any

from report_world import SCENARIO, ledger_row, segment_row, write_folder

from speccraft import store

FACTS: dict[str, Any] = {"as_of": "2026-01-01", "verdict": "PASS", "tools": {"polars": "1"}, "counts": {}}


def committed(
    home: Path,
    cuts: list[dict[str, Any]],
    lost: list[dict[str, Any]] | None = None,
    segments: list[dict[str, Any]] | None = None,
    *,
    scenario: dict[str, Any] | None = None,
    findings: Sequence[dict[str, Any]] = (),
    name: str = "metro",
    **facts: Any,
) -> store.Artefact:
    """Commit a build of these cuts; `lost` and `segments` are further rows of the ledger and of the segments."""
    shelf = home / "builds" / name
    shelf.mkdir(parents=True, exist_ok=True)
    with store.scratch_folder(shelf) as scratch:
        write_folder(scratch, cuts, lost, segments, seconds_of_tone=0.05)
        (scratch / "report.json").write_text(json.dumps({"findings": list(findings)}))
        text = json.dumps({**SCENARIO, "name": name, **(scenario or {})}, indent=1)
        info = {**FACTS, "scenario": {"text": text, "digest": store.digest_of(text)}, **facts}
        return store.commit(scratch, shelf, kind="build", name=name, info=info)


def dropped(cut: dict[str, Any], rule: str, value: str = "1.5") -> tuple[dict[str, Any], dict[str, Any]]:
    """The rows of ledger and segments of a cut that a rule took."""
    input = f"{cut['speaker']}/{cut['cut']}.wav"
    told = {"rule": rule, "value": value, "limit": ">= 5"}
    return ledger_row(input, "dropped", cut["seconds"], source=cut["source"], **told), segment_row(cut, input, fate="dropped", **told)
