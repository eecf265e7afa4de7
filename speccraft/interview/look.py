"""Look at what lies at a path: audio endings, folders that may name speakers, transcripts, table columns; no audio is opened."""

from __future__ import annotations

import csv
import json
import os
import re
from collections import Counter
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path, PurePath
from typing import Literal

from speccraft.ingest.folder import SIDECARS
from speccraft.ingest.table import READERS
from speccraft.scenario.source import Columns
from speccraft.scenario.source_base import AUDIO_ENDINGS

MOST_FILES = 100_000
"""Files looked at below a folder; one that has more is known from these."""
LONGEST_LINE = 1 << 20
NOT_SPEAKERS = frozenset(
    {
        "audio",
        "clean",
        "clips",
        "common",
        "corpus",
        "data",
        "dev",
        "flac",
        "mp3",
        "noise",
        "other",
        "read",
        "recordings",
        "speech",
        "test",
        "train",
        "val",
        "valid",
        "validation",
        "wav",
        "wavs",
    }
)
"""Words in the names of folders that hold parts of a corpus, not speakers."""
COLUMN_NAMES: dict[str, tuple[str, ...]] = {
    "audio": ("audio", "path", "file", "filename", "file_name", "audio_path", "audio_filepath", "wav", "clip"),
    "text": ("text", "transcript", "transcription", "sentence", "normalized_text", "words"),
    "speaker": ("speaker", "speaker_id", "spk", "spk_id", "client_id", "user"),
    "session": ("session", "session_id", "recording_session"),
    "licence": ("licence", "license", "spdx"),
    "attribution": ("attribution", "credit"),
    "language": ("language", "lang", "locale"),
    "duration": ("duration", "duration_s", "seconds"),
    "split": ("split", "subset", "set"),
}
"""What columns are usually called, likeliest first."""


@dataclass(frozen=True)
class Look:
    """What lies at a path.

    For a folder: the audio files below it (relative), how many have a transcript beside them, and whether there are more than were looked at. For a
    table: its columns.
    `tables` are those directly in a folder and beside it. What cannot be read looks like nothing.
    """

    kind: Literal["folder", "table", "nothing"]
    files: tuple[PurePath, ...] = ()
    transcribed: int = 0
    more: bool = False
    columns: tuple[str, ...] = ()
    tables: tuple[str, ...] = ()

    @property
    def endings(self) -> tuple[str, ...]:
        """The endings of the audio files, most frequent first."""
        return tuple(ending for ending, _ in Counter(file.suffix.lower() for file in self.files).most_common())

    @property
    def count(self) -> str:
        """How many audio files there are, in words."""
        return f"more than {len(self.files)}" if self.more else str(len(self.files))

    @property
    def depth(self) -> int:
        """How many folders lie above every audio file."""
        return min((len(file.parts) - 1 for file in self.files), default=0)

    def names_at(self, level: int) -> list[str]:
        """The names of the folders at a level, 1 for the topmost."""
        return sorted({file.parts[level - 1] for file in self.files if len(file.parts) > level})


def look_at(path: Path) -> Look:
    """Look at a folder or table."""
    try:
        if path.is_dir():
            return _folder(path)
        if path.is_file() and path.suffix.lower() in READERS:
            return Look("table", columns=_columns(path))
    except OSError:
        pass  # what may not be listed or read looks like nothing; the build says why it cannot be used
    return Look("nothing")


def is_table(path: str) -> bool:
    """Whether a path names a table, by its ending."""
    return PurePath(path).suffix.lower() in READERS


def speaker_level(look: Look) -> int:
    """Which folder level probably names the speaker, or 0.

    The topmost level of at least two names of which none is a date or a part of a corpus, such as `train` or `clips`.
    """
    for level in range(1, look.depth + 1):
        names = look.names_at(level)
        if len(names) > 1 and not any(_is_part(name) for name in names):
            return level
    return 0


def column_guess(columns: Sequence[str]) -> dict[str, str]:
    """Which column of a table probably holds what."""
    by_lower = {column.lower(): column for column in columns}
    found = {field: next((by_lower[name] for name in names if name in by_lower), None) for field, names in COLUMN_NAMES.items()}
    return {field: column for field, column in found.items() if column is not None and (field == "split" or field in Columns.model_fields)}


def _is_part(name: str) -> bool:
    return bool(NOT_SPEAKERS & set(re.split(r"[^a-z0-9]+", name.lower()))) or re.match(r"\d{4}-?\d\d-?\d\d", name) is not None


def _folder(folder: Path) -> Look:
    files, sidecars, seen = list[PurePath](), set[PurePath](), 0
    for file in _below(folder):
        seen += 1
        if seen > MOST_FILES:
            break
        ending = file.suffix.lower()
        if ending in AUDIO_ENDINGS:
            files.append(file)
        elif ending in SIDECARS:
            sidecars.add(file.with_suffix(""))
    transcribed = sum(file.with_suffix("") in sidecars for file in files)
    tables = [*_tables(folder, ""), *_tables(folder.parent, "../")]
    return Look("folder", tuple(sorted(files)), transcribed, seen > MOST_FILES, tables=tuple(tables))


def _tables(folder: Path, prefix: str) -> list[str]:
    return sorted(f"{prefix}{entry.name}" for entry in folder.iterdir() if is_table(entry.name) and entry.is_file())


def _below(folder: Path) -> Iterator[PurePath]:
    for where, folders, names in os.walk(folder):
        folders.sort()
        yield from (PurePath(where, name).relative_to(folder) for name in sorted(names))


def _columns(table: Path) -> tuple[str, ...]:
    """The column names, out of the first line or the footer; none where the file is not what its ending says."""
    reader = READERS[table.suffix.lower()]
    try:
        if reader == "parquet":
            import pyarrow.parquet

            return tuple(pyarrow.parquet.read_schema(table).names)
        with table.open(encoding="utf-8-sig") as file:
            line = file.readline(LONGEST_LINE)
        if reader == "jsonl":
            first = json.loads(line)
            return tuple(first) if isinstance(first, dict) else ()
        return tuple(next(csv.reader([line], delimiter="\t" if reader == "tsv" else ","), ()))
    except (ValueError, csv.Error, RecursionError):
        return ()  # ValueError: no UTF-8, no JSON, no Parquet
