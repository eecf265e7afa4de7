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


def spectrogram_png(samples: np.ndarray, sampling_rate: int) -> bytes:
    """A PNG of a clip's log-mel spectrogram: 40 mels high, at most 240 columns wide, low frequencies at the bottom.

    Args:
        samples: float32 of shape (num_samples,).
    """
    import librosa

    hop = max(sampling_rate // 100, -(-len(samples) // MOST_COLUMNS))
    window = max(hop, sampling_rate // 40)
    n_fft = 1 << (max(window, sampling_rate // 32) - 1).bit_length()
    samples = np.pad(samples, (0, max(0, n_fft - len(samples))))
    power = librosa.feature.melspectrogram(y=samples, sr=sampling_rate, n_fft=n_fft, win_length=window, hop_length=hop, n_mels=N_MELS)
    level = librosa.power_to_db(power, ref=max(float(power.max()), 1e-10), top_db=RANGE_DB)
    return png(_coloured(level[::-1] / RANGE_DB + 1.0))


def _coloured(shares: np.ndarray) -> np.ndarray:
    """RGB of shape (rows, columns, 3), uint8, for shares of the palette between 0 and 1."""
    stops = np.linspace(0, 1, len(PALETTE))
    channels = [np.interp(shares, stops, [colour[channel] for colour in PALETTE]) for channel in range(3)]
    return np.stack(channels, axis=-1).round().astype(np.uint8)


def png(pixels: np.ndarray) -> bytes:
    """A PNG (ISO/IEC 15948) of RGB pixels: uint8 of shape (rows, columns, 3). No clock, no text, the same bytes for the same pixels."""
    rows, columns, _ = pixels.shape
    header = struct.pack(">IIBBBBB", columns, rows, 8, 2, 0, 0, 0)
    lines = b"".join(b"\0" + line.tobytes() for line in pixels)
    chunks = ((b"IHDR", header), (b"IDAT", zlib.compress(lines, 9)), (b"IEND", b""))
    return b"\x89PNG\r\n\x1a\n" + b"".join(struct.pack(">I", len(data)) + name + data + struct.pack(">I", zlib.crc32(name + data)) for name, data in chunks)
