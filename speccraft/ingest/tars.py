"""Where the files of an untrusted tar lie, header by header; nothing is extracted, and only regular files are accepted."""

from __future__ import annotations

import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import IO

from speccraft.errors import UnreadableInput

BLOCK = 512
LONGEST_NAME = 64 * 1024
"""Bytes of an extended header; a file name has 255 bytes and a path 4096."""
REGULAR, GNU_NAME, PAX, PAX_GLOBAL, FOLDER = b"0\0", b"L", b"x", b"g", b"5"


@dataclass(frozen=True)
class Member:
    """A file in a tar: its name as written, and its bytes' place."""

    name: str
    offset: int
    size: int


class _Broken(Exception):
    """What is wrong with a tar."""


def members_of(path: Path, source_id: str) -> Iterator[Member]:
    """The files of an uncompressed tar in order; folders are passed over.

    Raises:
        UnreadableInput: it is compressed, cut off, damaged, or holds links, devices or sparse files.
    """
    if not path.is_file():
        raise UnreadableInput(f"source '{source_id}': {path} is no file")
    try:
        with path.open("rb") as file:
            yield from _members(file, os.fstat(file.fileno()).st_size)
    except (OSError, _Broken) as error:
        hint = "copy it again; it has to be an uncompressed tar of plain files"
        raise UnreadableInput(f"source '{source_id}': {path} is no tar that can be read: {error}", try_this=hint) from error


def _members(file: IO[bytes], end: int) -> Iterator[Member]:
    at, long_name, long_size = 0, None, None
    while True:
        file.seek(at)
        header = file.read(BLOCK)
        if header == bytes(BLOCK) and at:
            return
        if len(header) < BLOCK:
            raise _Broken("it ends before the end of the archive")
        name, size, kind = _fields(header, at)
        size = size if long_size is None or kind not in REGULAR else long_size
        if at + BLOCK + size > end:
            raise _Broken(f"'{name[:80]}' at byte {at} reaches beyond its end")
        if kind in (GNU_NAME, PAX, PAX_GLOBAL):
            if size > LONGEST_NAME:
                raise _Broken(f"a header at byte {at} has {size} bytes")
            content = file.read(size)
            if kind == GNU_NAME:
                long_name = _text(content.rstrip(b"\0"), at)
            elif kind == PAX:
                long_name, long_size = _pax(content, at)
        elif kind in REGULAR:
            yield Member(long_name or name, at + BLOCK, size)
            long_name = long_size = None
        elif kind != FOLDER:
            raise _Broken(f"'{name[:80]}' at byte {at} is a link, a device or a sparse file (type {kind!r})")
        at += BLOCK + -(-size // BLOCK) * BLOCK


def _fields(header: bytes, at: int) -> tuple[str, int, bytes]:
    """Name, size and type of a header block, which its checksum proves to be one."""
    # The checksum counts its own eight bytes as blanks.
    if _number(header[148:156], at) != sum(header[:148]) + 8 * 0x20 + sum(header[156:]):
        raise _Broken(f"what is at byte {at} is no header")
    name = _text(header[:100].partition(b"\0")[0], at)
    prefix = _text(header[345:500].partition(b"\0")[0], at) if header[257:263] == b"ustar\0" else ""
    return f"{prefix}/{name}" if prefix else name, _number(header[124:136], at), header[156:157]


def _number(written: bytes, at: int) -> int:
    """An octal number, or a binary one whose first byte is 0x80."""
    if written[0] == 0x80:
        return int.from_bytes(written[1:], "big")
    try:
        return int(written.strip(b" \0") or b"0", 8)
    except ValueError as error:
        raise _Broken(f"a number in the header at byte {at} is none") from error


def _text(written: bytes, at: int) -> str:
    try:
        return written.decode()
    except UnicodeDecodeError as error:
        raise _Broken(f"a name in the header at byte {at} is not UTF-8") from error


def _pax(content: bytes, at: int) -> tuple[str | None, int | None]:
    """Path and size of an extended header, whose records are `LENGTH KEY=VALUE\\n`."""
    records: dict[bytes, bytes] = {}
    while content.strip(b"\0"):
        length, _, _ = content.partition(b" ")
        if not length.isdigit() or len(length) > 6 or not len(length) + 2 < int(length) <= len(content):
            raise _Broken(f"the extended header at byte {at} is broken")
        key, _, value = content[len(length) + 1 : int(length) - 1].partition(b"=")
        records[key] = value
        content = content[int(length) :]
    if any(key.startswith(b"GNU.sparse") for key in records):
        raise _Broken(f"the file behind byte {at} is sparse")
    size = records.get(b"size")
    if size is not None and (not size.isdigit() or len(size) > 18):
        raise _Broken(f"a size in the extended header at byte {at} is none")
    return (_text(records[b"path"], at) if b"path" in records else None), (None if size is None else int(size))
