"""How consent records stand in the consent log: new, granted, changed since, or withdrawn; and whose recordings may no longer be used."""

from __future__ import annotations

import json
from dataclasses import dataclass, field
from functools import cached_property
from typing import Literal, TypeAlias

from pydantic import ValidationError

from speccraft.errors import BrokenIntegrity
from speccraft.rights.log import ConsentLog, Entry
from speccraft.rights.people import skeleton
from speccraft.scenario.consent import Consent

Standing: TypeAlias = Literal["new", "granted", "changed", "withdrawn"]


@dataclass(frozen=True)
class History:
    """What a consent log says of people and documents."""

    log: ConsentLog = field(repr=False)

    @cached_property
    def _grants(self) -> dict[str, Entry]:
        """The last grant of every record, by its id."""
        return {str(entry.body.get("id")): entry for entry in self.log.entries if entry.kind == "grant"}

    @cached_property
    def _withdrawals(self) -> dict[str, Entry]:
        """The last withdrawal of everybody who withdrew, by the skeleton of the name."""
        return {_about(entry): entry for entry in self.log.entries if entry.kind == "withdraw"}

    @cached_property
    def _signers(self) -> dict[str, dict[str, int]]:
        """For every document who signed it, by the skeleton of the name, with the line where it was first granted."""
        found: dict[str, dict[str, int]] = {}
        for entry in self.log.entries:
            if entry.kind == "grant":
                found.setdefault(_document(entry), {}).setdefault(_about(entry), entry.number)
        return found

    @cached_property
    def withdrawn(self) -> dict[str, str]:
        """Whose recordings may no longer be used, by the skeleton of the name, and since which day; who has signed anew since may be used again."""
        found = {about: entry.day for about, entry in self._withdrawals.items()}
        for entry in self.log.entries:
            if entry.kind == "grant" and not self._withdrawal_of(entry):
                found.pop(_about(entry), None)
        return found

    def _withdrawal_of(self, grant: Entry) -> str:
        """The day on which a grant was withdrawn, if it was; the same document does not count again after its signer withdrew."""
        withdrawal = self._withdrawals.get(_about(grant))
        signed = self._signers[_document(grant)][_about(grant)]
        return withdrawal.day if withdrawal is not None and signed < withdrawal.number else ""

    def of(self, record: Consent) -> tuple[Standing, str]:
        """How a record stands, and what is wrong with that, in words that follow "the consent".

        Raises:
            BrokenIntegrity: the log holds something else under its id.
        """
        grant = self._grants.get(record.id)
        if grant is None:
            return "new", "is not in the consent log: `speccraft consent add` puts it there"
        granted = self._granted(grant)
        if changed := [name for name in type(record).model_fields if getattr(granted, name) != getattr(record, name)]:
            return "changed", f"was changed after it was put into the consent log ({', '.join(changed)})"
        if day := self._withdrawal_of(grant):
            return "withdrawn", f"was withdrawn on {day}"
        if self._signers[record.evidence_sha256].keys() - {skeleton(record.speaker)}:
            return "granted", "has a document that is the evidence of somebody else's consent, too"
        return "granted", ""

    def _granted(self, grant: Entry) -> Consent:
        try:
            return Consent.model_validate_json(json.dumps(grant.body))
        except ValidationError as error:
            raise BrokenIntegrity(f"{self.log.path}: line {grant.number} is no consent record that this version knows") from error


def _about(entry: Entry) -> str:
    """Whom an entry is about, as a skeleton."""
    return skeleton(str(entry.body.get("speaker")))


def _document(grant: Entry) -> str:
    return str(grant.body.get("evidence_sha256"))
