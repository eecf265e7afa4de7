"""The recordings that splits are made of, as a table: a row each, with its value on every axis; and what such values share."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import get_args

import polars as pl

from speccraft.plan.bridges import Member
from speccraft.scenario.contracts import SPLITS
from speccraft.scenario.quality import Axis

DIALOGUE = "dialogue"
"""The axis on which dialogues hold their recordings together; it is always kept apart, for a dialogue is in one split."""
AXES: tuple[str, ...] = (*get_args(Axis), DIALOGUE)
MEMBERS = {"id": pl.String, "seconds": pl.Float64, "given": pl.String, "stratum": pl.String, **dict.fromkeys(AXES, pl.String)}
"""`id` is source:input, `given` the official split, `stratum` what `splits.stratify` asks for; the others are axes. `seconds` count for the shares of dev
and test, so speech that nobody wrote down has none: it is of no use there."""
NOT_STATED = "not stated"
NOT_KNOWN = "(not known)"
"""The speaker of all recordings of which nobody knows who speaks."""


def table_of(members: Sequence[Member]) -> pl.DataFrame:
    """Members as a table."""
    axes = {axis: [member.values.get(axis) for member in members] for axis in AXES}
    stated = {name: [getattr(member, name) for member in members] for name in ("id", "seconds", "given", "stratum")}
    return pl.DataFrame({**stated, **axes}, schema=MEMBERS)


def members_of(table: pl.DataFrame) -> list[Member]:
    """The inverse of `table_of`."""
    rows = table.select("id", "seconds", "given", "stratum", *AXES).iter_rows()
    return [Member(id, seconds, dict(zip(AXES, values, strict=True)), given, stratum) for id, seconds, given, stratum, *values in rows]


def plain(text: str | None) -> str | None:
    """A transcript as the axis `text` compares it: case and spacing do not count."""
    return None if text is None else " ".join(text.lower().split())


def stratum_of(groups: Iterable[tuple[str, str]], stratify: Sequence[str]) -> str:
    """The stratum of a recording, such as `gender=female, accent=not stated`; empty where nothing is stratified."""
    stated = dict(groups) if stratify else {}
    return ", ".join(f"{name}={stated.get(name, NOT_STATED)}" for name in stratify)


def shared_values(members: pl.DataFrame, axis: str) -> tuple[dict[str, int], list[str]]:
    """Distinct values of an axis in each split, and the values that stand in more than one: the certificate's evidence.

    Args:
        members: with their `split`, null where they have none.
    """
    where = members.select(axis, "split").drop_nulls().unique().group_by(axis).agg("split")
    counts: dict[str, int] = {name: where.filter(pl.col("split").list.contains(name)).height for name in SPLITS}
    return counts, where.filter(pl.col("split").list.len() > 1)[axis].sort().to_list()
