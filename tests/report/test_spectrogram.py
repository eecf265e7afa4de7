"""A spectrogram is a valid, reproducible picture that shows where the sound is."""

from __future__ import annotations

import struct
import zlib

import numpy as np
import pytest

from speccraft.report.spectrogram import MOST_COLUMNS, N_MELS, SHADES, palette, png, spectrogram_png

RATE = 16000


def pixels_of(content: bytes) -> np.ndarray:
    """Decode a PNG of our own kind, with a palette and without a filter, as RGB."""
    assert content.startswith(b"\x89PNG\r\n\x1a\n")
    chunks, at = {}, 8
    while at < len(content):
        (size,) = struct.unpack(">I", content[at : at + 4])
        name, data = content[at + 4 : at + 8], content[at + 8 : at + 8 + size]
        assert struct.unpack(">I", content[at + 8 + size : at + 12 + size])[0] == zlib.crc32(name + data)
        chunks[name], at = data, at + 12 + size
    columns, rows = struct.unpack(">II", chunks[b"IHDR"][:8])
    lines = np.frombuffer(zlib.decompress(chunks[b"IDAT"]), np.uint8).reshape(rows, 1 + columns)
    assert not lines[:, 0].any()
    return np.frombuffer(chunks[b"PLTE"], np.uint8).reshape(-1, 3)[lines[:, 1:]]


def test_a_png_holds_the_pixels_it_was_given():
    pixels, colours = np.random.default_rng(0).integers(0, SHADES, (5, 7), dtype=np.uint8), palette()
    assert np.array_equal(pixels_of(png(pixels, colours)), colours[pixels])


def test_louder_is_lighter_for_eyes_that_do_not_tell_hues_apart():
    lightness = palette() @ np.array([0.2126, 0.7152, 0.0722])
    assert (np.diff(lightness) > 0).all()


@pytest.mark.parametrize(("hertz", "higher"), [(300, False), (5000, True)])
def test_a_tone_is_brightest_at_its_own_height(hertz: int, higher: bool):
    tone = np.sin(2 * np.pi * hertz * np.arange(RATE) / RATE).astype(np.float32)
    brightness = pixels_of(spectrogram_png(tone, RATE)).sum(axis=(1, 2), dtype=np.int64)
    assert (brightness.argmax() < N_MELS / 2) == higher


@pytest.mark.parametrize("num_samples", [1, 100, RATE, 60 * RATE])
def test_any_length_fits_the_frame(num_samples: int):
    rows, columns, _ = pixels_of(spectrogram_png(np.full(num_samples, 0.1, np.float32), RATE)).shape
    assert rows == N_MELS
    assert 1 <= columns <= MOST_COLUMNS + 1


def test_silence_is_drawn_and_the_same_clip_gives_the_same_bytes():
    silence = np.zeros(RATE, np.float32)
    assert spectrogram_png(silence, RATE) == spectrogram_png(silence, RATE)
