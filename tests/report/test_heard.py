from __future__ import annotations

from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from report_world import cut_row, facts_of, some_cuts, write_folder

from speccraft.report.heard import SAMPLE, evenly, heard
from speccraft.report.tables import MEASURES


def measured(folder: Path, cuts: list[dict[str, object]]) -> pl.DataFrame:
    return heard(folder, pl.DataFrame(cuts, schema=MEASURES), facts_of().scenario)


def test_every_test_cut_of_a_small_build_is_measured_as_recorded_and_in_place(tmp_path: Path) -> None:
    cuts = some_cuts()
    found = measured(write_folder(tmp_path, cuts, seconds_of_tone=0.6), cuts)
    test = sorted(cut["cut"] for cut in cuts if cut["split"] == "test")
    assert found.sort("cut", "condition")["cut"].to_list() == [cut for cut in test for _ in range(2)]
    clean, place = (found.filter(condition=condition)["level_dbfs"].mean() for condition in ("clean", "place"))
    # A tone of 0.4 under a Hann window, beside white noise of 0.1.
    assert -16 < clean < -10  # type: ignore[operator]
    assert -21 < place < -19  # type: ignore[operator]


def test_without_a_test_cut_in_a_place_nothing_is_measured(tmp_path: Path) -> None:
    assert measured(write_folder(tmp_path, [cut_row(0)]), [cut_row(0)]).is_empty()


@given(st.lists(st.text("abc", max_size=4), unique=True, max_size=40), st.integers(1, 50))
def test_a_sample_is_as_large_as_it_may_be_whatever_the_order(cuts: list[str], most: int) -> None:
    found = evenly(cuts, most)
    assert found == evenly(cuts[::-1], most)
    assert len(set(found)) == min(len(cuts), most)
    assert set(found) <= set(cuts)


def test_a_sample_reaches_over_all_cuts() -> None:
    assert evenly([f"{number:04}" for number in range(1000)], 4) == ["0000", "0250", "0500", "0750"]
    assert SAMPLE >= 100
