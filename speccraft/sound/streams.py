"""What an Ogg or MP3 file holds beyond what libsndfile reads of it: further streams, and frames that its index does not count."""

from __future__ import annotations

import os
from mmap import mmap
from typing import BinaryIO

FIRST_PAGE = 2
"""Flag of the page that begins a stream (RFC 3533)."""
SKELETON = b"fishead\0"
"""A stream that holds no sound: it describes the others."""
BIT_RATES = {
    3: (0, 32, 40, 48, 56, 64, 80, 96, 112, 128, 160, 192, 224, 256, 320),
    2: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
    0: (0, 8, 16, 24, 32, 40, 48, 56, 64, 80, 96, 112, 128, 144, 160),
}
"""kbit/s of MPEG audio layer III by version (1, 2, 2.5 are 3, 2, 0), ISO 11172-3 and 13818-3."""
SAMPLING_RATES = {3: (44100, 48000, 32000), 2: (22050, 24000, 16000), 0: (11025, 12000, 8000)}
LONGEST_TRAILER = 1024
"""Bytes behind the last frame that an index does not count: tags of title and artist. With more, frames are counted, at 60 ms an hour."""


def ogg_streams(file: BinaryIO) -> str | None:
    """What is wrong with the streams of an Ogg file, in words; None where it is one stream, or no Ogg file.

    libsndfile reads the first stream and says nothing about others.
    """
    streams, begun = 0, False
    while len(header := file.read(27)) == 27 and header.startswith(b"OggS"):
        size = sum(file.read(header[26]))
        if header[5] & FIRST_PAGE:
            if begun:
                return "holds several streams, one after another: convert it, for example with ffmpeg -i IN OUT.flac"
            content = file.read(size)
            streams += not content.startswith(SKELETON)
        else:
            begun = True
            file.seek(size, os.SEEK_CUR)
    return f"holds {streams} streams at once: choose one, for example with ffmpeg -i IN -map 0:a:0 OUT.flac" if streams > 1 else None


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
