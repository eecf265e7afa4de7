"""Revoke: list everything that contains a voice, keep it from coming back, mark what was made with it, and empty the cache of it.

The order makes a crash harmless: a note that it was begun, the committed revocation, the consent log, the cache, and the note goes. While the note is there
nothing is built, and the same command goes on where it stopped.
"""

from __future__ import annotations

import json
import secrets
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeAlias

from speccraft import shelf, store
from speccraft.build.revoked import keys_of
from speccraft.build.units import RECORDINGS
from speccraft.errors import RefusedByRights, UnreadableInput
from speccraft.lineage.erasure import Erasure, erasure_of, page
from speccraft.lineage.inside import Inside, Tables
from speccraft.lineage.traces import Family
from speccraft.rights import log
from speccraft.rights.revocations import AFFECTED, BLOCKED, PENDING, Revocation, by_key, pending_in, salted, shares_enough
from speccraft.sound.decode import to_int16
from speccraft.sound.fingerprint import fingerprint, keys_of_text
from speccraft.sound.shards import ShardReader, decode_flac

Progress: TypeAlias = Callable[[str, int, int], None]


@dataclass(frozen=True)
class Voice:
    """Everything that a workspace holds of a voice: in its builds, in what derives from them, and in the cache.

    `samples` and `prints` are what its recordings are known by: SHA-256 of their samples, and keys of their fingerprints. `before` are earlier revocations.
    """

    inside: tuple[tuple[store.Artefact, Inside], ...]
    derived: tuple[tuple[store.Artefact, Inside], ...]
    units: tuple[str, ...]
    samples: frozenset[str]
    prints: tuple[frozenset[int], ...]
    notes: tuple[str, ...] = ()
    before: tuple[Revocation, ...] = ()

    @property
    def artefacts(self) -> list[store.Artefact]:
        """Builds that the voice can be heard in, and all that was made of them."""
        return [one for one, _ in (*self.inside, *self.derived)]


@dataclass(frozen=True)
class Revoked:
    """What a revocation would do, or did: `revocation` is None where nothing was done, `is_new` says that it was not done before."""

    voice: Voice
    erasure: Erasure
    revocation: store.Artefact | None = None
    is_new: bool = True


def look(workspace: Path, name: str, speaker: str, on_progress: Progress = lambda *_: None) -> Revoked:
    """What a revocation would do: a dry run.

    Args:
        name: of the scenario in which the speaker is called so.

    Raises:
        UnreadableInput: no build of the scenario knows such a speaker.
    """
    voice = voice_of(workspace, name, speaker, on_progress)
    return Revoked(voice, erasure_of(workspace, voice.inside, voice.derived, voice.units, voice.notes))


def revoke(workspace: Path, name: str, speaker: str, *, reason: str, day: str, consent_log: Path, on_progress: Progress = lambda *_: None) -> Revoked:
    """Take a voice out of a workspace; done again, it finishes what a crash cut off, or finds nothing left to do.

    Args:
        name: of the scenario in which the speaker is called so.
        day: YYYY-MM-DD.

    Raises:
        UnreadableInput: no build of the scenario knows such a speaker.
        RefusedByRights: another revocation was begun here and is not finished.
        Locked: something is being built or trained.
    """
    shelf.shelf_of(workspace)  # before anything is locked: a folder that is no workspace gets no lock file
    with shelf.held(workspace):
        pending = _pending(workspace, name, speaker, reason, day)
        home = workspace / store.KINDS["revocation"].folder / name
        voice = voice_of(workspace, name, speaker, on_progress)
        erasure = erasure_of(workspace, voice.inside, voice.derived, voice.units, voice.notes)
        made, is_new = _covering(voice), False
        if made is None:
            store.write_bytes(home / PENDING, store.canonical_json(pending))
            store.sweep(home)
            made, is_new = _commit(home, name, voice, erasure, pending), True
        else:
            salt = str(made.record.info["salt"])
            store.write_bytes(home / PENDING, store.canonical_json({**pending, "salt": salt, "speaker": salted(salt, speaker)}))
        _log(consent_log, speaker, made, day)
        store.set_current(workspace, made)
        _forget(workspace, voice)
        store.remove(home / PENDING)
    return Revoked(voice, erasure, made, is_new)


