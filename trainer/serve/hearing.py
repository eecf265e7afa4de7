"""Decode the audio that somebody sends, in a process of its own that may die or hang without hurting the server."""

from __future__ import annotations

import multiprocessing
import resource
import signal
import threading
from multiprocessing.connection import Connection
from typing import TYPE_CHECKING

import numpy as np

from speccraft.sound.decode import Undecodable, decoding

from .limits import Rejected

if TYPE_CHECKING:
    from multiprocessing.process import BaseProcess

HEARD, LONG, BAD = b"h", b"l", b"b"
"""What a decoder's answer begins with: samples follow, or nothing, or the reason."""
MEMORY_BYTES = 4 * 1024**3
"""Address space of the decoding process: enough for its libraries and the longest audio, too little to starve the machine."""
START_S = 60.0
"""How long the process may take to start, on a busy machine."""


class Hearing:
    """Bytes of an audio file to a waveform at one sampling rate, one file at a time.

    Args:
        longest_s: longer audio is refused, and not decoded any further.
        patience_s: how long decoding may take.
    """

    def __init__(self, sampling_rate: int, longest_s: float, patience_s: float = 10.0) -> None:
        self._rate, self._longest_s, self._patience_s = sampling_rate, longest_s, patience_s
        self._lock = threading.Lock()
        self._process: BaseProcess | None = None
        self._pipe: Connection | None = None

    def hear(self, content: bytes) -> np.ndarray:
        """The waveform, float32 of shape (num_samples,), mono.

        Raises:
            Rejected: 400 where it is no audio that can be decoded, 413 where it is too long.
        """
        with self._lock:
            try:
                pipe = self._started()
                pipe.send_bytes(content)
                if not pipe.poll(self._patience_s):
                    raise Rejected(400, "bad_audio", f"the audio could not be decoded within {self._patience_s:g} s", param="file")
                answer = pipe.recv_bytes()
            except (EOFError, OSError):
                self._stop()
                raise Rejected(400, "bad_audio", "the audio could not be decoded: the decoder died of it", param="file") from None
            except Rejected:
                self._stop()
                raise
        kind, told = answer[:1], answer[1:]
        if kind == LONG:
            raise Rejected(413, "audio_too_long", f"the audio is longer than the {self._longest_s:g} s that are taken", param="file")
        if kind == BAD:
            raise Rejected(400, "bad_audio", f"the audio cannot be used: {told.decode()}", param="file")
        return np.frombuffer(told, np.float32).copy()

    def close(self) -> None:
        """End the process."""
        with self._lock:
            self._stop()

    def _started(self) -> Connection:
        if self._process is None or not self._process.is_alive() or self._pipe is None:
            self._stop()
            context = multiprocessing.get_context("spawn")
            self._pipe, theirs = context.Pipe()
            self._process = context.Process(target=_decode_for_ever, args=(theirs, self._rate, self._longest_s), name="speccraft-decoder", daemon=True)
            self._process.start()
            theirs.close()
            if not self._pipe.poll(START_S):
                raise Rejected(503, "no_decoder", "the decoder did not start")
            self._pipe.recv_bytes()
        return self._pipe

    def _stop(self) -> None:
        if self._pipe is not None:
            self._pipe.close()
        if self._process is not None:
            self._process.kill()
            self._process.join()
        self._process = self._pipe = None


def _decode_for_ever(pipe: Connection, sampling_rate: int, longest_s: float) -> None:
    """Answer each file's bytes with its samples, or why there are none; raw bytes, for nothing that read untrusted audio is unpickled."""
    signal.signal(signal.SIGINT, signal.SIG_IGN)
    resource.setrlimit(resource.RLIMIT_AS, (MEMORY_BYTES, MEMORY_BYTES))
    pipe.send_bytes(b"ready")
    while True:
        try:
            content = pipe.recv_bytes()
        except EOFError:
            return
        pipe.send_bytes(_decoded(content, sampling_rate, longest_s))


def _decoded(content: bytes, sampling_rate: int, longest_s: float) -> bytes:
    blocks: list[np.ndarray] = []
    num_samples = 0
    try:
        for block in decoding(content, sampling_rate).blocks:
            blocks.append(block)
            num_samples += len(block)
            if num_samples > longest_s * sampling_rate:
                return LONG
    except Undecodable as error:
        return BAD + str(error).encode()
    except MemoryError:
        return BAD + b"needs more memory than a decoder may have"
    return HEARD + (np.concatenate(blocks) / np.float32(32768)).tobytes()
