"""Keep revoked voices out of a build: by the name they have in the scenario, by their samples and by copies of them, whatever they are called.

What is refused leaves the plan as if rights had refused it, so that the build is that of a world without it; units that held it are made again without.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any, TypeAlias

from speccraft import store
from speccraft.build.units import RECORDINGS, Identity, Job, Part, Unit
from speccraft.plan import Plan, TurnedAway
from speccraft.plan.fates import whole_dialogues
from speccraft.rights.revocations import RULE, Revocation
from speccraft.scenario.source import SpokenSource
from speccraft.sound.fingerprint import keys_of_text

NOTES = "cache/revoked"
"""Notes of a workspace: under a digest of what a part of a recording is known by, the revocation that it was refused for, so that it is not decoded again."""
Refusals: TypeAlias = Mapping[tuple[str, str], str]
"""Why rows do not enter, by source and input."""


def without(plan: Plan, refusals: Refusals) -> Plan:
    """A plan whose named rows are refused, and with them the dialogues that they are parts of."""
    if not refusals:
        return plan
    away = [
        TurnedAway(item.source, item.row, "refused", RULE, refusals[key]) for item in plan.admitted if (key := (item.source.id, item.row.input)) in refusals
    ]
    left = [item for item in plan.admitted if (item.source.id, item.row.input) not in refusals]
    turned_away = [*plan.turned_away, *away]
    whole = whole_dialogues(left, turned_away)
    return replace(plan, admitted=tuple(whole), turned_away=tuple(turned_away))


def called(plan: Plan, revoked: Sequence[Revocation]) -> Refusals:
    """Rows of speakers who were revoked in this scenario, by their names."""
    own = [one for one in revoked if one.artefact.record.name == plan.scenario.name]

    @cache
    def named(speaker: str) -> Revocation | None:
        return next((one for one in own if one.names(speaker)), None)

    rows = ((item.source.id, item.row) for item in plan.admitted if item.row.speaker is not None) if own else ()
    return {(source, row.input): f"its speaker was revoked (revocation {one.id})" for source, row in rows if (one := named(str(row.speaker))) is not None}


def known(units: Sequence[Unit], revoked: Sequence[Revocation], workspace: Path) -> Refusals:
    """Rows that an earlier build has refused, if their files are still what they were."""
    home, ids = workspace / NOTES, {one.id for one in revoked}
    if not ids or not home.is_dir():
        return {}
    notes = {path.name: path.read_text().strip() for path in home.iterdir() if not path.name.startswith(".")}
    sources = {unit.name: unit.identities() for unit in units}
    noted = (((unit.source, part.input), notes.get(note)) for unit, part, note in _notes(units, sources))
    return {key: _reason(id) for key, id in noted if id in ids}


def found(units: Sequence[Unit], folders: Mapping[str, Path], revoked: Sequence[Revocation]) -> dict[tuple[str, str], Revocation]:
    """Rows whose samples or fingerprints are those of revoked voices, by source and input.

    Args:
        folders: the committed cache folder of each unit, by unit name.
    """
    held = {}
    for unit in units:
        for row in store.rows_in(folders[unit.name] / RECORDINGS):
            if (one := holder(row, revoked)) is not None:
                held[unit.source, row["input"]] = one
    return held


def holder(row: Mapping[str, Any], revoked: Sequence[Revocation]) -> Revocation | None:
    """The revocation that speaks of a unit's recording, if one does: by its samples, or by its fingerprint."""
    if row["pcm_sha256"] is not None:
        for one in revoked:
            if one.holds_samples(row["pcm_sha256"]):
                return one
    keys = keys_of(row)
    return next((one for one in revoked if one.holds_copy(keys)), None) if keys else None


def remember(held: Mapping[tuple[str, str], Revocation], units: Sequence[Unit], sources: Mapping[str, Sequence[Identity]], workspace: Path) -> Refusals:
    """Note what was refused, and say why."""
    for unit, part, note in _notes(units, sources):
        if (one := held.get((unit.source, part.input))) is not None:
            store.write_bytes(workspace / NOTES / note, f"{one.id}\n".encode())
    return {key: _reason(one.id) for key, one in held.items()}


def holding(units: Sequence[Unit], held: Mapping[tuple[str, str], Revocation], folders: Mapping[str, Path]) -> list[str]:
    """The cache folders of units that hold what is refused, by their names."""
    return [folders[unit.name].name for unit in units if any((unit.source, part.input) in held for job in unit.jobs for part in job.parts)]


def with_fingerprints(units: Sequence[Unit], plan: Plan) -> list[Unit]:
    """The units, told to take fingerprints of whatever was recorded, whether or not the scenario compares recordings."""
    spoken = {source.id for source in plan.scenario.sources if isinstance(source, SpokenSource)}
    return [unit if unit.source in spoken or unit.role == "rir" else replace(unit, with_fingerprints=True) for unit in units]


def keys_of(row: Mapping[str, Any]) -> list[int]:
    """The keys of the fingerprint of a unit's recording; none where it has no fingerprint."""
    return [int(key) for key in keys_of_text(row["fingerprint"])] if row.get("fingerprint") else []


def _notes(units: Sequence[Unit], sources: Mapping[str, Sequence[Identity]]) -> Iterator[tuple[Unit, Part, str]]:
    for unit in units:
        for job, identity in zip(unit.jobs, sources[unit.name], strict=True):
            yield from ((unit, part, _note(job, part, identity)) for part in job.parts)


def _note(job: Job, part: Part, identity: Identity) -> str:
    return store.key_of([identity, job.channel, part.start, part.end])[:32]


def _reason(id: str) -> str:
    return f"it is a recording of a revoked voice, or a copy of one (revocation {id})"
