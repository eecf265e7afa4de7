"""Read and write Shar tars: any cut's samples by id, and byte-identical tars from FLAC bytes."""

from __future__ import annotations

import io
import json
import os
import tarfile
from bisect import bisect_right
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import IO, Any

import numpy as np
import soundfile

from speccraft.errors import BrokenIntegrity

RECORDING = "recording"
"""Shar field of the cut as recorded."""


def field_of(condition: str) -> str:
    """Shar field that holds a condition: `clean` is the recording itself."""
    return RECORDING if condition == "clean" else f"{RECORDING}_{condition}"


def condition_of(field: str) -> str:
    """Condition held by a Shar field, the inverse of `field_of`."""
    return "clean" if field == RECORDING else field.removeprefix(f"{RECORDING}_")


def encode_flac(samples: np.ndarray, sampling_rate: int) -> bytes:
    """FLAC bytes (16 bit, mono) of int16 or float samples of shape (num_samples,)."""
    buffer = io.BytesIO()
    soundfile.write(buffer, samples, sampling_rate, format="FLAC", subtype="PCM_16")
    return buffer.getvalue()


def decode_flac(content: bytes) -> np.ndarray:
    """Samples of a FLAC made by `encode_flac`: float32 of shape (num_samples,) in [-1, 1]."""
    samples, _ = soundfile.read(io.BytesIO(content), dtype="float32")
    return samples


def recording_of(id: str, num_samples: int, sampling_rate: int) -> dict[str, Any]:
    """Lhotse's description of a recording whose audio lies in a Shar tar."""
    return {
        "id": id,
        "sources": [{"type": "shar", "channels": [0], "source": ""}],
        "sampling_rate": sampling_rate,
        "num_samples": num_samples,
        "duration": num_samples / sampling_rate,
    }


def write_tar(file: IO[bytes], members: Iterable[tuple[dict[str, Any], bytes]]) -> int:
    """Write (recording, FLAC bytes) pairs as one Shar tar, with no clock, owner or mode of this machine; return the count."""
    count = size = 0
    for recording, flac in members:
        for ending, content in (("flac", flac), ("json", _json(recording).encode())):
            size += file.write(_header(f"{recording['id']}.{ending}", len(content)) + content + bytes(-len(content) % tarfile.BLOCKSIZE))
        count += 1
    file.write(bytes(2 * tarfile.BLOCKSIZE + -(size + 2 * tarfile.BLOCKSIZE) % tarfile.RECORDSIZE))
    return count


_json = json.JSONEncoder(sort_keys=True).encode
_EMPTY = tarfile.TarInfo("").tobuf(tarfile.USTAR_FORMAT)
_EMPTY_SUM = sum(_EMPTY[:124]) + sum(_EMPTY[136:148]) + sum(_EMPTY[156:]) + 8 * ord(" ")
"""The checksum of a header without name and size; its own field counts as blanks (POSIX.1-1988)."""


def _header(name: str, size: int) -> bytes:
    """What tarfile writes before a member in the format USTAR: it takes 13 µs for it, and a build has millions of members."""
    encoded, length = name.encode(), b"%011o\0" % size
    if len(encoded) > 100 or len(length) > 12:
        raise ValueError(f"{name} is too long for a tar")
    checksum = _EMPTY_SUM + sum(encoded) + sum(length)
    return b"".join((encoded.ljust(100, b"\0"), _EMPTY[100:124], length, _EMPTY[136:148], b"%06o\0 " % checksum, _EMPTY[156:]))


@dataclass(frozen=True)
class Member:
    """Where the FLAC bytes of one cut lie."""

    tar: Path
    offset: int
    size: int

    def flac(self) -> bytes:
        """The bytes.

        Raises:
            BrokenIntegrity: the tar is shorter than its own index says.
        """
        with self.tar.open("rb") as file:
            file.seek(self.offset)
            content = file.read(self.size)
        if len(content) != self.size:
            raise BrokenIntegrity(f"{self.tar}: ends inside a member")
        return content


@dataclass(frozen=True)
class _Shard:
    """One tar and the id of its first cut; where the others lie is read when one of them is wanted."""

    tar: Path
    first: bytes

    @cached_property
    def index(self) -> tuple[np.ndarray, np.ndarray, np.ndarray]:
        """Ids in order, and offset and size of each: arrays, of which a million take 40 MB, a tenth of what a dict takes."""
        found = sorted((id.encode(), member.offset, member.size) for id, member in members_of(self.tar))
        ids, offsets, sizes = zip(*found, strict=True)
        return np.array(ids), np.array(offsets, np.int64), np.array(sizes, np.int64)

    def member(self, cut_id: str) -> Member:
        """Where a cut lies; KeyError where it does not lie here."""
        ids, offsets, sizes = self.index
        place = int(np.searchsorted(ids, cut_id.encode()))
        if place == len(ids) or ids[place] != cut_id.encode():
            raise KeyError(cut_id)
        return Member(self.tar, int(offsets[place]), int(sizes[place]))


