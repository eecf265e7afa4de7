"""The scale benchmark runs as it is written: a few cuts through every step, and the page that tells of them."""

from __future__ import annotations

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import scale
from speccraft.sound.shards import decode_flac

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


@pytest.mark.parametrize(("free", "stubs"), [(10**9, False), (10**6, True)])
def test_audio_of_real_size_is_made_where_the_disk_has_room_for_it(free: int, stubs: bool, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speccraft.machine.free_bytes", lambda folder: free)
    scale.make_units(tmp_path, 200)
    folders = sorted((tmp_path / "units").iterdir())
    lines = [json.loads(line) for folder in folders for line in (folder / "segments.jsonl").read_text().splitlines()]
    audio = (folders[0] / "audio.bin").read_bytes()
    assert len(lines) == 200
    for line in lines[:20]:
        assert len(decode_flac(audio[line["offset"] : line["offset"] + line["size"]])) == line["num_samples"]
    assert (sum(line["size"] for line in lines) / 200 < 200) == stubs
    assert stubs or sum(line["size"] for line in lines) / 200 == pytest.approx(scale.MEAN_BYTES, rel=0.1)
