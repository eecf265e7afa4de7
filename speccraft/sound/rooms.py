"""Rooms as impulse responses: how long they ring, how to prepare a measured one, how to simulate one, how speech sounds in one."""

from __future__ import annotations

import numpy as np

from speccraft.sound.convolve import Response, convolved
from speccraft.sound.mix import power

DECAY_DB = (-5.0, -25.0)
"""Part of the decay that is fitted: T20 of ISO 3382-2, extrapolated to 60 dB."""
DIRECT_S = 0.0025
"""How long after its peak a response counts as direct sound; nearer reflections are not told apart from it."""


class Room:
    """An impulse response at any distance, with what is kept to apply it quickly.

    Args:
        response: float32 of shape (num_samples,), measured at 1 m.
    """

    def __init__(self, response: np.ndarray, sampling_rate: int) -> None:
        self.sampling_rate = sampling_rate
        # The direct sound is the strongest; a level reflection may be stronger once the distance has taken its part.
        self._peak = int(np.abs(response).argmax()) if len(response) else 0
        self._whole = Response(response, self._peak)
        self._direct = Response(response[: self._peak + max(1, round(DIRECT_S * sampling_rate))])

    def at(self, distance_m: float | None) -> np.ndarray:
        """The impulse response at a distance: the direct sound falls by 1/r, the reverberation stays. float32 of shape (num_samples,)."""
        taps = self._whole.taps.copy()
        taps[: len(self._direct.taps)] *= np.float32(1 / (distance_m or 1.0))
        return taps

    def heard(self, samples: np.ndarray, distance_m: float | None = None) -> np.ndarray:
        """Float32 samples of shape (num_samples,) in the room; the direct sound stays in time, and the level of the whole is kept."""
        wet = convolved(samples, len(self._whole.taps), self._peak, lambda size: self._spectrum(size, distance_m))
        before, after = power(samples), power(wet)
        return wet * np.float32(np.sqrt(before / after)) if after > 0 else wet

    def _spectrum(self, size: int, distance_m: float | None) -> np.ndarray:
        whole = self._whole.spectrum(size)
        # The spectrum of a sum is the sum of the spectra: no distance needs a transform of its own.
        return whole if distance_m is None else whole + np.float32(1 / distance_m - 1) * self._direct.spectrum(size)

    def rt60_s(self, distance_m: float | None = None) -> float | None:
        """Reverberation time at a distance, as `rt60_of` has it."""
        return rt60_of(self.at(distance_m), self.sampling_rate)


def rt60_of(impulse_response: np.ndarray, sampling_rate: int) -> float | None:
    """Reverberation time T60 in seconds of an impulse response of shape (num_samples,).

    T20 by Schroeder's backward integration (ISO 3382-2): a straight line through the decay from -5 to -25 dB after the
    direct sound, extrapolated to 60 dB. None where the decay does not reach -25 dB.
    """
    start = int(np.abs(impulse_response).argmax())
    remaining = remaining_energy(impulse_response[start:])
    if not len(remaining) or remaining[0] <= 0:
        return None
    decay = decay_db(remaining)
    first, last = (int(np.argmax(decay <= level)) for level in DECAY_DB)
    if last <= first + 1 or decay[last] > DECAY_DB[1]:
        return None
    slope = float(np.polyfit(np.arange(first, last) / sampling_rate, decay[first:last], 1)[0])
    return -60.0 / slope if slope < 0 else None


def remaining_energy(response: np.ndarray) -> np.ndarray:
    """Energy from each sample on, by Schroeder's backward integration: float64 of shape (num_samples,)."""
    return np.cumsum((response.astype(np.float64) ** 2)[::-1])[::-1]


def decay_db(remaining: np.ndarray) -> np.ndarray:
    """What is left of the energy, in dB relative to all of it; to -120 dB."""
    return 10 * np.log10(np.maximum(remaining / remaining[0], 1e-12))


def trimmed(impulse_response: np.ndarray) -> np.ndarray:
    """From just before the direct sound to where 60 dB have decayed, with the direct sound at magnitude 1."""
    peak = int(np.abs(impulse_response).argmax())
    if impulse_response[peak] == 0:
        return impulse_response[:0]
    remaining = remaining_energy(impulse_response[peak:])
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
