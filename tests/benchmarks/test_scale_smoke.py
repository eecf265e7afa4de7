"""The scale benchmark runs as it is written: a few cuts through every step, and the page that tells of them."""

from __future__ import annotations

import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = Path(__file__).resolve().parents[2] / "benchmarks/scale.py"


@pytest.mark.slow
def test_every_step_is_on_the_page(tmp_path: Path) -> None:
    out = tmp_path / "scale.md"
    subprocess.run([sys.executable, SCRIPT, "--cuts", "300", "--folder", tmp_path, "--out", out], check=True, capture_output=True)
    page = out.read_text()
    for step in (
        "build, 300 cuts",
        "first batch, 300 cuts",
        "statistics, 300 cuts",
        "everything after the units",
        "first batch (600 s of audio)",
        "by licence",
    ):
        assert step in page
