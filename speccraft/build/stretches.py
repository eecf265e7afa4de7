"""Stretches of a recording with their measures, each with its FLAC: utterances, and noise clips and rooms as wholes.

The module runs inside worker processes: it imports neither Polars, torch nor lhotse.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypeAlias

import numpy as np

from speccraft.sound.decode import Decoding, to_int16
from speccraft.sound.frames import Frames, frames_of
from speccraft.sound.measures import Stretches, measure
from speccraft.sound.rooms import rt60_of, trimmed
from speccraft.sound.shards import encode_flac
from speccraft.sound.spectral import spectral

Segments: TypeAlias = Iterable[tuple[dict[str, Any], bytes]]
"""What is known of each stretch, `start` and `num_samples` among it, and its FLAC."""


def encoded(
    samples: np.ndarray,
    sampling_rate: int,
    bounds: Sequence[tuple[int, int]],
    frames: Frames,
    speech: np.ndarray,
    *,
    names: Sequence[str] = (),
    longest_s: float = np.inf,
) -> Segments:
    """Stretches of a recording, one by one.

    Args:
        names: spectral measures to take of each that is not longer than `longest_s`: what is too long to be kept is not worth its time and memory.
    """
    for (start, end), measures in zip(bounds, measure(Stretches.of(bounds, sampling_rate, frames, speech)), strict=True):
        stretch, first = samples[start:end], start // frames.length
        if names and len(stretch) <= longest_s * sampling_rate:
            measures |= spectral(names, stretch, sampling_rate, speech[first : first - (-len(stretch) // frames.length)])
        yield {"start": start, "num_samples": len(stretch), **measures}, encode_flac(stretch, sampling_rate)


def whole(samples: np.ndarray, sampling_rate: int) -> Segments:
    """All of a recording as one stretch, measured as if it were speech; none where it is silent."""
    frames = frames_of(samples, sampling_rate)
    return encoded(samples, sampling_rate, [(0, len(samples))] if np.any(samples) else [], frames, np.ones(len(frames.energy), bool))


def room(samples: np.ndarray, sampling_rate: int) -> tuple[dict[str, Any], Segments]:
    """The reverberation time of an impulse response, and the response from its direct sound on, at full scale."""
    response = samples / 32768.0
    measured = rt60_of(response, sampling_rate)
    return {"rt60_s": None if measured is None else round(measured, 4)}, whole(to_int16(trimmed(response) * 0.99), sampling_rate)


def as_decoded(measures: Mapping[str, Any], found: Decoding) -> dict[str, Any]:
    """Those of some measures that resampling falsifies, as they were before it: what was clipped, and a band that no recording at its rate can have.

    Args:
        found: the recording, all of whose blocks were taken.
    """
    clipped, band = measures["clipped_fraction"], measures.get("bandwidth_hz")
    told = {} if band is None else {"bandwidth_hz": min(band, found.source_rate / 2)}
    return {"clipped_fraction": found.clipping.corrected(clipped), **told}