# What holds it


def voice_of(workspace: Path, name: str, speaker: str, on_progress: Progress = lambda *_: None) -> Voice:
    """Everything that a workspace holds of a voice.

    It is known by its name in builds of the scenario, and by its samples and copies of them in all builds and in the cache, whatever they are called there.
    Once revoked, it is also known by what the revocation keeps.
    """
    family = Family.of(workspace)
    tables = {build.digest: Tables(build) for build in family.builds}
    own = {build.digest: tables[build.digest].of_speaker(speaker) if build.record.name == name else set() for build in family.builds}
    before = tuple(one for one in family.revocations if one.artefact.record.name == name and one.names(speaker))
    if not before and not any(own.values()):
        raise UnreadableInput(f"no build of '{name}' in {workspace} knows a speaker called '{speaker}'", try_this=_known(family, tables, name))
    samples = {digest for build in family.builds for digest in tables[build.digest].samples(own[build.digest])}
    first = {digest: tables[digest].inside(keys) for digest, keys in own.items() if keys}
    cached = _Cached(workspace, samples, list(_prints_in_cuts(family, first, on_progress)), before)
    cached.search(on_progress)
    found = ((build, own[build.digest] | tables[build.digest].of_samples(cached.samples)) for build in family.builds)
    grown = ((build, first[build.digest] if keys == own[build.digest] else tables[build.digest].inside(keys)) for build, keys in found if keys)
    inside = [(build, held) for build, held in grown if held.is_heard]
    derived = {one.digest: (one, held) for build, held in inside for one in family.descendants(build) if _holds(one, held)}
    prints = tuple(sorted(set(cached.prints), key=sorted))
    return Voice(tuple(inside), tuple(derived.values()), tuple(sorted(cached.units)), frozenset(cached.samples), prints, family.damaged, before)


def _holds(artefact: store.Artefact, inside: Inside) -> bool:
    """Whether something that derives from a build holds the voice: an export does by the splits that it takes, all else as its build does."""
    splits = artefact.record.info.get("splits") if artefact.record.kind == "export" else None
    return splits is None or not set(splits).isdisjoint(inside.splits)


def _prints_in_cuts(family: Family, inside: Mapping[str, Inside], on_progress: Progress) -> Iterator[frozenset[int]]:
    """Keys of the fingerprints of cuts of the voice: they are there even where the recordings and the cache are gone.

    Args:
        inside: what builds hold of it, by their digests.
    """
    builds = [build for build in family.builds if build.digest in inside]
    seen: set[str] = set()
    for number, build in enumerate(builds, start=1):
        for split, cuts in inside[build.digest].cuts.items():
            reader = ShardReader(build.path / "shards" / split)
            for cut in cuts:
                if cut not in seen and (text := fingerprint(to_int16(decode_flac(reader.flac(cut, "clean"))), int(build.record.info["sampling_rate"]))):
                    seen.add(cut)
                    yield frozenset(keys_of_text(text).tolist())
        on_progress("listen to the voice", number, len(builds))


class _Cached:
    """What the cache holds of a voice: units, and what recordings in them are known by.

    Args:
        samples: what recordings of the voice are known by.
        prints: fingerprints of it.
        before: earlier revocations of it.
    """

    def __init__(self, workspace: Path, samples: set[str], prints: Sequence[frozenset[int]], before: Sequence[Revocation]) -> None:
        self.units: set[str] = set()
        self.samples = samples
        self.prints = [*prints]
        self._before = before
        self._folders = [folder for folder in shelf.folders_of(workspace, "unit") if (folder / RECORDINGS).is_file()]

    def search(self, on_progress: Progress) -> None:
        """Look through every unit: first for samples of the voice, which tell more fingerprints of it, then for copies."""
        for number, folder in enumerate(self._folders, start=1):
            self._take(folder, [row for row in store.rows_in(folder / RECORDINGS) if self._has_samples(row)])
            on_progress("look through the cache", number, 2 * len(self._folders))
        index = by_key(self.prints)
        for number, folder in enumerate(self._folders, start=1 + len(self._folders)):
            self._take(folder, [row for row in store.rows_in(folder / RECORDINGS) if self._is_copy(keys_of(row), index)])
            on_progress("look through the cache", number, 2 * len(self._folders))

    def _take(self, folder: Path, rows: Sequence[dict[str, Any]]) -> None:
        if not rows:
            return
        self.units.add(folder.name)
        self.samples |= {row["pcm_sha256"] for row in rows if row["pcm_sha256"] is not None}
        self.prints += [frozenset(keys) for row in rows if (keys := keys_of(row))]

    def _has_samples(self, row: dict[str, Any]) -> bool:
        samples = row["pcm_sha256"]
        return samples is not None and (samples in self.samples or any(one.holds_samples(samples) for one in self._before))

    def _is_copy(self, keys: Sequence[int], index: Mapping[int, Sequence[int]]) -> bool:
        return shares_enough(keys, index) or any(one.holds_copy(keys) for one in self._before)


