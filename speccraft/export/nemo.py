"""NeMo: a manifest a subset, one JSON object a line, beside its FLAC files."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from speccraft.export.contents import Contents, Row, Subset
from speccraft.export.output import Output


def write(contents: Contents, out: Output) -> None:
    """Write `<subset>/manifest.jsonl`, whose paths start from its own folder, and `<subset>/audio/`."""
    for subset in contents.subsets:
        out.lines(f"{subset.name}/manifest.jsonl", _entries(contents, subset, out))


def _entries(contents: Contents, subset: Subset, out: Output) -> Iterator[dict[str, Any]]:
    for number, rows in enumerate(contents.shards(subset)):
        paths = [f"audio/{number:06d}/{row.facts.id}.flac" for row in rows]
        out.files((f"{subset.name}/{path}", row.audio.flac()) for path, row in zip(paths, out.told(rows), strict=True))
        yield from map(_entry, paths, rows)


def _entry(path: str, row: Row) -> dict[str, Any]:
    facts = vars(row.facts)
    # NeMo calls the language `lang`, and its readers take a text from every line that does not ask to be skipped: an empty one teaches silence.
    skipped = {} if facts["text"] else {"_skipme": True}
    return {"audio_filepath": path, **facts, "text": facts["text"] or "", "lang": facts["language"], **skipped}
