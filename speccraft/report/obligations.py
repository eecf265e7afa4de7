"""Say what licences ask of whoever passes something on: whom to name and how, under which licence, and what was let in by a decision instead."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Iterator, Mapping
from typing import Any, TypeAlias

from speccraft.rights.licences import licence_table

CHANGED = "changed: resampled, cut and, in a place, mixed with others"
"""Attribution under CC BY says that something was changed (4.0, section 3(a)(1)(B))."""
Attributions: TypeAlias = Iterable[Mapping[str, str]]
"""Rows with `source`, `licence` and `whom` to name."""


def ids_of(licence: str) -> tuple[str, ...]:
    """The ids that hold together for a normalised expression."""
    return tuple(dict.fromkeys(licence.split(" AND ")))


def asks_for_attribution(licence: str) -> bool:
    """Whether an expression holds a licence that wants its authors named; one that our table does not have might."""
    return any(id not in licence_table() or licence_table()[id].attribution for id in ids_of(licence))


def shares_alike(licence: str) -> list[str]:
    """The licences in an expression that want what is made of it under themselves."""
    return [id for id in ids_of(licence) if id in licence_table() and licence_table()[id].share_alike]


def url_of(id: str) -> str | None:
    """Where the text of a licence stands; None where our table does not say it."""
    return licence_table()[id].source if id in licence_table() else None


def with_links(licence: str) -> str:
    """An expression whose licences are followed by the addresses of their texts."""
    return " AND ".join(f"{id} ({url})" if (url := url_of(id)) else id for id in ids_of(licence))


def attribution_lines(used: Collection[tuple[str, str]], attributions: Attributions) -> list[str]:
    """One line for each author to be named, and one for each source whose licence wants authors named that it does not name.

    Args:
        used: source and licence of everything that is passed on.
    """
    rows = [(row["source"], row["licence"], row["whom"]) for row in attributions if (row["source"], row["licence"]) in used]
    named = {(source, licence) for source, licence, _ in rows}
    lines = [f"{source}: {whom}, under {with_links(licence)}; {CHANGED}" for source, licence, whom in sorted(set(rows))]
    lines += [
        f"{source}: {with_links(licence)} asks to name the authors, and the source names nobody: find out before you pass it on"
        for source, licence in sorted(set(used))
        if asks_for_attribution(licence) and (source, licence) not in named
    ]
    return lines


def share_alike_lines(licences: Iterable[str]) -> list[str]:
    """What share-alike licences ask of whatever is made with the recordings."""
    return [f"what is made of recordings under {id} and passed on is to be under {id}" for id in sorted({id for one in licences for id in shares_alike(one)})]


def waiver_lines(waivers: Iterable[Mapping[str, Any]]) -> Iterator[str]:
    """What was let in although its licence does not permit it, by whose decision and why."""
    for waiver in waivers:
        until = f", until {waiver['until']}" if waiver.get("until") else ""
        yield f"{waiver['source']} was let in by a waiver{until}: decided by {waiver['decided_by']}, because {waiver['reason']}"
