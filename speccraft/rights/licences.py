"""What each common data licence permits: our own table, read from licences.csv, one source a row.

The table is policy, not law. `clone` is never granted by a licence alone. No-derivatives licences do not
permit training here, because every cut is adapted on the way.
"""

from __future__ import annotations

import csv
import difflib
from dataclasses import dataclass
from functools import cache
from pathlib import Path
from typing import TYPE_CHECKING

from speccraft.errors import SpeccraftError

if TYPE_CHECKING:
    from license_expression import Licensing

USES = ("train", "evaluate", "redistribute-data", "redistribute-model", "synthesise", "clone")


@dataclass(frozen=True)
class Licence:
    """One row of the table."""

    id: str
    uses: frozenset[str]
    commercial: bool
    attribution: bool
    share_alike: bool
    source: str


@cache
def licence_table() -> dict[str, Licence]:
    """Every licence we know, by SPDX id."""
    with (Path(__file__).parent / "licences.csv").open(newline="", encoding="utf-8") as file:
        return {
            row["id"]: Licence(
                id=row["id"],
                uses=frozenset(use for use in USES if row[use] == "yes"),
                commercial=row["commercial"] == "yes",
                attribution=row["attribution"] == "yes",
                share_alike=row["share-alike"] == "yes",
                source=row["source"],
            )
            for row in csv.DictReader(file)
        }


class NotALicence(ValueError):
    """The text is not an SPDX expression we can act on; the message says why."""


def licence_ids(expression: str | None) -> tuple[str, ...]:
    """The SPDX ids that all hold for an expression, in its order.

    Raises:
        NotALicence: anything but ids joined by AND, all of them known to SPDX.
    """
    if expression is None or not expression.strip():
        raise NotALicence("no licence is stated")
    if odd := [f"U+{ord(c):04X}" for c in expression if not " " <= c <= "~"]:
        raise NotALicence(f"{expression!a} holds characters outside printable ASCII ({', '.join(odd[:3])})")
    return _ids_of_spdx(expression)


@cache
def _spdx() -> Licensing:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


@cache
def _ids_of_spdx(expression: str) -> tuple[str, ...]:
    from license_expression import ExpressionError, ExpressionParseError

    spdx = _spdx()
    try:
        parsed = spdx.parse(expression, validate=True, strict=True)
    except (ExpressionError, ExpressionParseError, AttributeError, TypeError, AssertionError, LookupError) as error:
        # The parser's own errors, and what it trips over on "(AND MIT" or "( ) )".
        near = difflib.get_close_matches(expression, licence_table(), n=1)
        hint = f"; the nearest id is {near[0]}" if near else ""
        raise NotALicence(f"'{expression}' is not an SPDX expression{hint}") from error
    if parsed is None:
        raise NotALicence(f"'{expression}' is not an SPDX expression")
    text = str(parsed)
    if any(f" {word} " in text for word in ("OR", "WITH")):
        raise NotALicence(f"'{text}' offers a choice or an exception: state the one licence that is taken")
    return tuple(str(symbol) for symbol in spdx.license_symbols(parsed, unique=True))


def near_licence(id: str) -> str:
    """The id in our table that was probably meant, or nothing."""
    by_upper = {known.upper(): known for known in licence_table()}
    written = id.upper().replace(" ", "-")
    return by_upper.get(written) or next((by_upper[near] for near in difflib.get_close_matches(written, by_upper, n=1)), "")


def need_known(accept: tuple[str, ...]) -> None:
    """Check that every accepted licence is one our table has, so that a misspelt id does not refuse everything.

    Raises:
        SpeccraftError: some are not; the nearest ids are named.
    """
    unknown = [id for id in accept if id not in licence_table()]
    if unknown:
        named = ", ".join(f"'{id}'" + (f" (nearest: {found})" if (found := near_licence(id)) else "") for id in unknown)
        raise SpeccraftError(f"rights.accept names licences that are not in our table: {named}", try_this=f"known are {', '.join(licence_table())}")