class ShardReader:
    """Random access to the audio of one split's shards, by cut id and condition.

    Shards follow each other in the order of cut ids, so the first id of each says where a cut must lie: opening a thousand of them reads a
    thousand headers, not a million.

    Args:
        folder: `shards/<split>` of a build.

    Raises:
        BrokenIntegrity: a tar is cut off or is none.
    """

    def __init__(self, folder: Path) -> None:
        self._shards: dict[str, list[_Shard]] = {}
        for path in sorted(folder.glob("*.tar")):
            shards = self._shards.setdefault(condition_of(path.name.split(".")[0]), [])
            first = _first_of(path)
            if first:
                shards.append(_Shard(path, first.removesuffix(".flac").encode()))

    @property
    def conditions(self) -> tuple[str, ...]:
        """Conditions that the shards hold: `clean` first, `place`, then the SNR ladder from quiet to loud noise."""
        return tuple(sorted(self._shards, key=_condition_order))

    def flac(self, cut_id: str, condition: str = "clean") -> bytes:
        """FLAC bytes of a cut.

        Raises:
            KeyError: the shards do not hold the cut in that condition.
            BrokenIntegrity: the tar is damaged.
        """
        shards = self._shards[condition]
        if not shards:
            raise KeyError(cut_id)
        place = bisect_right(shards, cut_id.encode(), key=lambda shard: shard.first)
        return shards[max(0, place - 1)].member(cut_id).flac()

    def samples(self, cut_id: str, condition: str = "clean") -> np.ndarray:
        """Samples of a cut: float32 of shape (num_samples,)."""
        return decode_flac(self.flac(cut_id, condition))


def members_of(path: Path) -> Iterator[tuple[str, Member]]:
    """Cut ids of a Shar tar and where their audio lies, in order.

    Raises:
        BrokenIntegrity: the tar is cut off or is none.
    """
    file = os.open(path, os.O_RDONLY)
    try:
        whole, at = os.fstat(file).st_size, 0
        while found := _member(path, os.pread(file, tarfile.BLOCKSIZE, at)):
            name, size = found
            begin = at + tarfile.BLOCKSIZE
            at = begin + -(-size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
            if at > whole:
                raise BrokenIntegrity(f"{path}: ends inside a member")
            if name.endswith(".flac"):
                yield name.removesuffix(".flac"), Member(path, begin, size)
        if os.pread(file, len(_END), at) != _END:
            raise BrokenIntegrity(f"{path}: ends before the end of the archive")
    finally:
        os.close(file)


_END = bytes(2 * tarfile.BLOCKSIZE)
"""What every whole archive ends in: two blocks of zeros."""


def _member(path: Path, header: bytes) -> tuple[str, int] | None:
    """Name and size of the member behind a header; None where there is no more."""
    if not header.strip(b"\0"):
        return None
    checksum = sum(header) - sum(header[148:156]) + 8 * ord(" ")
    try:
        if len(header) < tarfile.BLOCKSIZE or int(header[148:156].strip(b"\0 "), 8) != checksum or header[156:157] != tarfile.REGTYPE:
            raise BrokenIntegrity(f"{path}: is no whole tar of files")
        return header[:100].rstrip(b"\0").decode(), int(header[124:136].strip(b"\0 "), 8)
    except ValueError as error:
        raise BrokenIntegrity(f"{path}: is no whole tar: {error}") from error


def _first_of(path: Path) -> str | None:
    """Name of the first member of a tar that ends as a whole one does, None of an empty one."""
    with path.open("rb") as file:
        found = _member(path, file.read(tarfile.BLOCKSIZE))
        file.seek(max(0, file.seek(0, os.SEEK_END) - len(_END)))
        if file.read() != _END:
            raise BrokenIntegrity(f"{path}: ends before the end of the archive")
    return found and found[0]


def _condition_order(condition: str) -> tuple[int, float]:
    if condition.startswith("snr_"):
        return 2, -float(condition.removeprefix("snr_"))
    return ("clean", "place").index(condition), 0.0
