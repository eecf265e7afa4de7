"""Decode the one audio stream of an MP4, WebM, AAC, AMR or WMA file with FFmpeg (PyAV, optional); nothing but that file is opened.

FFmpeg is told the format, never asked: playlists and lists of other files are formats that are not among ours. Of video, which is
skipped, and of audio in any other encoding no decoder is started.
"""

from __future__ import annotations

import contextlib
import importlib.util
import os
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from functools import cache
from itertools import chain
from typing import Any, BinaryIO

import numpy as np

from speccraft.sound.decode import BLOCK_FRAMES, LONGEST_S, MOST_CHANNELS, RATES_HZ, Undecodable

INSTALL = "pip install 'speccraft[media]'"
CONVERT = "convert it, for example with ffmpeg -i IN OUT.flac"
CODECS = (
    *("aac", "ac3", "alac", "amrnb", "amrwb", "eac3", "flac", "mp2", "mp3float", "opus", "vorbis", "wmav1", "wmav2", "adpcm_ima_qt"),
    *("pcm_alaw", "pcm_mulaw", "pcm_u8", "pcm_s8", "pcm_s16le", "pcm_s16be", "pcm_s24le", "pcm_s24be", "pcm_s32le", "pcm_s32be"),
    *("pcm_f32le", "pcm_f32be", "pcm_f64le", "pcm_f64be"),
)
"""FFmpeg's decoders that may run."""
LENGTH_SLACK_S = 0.2
"""Encoder delay and padding make what a container states and what it holds differ by up to two codec frames; a stream may pause as long."""
MOST_ELEMENTS = 1 << 20
"""Boxes of a file that are walked over to see whether it is whole: 12 days of WebM without a stated length."""
LIBSNDFILE_ENDINGS = (".wav", ".flac", ".mp3", ".ogg", ".opus", ".oga", ".aif", ".aiff", ".aifc", ".au", ".caf", ".rf64", ".sph", ".w64")
ELEMENT_HEAD = 24
"""Bytes that say how long any box, object or element is."""


@dataclass(frozen=True)
class Medium:
    """A kind of file: `signs` stand `at` bytes from its start, `format` is FFmpeg's name."""

    name: str
    format: str
    at: int
    signs: tuple[bytes, ...]


MEDIA = (
    Medium("MP4, M4A, 3GP or QuickTime", "mov", 4, (b"ftyp", b"moov", b"mdat", b"wide", b"free", b"skip")),
    Medium("WebM or Matroska", "matroska", 0, (b"\x1aE\xdf\xa3",)),
    Medium("raw AAC", "aac", 0, (b"\xff\xf1", b"\xff\xf9")),
    Medium("AMR", "amr", 0, (b"#!AMR",)),
    Medium("WMA or ASF", "asf", 0, (b"0&\xb2u\x8ef\xcf\x11",)),
)
"""What is read, recognised by content."""


@dataclass(frozen=True)
class Track:
    """The audio of a container: `blocks` of float32 samples of shape (frames, channels), each to be taken once."""

    blocks: Iterator[np.ndarray]
    sampling_rate: int
    channels: int


def medium_of(start: bytes) -> Medium | None:
    """The kind of file that begins with these bytes; None for those that are not read here."""
    return next((medium for medium in MEDIA if start[medium.at :].startswith(medium.signs)), None)


def track_of(file: BinaryIO, medium: Medium) -> Track:
    """Open the only audio stream of a file and begin to decode it.

    Raises:
        Undecodable: PyAV is not installed; the file holds no audio stream, several, an encrypted one or one in an encoding that is not read;
            it is cut off, damaged, out of bounds, or holds less than it states. Taking a block raises it too. In AAC, AMR and WebM files
            that state no length, a cut between two packets does not show.
    """
    _need_decoder(medium)
    _need_whole(file, medium)
    frames = _frames(file, medium)
    first, stated_s = next(frames)
    rate, channels = first.sample_rate, first.layout.nb_channels
    if not RATES_HZ[0] <= rate <= RATES_HZ[1]:
        raise Undecodable("bad_header", f"has a sampling rate of {rate} Hz")
    if not 1 <= channels <= MOST_CHANNELS:
        raise Undecodable("bad_header", f"has {channels} channels")
    if stated_s is not None and stated_s > LONGEST_S:
        raise Undecodable("too_long", f"states more than {LONGEST_S // 3600} hours")
    decoded = (frame for frame, _ in chain([(first, stated_s)], frames))
    return Track(_blocks(_in_step(decoded), rate, stated_s), rate, channels)


