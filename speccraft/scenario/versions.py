"""Versions of the scenario format: which one is read, how an older text is lifted, and what changes in it."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import TypeAlias

from speccraft import __version__

from .diagnostics import Diagnostic
from .document import Document, invalid
from .text import parse, read_document
from .yaml_tree import kind_of

FORMAT = 1
"""The version that this speccraft reads."""
VERSION_FIELD = "speccraft"

Migration: TypeAlias = Callable[[str], str]
"""Lifts a text by one version: what differs is edited in place, so comments and layout stay; the version is stamped by `migrate`."""
MIGRATIONS: Mapping[int, Migration] = {}
"""By the version that a migration starts from; empty, since 1 is the first."""


@dataclass(frozen=True)
class Migrated:
    """A scenario's text before and after its migration; `diff` is empty when there is nothing to do."""

    path: Path
    before: str
    after: str

    @property
    def diff(self) -> str:
        """What changes, as a unified diff."""
        return diff(self.before, self.after, str(self.path))


def load_for_migration(path: str | Path) -> Migrated:
    """Read a scenario of this or an older version, and lift it; nothing is written.

    Raises:
        UnreadableInput: there is no such file, or it is not a regular file that may be read.
        InvalidScenario: it is no YAML mapping, or of a version that cannot be lifted.
    """
    path = Path(path)
    text = read_document(path).text
    return Migrated(path, text, migrate(text, file=str(path)))


def migrate(text: str, *, to: int = FORMAT, migrations: Mapping[int, Migration] = MIGRATIONS, file: str = "<text>") -> str:
    """Lift a text to a version, one version at a time; a text of that version stays as it is.

    Raises:
        InvalidScenario: the text is no YAML mapping, or of a version that cannot be lifted.
    """
    document = parse(text, file)
    if problem := _refusal(document, to, oldest=min(migrations, default=to)):
        raise invalid(file, [problem])
    for version in range(document.data[VERSION_FIELD], to):
        text = _stamped(migrations[version](text), version + 1)
    return text


def version_problem(document: Document) -> Diagnostic | None:
    """Why a document is not read in its version, or None; a document without one lacks a field like any other."""
    if VERSION_FIELD not in document.data or isinstance(document.data[VERSION_FIELD], str):
        # Text is a wrong type like any other, and told with whatever else is wrong.
        return None
    return _refusal(document, FORMAT, oldest=FORMAT)


def diff(old: str, new: str, name: str) -> str:
    """A unified diff between two texts of one file; empty when they are equal."""
    before, after = (text.splitlines(keepends=True) for text in (old, new))
    lines = difflib.unified_diff(before, after, f"{name} (as it is)", f"{name} (migrated)")
    return "".join(line if line.endswith("\n") else f"{line}\n\\ No newline at end of file\n" for line in lines)


def _refusal(document: Document, reads: int, oldest: int) -> Diagnostic | None:
    """Why a version cannot be read or lifted, told at its place."""
    where = (VERSION_FIELD,)
    written = document.data.get(VERSION_FIELD)
    whole = isinstance(written, int) and not isinstance(written, bool)
    if whole and oldest <= written <= reads:
        return None
    help = f"write `{VERSION_FIELD}: {reads}`"
    if not whole:
        return document.diagnostic("SC108", f"the version is a whole number, and this is {kind_of(written)}", where, help=help)
    if written > reads:
        message = f"format version {written} needs a later speccraft than {__version__}, which reads version {reads}"
        return document.diagnostic("SC108", message, where, help="install a later speccraft; this file may use fields that this one does not know")
    if written < 1:
        return document.diagnostic("SC108", f"there never was a format version {written}; versions count from 1", where, help=help)
    message = f"format version {written} is older than version {reads}, which speccraft {__version__} reads"
    return document.diagnostic("SC108", message, where, help=f"see what would change with: speccraft check {document.file} --migrate")


def _stamped(text: str, version: int) -> str:
    """The text with another version, and nothing else changed."""
    document = parse(text)
    span = document.values[VERSION_FIELD,]
    lines = text.splitlines(keepends=True)
    line = lines[span.line - 1]
    lines[span.line - 1] = line[: span.col - 1] + str(version) + line[span.end_col - 1 :]
    return "".join(lines)
