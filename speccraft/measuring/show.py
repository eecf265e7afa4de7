"""Measures and drawn places as plain text, for the terminal; units stand in the headings, `~` before what is uncertain."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from speccraft.measuring.uncertain import meaning_of
from speccraft.scenario.diagnostics import printable

if TYPE_CHECKING:
    from speccraft.measuring.placed import Version

WIDEST_NAME = 44
WIDEST_VALUE = 12
"""In the list of one recording; the meaning of what is longer stands on a line of its own."""
NOTHING = "-"
FOOTNOTE = "~ is uncertain: docs/measures.md says how far from the truth"


@dataclass(frozen=True)
class Column:
    """How a measure stands in the table: its value times `factor`, with some decimals."""

    name: str
    heading: str
    unit: str
    digits: int
    factor: float = 1.0


COLUMNS = (
    Column("duration_s", "length", "s", 2),
    Column("sampling_rate_hz", "rate", "Hz", 0),
    Column("channels", "ch", "", 0),
    Column("speech_share", "speech", "%", 0, 100),
    Column("level_dbfs", "level", "dBFS", 1),
    Column("peak_dbfs", "peak", "dBFS", 1),
    Column("loudness_lufs", "loud", "LUFS", 1),
    Column("clipped_fraction", "clipped", "%", 2, 100),
    Column("snr_db", "SNR", "dB", 1),
    Column("noise_dbfs", "noise", "dBFS", 1),
    Column("bandwidth_hz", "band", "Hz", 0),
    Column("reverberation_s", "T60", "s", 2),
    Column("f0_median_hz", "F0", "Hz", 0),
    Column("f0_range_semitones", "F0 range", "st", 1),
    Column("characters_per_s", "chars", "1/s", 1),
    Column("syllables_per_s", "syllables", "1/s", 1),
)
"""What the table of several recordings shows; all of it is in `--json`, and in the list of a single one."""


def table(rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Lines about several recordings: one for each, and for one that could not be measured its reason."""
    measured = [row for row in rows if row["rule"] is None]
    columns = [column for column in COLUMNS if any(row.get(column.name) is not None for row in measured)]
    names = {row["file"]: _short(row["file"]) for row in rows}
    width = max((len(name) for name in names.values()), default=0)
    cells = [[_cell(row, column) for column in columns] for row in measured]
    widths = [max(len(column.heading), len(column.unit), *map(len, shown)) for column, shown in zip(columns, zip(*cells, strict=True), strict=False)]
    if measured:
        yield "  ".join([" " * width, *(f"{column.heading:>{wide}}" for column, wide in zip(columns, widths, strict=True))]).rstrip()
        yield "  ".join([" " * width, *(f"{column.unit:>{wide}}" for column, wide in zip(columns, widths, strict=True))]).rstrip()
    lines = iter(cells)
    for row in rows:
        start = f"{names[row['file']]:<{width}}"
        if row["rule"] is not None:
            yield f"{start}  {row['rule']}: {printable(row['reason'])}"
            continue
        yield "  ".join([start, *(f"{cell:>{wide}}" for cell, wide in zip(next(lines), widths, strict=True))])
        yield from (f"{'':<{width}}  {printable(problem)}" for problem in row["problems"])
    if any(row["uncertain"] for row in measured):
        yield FOOTNOTE


def listing(row: Mapping[str, Any]) -> Iterator[str]:
    """Lines about one recording: each measure with what it means."""
    yield printable(row["file"])
    if row["rule"] is not None:
        yield f"  {row['rule']}: {printable(row['reason'])}"
        return
    yield from (f"  {printable(problem)}" for problem in row["problems"])
    for name, value in row.items():
        if name in ("file", "rule", "reason", "problems", "uncertain"):
            continue
        mark = "~" if name in row["uncertain"] else " "
        shown = NOTHING if value is None else f"{value:.6g}" if isinstance(value, float) else printable(str(value))
        # Where a definition says NaN, the row has nothing.
        meaning = meaning_of(name).replace("NaN", NOTHING)
        if len(shown) > WIDEST_VALUE:
            yield f"  {name:<19} {mark}{shown}"
            shown = name = mark = ""
        yield f"  {name:<19} {mark:<1}{shown:<{WIDEST_VALUE}} {meaning}".rstrip()
    if row["uncertain"]:
        yield FOOTNOTE


def parameters(versions: Sequence[Version]) -> Iterator[str]:
    """Lines about a cut in its conditions: one a parameter, one column a condition."""
    names = list(dict.fromkeys(name for version in versions for name in version.parameters))
    columns = [[version.condition, *(_plain(version.parameters.get(name)) for name in names)] for version in versions]
    left, widths = max(map(len, names), default=0), [max(map(len, column)) for column in columns]
    for name, *cells in zip(["", *names], *columns, strict=True):
        yield "  ".join([f"{name:<{left}}", *(f"{cell:<{wide}}" for cell, wide in zip(cells, widths, strict=True))]).rstrip()


def _cell(row: Mapping[str, Any], column: Column) -> str:
    value = row.get(column.name)
    if value is None:
        return NOTHING
    return ("~" if column.name in row["uncertain"] else "") + f"{value * column.factor:.{column.digits}f}"


def _plain(value: Any) -> str:
    if value is None:
        return ""
    return f"{value:.6g}" if isinstance(value, float) else printable(str(value))


def _short(name: str) -> str:
    shown = printable(name)
    return shown if len(shown) <= WIDEST_NAME else f"...{shown[3 - WIDEST_NAME :]}"
