"""A recording as a stream of samples: any stretch can be taken in order, and what is behind is forgotten."""

from __future__ import annotations

import hashlib
from collections.abc import Iterator

import numpy as np


class SampleStream:
    """Samples of a recording while it is decoded.

    Holds what lies between `forget` and the furthest `take`; `num_samples` and `sha256` are those of all samples decoded so far.
    """

    def __init__(self, blocks: Iterator[np.ndarray]) -> None:
        self.num_samples = 0
        self._blocks = blocks
        self._held: list[np.ndarray] = []
        self._start = 0
        self._digest = hashlib.sha256()

    @property
    def sha256(self) -> str:
        """SHA-256 of the samples decoded so far, 16-bit little-endian."""
        return self._digest.hexdigest()

    def take(self, start: int, end: int | None) -> np.ndarray:
        """Samples [start, end), or fewer where the recording ends before; to its end where `end` is None."""
        assert start >= self._start, "a stream does not go back"
        while (end is None or self.num_samples < end) and self._read():
            pass
        held = self._joined()
        return held[start - self._start : None if end is None else end - self._start]

    def forget(self, before: int) -> None:
        """Drop samples before an index; they cannot be taken any more."""
        held = self._joined()
        away = min(max(0, before - self._start), len(held))
        # A copy, for a view would keep all of what it is taken from.
        self._held = [held[away:].copy()] if away else [held]
        self._start += away

    def drain(self) -> None:
        """Decode what is left, to know its length, hash and whether it is whole; nothing of it is held."""
        while self._read():
            self.forget(self.num_samples)

    def _read(self) -> bool:
        block = next(self._blocks, None)
        if block is None:
            return False
        self._held.append(block)
        self.num_samples += len(block)
        self._digest.update(np.ascontiguousarray(block, "<i2").data)
        return True

    def _joined(self) -> np.ndarray:
        if len(self._held) != 1:
            self._held = [np.concatenate(self._held)] if self._held else [np.zeros(0, np.int16)]
        return self._held[0]
