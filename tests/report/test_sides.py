"""One side of a comparison: what it needs is there, or it says what is not and why."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import polars as pl
import pytest
from diff_world import committed
from report_world import cut_row

from speccraft import store
from speccraft.errors import BrokenIntegrity, UnreadableInput
from speccraft.report.sides import side_of


def without(build: store.Artefact, table: str, column: str) -> store.Artefact:
    """A build as another version makes it: its table lacks a column, and its record knows that."""
    path = build.path / f"{table}.parquet"
    pl.read_parquet(path).drop(column).write_parquet(path)
    seen = {"bytes": path.stat().st_size, "sha256": store.sha256_of(path)}
    files = tuple(entry.model_copy(update=seen) if entry.path == path.name else entry for entry in build.record.files)
    return replace(build, record=build.record.model_copy(update={"files": files, "version": "0.0.9"}))


@pytest.mark.parametrize(("table", "column"), [("measures", "split"), ("segments", "rule"), ("ledger", "seconds_kept")])
def test_a_table_of_another_speccraft_without_what_is_compared_is_told_with_both_versions(table: str, column: str, tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match=rf"{table}.parquet has no {column}: another speccraft made it \(it says 0\.0\.9, this is"):
        side_of(without(committed(tmp_path, [cut_row(0)]), table, column))


def test_a_scenario_that_this_version_does_not_take_is_told_with_its_first_problem(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match=r"its scenario is not valid here \(problems: 1; frobnicate"):
        side_of(committed(tmp_path, [cut_row(0)], scenario={"frobnicate": 1}))


def test_a_table_that_was_changed_since_is_refused(tmp_path: Path) -> None:
    build = committed(tmp_path, [cut_row(0)])
    (build.path / "ledger.parquet").write_bytes(b"PAR1")
    with pytest.raises(BrokenIntegrity, match=r"ledger\.parquet"):
        side_of(build)


def test_findings_of_a_version_that_says_less_or_more_are_read(tmp_path: Path) -> None:
    finding = {"code": "SC413", "severity": "warn", "clause": "x", "message": "y", "examples": [1]}
    (read,) = side_of(committed(tmp_path, [cut_row(0)], findings=[finding])).findings
    assert (read.code, read.wanted) == ("SC413", None)


def test_columns_that_are_null_in_every_row_have_their_type(tmp_path: Path) -> None:
    side = side_of(committed(tmp_path, [cut_row(0, speaker=None, text=None)]))
    assert (side.cuts.schema["speaker"], side.inputs.schema["rule"]) == (pl.String, pl.String)
