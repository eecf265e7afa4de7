"""The example notebook: it is what its script writes, it runs from end to end, and what it shows is what it holds."""

from __future__ import annotations

import importlib.util
import json
import re
import sys
from pathlib import Path
from typing import Any

import pytest

ROOT = Path(__file__).parent.parent.parent
MOST_BYTES = 300_000


def script() -> Any:
    spec = importlib.util.spec_from_file_location("docs_notebook", ROOT / "docs" / "notebook.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    return module


def held() -> dict[str, Any]:
    return json.loads(script().NOTEBOOK.read_text())


def sources(notebook: dict[str, Any]) -> list[str]:
    return ["".join(cell["source"]) for cell in notebook["cells"]]


def outputs(notebook: dict[str, Any]) -> list[list[tuple[str, ...]]]:
    """For every cell, the kinds of what it put out."""
    return [[(one["output_type"], *sorted(one.get("data", {}))) for one in cell.get("outputs", [])] for cell in notebook["cells"]]


def text_of(notebook: dict[str, Any]) -> list[str]:
    """Everything that is shown without HTML, with the ids of builds and cuts taken out, which follow from versions and content."""
    shown = ["".join(one.get("text", one.get("data", {}).get("text/plain", ""))) for cell in notebook["cells"] for one in cell.get("outputs", [])]
    return [re.sub(r"\b[0-9a-f]{16}\b", "ID", text) for text in shown]


def test_the_notebook_is_what_the_script_writes_and_was_executed() -> None:
    notebook = held()
    assert sources(notebook) == list(script().CELLS)
    assert all(cell["outputs"] for cell in notebook["cells"] if cell["cell_type"] == "code")


def test_it_is_small_and_knows_no_machine_no_clock_and_no_name() -> None:
    text = script().NOTEBOOK.read_text()
    assert len(text.encode()) < MOST_BYTES
    assert not re.search(r"/tmp|/home|/root|/work|/usr|execution\": \{|iopub", text)
    assert not re.search(r"\bspeaker[\"':= ]+(ada|ben|cleo|dan|eve|finn|gil|hana|ivo|jo)\b", text)
    assert not re.search(r"src=.{0,2}https?:", text)


@pytest.mark.slow
def test_it_runs_from_end_to_end_and_shows_what_it_holds() -> None:
    pytest.importorskip("nbclient")
    pytest.importorskip("espeakng_loader")
    assert sys.executable
    again = script().executed()
    assert outputs(again) == outputs(held())
    shown = "\n".join(text_of(again))
    assert "<Build demo/ID: PASS, 120 cuts>" in shown
    assert "after     BLOCK  demo/ID" in shown
    assert "dropped by quality.duration_s" in shown
    assert not [text for cell in again["cells"] for one in cell.get("outputs", []) for text in [one.get("ename", "")] if text]
