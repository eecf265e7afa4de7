"""Bytes and digests of values and files: the same ones for the same content, on any machine."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import Any


def canonical_json(value: Any) -> bytes:
    """JSON with sorted keys and one trailing newline, the same bytes for the same value."""
    return (json.dumps(value, sort_keys=True, ensure_ascii=False, allow_nan=False, indent=1) + "\n").encode()


def json_lines(rows: Iterator[dict[str, Any]] | Sequence[dict[str, Any]]) -> bytes:
    """One compact JSON object a line, keys sorted."""
    dump = json.JSONEncoder(sort_keys=True, ensure_ascii=False, allow_nan=False, separators=(",", ":")).encode
    return "".join(dump(row) + "\n" for row in rows).encode()


def rows_in(path: Path) -> Iterator[dict[str, Any]]:
    """The rows of a file of JSON Lines. Read as bytes: a text may hold U+2028, which ends a line of text and no line of JSON."""
    with path.open("rb") as file:
        yield from map(json.loads, file)


def digest_of(value: Any) -> str:
    """SHA-256 of the canonical JSON of a value, as hex."""
    return hashlib.sha256(canonical_json(value)).hexdigest()


def key_of(value: Any) -> str:
    """SHA-256 of a value as compact JSON, as hex: for keys of a workspace, which nobody reads. Without the indent it takes a tenth of the time."""
    return hashlib.sha256(json.dumps(value, sort_keys=True, allow_nan=False, separators=(",", ":")).encode()).hexdigest()


def sha256_of(path: Path) -> str:
    """SHA-256 of a file's bytes, as hex."""
    with path.open("rb") as file:
        return hashlib.file_digest(file, "sha256").hexdigest()
