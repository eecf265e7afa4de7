"""Decode one untrusted audio file, within bounds, to mono samples at the wanted rate; nothing is repaired silently.

Decoding goes block by block, so that a recording of hours needs no more memory than one of a minute.
"""

from __future__ import annotations

import io
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, TypeAlias

import numpy as np
import soundfile
import soxr

RATES_HZ = (4_000, 384_000)
LONGEST_S = 6 * 3600
MOST_CHANNELS = 32
BLOCK_FRAMES = 1 << 20
"""Frames decoded at once: a minute at 16 kHz. How channels become one is decided for each block."""
MP3_FRAME = 1152
"""Samples of one MPEG frame: encoder delay and padding make what an MP3 states and what it holds differ by up to that much."""
SIXTEEN_BITS = ("PCM_16", "PCM_S8", "PCM_U8")
"""Encodings that 16-bit samples hold exactly."""
UNKNOWN_FRAMES = 1 << 40
UNKNOWN_BYTES = 0xFFFFFFFF
UNKNOWN_LENGTH = "states no length, as files written to a pipe do, so nobody can tell whether it is whole: write it again to a file"
CHUNKED = {b"RIFF": ("<", b"data"), b"RIFX": (">", b"data"), b"RF64": ("<", b"data"), b"FORM": (">", b"SSND")}
"""Byte order of the files that consist of chunks, and the chunk that holds their samples."""

NOT_READ = (
    (4, b"ftyp", "MP4, M4A or QuickTime"),
    (0, b"\x1aE\xdf\xa3", "WebM or Matroska"),
    (0, b"#!AMR", "AMR"),
    (0, b"0&\xb2u\x8ef\xcf\x11", "WMA"),
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (0, b"\xff\xf1", "raw AAC"),
    (0, b"\xff\xf9", "raw AAC"),
)
"""Known audio and video that libsndfile cannot read: where its magic bytes stand, and what it is."""


class Undecodable(Exception):
    """The file is not usable audio. `rule` is a short stable name for the ledger, the message tells the detail."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


Audio: TypeAlias = Path | bytes
"""An audio file, or the bytes of one that is packed in another file."""


@dataclass(frozen=True)
class Decoded:
    """Mono int16 samples of shape (num_samples,) at `sampling_rate` Hz; `source_rate` and `channels` are those of the file."""

    samples: np.ndarray
    sampling_rate: int
    source_rate: int
    channels: int


@dataclass(frozen=True)
class Decoding:
    """A recording as it is decoded: `blocks` of mono int16 samples at `sampling_rate` Hz, in order, each to be taken once.

    Taking a block raises Undecodable where the file breaks off, is damaged, lies about itself, or ends without a sample.
    """

    blocks: Iterator[np.ndarray]
    sampling_rate: int
    source_rate: int
    channels: int


def decode(audio: Audio, sampling_rate: int, *, channel: int | None = None) -> Decoded:
    """Read a whole audio file; for the arguments and errors see `decoding`."""
    found = decoding(audio, sampling_rate, channel=channel)
    return Decoded(np.concatenate(list(found.blocks)), sampling_rate, found.source_rate, found.channels)


def decoding(audio: Audio, sampling_rate: int, *, channel: int | None = None) -> Decoding:
    """Open an audio file and begin to decode it.

    Args:
        channel: take this one, counted from 0, as impulse responses need; else all are mixed down.

    Raises:
        Undecodable: the file is missing, no regular file, empty, not audio, truncated, lies about itself, is out of bounds, or lacks
            the channel. Truncation shows in WAV, RF64, AIFF, FLAC, Ogg and MP3; of AU, CAF, W64 and NIST files libsndfile reads what is there.
    """
    if isinstance(audio, Path):
        _need_regular_file(audio)
        if audio.suffix.lower() == ".raw":
            raise Undecodable("not_audio", "is headerless: nothing states its sampling rate; wrap it in WAV")
    elif not audio:
        raise Undecodable("empty", "the packed file has 0 bytes")
    try:
        # Bytes, because soundfile cannot encode a path that is not UTF-8.
        file = soundfile.SoundFile(os.fsencode(audio) if isinstance(audio, Path) else io.BytesIO(audio))
    except soundfile.LibsndfileError as error:
        raise Undecodable("not_audio", f"{sniff(audio)} ({error.error_string})") from error
    try:
        _need_bounds(file)
        if channel is not None and channel >= file.channels:
            raise Undecodable("channel", f"has {file.channels} channels; number {channel}, counted from 0, is not among them")
        if missing := _missing_bytes(audio):
            raise Undecodable("truncated", f"the data chunk lacks {missing} bytes")
    except Undecodable:
        file.close()
        raise
    is_exact = file.subtype in SIXTEEN_BITS and file.channels == 1 and file.samplerate == sampling_rate
    blocks = _sixteen_bits(file) if is_exact else _resampled(_mono(file, channel), file.samplerate, sampling_rate)
    return Decoding(blocks, sampling_rate, file.samplerate, file.channels)


def _sixteen_bits(file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """The file's blocks as they are stored: the same samples as by way of floats, for a seventh of the unit's time less."""
    read = 0
    with file:
        for block in _blocks(file, "int16"):
            read += len(block)
            yield block[:, 0]
    if not read:
        raise Undecodable("empty", "the file holds no samples")


def _mono(file: soundfile.SoundFile, channel: int | None) -> Iterator[np.ndarray]:
    """The file's blocks with one channel each."""
    with file:
        for block in _blocks(file):
            if not np.isfinite(block).all():
                raise Undecodable("non_finite", "samples are NaN or infinite")
            yield to_mono(block) if channel is None else block[:, channel]


