"""WebDataset: tar shards in which the files of one cut share its key and follow each other."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterator

from speccraft import store
from speccraft.export.contents import Contents, Row
from speccraft.export.output import Output


def write(contents: Contents, out: Output) -> None:
    """Write `data/<subset>-NNNNNN.tar`, one for each shard of the build, with KEY.flac, KEY.json and KEY.txt of every cut."""
    for subset in contents.subsets:
        for number, rows in enumerate(contents.shards(subset)):
            name = f"data/{subset.name}-{number:06d}.tar"
            with store.new_file(out.folder / name) as file, tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
                for row in out.told(rows):
                    for member, content in _members(row):
                        # Nothing but name and size: the clock, owner and mode are the same for everybody.
                        info = tarfile.TarInfo(member)
                        info.size = len(content)
                        tar.addfile(info, io.BytesIO(content))
            out.counts[name] = len(rows)


def data_files(subset: str) -> str:
    """Pattern of a subset's files, for the card."""
    return f"data/{subset}-[0-9]*.tar"


def _members(row: Row) -> Iterator[tuple[str, bytes]]:
    # A key ends at its first dot.
    key = row.facts.id.replace(".", "_")
    # `datasets` guesses types from five samples, and nothing but None has no type.
    facts = {name: "" if value is None else value for name, value in vars(row.facts).items()}
    yield f"{key}.flac", row.audio.flac()
    yield f"{key}.json", json.dumps({**facts, "id": key, "cut": row.facts.id}, ensure_ascii=False, allow_nan=False).encode()
    yield f"{key}.txt", (row.facts.text or "").encode()
