"""Find what is wrong between the channels of a recording while it is decoded: dead, repeated, and in antiphase."""

from __future__ import annotations

from dataclasses import dataclass

import numpy as np

DEAD_DBFS = -80.0
"""A channel whose power about its mean lies below is dead: three steps of 16 bits."""
ANTIPHASE = -0.9
"""Correlation of two channels, from there to -1, of which the mean loses at least 10 dB of what they share."""
DUPLICATED = 0.9999
"""Correlation from which one channel repeats another: what they differ by lies 37 dB below."""


class ChannelSums:
    """Sums of the samples of each channel and of the products of each two, taken block by block in constant memory."""

    def __init__(self, channels: int) -> None:
        self._count = 0
        self._sums, self._products = np.zeros(channels), np.zeros((channels, channels))
        self._offset: np.ndarray | None = None

    def add(self, block: np.ndarray) -> None:
        """Count finite float32 samples of shape (num_samples, channels)."""
        if self._offset is None:
            self._offset = block.mean(axis=0)
        # An offset would take the digits that tell a dead channel.
        shifted = block - self._offset
        self._count += len(block)
        self._sums += np.ones(len(block), np.float32) @ shifted
        self._products += shifted.T @ shifted

    def problems(self) -> ChannelProblems:
        """What the samples so far show, at least one."""
        means = self._sums / self._count
        covariance = self._products / self._count - np.outer(means, means)
        power = np.diag(covariance)
        live = np.flatnonzero(power > 10 ** (DEAD_DBFS / 10))
        alike = covariance[np.ix_(live, live)] / np.sqrt(np.outer(power[live], power[live]))
        pairs = [(float(alike[later, earlier]), int(live[earlier]), int(live[later])) for later in range(len(live)) for earlier in range(later)]
        duplicated = {later for correlation, _, later in pairs if correlation >= DUPLICATED}
        lowest, *cancelling = min(pairs, default=(0.0, 0, 0))
        antiphase = "channels {} and {}, correlation {:.2f}".format(*cancelling, lowest) if lowest <= ANTIPHASE else None
        return ChannelProblems(len(power) - len(live), len(duplicated), antiphase)


@dataclass(frozen=True)
class ChannelProblems:
    """How many channels are dead, how many repeat an earlier one, and in words the two that cancel each other out the most.

    `antiphase` names them, counted from 0, with their correlation; None where no two are in antiphase.
    """

    dead_channels: int
    duplicated_channels: int
    antiphase: str | None
