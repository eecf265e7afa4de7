"""What is published of the measures is what was measured: the page, the module and the code name the same, and the targets are met on real speech."""

from __future__ import annotations

import os
from pathlib import Path

import numpy as np
import pytest

from speccraft.sound.errors_published import ERRORS
from speccraft.sound.measures import MEASURES
from speccraft.sound.spectral import SPECTRAL

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs/measures.md"
PACKS = os.environ.get("SPECCRAFT_DATA", "")


def test_every_measure_of_a_waveform_has_its_error_published_and_no_other() -> None:
    assert ERRORS.keys() == {**MEASURES, **SPECTRAL}.keys()


def test_the_page_says_what_code_reads() -> None:
    table = PAGE.read_text().split("\n## ")[0]
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| `")]
    assert {row[0].strip("`") for row in rows} == ERRORS.keys()
    for name, unit, _, error, rank, _, mark in rows:
        one = ERRORS[name.strip("`")]
        assert (unit, mark.strip("*")) == (one.unit, "certain" if one.certain else "uncertain")
        assert [error, rank] == ["" if value is None else f"{value:g}" for value in (one.median_absolute_error, one.rank_correlation)]


def test_the_page_defines_every_measure_as_its_docstring_does() -> None:
    page = PAGE.read_text()
    for name, measure in {**MEASURES, **SPECTRAL}.items():
        assert f"## `{name}`\n\n{(measure.__doc__ or '').splitlines()[0]}" in page


@pytest.mark.parametrize(("name", "most", "rank"), [("snr_db", 2.0, 0.8), ("bandwidth_hz", 500.0, 0.8), ("reverberation_s", 0.2, 0.8)])
def test_the_published_errors_meet_their_targets(name: str, most: float, rank: float) -> None:
    one = ERRORS[name]
    assert one.median_absolute_error is not None
    assert one.rank_correlation is not None
    assert one.certain
    assert one.median_absolute_error <= most
    assert one.rank_correlation >= rank


@pytest.mark.slow
@pytest.mark.skipif(not PACKS, reason="SPECCRAFT_DATA does not name the packs")
@pytest.mark.parametrize(
    ("name", "condition", "most", "rank"),
    [
        ("snr_db", "white, 0 dB", 2.0, None),
        ("snr_db", "steady, 10 dB", 2.0, None),
        ("bandwidth_hz", "16 kHz, -50 dBFS", 500.0, 0.95),
        ("bandwidth_hz", "48 kHz, white noise before the cut", 500.0, 0.95),
        ("reverberation_s", "measured rooms", 0.2, 0.8),
        ("reverberation_s", "in noise, 20 dB", 0.2, 0.8),
    ],
)
def test_the_targets_hold_on_other_draws_of_real_speech(name: str, condition: str, most: float, rank: float | None) -> None:
    from benchmarks.measures import rows_of

    row = next(row for row in rows_of(name, Path(PACKS), seed=7, only=condition) if row.condition == condition)
    assert np.isfinite(row.pairs).all()
    assert row.median_absolute_error <= most
    assert rank is None or row.rank_correlation >= rank
