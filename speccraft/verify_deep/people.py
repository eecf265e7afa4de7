"""Prove again that cuts call people by pseudonyms: one each for whoever the private tables name, and by the scenario's own key where it has no other."""

from __future__ import annotations

import hashlib
import re
from collections.abc import Iterator

import polars as pl

from speccraft.verify import Problem

from .evidence import Build, some

FORMS = {"speaker": ("spk", re.compile(r"spk-[0-9a-f]{8}([0-9a-f]{24})?")), "session": ("ses", re.compile(r"ses-[0-9a-f]{8}([0-9a-f]{24})?"))}


def people(build: Build) -> Iterator[Problem]:
    """Names and what cuts call them belong to each other, one to one."""
    privacy, heard = build.scenario.privacy, build.heard
    for axis, (kind, form) in FORMS.items():
        pairs = heard.select("id", name=f"{axis}_named", called=axis)
        lost = pairs.filter(pl.col("name").is_null() != pl.col("called").is_null())
        yield from some("SC523", "segments.parquet", f"another {axis} of cuts", lost["id"])
        known = pairs.drop_nulls().unique(["name", "called"])
        if not privacy.pseudonyms:
            wrong = known.filter(pl.col("name") != pl.col("called"))
        else:
            twice = known.filter(pl.col("name").is_duplicated() | pl.col("called").is_duplicated())
            yield from some("SC523", "cuts.*.jsonl", f"their {axis} has two names or two pseudonyms", twice["id"])
            odd = pl.Series([form.fullmatch(called) is None for called in known["called"]], dtype=pl.Boolean)
            wrong = known.filter(odd | _of_another_key(build, known, kind))
        yield from some("SC523", "cuts.*.jsonl", f"their {axis} is not what segments.parquet and `privacy` say", wrong["id"])


def _of_another_key(build: Build, known: pl.DataFrame, kind: str) -> pl.Series:
    """Which pseudonyms do not follow from the scenario's name and seed; with a key of its own that cannot be told."""
    scenario = build.scenario
    if scenario.privacy.pseudonym_key is not None:
        return pl.Series([False] * known.height, dtype=pl.Boolean)
    key = hashlib.blake2b(f"{scenario.name}\0{scenario.seed}".encode(), digest_size=32).digest()

    def follows(name: str, called: str) -> bool:
        digest = hashlib.blake2b(name.encode("utf-8", "surrogatepass"), key=key, person=kind.encode(), digest_size=16).hexdigest()
        return f"{kind}-{digest}".startswith(called)

    return pl.Series([not follows(name, called) for name, called in known.select("name", "called").iter_rows()], dtype=pl.Boolean)
