"""Values and files for the tests of foreign manifests."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

from hypothesis import strategies as st

from speccraft.ingest.rows import Reach

SCALARS = (
    st.none()
    | st.booleans()
    | st.integers()
    | st.floats()
    | st.text(max_size=12)
    | st.sampled_from(["../x", "/etc/passwd", "a\0b", "pipe:ls", "ls |", "http://x/a.wav", "-", "\ud800", 10**300, -1, "x" * 5000])
)
ANYTHING = st.recursive(SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=6), inner, max_size=3), max_leaves=6)
"""What a field of a hostile manifest may hold."""


def reach_into(folder: Path) -> Reach:
    return Reach(base=folder, roots=(folder,))


def write_lines(path: Path, records: list[Any]) -> Path:
    """JSON Lines of objects; strings and bytes are written as they are."""
    lines = [record if isinstance(record, bytes) else (record if isinstance(record, str) else json.dumps(record)).encode() for record in records]
    content = b"".join(line + b"\n" for line in lines)
    path.write_bytes(gzip.compress(content) if path.suffix == ".gz" else content)
    return path


def changed(record: dict[str, Any], changes: dict[tuple[str | int, ...], Any]) -> dict[str, Any]:
    """A copy of a record with other values at some paths, as far as the paths exist."""
    copied = json.loads(json.dumps(record))
    for (*above, last), value in changes.items():
        place = copied
        for key in above:
            place = place[key] if isinstance(place, dict | list) else {}
        if isinstance(place, dict | list):
            place[last] = value
    return copied


def paths_in(value: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The path of everything inside a record."""
    inside = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in inside for path in ((*above, key), *paths_in(inner, (*above, key)))]
