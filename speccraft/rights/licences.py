"""What each common data licence permits, by our own table, and which ids a licence expression means.

The table (licences.csv, one source a row) is policy, not law. `consent` names the uses that a licence leaves to the person who is heard:
CC BY 4.0, say, licenses no personality rights (section 2(b)(1)), so no licence alone grants `clone`. No-derivatives licences do not permit training
here, because every cut is adapted on the way.
"""

from __future__ import annotations

import csv
import difflib
import hashlib
from collections.abc import Collection, Mapping
from dataclasses import dataclass
from functools import cache
from itertools import product
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speccraft.errors import SpeccraftError

if TYPE_CHECKING:
    from license_expression import Licensing

USES = ("train", "evaluate", "redistribute-data", "redistribute-model", "synthesise", "clone")
TABLE_VERSION = "2026-11-23"
"""Version of the table and of the aliases; a test ties it to their content, and every build names it."""
MOST_CHARACTERS, MOST_ALTERNATIVES = 4000, 64
"""An expression beyond this is refused: nobody wrote it for people to read."""


@dataclass(frozen=True)
class Licence:
    """What one licence permits; of `consent` it permits only what the person who is heard allows."""

    id: str
    uses: frozenset[str]
    consent: frozenset[str]
    commercial: bool
    attribution: bool
    share_alike: bool
    source: str


@cache
def licence_table() -> dict[str, Licence]:
    """Every licence we know, by SPDX id; a licence with an exception is a row of its own."""
    return {
        row["id"]: Licence(
            id=row["id"],
            uses=frozenset(use for use in USES if row[use] == "yes"),
            consent=frozenset(row["consent"].split()),
            commercial=row["commercial"] == "yes",
            attribution=row["attribution"] == "yes",
            share_alike=row["share-alike"] == "yes",
            source=row["source"],
        )
        for row in _rows("licences.csv")
    }


@cache
def aliases() -> dict[str, str]:
    """SPDX ids by the other names that are taken for them, in small letters: these and no more."""
    return {row["alias"].lower(): row["id"] for row in _rows("aliases.csv")}


def _rows(name: str) -> list[dict[str, str]]:
    with (Path(__file__).parent / name).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def table_digest() -> str:
    """SHA-256 over the rows of both tables, in hexadecimal."""
    return hashlib.sha256(repr([_rows("licences.csv"), _rows("aliases.csv")]).encode()).hexdigest()


class NotALicence(ValueError):
    """The text is not an SPDX expression we can act on; the message says why."""


def licence_ids(expression: str | None, *, choice: str | None = None, own: Collection[str] = ()) -> tuple[str, ...]:
    """The ids that all hold for an expression, in its order.

    Args:
        choice: what was chosen where the expression offers a choice (OR): one of its alternatives, which is again an expression.
        own: the `LicenseRef-...` that may be named.

    Raises:
        NotALicence: anything but ids that SPDX or `own` knows, joined by AND, or by OR where the choice is made.
    """
    alternatives = _alternatives(expression, tuple(own))
    if len(alternatives) == 1:
        return alternatives[0]
    if choice is None:
        offered = ", ".join(f"'{' AND '.join(one)}'" for one in alternatives)
        raise NotALicence(f"'{expression}' offers a choice ({offered}): state the one that is taken in `licence_choice`")
    wanted = _alternatives(choice, tuple(own))
    found = [one for one in alternatives if set(one) == set(wanted[0])]
    if len(wanted) != 1 or not found:
        raise NotALicence(f"'{expression}' does not offer '{choice}', which `licence_choice` takes")
    return found[0]


@cache
def _alternatives(expression: str | None, own: tuple[str, ...]) -> tuple[tuple[str, ...], ...]:
    """What an expression offers: each alternative as the ids that all hold for it."""
    if expression is None or not expression.strip():
        raise NotALicence("no licence is stated")
    if odd := [f"U+{ord(c):04X}" for c in expression if not " " <= c <= "~"]:
        raise NotALicence(f"{expression[:80]!a} holds characters outside printable ASCII ({', '.join(odd[:3])})")
    if len(expression) > MOST_CHARACTERS:
        raise NotALicence(f"'{expression[:40]}...' is no licence expression that people read: it has {len(expression)} characters")
    written = aliases().get(expression.strip().lower(), expression)
    try:
        parsed = _spdx().parse(written, strict=True)
        unknown = [] if parsed is None else [key for key in _spdx().unknown_license_keys(parsed) if key not in own]
        found = () if parsed is None or unknown else tuple(dict.fromkeys(_offered(parsed)))
    except Exception as error:
        # Whatever the parser trips over, its own errors or others (on "(AND MIT", "( ) )" or a thousand brackets): it is not understood, so refused.
        raise NotALicence(_not_spdx(written)) from error
    if not found:
        raise NotALicence(_unknown(unknown) if unknown else _not_spdx(written))
    return found


@cache
def _spdx() -> Licensing:
    from license_expression import get_spdx_licensing

    return get_spdx_licensing()


def _offered(parsed: Any) -> list[tuple[str, ...]]:
    """The alternatives of a parsed expression; an AND of ORs is multiplied out."""
    spdx = _spdx()
    if isinstance(parsed, spdx.OR):
        return [one for part in parsed.args for one in _offered(part)]
    if isinstance(parsed, spdx.AND):
        parts = [_offered(part) for part in parsed.args]
        count = 1
        for part in parts:
            count *= len(part)
        if count > MOST_ALTERNATIVES:
            raise NotALicence("too many alternatives")
        return [tuple(dict.fromkeys(id for one in chosen for id in one)) for chosen in product(*parts)]
    return [(str(parsed),)]


def _not_spdx(written: str) -> str:
    shown = written if len(written) <= 80 else f"{written[:77]}..."
    near = near_licence(written)
    return f"'{shown}' is not an SPDX expression" + (f"; the nearest id is {near}" if near else "")


def _unknown(ids: list[str]) -> str:
    """Why the first unknown id of an expression is refused."""
    if ids[0].lower().startswith("licenseref-") or ":" in ids[0]:
        return f"{ids[0]} is a licence of somebody's own, and `rights.licences` has no entry for it: its text, SHA-256 and what it permits"
    return _not_spdx(ids[0])


def near_licence(id: str) -> str:
    """The id in our table that was probably meant, or nothing."""
    by_upper = {known.upper(): known for known in licence_table()}
    written = id.upper().replace(" ", "-")
    return by_upper.get(written) or next((by_upper[near] for near in difflib.get_close_matches(written[:80], by_upper, n=1)), "")


def need_known(accept: tuple[str, ...], own: Mapping[str, object] | Collection[str] = ()) -> None:
    """Check that every accepted licence is one our table or `own` has, so that a misspelt id does not refuse everything.

    Raises:
        SpeccraftError: some are not; the nearest ids are named.
    """
    unknown = [id for id in accept if id not in licence_table() and id not in own]
    if unknown:
        named = ", ".join(f"'{id}'" + (f" (nearest: {found})" if (found := near_licence(id)) else "") for id in unknown)
        raise SpeccraftError(f"rights.accept names licences that are not in our table: {named}", try_this=f"known are {', '.join(licence_table())}")
