"""Decode one untrusted audio file, within bounds, to mono samples at the wanted rate; nothing is repaired silently."""

from __future__ import annotations

import os
import stat
import struct
from dataclasses import dataclass
from pathlib import Path

import numpy as np
import soundfile
import soxr

RATES_HZ = (4_000, 384_000)
LONGEST_S = 6 * 3600
MOST_CHANNELS = 32
BLOCK_FRAMES = 1 << 20
MP3_FRAME = 1152
"""Samples of one MPEG frame: encoder delay and padding make what an MP3 states and what it holds differ by up to that much."""
UNKNOWN_FRAMES = 1 << 40
UNKNOWN_BYTES = 0xFFFFFFFF
UNKNOWN_LENGTH = "states no length, as files written to a pipe do, so nobody can tell whether it is whole: write it again to a file"
CHUNKED = {b"RIFF": ("<", b"data"), b"RIFX": (">", b"data"), b"RF64": ("<", b"data"), b"FORM": (">", b"SSND")}
"""Byte order of the files that consist of chunks, and the chunk that holds their samples."""


class Undecodable(Exception):
    """The file is not usable audio. `rule` is a short stable name for the ledger, the message tells the detail."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


@dataclass(frozen=True)
class Decoded:
    """Mono int16 samples of shape (num_samples,) at `sampling_rate` Hz; `source_rate` and `channels` are those of the file."""

    samples: np.ndarray
    sampling_rate: int
    source_rate: int
    channels: int


def decode(path: Path, sampling_rate: int, *, first_channel: bool = False) -> Decoded:
    """Read a whole audio file.

    Args:
        first_channel: take the first channel instead of mixing down, as impulse responses need.

    Raises:
        Undecodable: the file is missing, no regular file, empty, not audio, truncated, lies about itself, or is out of bounds.
            Truncation shows in WAV, RF64, AIFF, FLAC, Ogg and MP3; of AU, CAF, W64 and NIST files libsndfile reads what is there.
    """
    _need_regular_file(path)
    if path.suffix.lower() == ".raw":
        raise Undecodable("not_audio", "is headerless: nothing states its sampling rate; wrap it in WAV")
    try:
        # Bytes, because soundfile cannot encode a path that is not UTF-8.
        file = soundfile.SoundFile(os.fsencode(path))
    except soundfile.LibsndfileError as error:
        raise Undecodable("not_audio", f"{sniff(path)} ({error.error_string})") from error
    with file:
        _need_bounds(file)
        source_rate, channels = file.samplerate, file.channels
        samples = _read_all(path, file)
    if not len(samples):
        raise Undecodable("empty", "the file holds no samples")
    if not np.isfinite(samples).all():
        raise Undecodable("non_finite", "samples are NaN or infinite")
    mono = samples[:, 0] if first_channel else to_mono(samples)
    resampled = to_int16(resample(mono, source_rate, sampling_rate))
    if not len(resampled):
        raise Undecodable("empty", f"its {len(samples)} samples are less than one at {sampling_rate} Hz")
    return Decoded(resampled, sampling_rate, source_rate, channels)


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


def sniff(path: Path) -> str:
    """What a file that is not audio looks like, in words."""
    with path.open("rb") as file:
        start = file.read(256)
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


def _read_all(path: Path, file: soundfile.SoundFile) -> np.ndarray:
    """Read in blocks, so that a header's lie about the length costs no memory."""
    limit, blocks, total = LONGEST_S * file.samplerate, [], 0
    if missing := _missing_bytes(path):
        raise Undecodable("truncated", f"the data chunk lacks {missing} bytes")
    try:
        while len(block := file.read(BLOCK_FRAMES, dtype="float32", always_2d=True)):
            blocks.append(block)
            total += len(block)
            if total > limit:
                raise Undecodable("too_long", f"is longer than {LONGEST_S // 3600} hours")
    except soundfile.LibsndfileError as error:
        raise Undecodable("corrupt", f"breaks off or is damaged ({error.error_string})") from error
    if total < file.frames - (MP3_FRAME if file.format == "MP3" else 0):
        raise Undecodable("truncated", f"states {file.frames} frames and holds {total}")
    return np.concatenate(blocks) if blocks else np.zeros((0, file.channels), np.float32)


def _missing_bytes(path: Path) -> int:
    """How many bytes of its samples a WAV, RF64 or AIFF file lacks; libsndfile shortens such files without a word."""
    size, long_length = path.stat().st_size, None
    with path.open("rb") as file:
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
