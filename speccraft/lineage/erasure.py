"""The erasure report: what a revocation removed, what is marked, what cannot be reached, and which checkpoints are to be trained again."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import asdict, dataclass
from pathlib import Path
from typing import Any

from speccraft import shelf, store
from speccraft.lineage.inside import Inside
from speccraft.remote.copies import origin_of
from speccraft.report.numerals import plural


@dataclass(frozen=True)
class Erasure:
    """Counts, and names of artefacts and sources; nobody is named. `removed` is true once the revocation is finished."""

    counts: dict[str, int]
    removed: tuple[str, ...]
    marked: tuple[str, ...]
    retrain: tuple[str, ...]
    unreachable: tuple[str, ...]

    def as_data(self) -> dict[str, Any]:
        """The same as plain data."""
        return asdict(self)


Held = Sequence[tuple[store.Artefact, Inside]]


def erasure_of(workspace: Path, inside: Held, derived: Held, units: Sequence[str], damaged: Sequence[str] = ()) -> Erasure:
    """What is to be said about a revocation.

    Args:
        inside: builds with what they hold of the voice.
        derived: what was made of them, each with what its build holds.
        units: folders of the cache that hold the voice.
        damaged: what cannot be read as an artefact.
    """
    bytes_removed = sum(shelf.bytes_in(workspace / store.KINDS["unit"].folder / unit) for unit in units)
    return Erasure(
        counts=_counts(inside, derived, units),
        removed=(f"{plural(len(units), 'unit')} of cached work, {bytes_removed} bytes: decoded speech, measures and fingerprints",),
        marked=tuple(_title(one) for one, _ in (*inside, *derived)),
        retrain=tuple(_title(one) for one, held in derived if one.record.kind == "checkpoint" and "train" in held.splits),
        unreachable=tuple(_unreachable(workspace, inside, derived, damaged)),
    )


def page(erasure: Erasure, *, reason: str, day: str) -> str:
    """The report for people, as Markdown."""
    sections = [
        ("What held the voice", [f"{name}: {count}" for name, count in erasure.counts.items()]),
        ("Removed", erasure.removed),
        ("Marked: used only with `--despite-revocation`; `speccraft gc WORKSPACE --revoked --yes` removes them", erasure.marked),
        ("To be trained again: these checkpoints have learnt from the voice", erasure.retrain),
        ("Not reachable from here", erasure.unreachable),
    ]
    told = [f"# Erasure report\n\nA voice was revoked on {day}. Reason: {_on_one_line(reason)}\n"]
    for title, rows in sections:
        told.append(f"## {title}\n\n" + ("\n".join(f"- {row}" for row in rows) if rows else "Nothing.") + "\n")
    told.append("Only salted hashes of the recordings are kept, so that they cannot come back. Who it was stands in the consent log alone.\n")
    return "\n".join(told)


def _counts(inside: Held, derived: Held, units: Sequence[str]) -> dict[str, int]:
    held = [found for _, found in inside]
    kinds = [one.record.kind for one, _ in derived]
    return {
        "builds": len(inside),
        "recordings": len({key for found in held for key in found.inputs}),
        "cuts": len({cut for found in held for cuts in found.cuts.values() for cut in cuts}),
        "cuts that it is heard under, or may be": len({cut for found in held for cuts in found.heard.values() for cut in cuts}),
        "shard files": sum(len(found.shards) for found in held),
        "demonstrations": len({one for found in held for one in found.demonstrations}),
        "pairs": len({one for found in held for one in found.pairs}),
        "clips in reports": sum(len(found.report) for found in held),
        "cards": sum(len(found.cards) for found in held),
        "cached units": len(units),
        **{f"{kind}s": kinds.count(kind) for kind in sorted(set(kinds))},
    }


def _unreachable(workspace: Path, inside: Held, derived: Held, damaged: Sequence[str]) -> Iterator[str]:
    sources: dict[str, set[str]] = {}
    for _, found in inside:
        for source, input in found.inputs:
            sources.setdefault(source, set()).add(input)
    for source in sorted(sources):
        yield f"the recordings themselves: {len(sources[source])} in source '{source}'. Delete them there; the ledgers of the marked builds name them"
    for one, _ in derived:
        if one.record.kind == "export":
            yield f"{_title(one)}: whoever was given this export is to be told"
    builds = {one.record.id for one, _ in inside}
    for path in _exports_elsewhere(workspace, builds):
        yield f"an export that was written to {path}"
    if (origin := origin_of(workspace)) is not None:
        yield f"{origin}: the remote workspace holds what was sent there; delete the marked builds and runs in it"
    yield "copies of the workspace, backups, and models that were passed on"
    yield from (f"could not be read, and so not be searched: {what}" for what in damaged)


def _exports_elsewhere(workspace: Path, builds: set[str]) -> list[str]:
    return sorted({entry["path"] for entry in store.logged(workspace, "export") if entry.get("build") in builds})


def _title(artefact: store.Artefact) -> str:
    return f"{artefact.record.kind} {artefact.record.name}/{artefact.record.id}"


def _on_one_line(text: str) -> str:
    return " ".join(text.split())
