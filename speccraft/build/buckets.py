"""Which recordings of a source are worked on together, and which are measured further: by hash, so that a new file changes little else."""

from __future__ import annotations

import hashlib

RECORDINGS_PER_UNIT = 64
MOST_SAMPLED = 200
"""Recordings of a source that are measured further, where no rule wants all of them to be."""


def bucket_count(recordings: int) -> int:
    """Units of a source: one for 64 recordings."""
    return -(-recordings // RECORDINGS_PER_UNIT) or 1


def bucket_of(recording: str, buckets: int) -> int:
    """Which of a source's units a recording belongs to: by hash, so that a new file disturbs only its own unit.

    One bucket more takes what is in it from one other (linear hashing: Litwin 1980), so growth never moves all recordings at once.
    """
    upper = 1 << buckets.bit_length()
    number = _number(recording, 0) % upper
    return number if number < buckets else number - upper // 2


def is_sampled(recording: str, recordings: int) -> bool:
    """Whether a recording is in the sample of a source with so many: all of up to 200; else a half, a quarter ... by hash, the largest below about 200.

    A new file changes nothing about the others, until there are twice as many: then half of the sample leaves it.
    """
    halvings = (-(-recordings // MOST_SAMPLED) - 1).bit_length() if recordings else 0
    # Other bits than those that choose the unit, so that samples spread over all units.
    return _number(recording, 8) % (1 << halvings) == 0


def _number(recording: str, at: int) -> int:
    return int.from_bytes(hashlib.sha256(recording.encode()).digest()[at : at + 8], "big")
