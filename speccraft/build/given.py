"""Stretches of a recording that annotations name as speech, each with the silence near it, which is its noise."""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Iterable, Sequence

import numpy as np

from speccraft.sound.frames import frame_length

NEAR_S = 10.0
"""Silence as far as this from a stretch tells of its noise."""
COLLAR_S = 0.25
"""Annotated times are as exact as this: it is left out of silence, next to speech."""

Span = tuple[float, float]
Stretch = tuple[float | None, float | None]
"""Start and end in seconds; None is the start or end of the recording."""


def silences(spoken: Iterable[Stretch]) -> list[Span]:
    """Where nobody is said to speak, in seconds and in order.

    Args:
        spoken: starts and ends of stretches, in the order of their starts; the length of the recording is not known.
    """
    ends = [0.0 - COLLAR_S]
    starts = []
    for start, end in spoken:
        starts.append(start or 0.0)
        ends.append(max(ends[-1], np.inf if end is None else end))
    found = zip(ends, [*starts, np.inf], strict=True)
    return [(end + COLLAR_S, start - COLLAR_S) for end, start in found if end + COLLAR_S < start - COLLAR_S]


def silence_near(found: Sequence[Span], start: float, end: float | None) -> list[Span]:
    """The parts of these silences that are near a stretch, in seconds."""
    first, last = start - NEAR_S, np.inf if end is None else end + NEAR_S
    at = max(0, bisect_right(found, (first, np.inf)) - 1)
    near = []
    for begins, stops in found[at:]:
        if begins >= last:
            break
        if stops > first:
            near.append((max(begins, first), min(stops, last)))
    return near


def behind_silence(silent: Sequence[np.ndarray], samples: np.ndarray, sampling_rate: int) -> tuple[np.ndarray, np.ndarray]:
    """A stretch of int16 samples behind the silence that is near it, as whole frames of 30 ms.

    Returns:
        The samples, and which of their frames are of the stretch: bool of shape (num_frames,).
    """
    length = frame_length(sampling_rate)
    whole = [one[: len(one) // length * length] for one in silent]
    lead = sum(map(len, whole)) // length
    return np.concatenate([*whole, samples]), np.arange(lead + -(-len(samples) // length)) >= lead
