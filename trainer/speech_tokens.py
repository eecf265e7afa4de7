"""Speech as units: a codec makes tokens of a waveform and a waveform of tokens, whole or in a stream."""

from __future__ import annotations

import json
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import torch
from safetensors.torch import load as load_tensors
from safetensors.torch import save as save_tensors
from transformers.audio_utils import mel_filter_bank

from speccraft import store
from speccraft.errors import SpeccraftError

from .recipe import KMEANS_MEL

FOLDER = "speech"
SETTINGS, WEIGHTS = "codec.json", "units.safetensors"
STACKED = 2
"""Frames of 10 ms that one unit stands for."""
HOP_MS, WINDOW_MS = 10.0, 25.0
MOST_FITTED = 20_000
"""Vectors that units are fitted on, at most: more of one voice change little, and a fit is to take less than two seconds."""
FIT_ROUNDS, PHASE_ROUNDS = 25, 32
BLOCK_UNITS, AHEAD_UNITS = 16, 4
"""Units whose phases are settled together, and units after them that are looked at for that: what is heard lags 0.4 s behind what is said."""


class SpeechCodec(Protocol):
    """What makes units of speech and speech of units."""

    @property
    def num_codes(self) -> int:
        """Codes there are, from 0."""

    @property
    def sampling_rate(self) -> int:
        """Of the waveforms, in Hz."""

    @property
    def units_per_s(self) -> float:
        """Codes for a second of speech."""

    def encode(self, wave: np.ndarray) -> np.ndarray:
        """Codes, int64 of shape (num_units,), of a float32 waveform of shape (num_samples,)."""

    def decode(self, codes: Sequence[int]) -> np.ndarray:
        """Float32 waveform of shape (num_samples,) of codes; of none, an empty one."""

    def decode_stream(self, chunks: Iterable[Sequence[int]]) -> Iterator[np.ndarray]:
        """The waveform of `decode` in pieces, as codes come in; a piece ends where what follows cannot change it any more."""

    def save(self, folder: Path) -> None:
        """Write all that it is into a folder that is not committed yet."""


