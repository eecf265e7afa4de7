"""Read NeMo manifests: one JSON object per line, with `audio_filepath`, and `offset` where it is a part of the file."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Annotated

from pydantic import AliasChoices, BaseModel, ConfigDict, Field

from speccraft.ingest.lines import Record, records_of
from speccraft.ingest.manifests import MOST_SECONDS, Unusable, audio_file, audio_folder, checked, filled, language_tag
from speccraft.ingest.rows import Reach, Row
from speccraft.scenario.source_manifests import NemoSource


class NemoLine(BaseModel):
    """One line, as far as it is read; people add keys of their own."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True, allow_inf_nan=False)

    audio_filepath: Annotated[str, Field(min_length=1)]
    duration: Annotated[float, Field(gt=0, lt=MOST_SECONDS)] | None = None
    offset: Annotated[float, Field(ge=0, lt=MOST_SECONDS)] | None = None
    text: str | None = None
    lang: Annotated[str | None, Field(validation_alias=AliasChoices("lang", "language", "source_lang"))] = None
    speaker: Annotated[str | int | None, Field(validation_alias=AliasChoices("speaker", "speaker_id"))] = None
    session: str | int | None = None
    licence: Annotated[str | None, Field(validation_alias=AliasChoices("licence", "license"))] = None
    attribution: str | None = None
    skipme: Annotated[bool | int | None, Field(validation_alias="_skipme")] = None


def read_nemo(source: NemoSource, *, reach: Reach) -> list[Row]:
    """One row per line, named by its file, and by where it starts in it.

    Raises:
        UnreadableInput: the manifest cannot be read, or none of its lines is a JSON object.
    """
    manifest = reach.source(source.id, source.path)
    start = audio_folder(source.id, source.audio_folder, manifest, reach)
    return [_row(record, f"{manifest.name}:{record.number}", start, reach) for record in records_of(manifest, source.id)]


def _row(record: Record, where: str, start: Path, reach: Reach) -> Row:
    row = Row(input=record.named("audio_filepath") or where, text=record.named("text"), speaker=record.named("speaker", "speaker_id"))
    try:
        if record.problem:
            raise Unusable(record.problem)
        line = checked(NemoLine, record.fields)
        row = _described(row, line)
        if line.skipme:
            raise Unusable("`_skipme` is set")
        path = audio_file(line.audio_filepath, start, reach)
    except Unusable as problem:
        return replace(row, problem=f"{where}: {problem}")
    return replace(row, path=path, seconds=line.duration, length_from=None if line.duration is None else "table")


def _described(row: Row, line: NemoLine) -> Row:
    """The row with all that a sound line says; `duration` alone says how long the whole file is."""
    ends = None if line.offset is None or line.duration is None else line.offset + line.duration
    return replace(
        row,
        input=row.input if line.offset is None else f"{row.input}@{line.offset:g}",
        text=filled(line.text),
        recording=line.audio_filepath,
        start=line.offset,
        end=ends,
        speaker=_name(line.speaker),
        session=_name(line.session),
        language=language_tag(line.lang),
        licence=filled(line.licence),
        attribution=filled(line.attribution),
    )


def _name(written: str | int | None) -> str | None:
    return None if written is None else filled(str(written))