def _known(family: Family, tables: dict[str, Tables], name: str) -> str:
    names = sorted({one for build in family.builds if build.record.name == name for one in tables[build.digest].ledger["speaker"].drop_nulls().unique()})
    return (
        f"it knows {', '.join(names[:10])}" + (f" and {len(names) - 10} more" if len(names) > 10 else "") if names else f"builds of '{name}' name no speakers"
    )


# What is done


def _pending(workspace: Path, name: str, speaker: str, reason: str, day: str) -> dict[str, Any]:
    """What is noted while a revocation goes on; that of one which was cut off, so that it comes out the same."""
    for other, pending in pending_in(workspace).items():
        if other == name and salted(pending["salt"], speaker) == pending["speaker"]:
            return pending
        raise RefusedByRights(f"{workspace}: another revocation under '{other}' was begun and is not finished", try_this="run that one again first")
    salt = secrets.token_hex(16)
    return {"salt": salt, "speaker": salted(salt, speaker), "reason": reason, "day": day}


def _covering(voice: Voice) -> store.Artefact | None:
    """An earlier revocation of the voice that speaks of everything there is of it now."""
    for one in voice.before:
        held = all(one.holds_samples(digest) for digest in voice.samples)
        if held and {each.digest for each in voice.artefacts} <= one.affected:
            return one.artefact
    return None


def _commit(home: Path, name: str, voice: Voice, erasure: Erasure, pending: dict[str, Any]) -> store.Artefact:
    salt = pending["salt"]
    affected = [
        {"kind": one.record.kind, "name": one.record.name, "id": one.record.id, "digest": one.digest, "splits": inside.splits}
        for one, inside in (*voice.inside, *voice.derived)
    ]
    blocked = {
        "contents": sorted(salted(salt, digest) for digest in voice.samples),
        "prints": sorted(sorted(salted(salt, key) for key in keys) for keys in voice.prints),
    }
    info = {**pending, "counts": {"recordings": len(voice.samples), "artefacts": len(affected), "units": len(voice.units)}}
    with store.scratch_folder(home) as scratch:
        store.write_bytes(scratch / AFFECTED, store.canonical_json({"artefacts": affected}))
        store.write_bytes(scratch / BLOCKED, json.dumps(blocked, sort_keys=True, separators=(",", ":")).encode())
        store.write_bytes(scratch / "erasure.json", store.canonical_json(erasure.as_data()))
        store.write_bytes(scratch / "ERASURE.md", page(erasure, reason=pending["reason"], day=pending["day"]).encode())
        return store.commit(scratch, home, kind="revocation", name=name, info=info)


def _log(consent_log: Path, speaker: str, made: store.Artefact, day: str) -> None:
    """Write into the consent log that the voice was withdrawn, once."""
    entries = log.read_log(consent_log)
    if not any(entry.kind == "withdraw" and entry.body.get("revocation") == made.record.id for entry in entries.entries):
        reason = made.record.info["reason"]
        log.append(consent_log, "withdraw", {"speaker": speaker, "reason": reason, "revocation": made.record.id}, max(day, entries.day))


def _forget(workspace: Path, voice: Voice) -> None:
    """Remove cached units that hold the voice, and notes that lead to builds that do."""
    store.forget(workspace, voice.units)
    builds = {one.record.id for one, _ in voice.inside}
    keys = workspace / store.KEYS
    for note in sorted(keys.iterdir()) if keys.is_dir() else ():
        if note.read_text(errors="replace").strip() in builds:
            store.remove(note)
