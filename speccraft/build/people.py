"""Keep the names of people out of every file of a build but its private tables: cuts, shards and certificate hold pseudonyms."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import polars as pl

from speccraft.plan.members import NOT_KNOWN
from speccraft.rights.personal import masked
from speccraft.rights.pseudonyms import Names

_OF_RECORDINGS = ("recording", "near_audio", "dialogue")
_OF_TEXT = ("text", "near_text")


def names_in(segments: pl.DataFrame, key: bytes | None) -> Names:
    """What everybody in `segments.parquet` is called elsewhere."""
    speakers, sessions = (segments[column].drop_nulls().unique().sort().to_list() for column in ("speaker", "session"))
    return Names.of(speakers, sessions, key)


def with_pseudonyms(cuts: pl.DataFrame, names: Names) -> pl.DataFrame:
    """Cuts whose speakers and sessions go by their pseudonyms."""
    called = {"speaker": names.speakers, "session": names.sessions}
    return cuts.with_columns(pl.col(column).replace_strict(known, return_dtype=pl.String) for column, known in called.items() if known)


def axis_value(names: Names, axis: str, value: str) -> str:
    """A value of an axis as a certificate may show it."""
    if axis in _OF_TEXT:
        return masked(value)
    if axis in _OF_RECORDINGS:
        return names.recording(value)
    if axis == "speaker":
        return value if value == NOT_KNOWN else names.speaker(value)
    return names.session(value) if axis == "session" else value


def note(names: Names, said: str, unseen: Mapping[Any, Sequence[str]]) -> str:
    """A note of the splits without the names that `splits.unseen` holds."""
    for axis, values in unseen.items():
        for value in values:
            said = said.replace(f"'{value}'", f"'{axis_value(names, axis, value)}'")
    return said
