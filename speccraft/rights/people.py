"""Who is heard: whether anybody is known, and whether two names are written alike."""

from __future__ import annotations

import unicodedata
from functools import cache

NOBODY = frozenset({"", "unknown", "unk", "n/a", "na", "none", "null", "nan", "?", "-", "anonymous"})
"""Names, in small letters, that tables write where they do not know who speaks."""
LOOKALIKES = str.maketrans(
    "\u0430\u0432\u0435\u0456\u043a\u043c\u043d\u043e\u0440\u0441\u0442\u0443\u0445\u0501\u0455\u0458\u04bb\u051b\u051d\u03b1\u03b2\u03b3\u03b7\u03b9\u03ba\u03bd\u03bf\u03c1\u03c4\u03c5\u03c7",
    "abeikmhopctyxdsjhqwabynikvoptux",
)
"""Cyrillic and Greek small letters, in the order of their alphabets, that are drawn like one Latin letter (after Unicode's confusables.txt)."""


def known_speaker(name: str | None) -> str | None:
    """A speaker's name, or None where it says that nobody knows who speaks."""
    return None if name is None or name.strip().lower() in NOBODY else name


@cache
def skeleton(name: str) -> str:
    """What is left of a name without case, marks, spaces and signs, with lookalike letters made one: names with one skeleton look alike."""
    folded = unicodedata.normalize("NFKD", unicodedata.normalize("NFKC", name).casefold())
    return "".join(char for char in folded.translate(LOOKALIKES) if char.isalnum()) or folded
