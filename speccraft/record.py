"""What a committed folder says of itself: its commit record, and the kinds of artefact there are."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field

Digest = Annotated[str, Field(pattern="^[0-9a-f]{64}$")]


@dataclass(frozen=True)
class Kind:
    """One kind of artefact: the folder it lives in, its commit record, and the kinds it derives from."""

    folder: str
    record: str
    derives_from: tuple[str, ...]


KINDS: Mapping[str, Kind] = {
    "unit": Kind("cache/units", "UNIT.json", ()),
    "build": Kind("builds", "BUILD.json", ()),
    "run": Kind("runs", "RUN.json", ("build", "run")),
    "checkpoint": Kind("checkpoints", "CHECKPOINT.json", ("build", "checkpoint")),
    "state": Kind("states", "STATE.json", ("build", "checkpoint")),
    "pairs": Kind("pairs", "PAIRS.json", ("build", "checkpoint")),
    "evaluation": Kind("evaluations", "EVALUATION.json", ("run", "build")),
    "export": Kind("exports", "EXPORT.json", ("build",)),
    "comparison": Kind("comparisons", "COMPARISON.json", ("build",)),
    # It names what it speaks of in a file: what derived from a build would keep `gc` from removing it.
    "revocation": Kind("revocations", "REVOCATION.json", ()),
}
"""Every kind of artefact; `verify`, `trace`, `revoke` and `gc` walk this table."""


class Frozen(BaseModel):
    """The base of what a commit record holds."""

    model_config = ConfigDict(frozen=True, extra="forbid")


class FileEntry(Frozen):
    """One file of an artefact; `count` is its rows or members, where that means something."""

    path: str
    bytes: int
    sha256: Digest
    count: int | None = None


class Parent(Frozen):
    """What an artefact derives from, with the digest of that artefact's own record."""

    kind: str
    name: str
    id: str
    digest: Digest


class Record(Frozen):
    """The commit record: readers believe it and nothing else."""

    record: Literal[1] = 1
    kind: str
    name: str
    id: str
    version: str
    derives_from: tuple[Parent, ...] = ()
    info: dict[str, Any] = {}
    files: tuple[FileEntry, ...]


@dataclass(frozen=True)
class Artefact:
    """A committed folder and its record."""

    path: Path
    record: Record
    digest: str

    @property
    def as_parent(self) -> Parent:
        """The artefact as those made from it name it."""
        return Parent(kind=self.record.kind, name=self.record.name, id=self.record.id, digest=self.digest)
