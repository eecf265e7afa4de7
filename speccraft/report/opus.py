"""Encode a clip as Ogg Opus for the page's players: small, and the same bytes for the same samples."""

from __future__ import annotations

import hashlib
import io
import struct
import zlib

import numpy as np
import soundfile
import soxr

from speccraft.sound.channel import OPUS_BITS, OPUS_RATES

BITS_PER_S = 24_000
"""Wide-band speech is transparent to most listeners from here on (RFC 6716, 2.1.1); noise that was added stays what it is."""
_REVERSED = bytes(int(f"{byte:08b}"[::-1], 2) for byte in range(256))


def encode_opus(samples: np.ndarray, sampling_rate: int) -> bytes:
    """Mono Ogg Opus of float32 samples of shape (num_samples,) in [-1, 1], about 3 kB a second.

    libsndfile draws the serial number of a stream at random (RFC 3533 wants it unique within a file): here it comes from the content, so that a
    page is byte-identical for the same build.
    """
    rate = min((one for one in OPUS_RATES if one >= sampling_rate), default=OPUS_RATES[-1])
    heard = samples if rate == sampling_rate else soxr.resample(samples, sampling_rate, rate)
    low, high = OPUS_BITS
    buffer = io.BytesIO()
    soundfile.write(buffer, np.clip(heard, -1, 1), rate, format="OGG", subtype="OPUS", compression_level=1 - (BITS_PER_S - low) / (high - low))
    return with_serial(buffer.getvalue())


def with_serial(ogg: bytes) -> bytes:
    """An Ogg file of one stream with a serial number made of its content, and the checksum of every page made anew (RFC 3533, 6)."""
    pages = _pages(ogg)
    serial = hashlib.sha256(b"".join(page[27:] for page in pages)).digest()[:4]
    return b"".join(_checked(page[:14] + serial + page[18:22] + bytes(4) + page[26:]) for page in pages)


def _pages(ogg: bytes) -> list[bytes]:
    pages, at = [], 0
    while at < len(ogg):
        body = at + 27 + ogg[at + 26]
        end = body + sum(ogg[at + 27 : body])
        pages.append(ogg[at:end])
        at = end
    return pages


def _checked(page: bytes) -> bytes:
    return page[:22] + struct.pack("<I", ogg_crc(page)) + page[26:]


def ogg_crc(page: bytes) -> int:
    """The checksum of a page whose own field is zero: CRC-32 of polynomial 04C11DB7, highest bit first, from 0 (RFC 3533, 6)."""
    # zlib takes the lowest bit first, begins with ones and inverts the end: bits in reverse, and both undone, are the CRC that Ogg means.
    lowest_first = zlib.crc32(page.translate(_REVERSED), 0xFFFFFFFF) ^ 0xFFFFFFFF
    return int(f"{lowest_first:032b}"[::-1], 2)
