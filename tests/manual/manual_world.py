"""A help desk that sells tickets: a manual with two rules, and a table of orders with their intent and slots."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import numpy as np
import soundfile

MANUAL: dict[str, Any] = {
    "persona": "You are the help desk.",
    "slots": {"ticket": ["day ticket", "single ticket", "return ticket", "monthly pass"]},
    "phrases": {"buy": ["sell me a {ticket} [please]", "get me a {ticket} [now]", "I want (a|one) {ticket}", "give me the {ticket} [please]"]},
    "rules": [
        {
            "id": "buy",
            "must": "confirm",
            "intent": "buy",
            "says": ["Shall I buy a {ticket}?"],
            "done": "Done: a {ticket}.",
            "dropped": "Nothing is bought.",
            "near_misses": [{"user": "what does a {ticket} cost", "assistant": "Ask at the counter."}],
        },
        {
            "id": "medicine",
            "must": "refuse",
            "topic": "headache",
            "examples": ["what helps against [my] headache", "I have a [bad|strong] headache", "which pill for a headache", "headache pills please"],
            "says": ["I cannot give medical advice."],
            "near_misses": [
                {"user": "where is the (chemist|doctor|nurse)", "assistant": "At exit B."},
                {"user": "which exit for the chemist", "assistant": "Exit B."},
                {"user": "is there a (chemist|doctor) here", "assistant": "At exit B."},
                {"user": "my bag hurts", "assistant": "There are lockers."},
            ],
        },
    ],
    "making": {"per_rule": 24, "recordings": [{"source": "orders"}], "held_out": {"ticket": ["monthly pass"]}},
}


def write_world(folder: Path, *, manual: dict[str, Any] | None = None, seed: int = 0, sources: tuple[dict[str, Any], ...] = (), **sections: Any) -> Path:
    """Write `orders.jsonl`, its recordings and the scenario; gives the scenario."""
    (folder / "orders").mkdir(exist_ok=True)
    rows = []
    for number in range(9):
        tone = np.sin(2 * np.pi * (200 + 40 * number) * np.arange(8000) / 16000) * np.hanning(8000) * 0.3
        soundfile.write(folder / f"orders/order-{number}.wav", tone, 16000)
        about = {"intent": "greet" if number == 8 else "buy", "slots": {"ticket": " day ticket" if number % 2 == 0 else "single ticket"}}
        rows.append({"path": f"orders/order-{number}.wav", "licence": "CC0-1.0"} | about)
    (folder / "orders.jsonl").write_text("".join(json.dumps(row) + "\n" for row in rows))
    table = {"id": "orders", "format": "table", "path": "orders.jsonl", "columns": {"audio": "path", "licence": "licence"}, "stages": ["align"]}
    scenario = {
        "speccraft": 1,
        "name": "desk",
        "seed": seed,
        "job": {"task": "converse", "languages": ["en"], "input": ["speech", "text"]},
        "environment": {"sampling_rate": 16000},
        "rights": {"use": ["train"], "accept": ["CC0-1.0"]},
        "sources": [table, *sources],
        "splits": {"given": "split", "disjoint": ["speaker", "recording"]} if sources else {"disjoint": ["speaker", "recording"]},
        "segmentation": {"detector": "energy"},
        "manual": MANUAL if manual is None else manual,
        "training": {"stages": ["align"]},
        **sections,
    }
    (folder / "scenario.yaml").write_text(json.dumps(scenario, indent=1))
    return folder / "scenario.yaml"


def write_dialogues(folder: Path, records: list[dict[str, Any]]) -> dict[str, Any]:
    """Write demonstrations; gives the source that reads them."""
    (folder / "demonstrations").mkdir(exist_ok=True)
    (folder / "demonstrations/shown.jsonl").write_text("".join(json.dumps(record) + "\n" for record in records))
    return {"id": "shown", "format": "conversations", "path": "demonstrations/shown.jsonl", "audio_folder": ".", "licence": "CC0-1.0"}
