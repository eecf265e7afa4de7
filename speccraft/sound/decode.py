"""Decode one untrusted audio file, within bounds, to mono samples at the wanted rate; nothing is repaired silently.

Decoding goes block by block, so that a recording of hours needs no more memory than one of a minute.
"""

from __future__ import annotations

import io
import mmap
import os
import stat
import struct
from collections.abc import Iterator
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING, BinaryIO, TypeAlias

import numpy as np
import soundfile
import soxr

from speccraft.sound.channels import ChannelSums
from speccraft.sound.frames import FULL_SCALE
from speccraft.sound.sniff import looks_like
from speccraft.sound.streams import mp3_samples, ogg_fault

if TYPE_CHECKING:
    from speccraft.sound.containers import Medium

RATES_HZ = (4_000, 384_000)
LONGEST_S = 6 * 3600
MOST_CHANNELS = 32
BLOCK_FRAMES = 1 << 18
"""Frames decoded at once, 16 s at 16 kHz: few enough to stay in the processor's cache. How channels become one is decided for each block."""
MP3_FRAME = 1152
"""Samples of one MPEG frame: encoder delay and padding make what an MP3 states and what it holds differ by up to that much."""
MOST_DELAY = 4 * MP3_FRAME
"""Samples of an MP3 that are no sound: what the encoder puts before and after it."""
SIXTEEN_BITS = ("PCM_16", "PCM_S8", "PCM_U8")
"""Encodings that 16-bit samples hold exactly."""
UNKNOWN_FRAMES = 1 << 40
UNKNOWN_BYTES = 0xFFFFFFFF
UNKNOWN_LENGTH = "states no length, as files written to a pipe do, so nobody can tell whether it is whole: write it again to a file"
CHUNKED = {b"RIFF": ("<", b"data"), b"RIFX": (">", b"data"), b"RF64": ("<", b"data"), b"FORM": (">", b"SSND")}
"""Byte order of the files that consist of chunks, and the chunk that holds their samples."""

NOT_READ = (
    (0, b"wvpk", "WavPack"),
    (0, b"MAC ", "Monkey's Audio"),
    (8, b"AVI ", "AVI"),
    (0, b"FLV", "Flash video"),
)
"""Known audio and video that neither libsndfile nor `containers` reads: where its magic bytes stand, and what it is."""


class Undecodable(Exception):
    """The file is not usable audio. `rule` is a short stable name for the ledger, the message tells the detail."""

    def __init__(self, rule: str, detail: str) -> None:
        super().__init__(detail)
        self.rule = rule


Audio: TypeAlias = Path | bytes
"""An audio file, or the bytes of one that is packed in another file."""


