"""What lies beside an audio file and says more about it: a transcript, or a small JSON object."""

from __future__ import annotations

import os
from pathlib import Path
from typing import Annotated, Any

from pydantic import BaseModel, ConfigDict, Field

from speccraft.ingest.lines import Line, record_of
from speccraft.ingest.manifests import Unusable, checked, filled

LARGEST_BYTES = 4 << 20


class Sidecar(BaseModel):
    """What a `.json` beside an audio file may say; a key of any other name is refused, for it may be a misspelt one."""

    model_config = ConfigDict(frozen=True, extra="forbid", strict=True, allow_inf_nan=False)

    text: str | None = None
    speaker: str | None = None
    session: str | None = None
    language: str | None = None
    licence: str | None = None
    attribution: str | None = None
    duration: Annotated[float, Field(gt=0, lt=1e6)] | None = None


def sidecar_of(content: bytes, name: str, keys: dict[str, str] | None = None) -> Sidecar:
    """A JSON sidecar.

    Args:
        name: what to call it when something is wrong.
        keys: what its keys are called where they have other names; then further keys may stand beside them.

    Raises:
        Unusable: it is no JSON object, or a key has the wrong kind of value or, without `keys`, an unknown name.
    """
    record = record_of(Line(1, plain_text(content, name)))
    if record.problem:
        raise Unusable(f"{name} {record.problem}")
    fields: dict[str, Any] = record.fields
    if keys is not None:
        wanted = {field: keys.get(field, field) for field in Sidecar.model_fields}
        # Corpora number their speakers; a name is a name.
        fields = {field: _name(fields[key], field) for field, key in wanted.items() if key in fields}
    try:
        return checked(Sidecar, {field: filled(value) if isinstance(value, str) else value for field, value in fields.items()})
    except Unusable as error:
        raise Unusable(f"{name}: {error}; known are {', '.join(Sidecar.model_fields)}") from error


def transcript_of(content: bytes, name: str) -> str | None:
    """The words of a text file, with single spaces; None where it holds none.

    Raises:
        Unusable: it is not UTF-8.
    """
    return " ".join(plain_text(content, name).split()) or None


def plain_text(content: bytes, name: str) -> str:
    """UTF-8 text without its byte order mark.

    Raises:
        Unusable: it is not UTF-8, or larger than anything that lies beside one recording.
    """
    if len(content) > LARGEST_BYTES:
        raise Unusable(f"{name} is larger than {LARGEST_BYTES >> 20} MiB")
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        raise Unusable(f"{name} is not UTF-8 at byte {error.start + 1}") from error


def content_of(path: Path) -> bytes:
    """The bytes of a small file, or a little more than may be used of a large one.

    Raises:
        Unusable: it is no regular file or cannot be read.
    """
    # A pipe or device would wait for ever.
    if not path.is_file():
        raise Unusable(f"{path.name} is no file")
    try:
        with path.open("rb", buffering=0) as file:
            # No more room than it needs: a folder has a hundred thousand of them, and 4 MiB of fresh memory take longer than the file.
            return file.read(min(os.fstat(file.fileno()).st_size, LARGEST_BYTES) + 1)
    except OSError as error:
        raise Unusable(f"{path.name} cannot be read: {error.strerror}") from error


def _name(value: Any, field: str) -> Any:
    return str(value) if field != "duration" and type(value) is int else value