def _resampled(blocks: Iterator[np.ndarray], source_rate: int, sampling_rate: int) -> Iterator[np.ndarray]:
    """The same signal at another rate, as 16-bit samples."""
    resampler = None if source_rate == sampling_rate else soxr.ResampleStream(source_rate, sampling_rate, 1, dtype="float32", quality="HQ")
    read = written = 0
    for block, is_last in _with_last(blocks):
        read += len(block)
        wanted = block if resampler is None else resampler.resample_chunk(block, last=is_last)
        written += len(wanted)
        if len(wanted):
            yield to_int16(wanted)
    if not read:
        raise Undecodable("empty", "the file holds no samples")
    if not written:
        raise Undecodable("empty", f"its {read} samples are less than one at {sampling_rate} Hz")


def _with_last(blocks: Iterator[np.ndarray]) -> Iterator[tuple[np.ndarray, bool]]:
    """Each block with whether it is the last."""
    before = next(blocks, None)
    for block in blocks:
        assert before is not None
        yield before, False
        before = block
    if before is not None:
        yield before, True


def to_mono(samples: np.ndarray) -> np.ndarray:
    """One channel of (num_samples, channels) float samples: their mean, or the loudest one where channels cancel out."""
    if samples.shape[1] == 1:
        return samples[:, 0]
    mean = samples.mean(axis=1)
    powers = (samples.astype(np.float64) ** 2).mean(axis=0)
    # Antiphase channels lose more than 6 dB in their mean; a mixed-down voice would be gone.
    if float(np.mean(mean.astype(np.float64) ** 2)) < powers.max() / 4 / samples.shape[1]:
        return samples[:, int(powers.argmax())]
    return mean


def resample(samples: np.ndarray, source_rate: int, sampling_rate: int) -> np.ndarray:
    """Resample (num_samples,) or (num_samples, channels) samples with soxr at high quality."""
    return samples if source_rate == sampling_rate else soxr.resample(samples, source_rate, sampling_rate, quality="HQ")


def to_int16(samples: np.ndarray) -> np.ndarray:
    """16-bit samples of float samples in [-1, 1]; what lies beyond is clipped."""
    return np.clip(np.round(samples * 32768.0), -32768, 32767).astype(np.int16)


