"""Documents made from code say what the code says."""

from __future__ import annotations

import importlib.util
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parent.parent


def test_generated_documents_are_up_to_date():
    spec = importlib.util.spec_from_file_location("make_docs", ROOT / "docs" / "make.py")
    assert spec is not None
    assert spec.loader is not None
    module = importlib.util.module_from_spec(spec)
    spec.loader.exec_module(module)
    stale = [path.name for path, text in module.documents().items() if path.read_text() != text]
    assert not stale, "run `make docs`"


@pytest.mark.slow
def test_the_benchmark_compares_a_build_with_decoding(tmp_path: Path):
    out = tmp_path / "results.md"
    subprocess.run([sys.executable, str(ROOT / "benchmarks/build.py"), "--files", "8", "--rounds", "1", "--out", str(out)], check=True, capture_output=True)
    table = [line for line in out.read_text().splitlines() if line.startswith("| ")][1:]
    assert [line.split("|")[1].strip() for line in table] == ["decoding alone", "whole build, one worker"]
    assert all(float(line.split("|")[2]) > 0 for line in table)
