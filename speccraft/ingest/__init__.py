"""What a person has, as rows: one file per source format, one row per input, nothing lost.

Reading a source never opens audio. A row that cannot be used carries its problem with it, so the ledger can tell.
"""

from __future__ import annotations

from pathlib import Path

from speccraft.ingest.folder import read_folder
from speccraft.ingest.rows import Reach, Row
from speccraft.ingest.synthesis import read_synthesis
from speccraft.ingest.table import read_table
from speccraft.scenario import Scenario
from speccraft.scenario.source import FolderSource, Source, SynthesisSource, TableSource

__all__ = ["Reach", "Row", "read_source", "read_sources"]


def read_sources(scenario: Scenario, reach: Reach) -> dict[str, tuple[Row, ...]]:
    """The rows of every source, by source id, in the source's own order.

    Raises:
        speccraft.errors.UnreadableInput: a table or folder cannot be read, or holds nothing.
    """
    return {source.id: read_source(source, scenario, reach) for source in scenario.sources}


def read_source(source: Source, scenario: Scenario, reach: Reach) -> tuple[Row, ...]:
    """The rows of one source; inputs that repeat get `#2`, `#3` ... so that every ledger row has its own name."""
    match source:
        case TableSource():
            rows = read_table(source, given=scenario.splits.given, reach=reach)
        case FolderSource():
            rows = read_folder(source, reach=reach)
        case SynthesisSource():
            rows = read_synthesis(source)
    return _with_own_names(rows)


def _with_own_names(rows: list[Row]) -> tuple[Row, ...]:
    named: dict[str, Row] = {}
    counts: dict[str, int] = {}
    for row in rows:
        counts[row.input] = counts.get(row.input, 0) + 1
        # An input may itself be called `a.wav#2`.
        while (name := row.input if counts[row.input] == 1 else f"{row.input}#{counts[row.input]}") in named:
            counts[row.input] += 1
        named[name] = row.renamed(name)
    return tuple(named.values())


def reach_of(scenario_path: Path, scenario: Scenario, data: Path | None) -> Reach:
    """Folders that source paths start from and may reach into."""
    beside = scenario_path.resolve().parent
    base = (data or beside).resolve()
    return Reach(base=base, roots=(base, beside, *((beside / root).resolve() for root in scenario.roots)))