def sniff(audio: Audio) -> str:
    """What a file that is not audio looks like, in words."""
    with _opened(audio) as file:
        start = file.read(256)
    if found := next((name for at, magic, name in NOT_READ if start[at:].startswith(magic)), None):
        return f"is {found}, which is not read: convert it, for example with ffmpeg -i IN OUT.flac"
    if start.startswith(b"version https://git-lfs"):
        return "looks like a Git LFS pointer: run git lfs pull"
    if start[:64].lstrip().lower().startswith((b"<!doctype", b"<html")):
        return "looks like an HTML page"
    if start and all(byte in b"\t\n\r" or 32 <= byte < 127 for byte in start):
        return "looks like text"
    if start.startswith((b"PK\x03\x04", b"\x1f\x8b")):
        return "looks like an archive"
    return "is in no format libsndfile reads"


def _need_regular_file(path: Path) -> None:
    try:
        status = path.stat()
    except OSError as error:
        raise Undecodable("missing", f"cannot be read: {error.strerror}") from error
    if not stat.S_ISREG(status.st_mode):
        raise Undecodable("not_regular", "is not a regular file")
    if status.st_size == 0:
        raise Undecodable("empty", "the file has 0 bytes")
    if not os.access(path, os.R_OK):
        raise Undecodable("missing", "cannot be read: permission denied")


def _need_bounds(file: soundfile.SoundFile) -> None:
    if not RATES_HZ[0] <= file.samplerate <= RATES_HZ[1]:
        raise Undecodable("bad_header", f"states a sampling rate of {file.samplerate} Hz")
    if not 1 <= file.channels <= MOST_CHANNELS:
        raise Undecodable("bad_header", f"states {file.channels} channels")
    if file.frames >= UNKNOWN_FRAMES:
        raise Undecodable("bad_header", UNKNOWN_LENGTH)
    if file.frames > LONGEST_S * file.samplerate:
        raise Undecodable("too_long", f"states more than {LONGEST_S // 3600} hours")


def _blocks(file: soundfile.SoundFile, dtype: str = "float32") -> Iterator[np.ndarray]:
    """Blocks of shape (frames, channels), so that a header's lie about the length costs no memory."""
    total, limit = 0, LONGEST_S * file.samplerate
    try:
        while len(block := file.read(BLOCK_FRAMES, dtype=dtype, always_2d=True)):
            total += len(block)
            if total > limit:
                raise Undecodable("too_long", f"is longer than {LONGEST_S // 3600} hours")
            yield block
    except soundfile.LibsndfileError as error:
        raise Undecodable("corrupt", f"breaks off or is damaged ({error.error_string})") from error
    if total < file.frames - (MP3_FRAME if file.format == "MP3" else 0):
        raise Undecodable("truncated", f"states {file.frames} frames and holds {total}")


def _opened(audio: Audio) -> BinaryIO:
    return audio.open("rb") if isinstance(audio, Path) else io.BytesIO(audio)


def _missing_bytes(audio: Audio) -> int:
    """How many bytes of its samples a WAV, RF64 or AIFF file lacks; libsndfile shortens such files without a word."""
    size, long_length = len(audio) if isinstance(audio, bytes) else audio.stat().st_size, None
    with _opened(audio) as file:
        kind = file.read(12)[:4]
        order, samples = CHUNKED.get(kind, ("", b""))
        while order and len(header := file.read(8)) == 8:
            name, length = struct.unpack(f"{order}4sI", header)
            if name == samples and length == UNKNOWN_BYTES and long_length is None:
                raise Undecodable("bad_header", UNKNOWN_LENGTH)
            if name == samples:
                return max(0, (length if long_length is None else long_length) - (size - file.tell()))
            if name == b"ds64":
                long_length = int.from_bytes(file.read(16)[8:], "little")
                length -= 16
            file.seek(length + length % 2, os.SEEK_CUR)
    return 0
