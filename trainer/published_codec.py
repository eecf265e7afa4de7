"""Published neural codecs of transformers (DAC, Mimi, EnCodec) behind the interface of ours: the first of their codebooks, one after the other."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import Any

import numpy as np
import torch
from transformers import AutoModel
from transformers.modeling_utils import PreTrainedModel

from speccraft import store
from speccraft.errors import UnreadableInput

from .compose import open_model, read_config
from .speech_tokens import SETTINGS

MODEL_TYPES = ("dac", "mimi", "encodec")
AHEAD_FRAMES = 32
"""Frames that come in before the sound of a frame counts as settled. DAC's decoder looks ahead, the others' do not."""


class PublishedCodec:
    """A codec from a local checkpoint, in evaluation and never trained.

    A code is `codebook * size + entry`, frame by frame, the codebooks of a frame in order: with one codebook, the coarsest, the entry itself.

    Args:
        model: of one of `MODEL_TYPES`.
        codebooks: how many of its codebooks are spoken. More sound better and make answers as many times longer.

    Raises:
        UnreadableInput: the model has fewer codebooks.
    """

    def __init__(self, model: PreTrainedModel, codebooks: int) -> None:
        kind, config = model.config.model_type, model.config
        self.model, self.kind, self.codebooks = model.eval().requires_grad_(False), kind, codebooks
        self.sampling_rate = int(config.sampling_rate)
        self._size = int(config.codebook_size)
        self._hop = int(config.hop_length) if kind == "dac" else round(self.sampling_rate / config.frame_rate)
        held = int(config.n_codebooks if kind == "dac" else config.num_quantizers)
        if codebooks > held:
            raise UnreadableInput(f"the codec has {held} codebooks, not {codebooks}", try_this=f"--set speech_out.codebooks={held}")

    @classmethod
    def at(cls, folder: Path, codebooks: int) -> PublishedCodec:
        """The codec of a local checkpoint: safetensors only, no code but that of transformers.

        Raises:
            UnreadableInput: it cannot be read, or is of a kind we do not know.
        """
        kind = read_config(folder)["model_type"]
        if kind not in MODEL_TYPES:
            raise UnreadableInput(f"{folder}: '{kind}' is no codec that we know", try_this=f"one of {', '.join(MODEL_TYPES)}")
        return cls(open_model(folder, AutoModel), codebooks)

    @classmethod
    def open(cls, folder: Path, settings: dict[str, Any]) -> PublishedCodec:
        """What `save` wrote."""
        return cls.at(folder, settings["codebooks"])

    @property
    def num_codes(self) -> int:
        """Codes there are, over all codebooks that are spoken."""
        return self._size * self.codebooks

    @property
    def units_per_s(self) -> float:
        """Codes for a second of speech."""
        return self.codebooks * self.sampling_rate / self._hop

    def save(self, folder: Path) -> None:
        """Write the whole codec, so that a model that speaks needs nothing else."""
        self.model.save_pretrained(folder)
        store.write_bytes(folder / SETTINGS, store.canonical_json({"codec": self.kind, "codebooks": self.codebooks}))

    def encode(self, wave: np.ndarray) -> np.ndarray:
        """Codes, int64 of shape (num_units,); `num_units` is a multiple of the codebooks."""
        with torch.inference_mode():
            frames = self._entries(torch.from_numpy(wave).float()[None, None].to(self.model.device))
        books = torch.arange(self.codebooks, device=frames.device)[:, None] * self._size
        codes: np.ndarray = (frames[: self.codebooks] + books).T.reshape(-1).cpu().numpy().astype(np.int64)
        return codes

    def _entries(self, samples: torch.Tensor) -> torch.Tensor:
        """Entries of at least the codebooks that are spoken, int of shape (codebooks, frames)."""
        if self.kind == "dac":
            found: torch.Tensor = self.model.encode(samples, n_quantizers=self.codebooks).audio_codes[0]
        elif self.kind == "mimi":
            found = self.model.encode(samples, num_quantizers=self.codebooks).audio_codes[0]
        else:
            # at the highest bandwidth: its codebooks refine each other, so the first ones are the same at any
            chunks = self.model.encode(samples, bandwidth=max(self.model.config.target_bandwidths)).audio_codes
            found = torch.cat([chunk[0] for chunk in chunks], dim=-1)
        return found

    def decode(self, codes: Sequence[int]) -> np.ndarray:
        """Float32 waveform of shape (num_samples,); codes after the last whole frame are left out."""
        frames = self._frames(codes)
        if not frames.shape[1]:
            return np.zeros(0, np.float32)
        given = frames[None].to(self.model.device)
        with torch.inference_mode():
            found = self.model.decode(given[None], [None])[0] if self.kind == "encodec" else self.model.decode(audio_codes=given)[0]
        samples: np.ndarray = found.reshape(-1)[: frames.shape[1] * self._hop].float().cpu().numpy()
        return samples

    def decode_stream(self, chunks: Iterable[Sequence[int]]) -> Iterator[np.ndarray]:
        """Pieces of the waveform; all that came before is decoded again with every chunk, since some decoders remember it all."""
        codes: list[int] = []
        given = 0
        for chunk in chunks:
            codes += [int(code) for code in chunk]
            settled = (len(codes) // self.codebooks - AHEAD_FRAMES) * self._hop
            if settled > given:
                yield self.decode(codes)[given:settled]
                given = settled
        yield self.decode(codes)[given:]

    def _frames(self, codes: Sequence[int]) -> torch.Tensor:
        """Entries, int of shape (codebooks, frames). A model may say codes in an order that no frame has; entries are what is left of such."""
        whole = len(codes) // self.codebooks * self.codebooks
        return torch.tensor(list(codes[:whole]), dtype=torch.long).reshape(-1, self.codebooks).T % self._size
