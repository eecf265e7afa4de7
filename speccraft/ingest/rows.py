"""One input row, whatever format it came from, and the folders its path may reach into."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Literal, TypeAlias

from speccraft.errors import UnreadableInput

LengthFrom: TypeAlias = Literal["table", "header", "text", "average", "missing"]
"""Who says how long a recording is: a table column, the file's header, the text to be spoken, other files of its source; or that it is not there."""


@dataclass(frozen=True)
class Utterance:
    """What a synthetic voice is to say."""

    text: str
    voice: str
    words_per_minute: int
    pitch: int


@dataclass(frozen=True)
class Inside:
    """Where in a file an audio file is packed: `size` bytes from byte `offset` on, or the cell of a table at row `offset`."""

    kind: Literal["bytes", "parquet", "arrow"]
    offset: int
    size: int = 0
    column: str = ""


@dataclass(frozen=True)
class Row:
    """One input: where its audio is and what is known about it.

    `input` names it in the ledger; `path` is the audio file, or None for a row to be spoken (`say`) or with a `problem`.
    `inside` says where in `path` the audio file is packed. A row may be a part of a recording: `recording` names it, `start` and
    `end` are seconds in it, `channel` counts from 0; left out, it is all of it. `seconds` is how long the row is said to be, by
    `length_from`; a build believes only what it decodes.
    """

    input: str
    path: Path | None = None
    inside: Inside | None = None
    recording: str | None = None
    start: float | None = None
    end: float | None = None
    channel: int | None = None
    say: Utterance | None = None
    text: str | None = None
    speaker: str | None = None
    session: str | None = None
    language: str | None = None
    licence: str | None = None
    attribution: str | None = None
    split: str | None = None
    seconds: float | None = None
    length_from: LengthFrom | None = None
    problem: str = ""

    def renamed(self, input: str) -> Row:
        """The same row under another name in the ledger."""
        return replace(self, input=input)


@dataclass(frozen=True)
class Reach:
    """Where relative paths start, and the folders they may end in."""

    base: Path
    roots: tuple[Path, ...]

    def resolve(self, path: str, start: Path | None = None) -> Path | None:
        """The file a written path means, or None where it leaves every root (links followed)."""
        if "\0" in path:
            return None
        # Path.resolve raises where links run in a circle; here that is a file that cannot be read, like any other.
        resolved = Path(os.path.realpath((start or self.base) / path))
        return resolved if any(resolved.is_relative_to(root) for root in self.roots) else None

    def source(self, source_id: str, path: str) -> Path:
        """The table or folder of a source.

        Raises:
            UnreadableInput: it does not exist or lies outside the roots.
        """
        resolved = self.resolve(path)
        if resolved is None:
            raise UnreadableInput(
                f"source '{source_id}': {path} lies outside the data folder, the scenario's folder and `roots`", try_this="name its folder in `roots:`"
            )
        if not resolved.exists():
            beside = [entry.name for entry in resolved.parent.iterdir()] if resolved.parent.is_dir() else []
            near = difflib.get_close_matches(resolved.name, beside, n=1)
            hint = f"did you mean {near[0]}?" if near else "name the folder it starts from with --data"
            raise UnreadableInput(f"source '{source_id}': {path} does not exist below {self.base}", try_this=hint)
        return resolved
