"""Language tags: are they well formed by BCP 47 (RFC 5646), and what was meant if not."""

from __future__ import annotations

import re

_TAG = re.compile(
    r"[a-z]{2,3}(-[a-z]{3}){0,3}"  # language; registered ones have two or three letters
    r"(-[a-z]{4})?"  # script
    r"(-([a-z]{2}|[0-9]{3}))?"  # region
    r"(-([a-z0-9]{5,8}|[0-9][a-z0-9]{3})){0,8}"  # variants
    r"(-[0-9a-wyz](-[a-z0-9]{2,8}){1,8}){0,8}"  # extensions
    r"(-x(-[a-z0-9]{1,8}){1,8})?"  # private use
    r"|(x|i)(-[a-z0-9]{1,8}){1,8}",  # private as a whole, and grandfathered
    re.ASCII | re.IGNORECASE,
)
_NAMES = (
    "arabic ar, bengali bn, catalan ca, chinese zh, czech cs, danish da, deutsch de, dutch nl, english en, español es, finnish fi, français fr, "
    "french fr, german de, greek el, hebrew he, hindi hi, hungarian hu, indonesian id, italian it, italiano it, japanese ja, korean ko, mandarin cmn, "
    "nederlands nl, norwegian no, persian fa, polish pl, polski pl, portuguese pt, português pt, romanian ro, russian ru, spanish es, swahili sw, "
    "swedish sv, tamil ta, thai th, turkish tr, ukrainian uk, urdu ur, vietnamese vi"
)
TAG_OF_NAME = dict(entry.rsplit(" ", 1) for entry in _NAMES.split(", "))
"""Tags of languages that people write by name."""


def well_formed(tag: str) -> bool:
    """Whether a text is a tag of the right form; that it is registered is not checked."""
    return _TAG.fullmatch(tag) is not None


def near_tag(text: str) -> str:
    """The tag that was probably meant, or nothing."""
    plain = text.strip()
    candidates = (TAG_OF_NAME.get(plain.casefold(), ""), plain.partition(".")[0].replace("_", "-"))
    return next((tag for tag in candidates if well_formed(tag)), "")


def primary(tag: str) -> str:
    """The language of a tag without its region: rows are compared by it."""
    return tag.lower().partition("-")[0]