def stated_seconds(file: BinaryIO, medium: Medium) -> float | None:
    """How long a file says that its audio is, or how long its bit rate makes it; None where that is not known or PyAV is missing."""
    with contextlib.suppress(Undecodable):
        _need_decoder(medium)
        with _opened(file, medium) as container:
            stream = _only_audio(container, medium)
            return _stated_s(container, stream, medium) or (None if container.duration is None else container.duration / 1e6)
    return None


def may_need_decoder(path: str) -> bool:
    """Whether the name of a file leaves open that it needs PyAV; what it is shows in its content."""
    return not path.endswith(LIBSNDFILE_ENDINGS)


@cache
def is_installed() -> bool:
    """Whether PyAV is there."""
    return importlib.util.find_spec("av") is not None


def _need_decoder(medium: Medium) -> None:
    if not is_installed():
        raise Undecodable("codec_unsupported", f"is {medium.name}, which needs an optional decoder: {INSTALL}, or {CONVERT}")


@contextlib.contextmanager
def _opened(file: BinaryIO, medium: Medium) -> Iterator[Any]:
    """The container as FFmpeg sees it; whatever FFmpeg complains about while it is open is a refusal."""
    import av

    def nothing_else(url: str, *_: object) -> BinaryIO:
        raise Undecodable("not_audio", f"is {medium.name} that refers to another file ({url[:80]}), which is not opened")

    # `codec_whitelist` holds for what FFmpeg decodes to find out what a stream is; for what we decode see `_only_audio`.
    options = {"protocol_whitelist": "", "codec_whitelist": ",".join(CODECS)}
    try:
        with av.open(file, format=medium.format, container_options=options, options=options, io_open=nothing_else, metadata_errors="replace") as container:
            yield container
    except MemoryError:
        # PyAV's is one of its other errors too; a worker answers it.
        raise
    except (av.FFmpegError, OSError) as error:
        raise Undecodable("corrupt", f"is {medium.name} that breaks off or is damaged ({error.strerror or error})") from error


def _only_audio(container: Any, medium: Medium) -> Any:
    """The container's audio stream, which we can and may decode."""
    streams = container.streams.audio
    if not streams:
        raise Undecodable("not_audio", f"is {medium.name} without audio")
    if len(streams) > 1:
        found = "; ".join(_described(stream) for stream in streams[:8])
        raise Undecodable("multi_stream", f"has {len(streams)} audio streams ({found}): keep one, for example with ffmpeg -i IN -map 0:a:0 OUT.flac")
    [stream] = streams
    marks = {"encryption", "ASF_Protection_Type", "enc_key_id"} & {*container.metadata, *stream.metadata}
    codec = stream.codec_context
    if marks or (codec is not None and _tag(codec) in ("drms", "enca")):
        raise Undecodable("encrypted", f"is {medium.name} that is encrypted or protected: it cannot be read without its key")
    if codec is None or codec.name not in CODECS:
        raise Undecodable("codec_unsupported", f"holds audio in an encoding that is not read ({'unknown' if codec is None else codec.name}): {CONVERT}")
    return stream


def _tag(codec: Any) -> str:
    """The four letters by which a file names its encoding."""
    try:
        return str(codec.codec_tag)
    except UnicodeDecodeError:
        return ""


def _described(stream: Any) -> str:
    codec = stream.codec_context
    facts = ["unknown"] if codec is None else [codec.name, f"{codec.channels} channel{'' if codec.channels == 1 else 's'}"]
    return ", ".join([*facts, *filter(None, [stream.metadata.get("language", "")[:20]])])


def _frames(file: BinaryIO, medium: Medium) -> Iterator[tuple[Any, float | None]]:
    """Decoded frames of the audio stream, at least one, each with the seconds that the container states."""
    from av.stream import Discard

    with file, _opened(file, medium) as container:
        stream = _only_audio(container, medium)
        for other in container.streams:
            if other is not stream:
                other.discard = Discard.all
        stream.codec_context.thread_count = 1
        stated_s, found = _stated_s(container, stream, medium), False
        for packet in container.demux(stream):
            if packet.has_sidedata("encryption_info"):
                raise Undecodable("encrypted", f"is {medium.name} that is encrypted: it cannot be read without its key")
            if packet.is_corrupt:
                raise Undecodable("truncated", "breaks off inside a packet of audio")
            for frame in packet.decode():
                if frame.samples:
                    found = True
                    yield frame, stated_s
        if not found:
            raise Undecodable("empty", "the audio stream holds no samples")


def _in_step(frames: Iterator[Any]) -> Iterator[Any]:
    """The frames, which have to follow one another in time and be of one kind."""
    before = None
    for frame in frames:
        if before is not None:
            kind, was = (frame.sample_rate, frame.layout.nb_channels), (before.sample_rate, before.layout.nb_channels)
            if kind != was:
                raise Undecodable("corrupt", f"changes from {was[0]} Hz and {was[1]} channels to {kind[0]} Hz and {kind[1]}")
            if before.time is not None and frame.time is not None:
                due = before.time + before.samples / before.sample_rate
                if abs(frame.time - due) > LENGTH_SLACK_S:
                    raise Undecodable("corrupt", f"breaks off at {due:.2f} s and goes on at {frame.time:.2f} s")
        before = frame
        yield frame


