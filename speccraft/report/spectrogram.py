"""Draw the mel spectrogram of a clip as a small PNG, so that noise and rooms can be seen beside the player."""

from __future__ import annotations

import struct
import zlib

import numpy as np

N_MELS = 40
MOST_COLUMNS = 240
RANGE_DB = 60.0
"""Levels this far below the loudest one are drawn as silence."""
PALETTE = ((13, 17, 34), (60, 32, 110), (150, 44, 110), (225, 85, 70), (252, 170, 70), (252, 250, 200))
"""Colours from silence to the loudest level; they differ in lightness too, for eyes that do not tell hues apart."""
SHADES = 32
"""Shades that are drawn: 2 dB each, which no eye tells apart in a picture this small, and a third of the bytes that all colours take."""


def spectrogram_png(samples: np.ndarray, sampling_rate: int) -> bytes:
    """A PNG of a clip's log-mel spectrogram: 40 mels high, at most 240 columns wide, low frequencies at the bottom.

    Args:
        samples: float32 of shape (num_samples,).
    """
    hop = max(sampling_rate // 100, -(-len(samples) // MOST_COLUMNS))
    window = 1 << (max(hop, sampling_rate // 32) - 1).bit_length()
    samples = np.pad(samples, (window // 2, window // 2))
    frames = np.lib.stride_tricks.sliding_window_view(samples, window)[::hop] * np.hanning(window).astype(np.float32)
    level = 10 * np.log10(np.maximum(_mel_powers(np.fft.rfft(frames), sampling_rate), 1e-10))
    shares = np.maximum(level.T[::-1] - level.max(), -RANGE_DB) / RANGE_DB + 1.0
    return png(np.round(shares * (SHADES - 1)).astype(np.uint8), palette())


def _mel_powers(spectra: np.ndarray, sampling_rate: int) -> np.ndarray:
    """Mean power of each of N_MELS bands of equal width in mel (O'Shaughnessy 1987), shape (frames, N_MELS), of spectra of shape (frames, bins)."""
    highest = 2595 * np.log10(1 + sampling_rate / 2 / 700)
    hertz = 700 * (10 ** (np.linspace(0, highest, N_MELS + 1) / 2595) - 1)
    edges = hertz / (sampling_rate / 2) * (spectra.shape[1] - 1)
    below, part = edges.astype(int), edges % 1
    # A band may be narrower than a bin: the power below each of its edges, a part of a bin included, is what differs.
    summed = np.pad(np.cumsum(np.abs(spectra) ** 2, axis=1), ((0, 0), (1, 0)))
    at = summed[:, below] * (1 - part) + summed[:, below + 1] * part
    return np.asarray(np.diff(at, axis=1) / np.diff(edges))


def palette() -> np.ndarray:
    """RGB of shape (SHADES, 3), uint8, from silence to the loudest level."""
    stops = np.linspace(0, 1, len(PALETTE))
    channels = [np.interp(np.linspace(0, 1, SHADES), stops, [colour[channel] for colour in PALETTE]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def png(pixels: np.ndarray, colours: np.ndarray) -> bytes:
    """A PNG (ISO/IEC 15948) of pixels, uint8 of shape (rows, columns), that count into colours, uint8 of shape (n, 3).

    No clock and no text: the same bytes for the same pixels.
    """
    rows, columns = pixels.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, 3, 0, 0, 0)
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    chunks = ((b"IHDR", header), (b"PLTE", colours.tobytes()), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
