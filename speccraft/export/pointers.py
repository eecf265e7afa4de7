"""Pointers: a manifest without audio that says which bytes of the build's shards each cut is, and their SHA-256."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator
from typing import Any

from speccraft import store
from speccraft.export.contents import Contents, Subset
from speccraft.export.output import Output


def write(contents: Contents, out: Output) -> None:
    """Write `pointers.<subset>.jsonl`, and `build.json`: which build the paths start from, and what its shards are."""
    for subset in contents.subsets:
        out.lines(f"pointers.{subset.name}.jsonl", _entries(contents, subset, out))
    shards = [file.model_dump(exclude={"count"}) for file in contents.audio_files]
    out.whole("build.json", store.canonical_json({"build": contents.build.as_parent.model_dump(), "shards": shards}))


def _entries(contents: Contents, subset: Subset, out: Output) -> Iterator[dict[str, Any]]:
    for row in out.told(contents.rows(subset)):
        flac = row.audio.flac()
        where = {"shard": row.audio.tar.relative_to(contents.build.path).as_posix(), "offset": row.audio.offset, "bytes": len(flac)}
        yield {**vars(row.facts), **where, "sha256": hashlib.sha256(flac).hexdigest()}
