"""What the readers of foreign manifests share: checked models, plain audio files, ids that stand once, parts of recordings."""

from __future__ import annotations

import re
import unicodedata
from pathlib import Path
from typing import Any, TypeVar

from pydantic import BaseModel, ValidationError

from speccraft.errors import UnreadableInput
from speccraft.ingest.rows import Reach

Model = TypeVar("Model", bound=BaseModel)

MOST_SECONDS = 1e6
"""No recording is longer (11 days)."""
LONGEST_PATH = 4096
"""Characters of a path: Linux takes no more, and to resolve a path of a million folders would take hours."""
_NO_FILE = re.compile(r"\s*\||.*\|\s*$|(?i:pipe|data):|[A-Za-z][A-Za-z0-9+.-]*://|-$", re.DOTALL)
"""What other toolkits take for a command, a URL or the standard input."""
LANGUAGE_TAGS = {
    "arabic": "ar", "cantonese": "yue", "chinese": "zh", "czech": "cs", "dutch": "nl", "english": "en", "finnish": "fi", "french": "fr", "german": "de",
    "greek": "el", "hindi": "hi", "hungarian": "hu", "indonesian": "id", "italian": "it", "japanese": "ja", "korean": "ko", "mandarin": "zh",
    "persian": "fa", "polish": "pl", "portuguese": "pt", "romanian": "ro", "russian": "ru", "spanish": "es", "swahili": "sw", "swedish": "sv",
    "turkish": "tr", "ukrainian": "uk", "urdu": "ur", "vietnamese": "vi",
}  # fmt: skip
"""English names of languages, which Lhotse's and Kaldi's corpus recipes write instead of tags."""


class Unusable(Exception):
    """What is wrong with one record, in words for the ledger."""


class Ids:
    """Ids that may stand once in a source; NFC and NFD spellings are one id."""

    def __init__(self) -> None:
        self._first: dict[str, str] = {}

    def add(self, id: str, where: str) -> None:
        """Take an id.

        Raises:
            Unusable: it was taken before.
        """
        same = unicodedata.normalize("NFC", id)
        if same in self._first:
            raise Unusable(f"the id '{id}' stands in {self._first[same]} already")
        self._first[same] = where


def checked(model: type[Model], fields: dict[str, Any]) -> Model:
    """The record as its model.

    Raises:
        Unusable: it is none; says which fields are wrong.
    """
    try:
        return model.model_validate(fields)
    except ValidationError as error:
        wrong = error.errors(include_url=False, include_context=False)
        more = f"; and {len(wrong) - 3} more" if len(wrong) > 3 else ""
        raise Unusable("; ".join(map(_words, wrong[:3])) + more) from error


def _words(error: Any) -> str:
    where = ".".join(map(str, error["loc"]))[:80]
    match error["type"]:
        case "extra_forbidden":
            return f"`{where}` is no field we know here; a newer version may have written it"
        case "missing":
            return f"`{where}` is missing"
    value = error["input"]
    shown = f" (it is {value!r:.40})" if isinstance(value, str | int | float) else ""
    return f"`{where}`: {error['msg'][0].lower()}{error['msg'][1:]}{shown}"


def audio_file(written: str, start: Path, reach: Reach) -> Path:
    """The audio file that a manifest names.

    Raises:
        Unusable: it is a command or URL, or lies outside the data folder and `roots`.
    """
    if len(written) > LONGEST_PATH:
        raise Unusable(f"the path has {len(written)} characters")
    if _NO_FILE.match(written):
        raise Unusable(f"'{written[:80]}' is a command or an address; only audio files are read")
    path = reach.resolve(written, start=start)
    if path is None:
        raise Unusable("the path leaves the data folder and `roots`")
    return path


def within(path: Path, source_id: str, reach: Reach) -> Path:
    """A file that was found in a source's folder.

    Raises:
        UnreadableInput: it is a link that leaves the data folder and `roots`.
    """
    if reach.resolve(str(path)) is None:
        raise UnreadableInput(f"source '{source_id}': {path} is a link that leaves the data folder and `roots`", try_this="name its folder in `roots:`")
    return path


def audio_folder(source_id: str, written: str | None, manifest: Path, reach: Reach) -> Path:
    """Where relative audio paths of a manifest start: the folder the source names, or the manifest's own.

    Raises:
        UnreadableInput: the named folder does not exist or lies outside the roots.
    """
    if written is not None:
        return reach.source(source_id, written)
    return manifest if manifest.is_dir() else manifest.parent


def part(start: float, end: float, recording_s: float, tolerance_s: float) -> tuple[float | None, float | None]:
    """Start and end of a row in its recording; both are None where it is all of it.

    Raises:
        Unusable: the row begins before the recording or ends after it, by more than the tolerance.
    """
    if start < -tolerance_s or end > recording_s + tolerance_s:
        raise Unusable(f"{start:g} to {end:g} s reaches beyond the recording, which is {recording_s:g} s long")
    if start <= tolerance_s and end >= recording_s - tolerance_s:
        return None, None
    return max(start, 0.0), min(end, recording_s)


def filled(text: str | None) -> str | None:
    """A text without the blanks around it, None where nothing is left."""
    return (text.strip() or None) if text is not None else None


def language_tag(written: str | None) -> str | None:
    """A BCP 47 tag, of a tag or of a language's English name."""
    name = filled(written)
    return name and LANGUAGE_TAGS.get(name.lower(), name)
