"""How measures moved between two builds: how far, and drawn over the same bins."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import polars as pl
import pytest
from diff_world import committed
from report_world import cut_row

from speccraft import store
from speccraft.report.diff_measures import COMPARED, TITLES, measure_shifts
from speccraft.report.sides import side_of


def shifts(home: Path, before: list[dict[str, Any]], after: list[dict[str, Any]]) -> dict[str, Any]:
    return measure_shifts(*(side_of(committed(home / name, cuts)) for name, cuts in (("a", before), ("b", after))))


def test_a_measure_that_shifts_moves_by_the_shift_and_the_others_do_not(tmp_path: Path) -> None:
    before = [cut_row(number) for number in range(40)]
    found = shifts(tmp_path, before, [{**cut, "snr_db": cut["snr_db"] + 3.0} for cut in before])
    assert [(shift["measure"], shift["moved"]) for shift in found["moved"]] == [("snr_db", 3.0)]
    assert "Length of utterances" in found["same"]


def test_the_measure_that_is_furthest_apart_comes_first(tmp_path: Path) -> None:
    before = [cut_row(number) for number in range(40)]
    after = [{**cut, "level_dbfs": cut["level_dbfs"] + 0.5, "snr_db": cut["snr_db"] + 100.0} for cut in before]
    assert [(shift["measure"], shift["apart"]) for shift in shifts(tmp_path, before, after)["moved"]] == [
        ("snr_db", 1.0),
        ("level_dbfs", pytest.approx(0.1, abs=0.05)),
    ]


def test_every_value_is_in_one_bin_outliers_too(tmp_path: Path) -> None:
    before = [cut_row(number, snr_db=1e6 if number == 0 else 10.0 + number / 100) for number in range(400)]
    (shift,) = shifts(tmp_path, before, [cut_row(number, snr_db=11.0 + number / 100) for number in range(300)])["moved"][:1]
    assert (sum(shift["before"]["counts"]), sum(shift["after"]["counts"])) == (400, 300)
    assert len(shift["before"]["counts"]) == len(shift["after"]["counts"]) > 10


def test_a_measure_of_one_build_alone_has_no_distance(tmp_path: Path) -> None:
    found = shifts(tmp_path, [cut_row(0, bandwidth_hz=None)], [cut_row(0, bandwidth_hz=4000.0)])
    (shift,) = found["moved"]
    assert (shift["measure"], shift["moved"], shift["apart"], shift["before"]["n"], shift["before"]["median"]) == ("bandwidth_hz", None, None, 0, None)


def test_a_measure_that_an_older_table_does_not_have_is_compared_with_nothing(tmp_path: Path) -> None:
    builds = [committed(tmp_path / name, [cut_row(0)]) for name in ("a", "b")]
    older = pl.read_parquet(builds[0].path / "measures.parquet").drop("snr_db")
    older.write_parquet(builds[0].path / "measures.parquet")
    files = [entry.model_copy(update=_seen(builds[0].path / entry.path)) for entry in builds[0].record.files]
    old = store.Artefact(builds[0].path, builds[0].record.model_copy(update={"files": tuple(files)}), builds[0].digest)
    assert [(shift["measure"], shift["before"]["n"]) for shift in measure_shifts(side_of(old), side_of(builds[1]))["moved"]] == [("snr_db", 0)]


def _seen(path: Path) -> dict[str, Any]:
    return {"bytes": path.stat().st_size, "sha256": store.sha256_of(path)}


def test_every_measure_has_a_title_and_a_unit() -> None:
    assert set(COMPARED) <= set(TITLES)


def test_builds_without_cuts_have_no_measures(tmp_path: Path) -> None:
    assert shifts(tmp_path, [], []) == {"moved": [], "same": []}
