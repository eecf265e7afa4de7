"""Waivers: somebody decided to use a source although the gate refuses it, said why, and answers for it; the consent log holds it and every card shows it."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Annotated, Any, Self

from pydantic import BaseModel, ConfigDict, Field, ValidationError, model_validator

from speccraft.errors import BrokenIntegrity
from speccraft.rights.log import ConsentLog, Entry
from speccraft.scenario.acceptance import Use
from speccraft.scenario.base import Id
from speccraft.scenario.consent import Day

PREFIX = "LicenseRef-waived-"
"""What the licence of something waived begins with; twelve digits of the entry's hash follow, so that everything made of it leads back to the decision."""


class WaiverBody(BaseModel):
    """What the log says of a waiver: for one source, under one licence as it was written then (none where none was stated), and for some uses.

    It stands in for what a licence lacks. It never stands in for a person: a consent that is missing or withdrawn is nobody else's to give.
    """

    model_config = ConfigDict(frozen=True, extra="forbid")

    source: Id
    licence: str | None
    uses: Annotated[tuple[Use, ...], Field(min_length=1)]
    reason: Annotated[str, Field(min_length=1)]
    decided_by: Annotated[str, Field(min_length=1)]
    until: Day | None = None

    @model_validator(mode="after")
    def _decides_for_nobody_else(self) -> Self:
        if "clone" in self.uses:
            raise ValueError("nobody but the speaker can allow `clone`")
        return self


@dataclass(frozen=True)
class Waiver:
    """A waiver that stands in the log, with the day it was decided on and the licence id that what it lets in has."""

    said: WaiverBody
    day: str
    id: str

    def covers(self, source: str, licence: str | None, ids: tuple[str, ...], uses: tuple[str, ...], day: str) -> bool:
        """Whether it is about this source, this licence (as it was written, or as what it let in has it since), all of these uses and this day."""
        said = self.said
        is_meant = said.licence == licence or self.id in ids
        return is_meant and said.source == source and {*uses} <= {*said.uses} and (said.until is None or day <= said.until)


def row_of(source: str, licence: str | None, rows: int, waiver: Waiver) -> dict[str, Any]:
    """What records and cards say of a waiver that lets rows of a source in: their licence as it was written, and who decided what, when and why."""
    told = waiver.said.model_dump(mode="json", include={"uses", "reason", "decided_by", "until"})
    return {"source": source, "licence": licence, "rows": rows, "id": waiver.id, "day": waiver.day, **told}


def waivers_of(log: ConsentLog) -> tuple[Waiver, ...]:
    """Every waiver of a log.

    Raises:
        BrokenIntegrity: an entry is none.
    """
    return tuple(_waiver(log, entry) for entry in log.entries if entry.kind == "waive")


def _waiver(log: ConsentLog, entry: Entry) -> Waiver:
    try:
        said = WaiverBody.model_validate(entry.body)
    except ValidationError as error:
        raise BrokenIntegrity(f"{log.path}: line {entry.number} is no waiver that this version knows") from error
    return Waiver(said, entry.day, f"{PREFIX}{entry.hash[:12]}")
