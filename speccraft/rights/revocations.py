"""What was revoked in a workspace: which voices may not come back under any name, and which builds and runs hold one of them.

A revocation is a committed folder. It keeps salted hashes and counts: nobody is named in it, and nothing in it can be heard.
"""

from __future__ import annotations

import hashlib
import json
from collections import Counter, defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import Any, TypeVar

from speccraft import shelf, store
from speccraft.errors import BrokenIntegrity, RefusedByRights
from speccraft.record import Artefact, Parent

AFFECTED, BLOCKED, PENDING = "affected.json", "blocked.json", "pending.json"
RULE = "revoked"
"""The rule of the ledger's rows that are refused because of a revocation."""
FEWEST_SHARED_KEYS = 10
"""Of a recording's 64 fingerprint keys, how many a copy of it shares. Measured on the demo pack: of 300,125 pairs of digits of `theo` and of somebody else
none shares more than six; of 165 digits and commands every copy in MP3, Vorbis, Opus, at 0.4 of the level and at another rate shares eleven and more; with
0.5 s cut off, 84 % of the commands still share ten. Pure tones are alike, and may share more."""

Key = TypeVar("Key", int, str)
"""A key of a fingerprint, as it is or salted."""


@dataclass(frozen=True)
class Revocation:
    """A revocation as its folder states it; `speaker`, `contents` and `prints` are salted hashes."""

    artefact: Artefact
    affected: frozenset[str]
    contents: frozenset[str]
    prints: tuple[frozenset[str], ...]

    @property
    def id(self) -> str:
        """What it is called."""
        return self.artefact.record.id

    @property
    def salt(self) -> str:
        """What its hashes are salted with."""
        return str(self.artefact.record.info["salt"])

    @property
    def speaker(self) -> str:
        """Salted hash of the speaker's name."""
        return str(self.artefact.record.info["speaker"])

    @cached_property
    def _prints_by_key(self) -> Mapping[str, Sequence[int]]:
        return by_key(self.prints)

    def names(self, speaker: str) -> bool:
        """Whether it is about a speaker who is called so."""
        return salted(self.salt, speaker) == self.speaker

    def holds_samples(self, pcm_sha256: str) -> bool:
        """Whether recordings of the voice have these samples, 16-bit mono at a build's rate."""
        return salted(self.salt, pcm_sha256) in self.contents

    def holds_copy(self, keys: Iterable[int]) -> bool:
        """Whether a recording of the voice shares so many keys of its fingerprint with one that has these that it is a copy."""
        return bool(self._prints_by_key) and shares_enough((salted(self.salt, key) for key in keys), self._prints_by_key)


def by_key(prints: Iterable[Iterable[Key]]) -> Mapping[Key, Sequence[int]]:
    """The numbers of the fingerprints that have each key."""
    found: dict[Key, list[int]] = defaultdict(list)
    for number, keys in enumerate(prints):
        for key in keys:
            found[key].append(number)
    return found


def shares_enough(keys: Iterable[Key], index: Mapping[Key, Sequence[int]]) -> bool:
    """Whether keys of one fingerprint are shared with one of others, which `by_key` lists, so often that one is of a copy of the other's recording."""
    shared = Counter(number for key in keys for number in index.get(key, ()))
    return max(shared.values(), default=0) >= FEWEST_SHARED_KEYS


def salted(salt: str, what: str | int) -> str:
    """Keyed BLAKE2b of a text or of a fingerprint's key, as 24 or 12 hex digits."""
    if isinstance(what, int):
        return hashlib.blake2b(what.to_bytes(4, "little"), key=bytes.fromhex(salt), digest_size=6).hexdigest()
    return hashlib.blake2b(what.encode(), key=bytes.fromhex(salt), digest_size=12).hexdigest()


def revocations_of(workspace: Path) -> tuple[Revocation, ...]:
    """Every revocation in a workspace, whatever scenario it was made under, in the order of names and ids.

    Raises:
        BrokenIntegrity: one of them is damaged: what may not enter cannot be told.
    """
    return tuple(_read(folder) for folder in shelf.folders_of(workspace, "revocation"))


def _read(folder: Path) -> Revocation:
    try:
        artefact = store.open_artefact(folder, "revocation")
        store.check_files(artefact)
        affected = json.loads((folder / AFFECTED).read_bytes())["artefacts"]
        blocked = json.loads((folder / BLOCKED).read_bytes())
        return Revocation(
            artefact, frozenset(one["digest"] for one in affected), frozenset(blocked["contents"]), tuple(frozenset(keys) for keys in blocked["prints"])
        )
    except (OSError, ValueError, LookupError, TypeError) as error:
        raise BrokenIntegrity(
            f"{folder}: is no revocation that can be read", try_this="restore the folder from a copy: it says which voices may not enter"
        ) from error


def pending_in(workspace: Path) -> dict[str, dict[str, Any]]:
    """Revocations that were begun and are not finished, by the name of the scenario."""
    home = workspace / store.KINDS["revocation"].folder
    return {path.parent.name: json.loads(path.read_bytes()) for path in sorted(home.glob(f"*/{PENDING}"))} if home.is_dir() else {}


def need_finished(workspace: Path) -> None:
    """Check that no revocation stopped in the middle.

    Raises:
        RefusedByRights: one did: until it is finished nothing is built here.
    """
    for name in pending_in(workspace):
        raise RefusedByRights(
            f"{workspace}: a revocation under '{name}' was begun and is not finished",
            try_this="run it again, it goes on where it stopped: speccraft revoke SPEAKER SCENARIO --reason TEXT --yes",
        )


def marked(workspace: Path, artefact: Artefact, known: Sequence[Revocation] | None = None) -> str | None:
    """Why a build, a run or what was made of one is not to be used any more; None where no revocation in the workspace speaks of it.

    Args:
        known: the workspace's revocations, where they were read already.

    Raises:
        BrokenIntegrity: a revocation is damaged.
    """
    known = revocations_of(workspace) if known is None else known
    if not known:
        return None
    found = {artefact.digest, *(parent.digest for parent in _ancestors(workspace, artefact.record.derives_from))}
    for one in known:
        if one.affected & found:
            info = one.artefact.record.info
            return f"it holds a voice that was revoked on {info['day']} ({info['reason']}); revocation {one.artefact.record.name}/{one.id}"
    return None


def need_usable(workspace: Path, artefact: Artefact, *, despite_revocation: bool) -> str | None:
    """Why an artefact is not to be used any more, where it is to be used all the same; None where nothing is wrong with it.

    Raises:
        RefusedByRights: it holds a revoked voice, and nobody said that it is to be used despite that.
        BrokenIntegrity: a revocation is damaged.
    """
    reason = marked(workspace, artefact)
    if reason is not None and not despite_revocation:
        record = artefact.record
        raise RefusedByRights(
            f"{record.kind} {record.name}/{record.id}: {reason}", try_this="build again without the voice, or name --despite-revocation where the law lets you"
        )
    return reason


def _ancestors(workspace: Path, parents: Iterable[Parent]) -> Iterable[Parent]:
    """What an artefact derives from, and what that derives from, as far as it is here."""
    for parent in parents:
        yield parent
        folder = workspace / store.KINDS[parent.kind].folder / parent.name / parent.id
        if (folder / store.KINDS[parent.kind].record).is_file():
            yield from _ancestors(workspace, store.open_artefact(folder, parent.kind).record.derives_from)
