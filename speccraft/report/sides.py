"""One of two builds that are compared: what its record, its report and its tables say, as far as a comparison needs it."""

from __future__ import annotations

import json
from collections.abc import Iterable
from dataclasses import dataclass
from functools import cached_property
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict

from speccraft import store
from speccraft.errors import InvalidScenario
from speccraft.report.tables import SCHEMAS, need_tables, of_another_version
from speccraft.report.waterfall import Flow, flows_of
from speccraft.rights.doors import scenario_of
from speccraft.scenario.model import Scenario

CUTS = ("cut", "source", "speaker", "licence", "split", "text", "seconds")
OF_SEGMENTS = ("segment", "source", "input", "fate", "rule", "value", "limit", "seconds")
OF_INPUTS = ("source", "input", "role", "fate", "rule", "value", "limit", "seconds", "seconds_kept", "seconds_dropped", "seconds_unvoiced")
TABLES = (("measures", CUTS), ("segments", OF_SEGMENTS), ("ledger", OF_INPUTS))
"""What is compared has to be there; measures that only one of the builds has are compared with nothing."""


class Judged(BaseModel):
    """A finding of a `report.json`, as far as a comparison shows it, whichever version wrote it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    code: str
    severity: str
    clause: str
    message: str
    unit: str = ""
    wanted: float | None = None
    found: float | None = None


@dataclass(frozen=True)
class Side:
    """A committed build that is compared with another."""

    build: store.Artefact
    scenario: Scenario
    verdict: str
    findings: tuple[Judged, ...]

    @property
    def info(self) -> dict[str, Any]:
        """What the commit record says about the build."""
        return self.build.record.info

    @cached_property
    def cuts(self) -> pl.DataFrame:
        """Every cut, with the columns of `CUTS`."""
        return self.table("measures", CUTS).collect()

    @cached_property
    def inputs(self) -> pl.DataFrame:
        """Every row of the ledger, with the columns of `OF_INPUTS` and its number, from 0."""
        return self.table("ledger", OF_INPUTS).with_row_index("row").collect()

    @property
    def segments(self) -> pl.LazyFrame:
        """Every segment, with the columns of `OF_SEGMENTS`; lazily, for there are more of them than of anything else."""
        return self.table("segments", OF_SEGMENTS)

    @cached_property
    def flows(self) -> list[Flow]:
        """The waterfall of every source."""
        return flows_of(self.inputs.drop("row"), self.segments.select("source", "input", "fate", "rule", "seconds").collect())

    @cached_property
    def measured(self) -> frozenset[str]:
        """The numbers that the table of cuts has."""
        return frozenset(pl.read_parquet_schema(self.build.path / "measures.parquet"))

    def table(self, name: str, columns: Iterable[str]) -> pl.LazyFrame:
        """Some columns of a table, with the types that are relied on: a column that is null in every row is stored without one."""
        schema = SCHEMAS[name]
        return pl.scan_parquet(self.build.path / f"{name}.parquet").select(pl.col(column).cast(schema[column]) for column in columns)


def side_of(build: store.Artefact) -> Side:
    """Open a build for comparison.

    Raises:
        UnreadableInput: another version of speccraft made it, and this one cannot read its tables or its scenario.
        BrokenIntegrity: a file is not what the commit record says.
    """
    for prefix in ("ledger.", "segments.", "measures.", "report."):
        store.check_files(build, prefix=prefix)
    need_tables(build, TABLES, to="compare")
    try:
        scenario = scenario_of(build)
    except InvalidScenario as error:
        first = error.findings[0]
        what = f"its scenario is not valid here (problems: {len(error.findings)}; {first.path} {first.message})"
        raise of_another_version(build, what, to="compare") from error
    report = json.loads((build.path / "report.json").read_bytes())
    return Side(build, scenario, build.record.info["verdict"], tuple(Judged.model_validate(finding) for finding in report["findings"]))
