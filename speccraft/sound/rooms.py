"""Rooms as impulse responses: how long they ring, how to prepare a measured one, how to simulate one."""

from __future__ import annotations

import numpy as np

DECAY_DB = (-5.0, -25.0)
"""Part of the decay that is fitted: T20 of ISO 3382-2, extrapolated to 60 dB."""


def rt60_of(impulse_response: np.ndarray, sampling_rate: int) -> float | None:
    """Reverberation time T60 in seconds of an impulse response of shape (num_samples,).

    T20 by Schroeder's backward integration (ISO 3382-2): a straight line through the decay from -5 to -25 dB after the
    direct sound, extrapolated to 60 dB. None where the decay does not reach -25 dB.
    """
    start = int(np.abs(impulse_response).argmax())
    energy = impulse_response[start:].astype(np.float64) ** 2
    remaining = np.cumsum(energy[::-1])[::-1]
    if not len(remaining) or remaining[0] <= 0:
        return None
    decay = 10 * np.log10(np.maximum(remaining / remaining[0], 1e-12))
    first, last = (int(np.argmax(decay <= level)) for level in DECAY_DB)
    if last <= first + 1 or decay[last] > DECAY_DB[1]:
        return None
    slope = float(np.polyfit(np.arange(first, last) / sampling_rate, decay[first:last], 1)[0])
    return -60.0 / slope if slope < 0 else None


def trimmed(impulse_response: np.ndarray) -> np.ndarray:
    """From just before the direct sound to where 60 dB have decayed, with the direct sound at magnitude 1."""
    peak = int(np.abs(impulse_response).argmax())
    if impulse_response[peak] == 0:
        return impulse_response[:0]
    energy = impulse_response[peak:].astype(np.float64) ** 2
    remaining = np.cumsum(energy[::-1])[::-1]
    end = peak + int(np.count_nonzero(remaining > remaining[0] * 1e-6))
    return (impulse_response[max(0, peak - 16) : end] / impulse_response[peak]).astype(np.float32)


def simulate_room(rt60_s: float, sampling_rate: int, rng: np.random.Generator) -> np.ndarray:
    """An impulse response with a given reverberation time.

    Polack's model (La transmission de l'energie sonore dans les salles, 1988): Gaussian noise under an exponential decay,
    3 ms after a direct sound that is 0 to 6 dB stronger than the reverberation.

    Returns:
        float32 of shape (num_samples,), direct sound first at magnitude 1.
    """
    length = round(rt60_s * sampling_rate)
    envelope = 10 ** (-3.0 * np.arange(length) / length)
    tail = rng.standard_normal(length) * envelope
    tail[: round(0.003 * sampling_rate)] = 0.0
    direct_to_reverberant_db = rng.uniform(0.0, 6.0)
    tail *= np.sqrt(10 ** (-direct_to_reverberant_db / 10) / np.sum(tail**2))
    tail[0] = 1.0
    return tail.astype(np.float32)
