"""The gate: may this recording be used for what we intend? Whatever it does not understand, it refuses."""

from __future__ import annotations

from dataclasses import dataclass

from speccraft.rights.licences import NotALicence, licence_ids, licence_table
from speccraft.scenario.acceptance import Rights


@dataclass(frozen=True)
class Decision:
    """What the gate says: `licence` is the normalised expression when allowed, `reason` says why not."""

    allowed: bool
    licence: str
    reason: str


def may(rights: Rights, licence: str | None) -> Decision:
    """Decide whether a recording under a licence may serve every intended use.

    Args:
        rights: intended uses, accepted ids and whether the product is commercial.
        licence: SPDX expression as written in the source; several ids joined by AND must all allow.
    """
    try:
        ids = licence_ids(licence)
    except NotALicence as error:
        return Decision(False, "", str(error))
    for id in ids:
        if reason := _refusal(rights, id):
            return Decision(False, "", reason)
    return Decision(True, " AND ".join(ids), "")


def may_be_passed_on(licence: str) -> Decision:
    """Decide whether what is under a licence may be given to others; whether we accept it for our own work was decided before."""
    return may(Rights(use=("redistribute-data",)), licence)


def _refusal(rights: Rights, id: str) -> str:
    if rights.accept and id not in rights.accept:
        return f"{id} is not among the accepted licences"
    if id not in licence_table():
        return f"{id} is not in our table of what licences permit"
    row = licence_table()[id]
    if missing := [use for use in rights.use if use not in row.uses]:
        return f"{id} does not permit {', '.join(missing)}"
    if rights.commercial and not row.commercial:
        return f"{id} does not permit commercial use"
    return ""
