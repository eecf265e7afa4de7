"""What an Ogg or MP3 file holds beyond what libsndfile tells of it: damaged pages, further streams, and frames that its index does not count."""

from __future__ import annotations

import zlib
from mmap import mmap
from typing import BinaryIO

FIRST_PAGE, LAST_PAGE = 2, 4
"""Flags of the pages that begin and end a stream (RFC 3533)."""
SKELETON = b"fishead\0"
"""A stream that holds no sound: it describes the others."""
MIRRORED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))
"""Every byte with its bits in the other order."""
BLOCK_BYTES = 1 << 20
BIT_RATES = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    0: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""kbit/s of MPEG audio layer III by version (1, 2, 2.5 are 3, 2, 0), ISO 11172-3 and 13818-3."""
SAMPLING_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
LONGEST_TRAILER = 1024
"""Bytes behind the last frame that an index does not count: tags of title and artist. With more, frames are counted, at 60 ms an hour."""


def ogg_fault(file: BinaryIO) -> tuple[str, str] | None:
    """What is wrong with the pages or streams of an Ogg file: a rule for the ledger, and words; None where nothing is, or it is no Ogg file.

    libsndfile reads the first stream and says nothing about others; of a page whose checksum is wrong it says nothing either, and leaves its sound out.
    """
    streams, begun, ended, number = 0, False, True, 0
    while (header := file.read(27)).startswith(b"OggS"):
        sizes = file.read(header[26]) if len(header) == 27 else b""
        content = file.read(sum(sizes))
        if len(header) < 27 or len(sizes) < header[26] or len(content) < sum(sizes):
            return "truncated", f"breaks off in page {number} of the Ogg file"
        if ogg_checksum(header[:22] + bytes(4) + header[26:] + sizes + content) != int.from_bytes(header[22:26], "little"):
            return "corrupt", f"page {number} of the Ogg file is not what its checksum says"
        if header[5] & FIRST_PAGE:
            if begun:
                return "multi_stream", "holds several streams, one after another: convert it, for example with ffmpeg -i IN OUT.flac"
            streams += not content.startswith(SKELETON)
        begun, ended, number = not header[5] & FIRST_PAGE, bool(header[5] & LAST_PAGE), number + 1
    if number and _has_page(header, file):
        return "corrupt", f"what follows page {number - 1} of the Ogg file is no page, and pages follow it"
    if not ended:
        return "truncated", "breaks off behind a page of the Ogg file that is not its last; ffmpeg -i IN -c copy OUT.ogg ends it where it is"
    several = f"holds {streams} streams at once: choose one, for example with ffmpeg -i IN -map 0:a:0 OUT.flac"
    return ("multi_stream", several) if streams > 1 else None


def ogg_checksum(page: bytes) -> int:
    """The checksum of a page that has zeros in its place (RFC 3533, section 6): zlib's, with the bits of each byte and of the sum in the other order."""
    mirrored = zlib.crc32(page.translate(MIRRORED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{mirrored:032b}"[::-1], 2)


def _has_page(start: bytes, file: BinaryIO) -> bool:
    """Whether a page begins anywhere in what is left."""
    before = start
    while block := file.read(BLOCK_BYTES):
        if b"OggS" in before[-3:] + block:
            return True
        before = block
    return b"OggS" in start


def mp3_samples(content: bytes | mmap) -> int | None:
    """Samples of the frames of an MP3 file, encoder delay and padding included; None where its index counts its bytes and can be believed.

    A decoder believes an index or, without one, guesses from the first frame: of a file of changing bit rate without an index, libsndfile
    gave a fifth.
    """
    at, samples = _behind_tag(content), 0
    if _frame(content, at) is None or _indexed_bytes(content[at : at + 200]) >= max(1, len(content) - at - LONGEST_TRAILER):
        return None
    while (frame := _frame(content, at)) is not None and at + frame[0] <= len(content):
        at += frame[0]
        samples += frame[1]
    return samples


def _behind_tag(content: bytes | mmap) -> int:
    """Where the frames begin: behind an ID3v2 tag, whose size has seven bits a byte."""
    if content[:3] != b"ID3":
        return 0
    size = 0
    for byte in content[6:10]:
        size = size << 7 | byte & 0x7F
    return 10 + size


def _indexed_bytes(start: bytes) -> int:
    """How many bytes the index in the first frame counts; 0 without one, or with one that counts no frames."""
    at = max(start.find(b"Xing"), start.find(b"Info"))
    if at < 0 or start[at + 7] & 3 != 3 or start[at + 8 : at + 12] == bytes(4):
        return 0
    return int.from_bytes(start[at + 12 : at + 16], "big")


def _frame(content: bytes | mmap, at: int) -> tuple[int, int] | None:
    """Bytes and samples of the frame at a byte; None where there is none."""
    header = int.from_bytes(content[at : at + 4], "big")
    version, rate, index = header >> 19 & 3, header >> 10 & 3, header >> 12 & 15
    if len(content) < at + 4 or header >> 21 != 0x7FF or header >> 17 & 3 != 1 or version == 1 or rate == 3 or index in (0, 15):
        return None
    samples = 1152 if version == 3 else 576
    return samples // 8 * BIT_RATES[version][index] * 1000 // SAMPLING_RATES[version][rate] + (header >> 9 & 1), samples
