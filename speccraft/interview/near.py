"""What someone probably meant who named something that is not there: a path, a licence, a speaker."""

from __future__ import annotations

import difflib
import os
import re
import unicodedata
from collections.abc import Iterable, Sequence
from pathlib import Path, PurePath

from speccraft.rights.licences import licence_table

MOST_ENTRIES = 10_000
"""Entries of a folder that are compared with a name."""
LETTERS = str.maketrans({"ß": "ss", "æ": "ae", "œ": "oe", "ø": "o", "ł": "l", "đ": "d", "Æ": "AE", "Œ": "OE", "Ø": "O", "Ł": "L", "Đ": "D"})
"""Letters that Unicode does not take apart into one of a to z and a mark."""
LICENCE_WORDS = {
    "public-domain": ("CC0-1.0", "PDDL-1.0"),
    "creative-commons-zero": ("CC0-1.0",),
    "creative-commons": ("CC-BY-4.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0"),
    "creative-commons-attribution": ("CC-BY-4.0",),
    "attribution": ("CC-BY-4.0",),
    "bsd": ("BSD-3-Clause", "BSD-2-Clause"),
}
"""What people write in place of an SPDX id, and the ids that it may stand for."""


def slug(text: str) -> str:
    """The nearest name that is safe in files; empty where nothing of the text is."""
    plain = unicodedata.normalize("NFKD", text.translate(LETTERS))
    bare = "".join(char for char in plain if not unicodedata.combining(char))
    return re.sub(r"[^A-Za-z0-9._-]+", "-", bare).strip("-._")[:64]


def near_licences(text: str) -> tuple[str, ...]:
    """SPDX ids of our table that a text may stand for, the newest version first."""
    wanted = re.sub(r"-?(licen[cs]e|v(?=\d))", "", re.sub(r"[\s_-]+", "-", text.strip().lower()))
    if wanted in LICENCE_WORDS:
        return LICENCE_WORDS[wanted]
    by_lower = {id.lower(): id for id in sorted(licence_table(), reverse=True)}
    if wanted in by_lower:
        return (by_lower[wanted],)
    if versions := [id for lower, id in by_lower.items() if re.fullmatch(re.escape(wanted) + r"(-[\d.]+)?", lower)]:
        return tuple(versions)
    return tuple(by_lower[lower] for lower in difflib.get_close_matches(wanted, by_lower, n=1, cutoff=0.75))


def near_name(name: str, names: Iterable[str]) -> str | None:
    """The name that is most like another one, whatever the case; None where none is like it."""
    by_lower = {one.lower(): one for one in names}
    near = difflib.get_close_matches(name.lower(), by_lower, n=1, cutoff=0.75)
    return by_lower[near[0]] if near else None


def stranger(speaker: str, names: Sequence[str]) -> str:
    """Words for a name that is not among those of the speakers found; empty where it is, or none were."""
    if not names or speaker in names:
        return ""
    near = near_name(speaker, names)
    return f"no speaker's folder is called {speaker}; " + (f"did you mean {near}?" if near else f"there are {', '.join(names[:5])}")


def is_there(path: Path) -> bool:
    """Whether something is at a path, or nobody may know."""
    try:
        return path.exists()
    except OSError:
        return True


def near_path(folder: Path, path: str, endings: Iterable[str] = ()) -> str | None:
    """The path to something like what a path names where nothing is; None where something is, or nothing like it.

    Args:
        endings: look for files with one of these instead of folders.
    """
    if is_there(folder / path):
        return None
    known, parts = PurePath(), PurePath(path).parts
    for index, part in enumerate(parts):
        if is_there(folder / known / part):
            known /= part
            continue
        is_file = index == len(parts) - 1 and bool(endings)
        near = near_name(part, _entries(folder / known, tuple(endings) if is_file else ()))
        return None if near is None else PurePath(known, near, *parts[index + 1 :]).as_posix()
    return None


def _entries(folder: Path, endings: tuple[str, ...]) -> list[str]:
    """The names of the folders in a folder, or of its files with an ending."""
    found = list[str]()
    try:
        with os.scandir(folder) as entries:
            for _, entry in zip(range(MOST_ENTRIES), entries, strict=False):
                if entry.is_file() and entry.name.lower().endswith(endings) if endings else entry.is_dir():
                    found.append(entry.name)
    except OSError:
        pass  # what may not be listed holds nothing to propose
    return found