def _blocks(frames: Iterator[Any], rate: int, stated_s: float | None) -> Iterator[np.ndarray]:
    """The samples in blocks of the size that libsndfile's files come in, so that the same samples become the same mono."""
    held, waiting, total = list[np.ndarray](), 0, 0
    for frame in frames:
        total += frame.samples
        if total > LONGEST_S * rate:
            raise Undecodable("too_long", f"is longer than {LONGEST_S // 3600} hours")
        held.append(_floats(frame))
        waiting += frame.samples
        while waiting >= BLOCK_FRAMES:
            joined = np.concatenate(held)
            yield joined[:BLOCK_FRAMES]
            held, waiting = [joined[BLOCK_FRAMES:]], waiting - BLOCK_FRAMES
    if waiting:
        yield np.concatenate(held)
    if stated_s is not None and total < (stated_s - LENGTH_SLACK_S) * rate:
        raise Undecodable("truncated", f"states {stated_s:.2f} s and holds {total / rate:.2f} s")


def _floats(frame: Any) -> np.ndarray:
    """A frame as float32 of shape (frames, channels), scaled as libsndfile scales the same samples."""
    samples = frame.to_ndarray()
    shaped = samples.T if frame.format.is_planar else samples.reshape(-1, frame.layout.nb_channels)
    if shaped.dtype.kind == "f":
        return shaped.astype(np.float32)
    if shaped.dtype == np.uint8:
        return (shaped.astype(np.float32) - 128) / np.float32(128)
    return shaped.astype(np.float32) / np.float32(2 ** (8 * shaped.dtype.itemsize - 1))


def _stated_s(container: Any, stream: Any, medium: Medium) -> float | None:
    """Seconds of audio that the container states, where it states them of this stream and not of a longer one."""
    start_s = float((stream.start_time or 0) * stream.time_base)
    match medium.format:
        case "mov":
            return float(stream.duration * stream.time_base) if stream.duration else None
        case "matroska" if (end_s := _clock_s(stream.metadata.get("DURATION", ""))) is not None:
            return end_s - start_s
        case "matroska" | "asf" if container.duration and len(container.streams) == 1:
            return container.duration / 1e6 - start_s
    return None


def _clock_s(text: str) -> float | None:
    """Seconds of `HH:MM:SS.fraction`."""
    try:
        hours, minutes, seconds = (float(part) for part in text.split(":"))
    except ValueError:
        return None
    return hours * 3600 + minutes * 60 + seconds


def _need_whole(file: BinaryIO, medium: Medium) -> None:
    """Walk over the file's outermost elements, each of which says where it ends: FFmpeg reads what is there of a file that was cut off."""
    length_of = LENGTHS.get(medium.format)
    if length_of is None:
        return
    size, at = file.seek(0, os.SEEK_END), 0
    for _ in range(MOST_ELEMENTS):
        if at >= size:
            break
        file.seek(at)
        length = length_of(file.read(ELEMENT_HEAD))
        if length is None:
            break
        at += length
    file.seek(0)
    if at > size:
        raise Undecodable("truncated", f"the file lacks {at - size} bytes")


def _box_length(head: bytes) -> int | None:
    """Bytes of a box of MP4 or QuickTime; None where the file ends with it, or no box begins."""
    length = int.from_bytes(head[:4], "big")
    if length == 1:
        length = int.from_bytes(head[8:16], "big")
    return length if length >= 8 and len(head) >= 8 else None


def _object_length(head: bytes) -> int | None:
    """Bytes of an object of ASF; None where no object begins."""
    length = int.from_bytes(head[16:24], "little")
    return length if length >= ELEMENT_HEAD and len(head) == ELEMENT_HEAD else None


def _element_length(head: bytes) -> int | None:
    """Bytes of an element of Matroska, or of its head where it states no length and has to be entered; None where no element begins."""
    if len(head) < 2 or not head[0]:
        return None
    name = 9 - head[0].bit_length()
    if name >= len(head) or not head[name]:
        return None
    width = 9 - head[name].bit_length()
    bits = 7 * width
    length = int.from_bytes(head[name : name + width], "big") & ((1 << bits) - 1)
    return name + width + (0 if length == (1 << bits) - 1 else length)


LENGTHS: dict[str, Callable[[bytes], int | None]] = {"mov": _box_length, "matroska": _element_length, "asf": _object_length}
"""How long the element is that a file goes on with, by format; AAC and AMR files have no elements around their packets."""