@dataclass
class Clipping:
    """How many samples are at full scale as decoded and after resampling, which hides about half of them; nothing is counted where the rate stays."""

    at_full_scale: int = 0
    decoded: int = 0
    left: int = 0
    resampled: int = 0

    def corrected(self, fraction: float) -> float:
        """What a clipped fraction of resampled samples was before: as much more as in the whole recording, all of whose blocks were taken."""
        if not self.at_full_scale:
            return fraction
        share = self.at_full_scale / self.decoded
        return min(1.0, round(fraction * share * self.resampled / self.left, 6)) if self.left else round(share, 6)

    def add(self, before: np.ndarray, after: np.ndarray) -> None:
        """Count a block of float samples, and the 16-bit ones it was resampled to."""
        self.at_full_scale += int(np.count_nonzero(np.abs(before) >= FULL_SCALE / 32768))
        self.left += int(np.count_nonzero(np.abs(after.astype(np.int32)) >= FULL_SCALE))
        self.decoded, self.resampled = self.decoded + len(before), self.resampled + len(after)


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

    `between` knows what is wrong between the channels that are mixed, once all blocks are taken; None with one channel, or where one was chosen.
    `clipping` then knows what resampling did to clipped samples.

    Taking a block raises Undecodable where the file breaks off, is damaged, lies about itself, or ends without a sample.
    """

    blocks: Iterator[np.ndarray]
    sampling_rate: int
    source_rate: int
    channels: int
    between: ChannelSums | None = None
    clipping: Clipping = field(default_factory=Clipping)


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
            the channel. Truncation shows in WAV, RF64, AIFF, FLAC, Ogg and MP3, and in what `containers` reads; of AU, CAF, W64 and NIST
            files libsndfile reads what is there.
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
        # Here, because few corpora need it: where it decodes, it loads a decoder of 25 MB.
        from speccraft.sound.containers import medium_of

        if (medium := medium_of(_start_of(audio))) is not None:
            return _decoding_of_container(audio, medium, sampling_rate, channel)
        rule, words = _refusal(audio)
        raise Undecodable(rule, f"{words} ({error.error_string})") from error
    try:
        _need_bounds(file)
        _need_channel(file.channels, channel)
        _need_all_that_is_there(audio, file)
        if missing := _missing_bytes(audio):
            raise Undecodable("truncated", f"the data chunk lacks {missing} bytes")
    except Undecodable:
        file.close()
        raise
    is_exact = file.subtype in SIXTEEN_BITS and file.channels == 1 and file.samplerate == sampling_rate
    between, clipping = _between(file.channels, channel), Clipping()
    blocks = _sixteen_bits(file) if is_exact else _resampled(_mono(_floats(file), channel, between), file.samplerate, sampling_rate, clipping)
    return Decoding(blocks, sampling_rate, file.samplerate, file.channels, between, clipping)


def _decoding_of_container(audio: Audio, medium: Medium, sampling_rate: int, channel: int | None) -> Decoding:
    from speccraft.sound.containers import track_of

    track = track_of(_opened(audio), medium)
    _need_channel(track.channels, channel)
    between, clipping = _between(track.channels, channel), Clipping()
    blocks = _resampled(_mono(track.blocks, channel, between), track.sampling_rate, sampling_rate, clipping)
    return Decoding(blocks, sampling_rate, track.sampling_rate, track.channels, between, clipping)


def _between(channels: int, channel: int | None) -> ChannelSums | None:
    return ChannelSums(channels) if channels > 1 and channel is None else None


def _sixteen_bits(file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    """The file's blocks as they are stored: the same samples as by way of floats, for a seventh of the unit's time less."""
    read = 0
    with file:
        for block in _blocks(file, "int16"):
            read += len(block)
            yield block[:, 0]
    if not read:
        raise Undecodable("empty", "the file holds no samples")


def _floats(file: soundfile.SoundFile) -> Iterator[np.ndarray]:
    with file:
        yield from _blocks(file)


def _mono(blocks: Iterator[np.ndarray], channel: int | None, between: ChannelSums | None) -> Iterator[np.ndarray]:
    """Blocks of one channel each, from those of all channels, which are summed up on the way."""
    for block in blocks:
        if not np.isfinite(block).all():
            raise Undecodable("non_finite", "samples are NaN or infinite")
        if between is not None:
            between.add(block)
        yield to_mono(block) if channel is None else block[:, channel]


def _resampled(blocks: Iterator[np.ndarray], source_rate: int, sampling_rate: int, clipping: Clipping) -> Iterator[np.ndarray]:
    """The same signal at another rate, as 16-bit samples."""
    resampler = None if source_rate == sampling_rate else soxr.ResampleStream(source_rate, sampling_rate, 1, dtype="float32", quality="HQ")
    read = written = 0
    for block, is_last in _with_last(blocks):
        read += len(block)
        wanted = to_int16(block if resampler is None else resampler.resample_chunk(block, last=is_last))
        written += len(wanted)
        if resampler is not None:
            clipping.add(block, wanted)
        if len(wanted):
            yield wanted
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


def stated_seconds(path: Path) -> float | None:
    """How long a regular file says it is, without decoding it; None where it does not say so or is not audio."""
    try:
        info = soundfile.info(os.fsencode(path))
    except soundfile.SoundFileError:
        from speccraft.sound import containers

        medium = containers.medium_of(_start_of(path))
        with path.open("rb") as file:
            return None if medium is None else containers.stated_seconds(file, medium)
    return info.frames / info.samplerate if 0 < info.frames < UNKNOWN_FRAMES else None


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


def _refusal(audio: Audio) -> tuple[str, str]:
    """Rule and words for a file that is not audio."""
    start = _start_of(audio)
    if found := next((name for at, magic, name in NOT_READ if start[at:].startswith(magic)), None):
        return "not_audio", f"is {found}, which is not read: convert it, for example with ffmpeg -i IN OUT.flac"
    return looks_like(start)


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


def _need_all_that_is_there(audio: Audio, file: soundfile.SoundFile) -> None:
    """Refuse an Ogg or MP3 file of which libsndfile would read a part and say nothing."""
    if file.format == "OGG":
        with _opened(audio) as content:
            if fault := ogg_fault(content):
                raise Undecodable(*fault)
    if file.format == "MP3" and (held := _mp3_samples(audio) or 0) > file.frames + MOST_DELAY:
        again = "write it again, for example with ffmpeg -i IN -c copy OUT.mp3"
        raise Undecodable("bad_header", f"holds {held} samples, and its header makes a decoder stop after {file.frames}: {again}")


def _mp3_samples(audio: Audio) -> int | None:
    if isinstance(audio, bytes):
        return mp3_samples(audio)
    with audio.open("rb") as file, mmap.mmap(file.fileno(), 0, access=mmap.ACCESS_READ) as content:
        return mp3_samples(content)


def _need_channel(channels: int, channel: int | None) -> None:
    if channel is not None and channel >= channels:
        raise Undecodable("channel", f"has {channels} channels; number {channel}, counted from 0, is not among them")


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


def _start_of(audio: Audio) -> bytes:
    with _opened(audio) as file:
        return file.read(300)


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
            if name == samples and length == 0 and file.tell() < size:
                raise Undecodable("bad_header", f"states no samples, and {size - file.tell()} bytes follow, as behind a pipe: write it again to a file")
            if name == samples:
                return max(0, (length if long_length is None else long_length) - (size - file.tell()))
            if name == b"ds64":
                long_length = int.from_bytes(file.read(16)[8:], "little")
                length -= 16
            if name == b"fmt ":
                if struct.unpack(f"{order}12xH", file.read(14).ljust(14, b"\0")) == (0,):
                    raise Undecodable("bad_header", "states samples of 0 bytes")
                length -= 14
            file.seek(length + length % 2, os.SEEK_CUR)
    return 0
