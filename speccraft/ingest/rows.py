"""One input row, whatever format it came from, and the folders its path may reach into."""

from __future__ import annotations

import difflib
import os
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any, Literal, TypeAlias

from speccraft.errors import UnreadableInput
from speccraft.remote.connection import Object
from speccraft.remote.mirror import Mirrors
from speccraft.remote.url import looks_remote
from speccraft.scenario.contracts import Message

LengthFrom: TypeAlias = Literal["table", "header", "text", "average", "missing"]
"""Who says how long a recording is: a table column, the file's header, the text to be spoken, other files of its source; or that it is not there."""


@dataclass(frozen=True)
class Utterance:
    """What a voice of espeak-ng is to say."""

    text: str
    voice: str
    words_per_minute: int
    pitch: int

    @property
    def facts(self) -> list[Any]:
        """Everything that decides how it sounds."""
        return [self.text, self.voice, self.words_per_minute, self.pitch]


@dataclass(frozen=True)
class TtsUtterance:
    """What a speaker of a text-to-speech checkpoint is to say; `sha256` is that of the files in `folder`."""

    text: str
    folder: Path
    sha256: str
    speaker: int
    speaking_rate: float
    seed: int

    @property
    def facts(self) -> list[Any]:
        """Everything that decides how it sounds: the checkpoint itself, not where it lies."""
        return [self.text, self.sha256, self.speaker, self.speaking_rate, self.seed]


@dataclass(frozen=True)
class Inside:
    """Where in a file an audio file is packed: `size` bytes from byte `offset` on, or the cell of a table at row `offset`."""

    kind: Literal["bytes", "parquet", "arrow"]
    offset: int
    size: int = 0
    column: str = ""


@dataclass(frozen=True)
class Dialogue:
    """A demonstration, or a preference where there are two answers to `messages`: as it was read, with parts of the dialogue where cuts will stand.

    An audio part names itself by turn and part, such as `0.1` or `chosen.0.0`. `shows` is the rule that a demonstration shows, or what a preference judges.
    """

    id: str
    messages: tuple[Message, ...]
    shows: str
    chosen: tuple[Message, ...] = ()
    rejected: tuple[Message, ...] = ()

    @property
    def turns(self) -> tuple[Message, ...]:
        """All turns: of a preference those of the prompt and of both answers."""
        return (*self.messages, *self.chosen, *self.rejected)

    @property
    def audio(self) -> tuple[str, ...]:
        """The parts that are heard, in order."""
        return tuple(part.cut for turn in self.turns for part in turn.content if part.cut is not None)

    def is_answer(self, part: str) -> bool:
        """Whether a part that is heard is the assistant's own voice."""
        return any(piece.cut == part for turn in self.turns if turn.role == "assistant" for piece in turn.content)

    def as_data(self) -> list[object]:
        """Everything that it says, as plain data."""
        turns = ([[turn.role, *((part.text, part.cut) for part in turn.content)] for turn in said] for said in (self.messages, self.chosen, self.rejected))
        return [self.id, self.shows, *turns]


@dataclass(frozen=True)
class Row:
    """One input: where its audio is and what is known about it.

    `input` names it in the ledger; `path` is the audio file, or None for a row to be spoken (`say`) or with a `problem`.
    `inside` says where in `path` the audio file is packed. A row may be a part of a recording: `recording` names it, `start` and
    `end` are seconds in it, `channel` counts from 0; left out, it is all of it. `seconds` is how long the row is said to be, by
    `length_from`; a build believes only what it decodes. A row may be the audio of a `part` of a `dialogue`; one of text alone is a row without audio.
    `remote` is the object that `path` mirrors. `groups` are names and values that splits may be stratified by, such as `gender` and `female`.
    """

    input: str
    path: Path | None = None
    inside: Inside | None = None
    recording: str | None = None
    start: float | None = None
    end: float | None = None
    channel: int | None = None
    say: Utterance | TtsUtterance | None = None
    text: str | None = None
    speaker: str | None = None
    session: str | None = None
    groups: tuple[tuple[str, str], ...] = ()
    language: str | None = None
    licence: str | None = None
    attribution: str | None = None
    split: str | None = None
    seconds: float | None = None
    length_from: LengthFrom | None = None
    problem: str = ""
    dialogue: Dialogue | None = None
    part: str = ""
    remote: Object | None = None

    @property
    def is_text(self) -> bool:
        """Whether it is a dialogue in text alone, in which nothing is heard."""
        return self.dialogue is not None and not self.part

    def having(self, **changes: Any) -> Row:
        """The same row with other values in some fields: `dataclasses.replace`, in a tenth of its time, for readers of a million rows."""
        assert changes.keys() <= Row.__dataclass_fields__.keys(), "a row has these fields"
        row = object.__new__(Row)
        vars(row).update(vars(self), **changes)
        return row

    def renamed(self, input: str) -> Row:
        """The same row under another name in the ledger."""
        return self if input == self.input else self.having(input=input)


BLANK = Row(input="")
"""What readers of a million rows make theirs of: `BLANK.having(...)` takes a third of the time of `Row(...)`."""


@dataclass(frozen=True)
class Reach:
    """Where relative paths start, and the folders they may end in."""

    base: Path
    roots: tuple[Path, ...]
    mirrors: Mirrors = field(default_factory=Mirrors)
    _folders: dict[str, Path | None] = field(default_factory=dict, init=False, repr=False, compare=False)
    """Folders as they were written, and what they are: None where they leave every root. A corpus has thousands of files in each."""

    def resolve(self, path: str, start: Path | None = None) -> Path | None:
        """The file a written path means, or None where it leaves every root (links followed)."""
        if "\0" in path:
            return None
        if self.mirrors.of and looks_remote(path):
            return self.mirrors.path_of(path)
        # Texts, not paths: a million rows are resolved. And Path.is_symlink raises where a name is too long.
        written = os.path.join(start or self.base, path)  # noqa: PTH118
        above, name = os.path.split(written)
        if above not in self._folders:
            self._folders[above] = self._within(above)
        # A root may itself be a file, in a folder that is none; and where a link leads, or `..`, shows when all of it is followed.
        if (folder := self._folders[above]) is None or name in ("", os.curdir, os.pardir) or os.path.islink(file := folder / name):  # noqa: PTH114
            return self._within(written)
        return file

    def _within(self, written: str) -> Path | None:
        # Path.resolve raises where links run in a circle; here that is a file that cannot be read, like any other.
        resolved = Path(os.path.realpath(written))
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
        self.mirrors.bring(resolved)
        if not resolved.exists():
            beside = [entry.name for entry in resolved.parent.iterdir()] if resolved.parent.is_dir() else []
            near = difflib.get_close_matches(resolved.name, beside, n=1)
            hint = f"did you mean {near[0]}?" if near else "name the folder it starts from with --data"
            raise UnreadableInput(f"source '{source_id}': {path} does not exist below {self.mirrors.name_of(self.base)}", try_this=hint)
        return resolved
