"""Read WebDataset shards: tars in which the members of one sample share a name and follow each other; nothing is unpacked."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import replace
from itertools import groupby
from pathlib import Path
from typing import IO

from speccraft.errors import UnreadableInput
from speccraft.ingest.folder import audio_below
from speccraft.ingest.manifests import Unusable
from speccraft.ingest.official import split_in
from speccraft.ingest.rows import Inside, Reach, Row
from speccraft.ingest.sidecars import LARGEST_BYTES, sidecar_of, transcript_of
from speccraft.ingest.tars import Member, members_of
from speccraft.scenario.source import WebDatasetSource


def read_webdataset(source: WebDatasetSource, *, reach: Reach) -> list[Row]:
    """One row per sample of the shards, in order; a sample that lacks its audio or comes apart is a row with a problem.

    Raises:
        UnreadableInput: there is no shard, or one cannot be opened.
    """
    found = reach.source(source.id, source.path)
    shards = list(audio_below(found, [".tar"])) if found.is_dir() else [found]
    if not shards:
        raise UnreadableInput(f"source '{source.id}': no file below {found} ends in .tar", try_this="shards are read uncompressed: unpack .tar.gz with gunzip")
    folder = found if found.is_dir() else found.parent
    try:
        return [row for shard in shards for row in _shard(source, shard, shard.relative_to(folder).as_posix(), reach)]
    except OSError as error:
        raise UnreadableInput(f"source '{source.id}': cannot read {error.filename}: {error.strerror}") from error


def _shard(source: WebDatasetSource, shard: Path, name: str, reach: Reach) -> Iterator[Row]:
    path = reach.resolve(str(shard))
    if path is None or not path.is_file():
        yield Row(input=name, problem="the shard leaves the data folder and `roots`" if path is None else "the shard is no regular file")
        return
    split = split_in(name) if source.official_splits else None
    seen: set[str] = set()
    damage: list[str] = []
    with path.open("rb") as file:
        for key, sample in groupby(_members(path, source.id, damage), key=lambda member: _key(member.name)[0]):
            row = _sample(source, path, file, Row(input=f"{name}#{key}", split=split), list(sample))
            if key in seen:
                row = replace(row, path=None, inside=None, problem=f"members of '{key}' stand apart from others of that name")
            seen.add(key)
            yield row
    for problem in damage:
        # What stands in the ledger is the same on every machine.
        yield Row(input=f"{name}#(end)", problem=problem.removeprefix(f"source '{source.id}': ").replace(str(path), name))


def _members(path: Path, source_id: str, damage: list[str]) -> Iterator[Member]:
    """The members of a shard, up to where it is damaged or holds something else than files."""
    try:
        yield from members_of(path, source_id)
    except UnreadableInput as error:
        damage.append(error.message)


def _key(name: str) -> tuple[str, str]:
    """What a sample is called, and what its member is: the name up to the first dot of its last part, and the rest."""
    folder, slash, last = name.rpartition("/")
    stem, _, kind = last.partition(".")
    return f"{folder}{slash}{stem}" if stem else name, kind.lower()


def _sample(source: WebDatasetSource, shard: Path, file: IO[bytes], row: Row, members: list[Member]) -> Row:
    kinds = [_key(member.name)[1] for member in members]
    audio = [member for member, kind in zip(members, kinds, strict=True) if f".{kind.rpartition('.')[2]}" in {ending.lower() for ending in source.endings}]
    try:
        if len(set(kinds)) < len(kinds):
            raise Unusable("it has two members of one name")
        if len(audio) != 1:
            raise Unusable("it has no audio, only " + ", ".join(kinds) if not audio else f"it has {len(audio)} audio members; name one in `endings`")
        row = replace(row, path=shard, inside=Inside("bytes", audio[0].offset, audio[0].size))
        return _told(row, source, file, dict(zip(kinds, members, strict=True)))
    except Unusable as error:
        return replace(row, path=None, inside=None, problem=str(error))


def _told(row: Row, source: WebDatasetSource, file: IO[bytes], members: dict[str, Member]) -> Row:
    """The row with what the `.json` and `.txt` members say; the text of a `.txt` wins."""
    if "json" in members:
        stated = sidecar_of(_content(file, members["json"]), "the json member", {str(field): key for field, key in source.keys.items()})
        fields = stated.model_dump(exclude_none=True)
        if "duration" in fields:
            fields |= {"seconds": fields.pop("duration"), "length_from": "table"}
        row = replace(row, **fields)
    if "txt" in members:
        row = replace(row, text=transcript_of(_content(file, members["txt"]), "the txt member") or row.text)
    return row


def _content(file: IO[bytes], member: Member) -> bytes:
    file.seek(member.offset)
    return file.read(min(member.size, LARGEST_BYTES + 1))
