"""The tables of a build as lazy Polars frames that show their first rows in a notebook, with people called as the build calls them."""

from __future__ import annotations

import polars as pl

from speccraft import store
from speccraft.notebook.shown import escaped, grid
from speccraft.report.aliases import aliases_of
from speccraft.report.numerals import NOTHING
from speccraft.report.tables import CHANNELS, MEASURES
from speccraft.report.visible import NUMBER, shortened
from speccraft.rights.personal import masked
from speccraft.scenario import Scenario

ROWS, LONGEST_CELL = 8, 60
NAMELESS = ("row", "source", "role", "fate", "rule", "value", "limit", "seconds", "seconds_kept", "seconds_dropped", "seconds_unvoiced", "cuts", *CHANNELS)
"""Columns of a ledger in which nobody is named; others may come."""


class Table(pl.LazyFrame):
    """A LazyFrame: everything that Polars does with one can be done with it. What is not collected yet shows its first rows instead of its query plan."""

    def __repr__(self) -> str:
        return f"<Table of {', '.join(self.collect_schema().names())}>"

    def _repr_html_(self) -> str:
        found = self.head(ROWS + 1).collect()
        rows = [[_cell(name, value) for name, value in row.items()] for row in found.head(ROWS).iter_rows(named=True)]
        below = "the first rows; .collect() gives all" if found.height > ROWS else "all rows"
        return grid(found.columns, rows) + f"<p>{escaped(found.width)} columns, {below}</p>"


def measures_of(build: store.Artefact, scenario: Scenario) -> Table:
    """`measures.parquet`, a row a cut; speakers go by the names that they have in the cuts, and where these are pseudonyms only known columns are told."""
    frame = pl.scan_parquet(build.path / "measures.parquet")
    if scenario.privacy.pseudonyms:
        frame = frame.select(name for name in frame.collect_schema() if name in MEASURES)
    speakers = frame.select(pl.col("speaker").cast(pl.String).drop_nulls().unique()).collect()["speaker"].to_list()
    called = aliases_of(build, scenario, sorted(speakers), private=scenario.privacy.pseudonyms)
    names = pl.DataFrame({"speaker": list(called.by_name), "called": list(called.by_name.values())}, schema={"speaker": pl.String, "called": pl.String}).lazy()
    return _shown(
        frame.with_columns(pl.col("speaker").cast(pl.String))
        .join(names, on="speaker", how="left", maintain_order="left")
        .with_columns(speaker="called")
        .drop("called")
    )


def ledger_of(build: store.Artefact, scenario: Scenario) -> Table:
    """`ledger.parquet`, a row an input, with its number from 0.

    Where the scenario wants pseudonyms, it has what can name nobody alone, and a `value` that is no number is null: file names often hold people's names.
    """
    frame = pl.scan_parquet(build.path / "ledger.parquet", row_index_name="row")
    if scenario.privacy.pseudonyms:
        value = pl.col("value").cast(pl.String)
        frame = frame.select(*NAMELESS).with_columns(value=pl.when(value.str.contains(f"^{NUMBER}$")).then(value))
    return _shown(frame)


def _shown(frame: pl.LazyFrame) -> Table:
    # Polars makes a derived frame of the class of the first; the constructor of one takes data, not a frame.
    frame.__class__ = Table
    assert isinstance(frame, Table)
    return frame


def _cell(name: str, value: object) -> str:
    if value is None:
        return NOTHING
    if isinstance(value, float):
        return f"{value:.6g}"
    if isinstance(value, list):
        value = ", ".join(map(str, value))
    return shortened(masked(str(value)) if name == "text" else str(value), LONGEST_CELL)
