"""What the speakers of committed builds are called in what is shown of them: as in their cuts, never by name where a scenario wants pseudonyms."""

from __future__ import annotations

import re
from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

import polars as pl

from speccraft import store
from speccraft.report.tables import cut_files
from speccraft.rights.pseudonyms import derived_key, pseudonyms
from speccraft.scenario.model import Scenario

NOT_STATED = "not stated"


@dataclass(frozen=True)
class Aliases:
    """What each speaker is called; `private` says that names may not be shown, nor file names, which often hold them."""

    by_name: Mapping[str, str]
    private: bool

    def of(self, speaker: str | None) -> str:
        """What a speaker is called."""
        return NOT_STATED if speaker is None else self.by_name[speaker]

    def in_text(self, text: str) -> str:
        """A text with every speaker's name in it replaced."""
        # One pattern of all names would try each of them at each letter.
        present = sorted((name for name in self.by_name if name and name in text), key=len, reverse=True) if self.private else []
        if not present:
            return text
        return re.sub(rf"(?<!\w)(?:{'|'.join(map(re.escape, present))})(?!\w)", lambda match: self.by_name[match[0]], text)


def aliases_of(build: store.Artefact, scenario: Scenario, speakers: Iterable[str], *, private: bool) -> Aliases:
    """What some speakers of a build are called: as in its cuts, or as its key says where these have names.

    Args:
        private: that no name may be shown, which another build may want although this one does not.
    """
    wanted = list(speakers)
    if not private:
        return Aliases({name: name for name in wanted}, private=False)
    made = pseudonyms(wanted, derived_key(scenario))
    return Aliases(made if scenario.privacy.pseudonym_key is None else {**made, **_as_in_cuts(build)}, private=True)


def joined(before: Aliases, after: Aliases) -> Aliases:
    """What people in two builds are called: those who are in both, as in the later one."""
    return Aliases({**before.by_name, **after.by_name}, private=before.private or after.private)


def _as_in_cuts(build: store.Artefact) -> dict[str, str]:
    """Pseudonyms whose key is a file that only the builder has, read off the cuts."""
    schema: dict[str, Any] = {"id": pl.String, "custom": pl.Struct({"speaker": pl.String})}
    paths = cut_files(build)
    if not paths:
        return {}
    called = pl.scan_ndjson(paths, schema=schema).select(cut="id", called=pl.col("custom").struct.field("speaker"))
    named = pl.scan_parquet(build.path / "measures.parquet").select("cut", "speaker").drop_nulls()
    return dict(named.join(called, on="cut").select("speaker", "called").unique().collect().iter_rows())
