"""Read and write Shar tars: any cut's samples by id, and byte-identical tars from FLAC bytes."""

from __future__ import annotations

import io
import json
import tarfile
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
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
    count = 0
    with tarfile.open(fileobj=file, mode="w", format=tarfile.USTAR_FORMAT) as tar:
        for recording, flac in members:
            for name, content in ((f"{recording['id']}.flac", flac), (f"{recording['id']}.json", json.dumps(recording, sort_keys=True).encode())):
                member = tarfile.TarInfo(name)
                member.size = len(content)
                tar.addfile(member, io.BytesIO(content))
            count += 1
    return count


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


class ShardReader:
    """Random access to the audio of one split's shards, by cut id and condition.

    Args:
        folder: `shards/<split>` of a build.

    Raises:
        BrokenIntegrity: a tar is cut off or is none.
    """

    def __init__(self, folder: Path) -> None:
        self._members: dict[str, dict[str, Member]] = {}
        for path in sorted(folder.glob("*.tar")):
            condition = condition_of(path.name.split(".")[0])
            self._members.setdefault(condition, {}).update(members_of(path))

    @property
    def conditions(self) -> tuple[str, ...]:
        """Conditions that the shards hold: `clean` first, `place`, then the SNR ladder from quiet to loud noise."""
        return tuple(sorted(self._members, key=_condition_order))

    def flac(self, cut_id: str, condition: str = "clean") -> bytes:
        """FLAC bytes of a cut.

        Raises:
            KeyError: the shards do not hold the cut in that condition.
            BrokenIntegrity: the tar is shorter than its own index says.
        """
        return self._members[condition][cut_id].flac()

    def samples(self, cut_id: str, condition: str = "clean") -> np.ndarray:
        """Samples of a cut: float32 of shape (num_samples,)."""
        return decode_flac(self.flac(cut_id, condition))


def members_of(path: Path) -> Iterator[tuple[str, Member]]:
    """Cut ids of a Shar tar and where their audio lies, in order.

    Raises:
        BrokenIntegrity: the tar is cut off or is none.
    """
    end = 0
    try:
        with tarfile.open(path, mode="r:") as tar:
            for member in tar:
                end = member.offset_data + -(-member.size // tarfile.BLOCKSIZE) * tarfile.BLOCKSIZE
                if member.isreg() and member.name.endswith(".flac"):
                    yield member.name.removesuffix(".flac"), Member(path, member.offset_data, member.size)
    except tarfile.TarError as error:
        raise BrokenIntegrity(f"{path}: is no whole tar: {error}") from error
    # tarfile takes the end of the file for the end of the archive; a whole one ends in two blocks of zeros.
    with path.open("rb") as file:
        file.seek(end)
        if file.read(2 * tarfile.BLOCKSIZE) != bytes(2 * tarfile.BLOCKSIZE):
            raise BrokenIntegrity(f"{path}: ends before the end of the archive")


def _condition_order(condition: str) -> tuple[int, float]:
    if condition.startswith("snr_"):
        return 2, -float(condition.removeprefix("snr_"))
    return ("clean", "place").index(condition), 0.0
