"""Media files as FFmpeg writes them: audio in MP4, WebM, AAC, AMR and WMA, with video, several streams, encryption."""

from __future__ import annotations

import tempfile
from collections.abc import Mapping, Sequence
from fractions import Fraction
from pathlib import Path

import av
import numpy as np

KINDS = {np.dtype(np.int16): "s16", np.dtype(np.int32): "s32", np.dtype(np.uint8): "u8", np.dtype(np.float32): "flt", np.dtype(np.float64): "dbl"}
NEEDS = {
    "aac": "fltp",
    "ac3": "fltp",
    "alac": "s16p",
    "amr_nb": "flt",
    "eac3": "fltp",
    "libmp3lame": "fltp",
    "opus": "flt",
    "vorbis": "fltp",
    "wavpack": "fltp",
} | dict.fromkeys(("wmav1", "wmav2"), "fltp")
"""Sample formats of encoders that do not take any."""


def media(
    format: str,
    codec: str,
    *tracks: np.ndarray,
    sampling_rate: int = 16000,
    video_s: float = 0,
    starts_at_s: float = 0,
    options: Mapping[str, str] | None = None,
    languages: Sequence[str] = (),
) -> bytes:
    """A file in which each track, of shape (num_samples,) or (num_samples, channels), is an audio stream, behind as much video as asked for."""
    # A real file, because the muxer of MP4 opens it again to put the index in front.
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "made"
        with av.open(str(path), "w", format=format, container_options=dict(options or {})) as out:
            pictures = [out.add_stream("mpeg4", rate=10)] if video_s else []
            # FFmpeg calls its own encoder of Vorbis an experiment.
            trying = {"strict": "experimental"} if codec == "vorbis" else {}
            streams = [out.add_stream(codec, rate=sampling_rate, options=trying) for _ in tracks]
            for stream, track in zip(streams, tracks, strict=True):
                stream.layout = {1: "mono", 2: "stereo", 6: "5.1"}[1 if track.ndim == 1 else track.shape[1]]
                if codec.startswith("wma"):
                    stream.bit_rate = 48000
            for stream, language in zip(streams, languages, strict=False):
                stream.metadata["language"] = language
            # Streams have to be there before the first of them is written.
            for picture in pictures:
                _draw(out, picture, video_s)
            for stream, track in zip(streams, tracks, strict=True):
                _encode(out, stream, track, sampling_rate, starts_at_s)
        return path.read_bytes()


def _draw(out: av.container.OutputContainer, stream: av.VideoStream, seconds: float) -> None:
    stream.width = stream.height = 64
    for number in range(round(seconds * 10)):
        frame = av.VideoFrame.from_ndarray(np.full((64, 64, 3), number * 7 % 255, np.uint8))
        frame.pts, frame.time_base = number, Fraction(1, 10)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))


def _encode(out: av.container.OutputContainer, stream: av.AudioStream, track: np.ndarray, sampling_rate: int, starts_at_s: float) -> None:
    format = NEEDS.get(stream.codec_context.name, KINDS[track.dtype])
    samples = track.reshape(len(track), -1)
    if format.startswith("s16") and samples.dtype != np.int16:
        samples = np.round(samples * 32767).astype(np.int16)
    length = stream.codec_context.frame_size or 1024
    for start in range(0, len(samples), length):
        block = samples[start : start + length]
        laid_out = block.T if format.endswith("p") else block.reshape(1, -1)
        frame = av.AudioFrame.from_ndarray(np.ascontiguousarray(laid_out), format=format, layout=stream.layout.name)
        frame.sample_rate, frame.pts, frame.time_base = sampling_rate, start + round(starts_at_s * sampling_rate), Fraction(1, sampling_rate)
        out.mux(stream.encode(frame))
    out.mux(stream.encode(None))
