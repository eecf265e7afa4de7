"""Convolve quickly: FFTs in float32, of a few sizes, by spectra that are kept."""

from __future__ import annotations

from collections.abc import Callable

import numpy as np

BLOCKS = 8
"""Longest FFT, in lengths of the response: longer ones leave the processor's cache, shorter ones spend their time on what overlaps."""


class Response:
    """A filter by its impulse response, which is short against the spectra that are kept of it.

    Args:
        taps: float32 of shape (num_taps,).
        centre: the tap that is heard in time with the input.
    """

    def __init__(self, taps: np.ndarray, centre: int = 0) -> None:
        self.taps, self.centre = taps, centre
        self._spectra: dict[int, np.ndarray] = {}

    def spectrum(self, size: int) -> np.ndarray:
        """Its spectrum: complex64 of shape (size // 2 + 1,)."""
        if size not in self._spectra:
            self._spectra[size] = np.fft.rfft(self.taps, size)
        return self._spectra[size]

    def applied(self, samples: np.ndarray) -> np.ndarray:
        """What is heard of float32 samples of shape (num_samples,), of the same shape."""
        return convolved(samples, len(self.taps), self.centre, self.spectrum)


def convolved(samples: np.ndarray, num_taps: int, centre: int, spectrum: Callable[[int], np.ndarray]) -> np.ndarray:
    """Convolution of float32 samples of shape (num_samples,) with a response, of the same shape.

    Args:
        centre: the tap that stays in time.
        spectrum: the response's spectrum for an FFT of a size.
    """
    if not len(samples) or not num_taps:
        return np.zeros_like(samples)
    from scipy.fft import irfft, rfft  # here, because it takes a tenth of a second to import

    size = _size(min(len(samples) + num_taps - 1, BLOCKS * num_taps))
    step = min(size - num_taps + 1, len(samples))
    count = -(-len(samples) // step)
    blocks = np.zeros((count, step), np.float32)
    blocks.reshape(-1)[: len(samples)] = samples
    pieces = irfft(rfft(blocks, size, axis=1) * spectrum(size), size, axis=1)
    if count == 1:
        return np.ascontiguousarray(pieces[0, centre : centre + len(samples)])
    wet = np.zeros(count * step + size, np.float32)
    for number, piece in enumerate(pieces):
        wet[number * step : number * step + size] += piece
    return wet[centre : centre + len(samples)]


def _size(shortest: int) -> int:
    """The next power of two, or three quarters of it: few sizes, so that few spectra are kept, and at most half of one in vain."""
    power = 1 << max(shortest - 1, 1).bit_length()
    return power * 3 // 4 if power * 3 // 4 >= shortest and power >= 4 else power
