"""The consent log: who granted, withdrew and waived what, line after line; each line carries the digest of the one before, so none can change unseen.

A line is `{"before", "body", "day", "hash", "kind", "number"}` as compact JSON with sorted keys; `hash` is the SHA-256 of the same object without it.
What a chain cannot show by itself, lines taken off its end, shows where its head was pinned: in builds and runs.
"""

from __future__ import annotations

import fcntl
import hashlib
import json
import os
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal, TypeAlias

from pydantic import BaseModel, ConfigDict, Field, ValidationError

from speccraft import store
from speccraft.errors import BrokenIntegrity, UnreadableInput, WrongUsage
from speccraft.record import Digest
from speccraft.scenario import Scenario

Kind: TypeAlias = Literal["grant", "withdraw", "waive"]
ENDING, DEFAULT = ".log.jsonl", "consents"
MOST_BYTES = 64 << 20
RESTORE = "restore it from a copy; where a crash cut off the last line as it was written, take that line away"


class Entry(BaseModel):
    """One line: what was decided on a day, and the digests that chain it to the lines before."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True)

    number: int
    day: str
    kind: Kind
    body: dict[str, Any]
    before: Annotated[str, Field(pattern="^([0-9a-f]{64})?$")]
    hash: Digest

    @property
    def line(self) -> bytes:
        """The entry as it stands in the file."""
        return store.json_lines([self.model_dump(mode="json")])


@dataclass(frozen=True)
class ConsentLog:
    """A whole and unbroken log."""

    path: Path
    entries: tuple[Entry, ...] = ()
    size: int = 0

    @property
    def head(self) -> str:
        """The digest of the last entry, and so of all of them; empty where there is none."""
        return self.entries[-1].hash if self.entries else ""

    @property
    def day(self) -> str:
        """The day of the last entry; empty where there is none."""
        return self.entries[-1].day if self.entries else ""

    def holds(self, head: str) -> bool:
        """Whether this log is one that had this head, and perhaps went on."""
        return not head or any(entry.hash == head for entry in self.entries)


def log_path(scenario: Scenario, folder: Path) -> Path:
    """Where a scenario's consent log is: beside its consents file, or beside the scenario where it names none."""
    consents = folder / (scenario.rights.consents or f"{DEFAULT}.yaml")
    return consents.with_name(f"{consents.stem}{ENDING}")


def read_log(path: Path) -> ConsentLog:
    """Read a consent log and follow its chain; one that is not there is empty.

    Raises:
        BrokenIntegrity: a line is not what was written, or not after the line that it was written after.
        UnreadableInput: it cannot be read.
    """
    try:
        # Not `exists`, to which a circle of links is nothing: an empty log would forget who withdrew.
        if not os.path.lexists(path):
            return ConsentLog(path)
        if not path.is_file() or path.stat().st_size > MOST_BYTES:
            raise UnreadableInput(f"{path}: is no consent log: no plain file, or over {MOST_BYTES >> 20} MB")
        with path.open("rb") as file:
            # Whoever is just adding a line holds the file alone: half a line is nothing to read.
            fcntl.flock(file.fileno(), fcntl.LOCK_SH)
            content = file.read()
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read: {error.strerror}", try_this="check the permissions of the consent log") from error
    lines = content.split(b"\n")
    if lines.pop():
        raise _broken(path, len(lines) + 1, "does not end")
    entries: list[Entry] = []
    for line in lines:
        entries.append(_followed(path, entries, line + b"\n"))
    return ConsentLog(path, tuple(entries), len(content))


def _followed(path: Path, before: list[Entry], line: bytes) -> Entry:
    number = len(before) + 1
    try:
        entry = Entry.model_validate_json(line)
    except ValidationError as error:
        raise _broken(path, number, "is no entry") from error
    if entry.line != line:
        raise _broken(path, number, "is not written as entries are")
    if entry.hash != _hash(entry.model_dump(mode="json", exclude={"hash"})):
        raise _broken(path, number, "is not what was written: its hash is another one")
    if (entry.number, entry.before) != (number, before[-1].hash if before else ""):
        raise _broken(path, number, "does not follow the line before it")
    return entry


def _broken(path: Path, number: int, what: str) -> BrokenIntegrity:
    return BrokenIntegrity(f"{path}: the consent log is broken: line {number} {what}", try_this=RESTORE)


def append(path: Path, kind: Kind, body: Mapping[str, Any], day: str) -> Entry:
    """Add an entry to the end of a log; it is on disk when this returns.

    Args:
        body: plain JSON data.
        day: YYYY-MM-DD, not before that of the last entry.

    Raises:
        BrokenIntegrity: the log is broken.
        WrongUsage: the day is before that of the last entry.
        BadEnvironment: it cannot be written.
    """
    while True:
        log = read_log(path)
        if day < log.day:
            raise WrongUsage(f"{path}: its last entry is of {log.day}, so none of {day} can follow", try_this="check the clock of this machine, or --as-of")
        said = {"number": len(log.entries) + 1, "day": day, "kind": kind, "body": json.loads(json.dumps(dict(body))), "before": log.head}
        entry = Entry.model_validate({**said, "hash": _hash(said)})
        if store.append_after(path, entry.line, size=log.size):
            return entry


def _hash(entry: Mapping[str, Any]) -> str:
    return hashlib.sha256(store.json_lines([dict(entry)])).hexdigest()