class KMeansMel:
    """Units are the nearest of so many typical stretches of 20 ms of one voice; phases are guessed (Griffin and Lim 1984), block by block.

    Blocks are settled as in real-time signal estimation (Zhu, Beauregard, Wyse 2007): the frames before a block stay as they are, so that blocks join
    without clicks, and the same units sound the same in a stream.

    Args:
        centroids: float32 of shape (num_codes, 2 * n_mels), log-mel energies of two neighbouring frames.
        sampling_rate: in Hz.
    """

    def __init__(self, centroids: torch.Tensor, sampling_rate: int) -> None:
        self.centroids, self.sampling_rate = centroids, sampling_rate
        self._window, self._hop = round(sampling_rate * WINDOW_MS / 1000), round(sampling_rate * HOP_MS / 1000)
        self._n_fft = 1 << (self._window - 1).bit_length()
        self._hann = torch.hann_window(self._window)
        self._filters = _filters(self._n_fft, centroids.shape[1] // STACKED, sampling_rate)
        self._inverse = torch.linalg.pinv(self._filters)

    @property
    def num_codes(self) -> int:
        """Codes there are."""
        return len(self.centroids)

    @property
    def units_per_s(self) -> float:
        """Codes for a second of speech."""
        return 1000 / (HOP_MS * STACKED)

    @classmethod
    def fitted(cls, waves: Iterable[np.ndarray], sampling_rate: int, num_codes: int, seed: int) -> KMeansMel:
        """Units of a voice, the same for the same speech and seed.

        Args:
            waves: float32 waveforms of shape (num_samples,).

        Raises:
            SpeccraftError: there is less speech than units.
        """
        n_mels = 40 if sampling_rate <= 8000 else 60
        blank = cls(torch.zeros(1, STACKED * n_mels), sampling_rate)
        vectors = torch.cat([torch.zeros(0, STACKED * n_mels), *(blank._stacked(wave) for wave in waves)])
        if len(vectors) < num_codes:
            raise SpeccraftError(
                f"{len(vectors) / blank.units_per_s:.1f} s of the voice's speech are too few for {num_codes} units", try_this="--set speech_out.units=64"
            )
        generator = torch.Generator().manual_seed(seed)
        order = torch.randperm(len(vectors), generator=generator)[:MOST_FITTED]
        # rounded, so that the last bits of a machine's arithmetic do not reach the file
        return cls((_k_means(vectors[order], num_codes) * 1e4).round() / 1e4, sampling_rate)

    @classmethod
    def open(cls, folder: Path, settings: dict[str, Any]) -> KMeansMel:
        """What `save` wrote."""
        return cls(load_tensors((folder / WEIGHTS).read_bytes())["centroids"], settings["sampling_rate"])

    def save(self, folder: Path) -> None:
        """Write units as safetensors, and settings as JSON."""
        store.write_bytes(folder / WEIGHTS, save_tensors({"centroids": self.centroids.contiguous()}))
        store.write_bytes(folder / SETTINGS, store.canonical_json({"codec": KMEANS_MEL, "sampling_rate": self.sampling_rate}))

    def encode(self, wave: np.ndarray) -> np.ndarray:
        """The nearest unit of every 20 ms; what is left at the end and shorter than that is dropped."""
        codes: np.ndarray = torch.cdist(self._stacked(wave), self.centroids).argmin(1).numpy()
        return codes

    def decode(self, codes: Sequence[int]) -> np.ndarray:
        """20 ms for every unit."""
        return np.concatenate([np.zeros(0, np.float32), *self.decode_stream([codes])])

    def decode_stream(self, chunks: Iterable[Sequence[int]]) -> Iterator[np.ndarray]:
        """Pieces of 20 ms for every unit, as soon as enough units came in."""
        synthesis = _Synthesis(self._window, self._hop, self._n_fft, self._hann)
        waiting: list[int] = []
        for chunk in chunks:
            waiting += [int(code) for code in chunk]
            while len(waiting) >= BLOCK_UNITS + AHEAD_UNITS:
                yield synthesis.block(self._magnitudes(waiting[: BLOCK_UNITS + AHEAD_UNITS]), STACKED * BLOCK_UNITS)
                waiting = waiting[BLOCK_UNITS:]
        yield synthesis.block(self._magnitudes(waiting), STACKED * len(waiting), last=True)

    def _stacked(self, wave: np.ndarray) -> torch.Tensor:
        """Log-mel energies of neighbouring frames side by side, float of shape (num_units, 2 * n_mels)."""
        num_units = len(wave) // (self._hop * STACKED)
        if not num_units:
            return torch.zeros(0, STACKED * len(self._filters))
        padded = torch.nn.functional.pad(torch.from_numpy(wave).float(), (self._window // 2, self._window))
        frames = padded.unfold(0, self._window, self._hop)[: num_units * STACKED]
        energies = torch.fft.rfft(frames * self._hann, self._n_fft).abs().square() @ self._filters.T
        return energies.clamp_min(1e-8).log().reshape(num_units, -1)

    def _magnitudes(self, codes: Sequence[int]) -> torch.Tensor:
        """Magnitudes of the spectrum, float of shape (frames, bins)."""
        energies = self.centroids[torch.tensor(codes, dtype=torch.long)].reshape(-1, len(self._filters)).exp()
        return (energies @ self._inverse.T).clamp_min(1e-10).sqrt()


class _Synthesis:
    """Overlap-add of blocks of frames whose phases are settled one block after the other."""

    def __init__(self, window: int, hop: int, n_fft: int, hann: torch.Tensor) -> None:
        self._window, self._hop, self._n_fft, self._hann = window, hop, n_fft, hann
        self._settled = torch.zeros(0, window)
        self._begins = window // 2
        self._random = torch.Generator().manual_seed(0)

    def block(self, magnitudes: torch.Tensor, count: int, *, last: bool = False) -> np.ndarray:
        """Settle the first `count` frames of magnitudes (frames, bins), and give the samples that no later frame can change; of the last block, all."""
        before = self._settled
        together = torch.cat([before, self._frames(magnitudes)[:count]])
        if not len(together):
            return np.zeros(0, np.float32)
        end = len(together) * self._hop + (self._window // 2 if last else 0)
        samples: np.ndarray = self._overlapped(together)[len(before) * self._hop + self._begins : end].numpy()
        # those that overlap with what follows
        self._settled, self._begins = together[-self._window // self._hop :], 0
        return samples

    def _frames(self, magnitudes: torch.Tensor) -> torch.Tensor:
        """Frames with these magnitudes that fit each other and the settled ones before them, float of shape (frames, window)."""
        if not len(magnitudes):
            return torch.zeros(0, self._window)
        turns = torch.rand(magnitudes.shape, generator=self._random)
        frames = self._waves(torch.polar(magnitudes, 2 * torch.pi * turns))
        for _ in range(PHASE_ROUNDS):
            heard = self._overlapped(torch.cat([self._settled, frames])).unfold(0, self._window, self._hop)[len(self._settled) :]
            spectrum = torch.fft.rfft(heard * self._hann, self._n_fft)
            frames = self._waves(magnitudes * spectrum / spectrum.abs().clamp_min(1e-9))
        return frames

    def _waves(self, spectrum: torch.Tensor) -> torch.Tensor:
        return torch.fft.irfft(spectrum, self._n_fft)[:, : self._window] * self._hann

    def _overlapped(self, frames: torch.Tensor) -> torch.Tensor:
        """What windowed frames add up to, each sample divided by the power of the windows over it (Griffin and Lim 1984, equation 6)."""
        length = (len(frames) - 1) * self._hop + self._window
        places = (torch.arange(len(frames))[:, None] * self._hop + torch.arange(self._window)).flatten()
        summed = torch.zeros(length).index_add_(0, places, frames.flatten())
        power = torch.zeros(length).index_add_(0, places, self._hann.square().repeat(len(frames)))
        return summed / power.clamp_min(0.1)


def _k_means(vectors: torch.Tensor, count: int) -> torch.Tensor:
    """Means of `count` groups of vectors (num_vectors, width), beginning with the first ones; a group that nothing belongs to stays where it was."""
    means = vectors[:count].clone()
    for _ in range(FIT_ROUNDS):
        nearest = torch.cdist(vectors, means).argmin(1)
        size = torch.bincount(nearest, minlength=count)[:, None]
        summed = torch.zeros_like(means, dtype=torch.float64).index_add_(0, nearest, vectors.double())
        means = torch.where(size > 0, (summed / size.clamp_min(1)).float(), means)
    return means


def _filters(n_fft: int, n_mels: int, sampling_rate: int) -> torch.Tensor:
    """Mel filters, float of shape (n_mels, bins)."""
    bank = mel_filter_bank(n_fft // 2 + 1, n_mels, 20.0, sampling_rate / 2, sampling_rate, norm=None, mel_scale="htk")
    return torch.from_numpy(bank).float().T


def save_codec(codec: SpeechCodec, folder: Path) -> None:
    """Write a codec beside a model that speaks by it."""
    codec.save(folder / FOLDER)


def open_codec(folder: Path) -> SpeechCodec:
    """The codec that lies beside a model."""
    settings = json.loads((folder / FOLDER / SETTINGS).read_bytes())
    if settings["codec"] == KMEANS_MEL:
        return KMeansMel.open(folder / FOLDER, settings)
    from .published_codec import PublishedCodec

    return PublishedCodec.open(folder / FOLDER, settings)
