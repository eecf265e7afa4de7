"""Make foreign text safe to show: no invisible controls, no runaway length, no speaker names where they stay private."""

from __future__ import annotations

import re
from collections.abc import Iterable
from typing import Any

from speccraft.rights.pseudonyms import pseudonyms as pseudonyms_of

_BREAKS = re.compile("[\t\n\v\f\r\x85\u2028\u2029]+")
# Terminal escapes, bidirectional overrides, byte order marks, lone surrogates and tag characters. The zero-width joiners
# (U+200C, U+200D) stay: Devanagari and Persian are written with them.
_INVISIBLE = re.compile(
    "[\x00-\x1f\x7f-\x9f\xad\u061c\u200b\u200e\u200f\u202a-\u202e\u2060-\u206f\ud800-\udfff\ufeff\ufff9-\ufffb\ufffe\uffff\U000e0000-\U000e007f]"
)
LONGEST_TEXT = 600
NUMBER = r"-?\d+(\.\d+)?([eE][-+]?\d+)?"
"""What a value has to be to be shown where people go by pseudonyms: any other text may name somebody."""


def visible(text: str) -> str:
    """Text on one line without control, bidirectional-override and other invisible characters."""
    return _INVISIBLE.sub("", _BREAKS.sub(" ", text))


def shortened(text: str, longest: int = LONGEST_TEXT) -> str:
    """Visible text, cut with an ellipsis where it is longer than `longest` characters."""
    text = visible(text)
    return text if len(text) <= longest else text[: longest - 1] + "…"


def is_number(text: str) -> bool:
    """Whether a text is a number and nothing else."""
    return re.fullmatch(NUMBER, text) is not None


def all_visible(value: Any) -> Any:
    """A JSON value with every string in it, keys too, made visible."""
    if isinstance(value, str):
        return visible(value)
    if isinstance(value, dict):
        return {visible(str(key)): all_visible(item) for key, item in value.items()}
    if isinstance(value, list | tuple):
        return [all_visible(item) for item in value]
    return value


class SpeakerNames:
    """How speakers are called in a report: by their names, or by the pseudonyms that they have in the build's cuts."""

    def __init__(self, speakers: Iterable[str], *, pseudonyms: bool, key: bytes = b"") -> None:
        known = sorted(set(speakers))
        self.pseudonyms = pseudonyms
        self._names = pseudonyms_of(known, key) if pseudonyms else {name: name for name in known}
        longest_first = sorted((name for name in self._names if name), key=len, reverse=True)
        self._pattern = re.compile(rf"(?<!\w)(?:{'|'.join(map(re.escape, longest_first))})(?!\w)") if longest_first and pseudonyms else None

    def of(self, speaker: str | None) -> str:
        """What a speaker is called here."""
        return "not stated" if speaker is None else self._names[speaker]

    def in_text(self, text: str) -> str:
        """A sentence with every speaker's name in it replaced."""
        return self._pattern.sub(lambda match: self._names[match[0]], text) if self._pattern else text
