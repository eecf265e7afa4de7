"""Real commands with their intents as conversations: spoken orders and what a barista's assistant makes of them. Runs where SPECCRAFT_DATA names the packs."""

from __future__ import annotations

import json
import os
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from corpus import lines_of

from speccraft.build.run import build
from speccraft.plan import plan_of
from speccraft.scenario import load_scenario
from speccraft.scenario.contracts import SPLITS
from speccraft.verify_deep import verify_deep

PACKS = os.environ.get("SPECCRAFT_DATA", "")
pytestmark = [pytest.mark.slow, pytest.mark.skipif(not PACKS, reason="SPECCRAFT_DATA does not name the packs")]


def orders() -> list[dict[str, Any]]:
    """Every recorded command of the demo pack with what it asks for, in ShareGPT's form."""
    rows = [json.loads(line) for line in (Path(PACKS) / "demo/manifest.jsonl").read_text().splitlines()]
    return [
        {
            "id": Path(row["path"]).stem,
            "system": "Answer with the order as JSON.",
            "conversations": [
                {"from": "human", "value": "<audio>What is ordered?"},
                {"from": "gpt", "value": json.dumps({"intent": row["intent"], **row["slots"]})},
            ],
            "audios": [row["path"]],
            "license": row["license"],
        }
        for row in rows
        if row["path"].startswith("commands/")
    ]


def test_recorded_orders_become_demonstrations_of_the_job(tmp_path: Path) -> None:
    (tmp_path / "orders.json").write_text(json.dumps(orders()))
    source = {"id": "orders", "format": "conversations", "path": "orders.json", "audio_folder": f"{PACKS}/demo"}
    job = {"task": "converse", "languages": ["en"], "longest_utterance_s": 20.0}
    scenario = {"speccraft": 1, "name": "barista", "roots": [PACKS], "job": job, "sources": [source], "training": {"stages": ["align"]}}
    (tmp_path / "scenario.yaml").write_text(json.dumps(scenario))
    loaded = load_scenario(tmp_path / "scenario.yaml")
    made = build(loaded, plan_of(loaded), workspace=tmp_path / "work", workers=2).artefact
    demonstrations = [row for split in SPLITS for row in lines_of(made.path / f"demonstrations.{split}.jsonl")]
    ledger = pl.read_parquet(made.path / "ledger.parquet")
    assert ledger.height == len(orders())
    assert len(demonstrations) == ledger.filter(fate="kept").height > 0.9 * ledger.height
    assert all(json.loads(row["messages"][-1]["content"][0]["text"])["intent"] for row in demonstrations)
    assert verify_deep(made.path).problems == []
