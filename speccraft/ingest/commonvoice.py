"""Read one language of Common Voice: lists as TSV files beside a folder `clips`."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path
from typing import Annotated

from pydantic import BaseModel, ConfigDict, Field

from speccraft.errors import UnreadableInput
from speccraft.ingest.lines import Line, lines_of
from speccraft.ingest.manifests import Unusable, checked, filled
from speccraft.ingest.official import SPLIT_NAMES
from speccraft.ingest.rows import Reach, Row
from speccraft.scenario.source import CommonVoiceSource

LENGTHS = "clip_durations.tsv"
NEEDED = ("client_id", "path", "sentence")
GROUPS = {"age": "age", "gender": "gender", "accents": "accent", "accent": "accent"}
"""What speakers say of themselves; older releases have a column `accent`."""


class Clip(BaseModel):
    """One line of a list; other columns may stand beside these."""

    model_config = ConfigDict(frozen=True, extra="ignore", strict=True)

    client_id: Annotated[str, Field(min_length=1)]
    path: Annotated[str, Field(min_length=1, pattern=r"^[^/\\\x00-\x1f]+$")]
    sentence: str
    locale: str = ""


def read_commonvoice(source: CommonVoiceSource, *, reach: Reach) -> list[Row]:
    """One row per line of the lists; a clip that an earlier list holds too is not read again.

    Raises:
        UnreadableInput: a list is missing or cannot be read, or lacks a column.
    """
    folder = reach.source(source.id, source.path)
    lengths = _lengths(source, folder, reach)
    rows: list[Row] = []
    before: set[str] = set()
    for name in source.lists:
        found = [_row(line, clip, name, folder, lengths, source, reach) for line, clip in _lines(source, folder / f"{name}.tsv", reach)]
        rows += [row for row in found if row.input not in before]
        before |= {row.input for row in found}
    if not rows:
        raise UnreadableInput(f"source '{source.id}': {', '.join(source.lists)} hold no clip", try_this="name other `lists`")
    return rows


def _lines(source: CommonVoiceSource, path: Path, reach: Reach) -> Iterator[tuple[Line, dict[str, str]]]:
    """Each line of a TSV file with its fields by column; those of a broken line are empty."""
    resolved = reach.resolve(str(path))
    if resolved is None or not resolved.is_file():
        raise UnreadableInput(f"source '{source.id}': {path} is not there", try_this="name the folder of one language, such as cv-corpus-21.0/en, in `path`")
    columns: list[str] = []
    for line in lines_of(resolved, source.id):
        # TSV has no quotes: a sentence may begin with one.
        fields = line.text.split("\t")
        if not columns:
            columns = fields
            if missing := [name for name in NEEDED if name not in columns and path.name != LENGTHS]:
                raise UnreadableInput(f"source '{source.id}': {path} has no column {', '.join(missing)}", try_this=f"it has {', '.join(columns)[:200]}")
        else:
            yield line, dict(zip(columns, fields, strict=True)) if len(fields) == len(columns) else {}


def _row(line: Line, fields: dict[str, str], list_name: str, folder: Path, lengths: dict[str, float], source: CommonVoiceSource, reach: Reach) -> Row:
    try:
        if not fields:
            raise Unusable(line.problem or "has more or fewer fields than the first line has columns")
        clip = checked(Clip, fields)
    except Unusable as error:
        return Row(input=fields.get("path") or f"{list_name}.tsv#{line.number}", problem=f"line {line.number} of {list_name}.tsv: {error}")
    path = reach.resolve(clip.path, start=folder / "clips")
    seconds = lengths.get(clip.path)
    return Row(
        input=clip.path,
        path=path,
        text=filled(clip.sentence),
        speaker=clip.client_id,
        groups=tuple((name, value) for column, name in GROUPS.items() if (value := filled(fields.get(column, "")))),
        language=filled(clip.locale),
        split=SPLIT_NAMES.get(list_name) if source.official_splits else None,
        seconds=seconds,
        length_from=None if seconds is None else "table",
        problem="" if path else "the path leaves the data folder and `roots`",
    )


def _lengths(source: CommonVoiceSource, folder: Path, reach: Reach) -> dict[str, float]:
    """Seconds of the clips, where the corpus has the file that states them; what is no length is as if not stated."""
    path = folder / LENGTHS
    if not path.exists():
        return {}
    found = {}
    for _, fields in _lines(source, path, reach):
        clip, milliseconds = fields.get("clip"), fields.get("duration[ms]", "")
        if clip and milliseconds.isascii() and milliseconds.isdigit() and 0 < int(milliseconds[:12]) < 1e9:
            found[clip] = int(milliseconds[:12]) / 1000
    return found
