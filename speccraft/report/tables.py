"""Read the tables of a build that a report judges, with the types it relies on."""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import polars as pl
from pydantic import BaseModel, ConfigDict

from speccraft import __version__, store
from speccraft.errors import UnreadableInput
from speccraft.report.personal import PersonalData, in_dialogues, without_personal_data
from speccraft.scenario.contracts import PLACE_MEASURES, SPLITS
from speccraft.scenario.source_base import HEARD
from speccraft.sound.measures import MEASURES as MEASURED_ALWAYS
from speccraft.sound.place import BankItem
from speccraft.sound.spectral import SPECTRAL

Schema = Mapping[str, type[pl.DataType] | pl.DataType]
TEXT_MEASURES = ("characters_per_s", "syllables_per_s")
"""What is counted in the transcript, over seconds of speech."""
MEASURED: Schema = {"text": pl.String, **dict.fromkeys((*MEASURED_ALWAYS, *SPECTRAL, *TEXT_MEASURES), pl.Float64), "seconds": pl.Float64}
CHANNELS = ("channels", "dead_channels", "duplicated_channels")
"""How many channels a recording has; the other two are null where there is one, or where one was chosen."""
MEASURES: Schema = {
    "cut": pl.String,
    "source": pl.String,
    "speaker": pl.String,
    "licence": pl.String,
    "split": pl.String,
    "stages": pl.List(pl.String),
    **MEASURED,
    "unseen": pl.Boolean,
    **dict.fromkeys(("language", "style", "groups"), pl.String),
    **dict.fromkeys(PLACE_MEASURES, pl.Float64),
}
"""`groups` is a JSON object of names and values, such as gender and accent; `language` is that of the row, or the one its source or the job states."""
SEGMENTS: Schema = {
    "segment": pl.String,
    "input": pl.String,
    "source": pl.String,
    "role": pl.String,
    "speaker": pl.String,
    "session": pl.String,
    "start_s": pl.Float64,
    "fate": pl.String,
    "rule": pl.String,
    "value": pl.String,
    "limit": pl.String,
    **MEASURED,
}
LEDGER: Schema = {
    "input": pl.String,
    "source": pl.String,
    "role": pl.String,
    "fate": pl.String,
    "rule": pl.String,
    "value": pl.String,
    "limit": pl.String,
    "reason": pl.String,
    "seconds": pl.Float64,
    "seconds_kept": pl.Float64,
    "seconds_dropped": pl.Float64,
    "seconds_unvoiced": pl.Float64,
    "cuts": pl.Int64,
    **dict.fromkeys(CHANNELS, pl.Int64),
}
SCHEMAS: Mapping[str, Schema] = {"ledger": LEDGER, "segments": SEGMENTS, "measures": MEASURES}
"""The tables of a build by the names of their files."""
LICENCES: Schema = {"source": pl.String, "licence": pl.String, "cuts": pl.Int64}


class AxisEvidence(BaseModel):
    """Distinct values of one axis per split, and how many values stand in more than one."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    train: int = 0
    dev: int = 0
    test: int = 0
    n_shared: int = 0


class SplitCertificate(BaseModel):
    """What the builder states about its splits in `splits.json`, as far as a report shows it."""

    model_config = ConfigDict(frozen=True, extra="ignore")

    axes: dict[str, AxisEvidence] = {}
    bridges: dict[str, int] = {}
    strata: tuple[dict[str, Any], ...] = ()
    notes: tuple[str, ...] = ()
    banks: dict[str, dict[str, tuple[str, ...]]] = {}


@dataclass(frozen=True)
class Tables:
    """The measured side of a report.

    `licences` counts cuts by source and licence; `segments` holds noise and rooms as well, by `role`. Personal data in texts is masked, and counted in
    `personal`.
    """

    measures: pl.DataFrame
    segments: pl.DataFrame
    ledger: pl.DataFrame
    licences: pl.DataFrame
    certificate: SplitCertificate
    banks: tuple[BankItem, ...]
    personal: PersonalData = field(default_factory=PersonalData)

    @property
    def speech_segments(self) -> pl.DataFrame:
        """Segments of speech, alone or in dialogues."""
        return self.segments.filter(pl.col("role").is_in(HEARD))


def read_tables(folder: Path) -> Tables:
    """Read what a report needs from a build's folder, committed or not."""
    measures, found, cuts = without_personal_data(_read(folder / "measures.parquet", MEASURES))
    segments, _, _ = without_personal_data(_read(folder / "segments.parquet", SEGMENTS))
    found_in_dialogues, dialogues = in_dialogues(folder)
    return Tables(
        measures=measures,
        segments=segments,
        ledger=_read(folder / "ledger.parquet", LEDGER),
        licences=measures.group_by("source", "licence").agg(cuts=pl.len().cast(LICENCES["cuts"])).sort("source", "licence"),
        certificate=SplitCertificate.model_validate_json((folder / "splits.json").read_bytes()),
        banks=tuple(BankItem(**json.loads(line)) for line in (folder / "banks.jsonl").read_text(encoding="utf-8").splitlines()),
        personal=PersonalData(cuts, dialogues, found + found_in_dialogues),
    )


def need_tables(build: store.Artefact, wanted: Iterable[tuple[str, Iterable[str]]], to: str) -> None:
    """Make sure that the tables of a committed build hold what is read of them here.

    Args:
        wanted: tables and the columns that each has to have.
        to: what is done with the build, in words that `with` can follow.

    Raises:
        UnreadableInput: a column is missing, because another version of speccraft made the build.
    """
    for name, columns in wanted:
        there = pl.read_parquet_schema(build.path / f"{name}.parquet")
        if lacking := [column for column in columns if column not in there]:
            raise of_another_version(build, f"{name}.parquet has no {', '.join(lacking)}", to)


def of_another_version(build: store.Artefact, what: str, to: str) -> UnreadableInput:
    """What is said of a build that another version of speccraft made; `to` as for `need_tables`."""
    versions = f"it says {build.record.version}, this is {__version__}"
    return UnreadableInput(
        f"{build.path}: {what}: another speccraft made it ({versions})", try_this=f"make the build again, or {to} with the speccraft that made it"
    )


def cut_files(build: store.Artefact) -> list[Path]:
    """The manifests of the splits that have cuts."""
    return [path for split in SPLITS if (path := build.path / f"cuts.{split}.jsonl").stat().st_size]


def _read(path: Path, schema: Schema) -> pl.DataFrame:
    # A column that is null in every row is stored without a type; the cast gives it one.
    return pl.read_parquet(path, columns=list(schema)).select(pl.col(name).cast(dtype) for name, dtype in schema.items())
