"""Log-mel frames of a batch of waveforms, in torch: the same on a CPU, a GPU, and whatever the padding."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, ClassVar

import torch
from torch import nn
from transformers import WhisperFeatureExtractor
from transformers.audio_utils import mel_filter_bank

N_WARPS = 21
"""Steps in which the frequency axis can be warped; an odd number, so that the middle one is no warp."""
SHORTEST_S = 0.05
"""What a foreign extractor is given at least: they divide by the number of frames less one."""


class LogMel(nn.Module):
    """Log-mel energies, each band brought to zero mean and unit variance over its own utterance.

    Args:
        sampling_rate: of the waveforms, in Hz.
        n_mels: mel bands.
        window_ms: analysis window in milliseconds.
        hop_ms: time between frames in milliseconds.
        widest_warp: largest share by which `forward` may be asked to stretch the frequency axis.
    """

    def __init__(self, sampling_rate: int, n_mels: int, window_ms: float, hop_ms: float, widest_warp: float = 0.0) -> None:
        super().__init__()
        self.settings = {"sampling_rate": sampling_rate, "n_mels": n_mels, "window_ms": window_ms, "hop_ms": hop_ms}
        self.window = round(sampling_rate * window_ms / 1000)
        self.hop = round(sampling_rate * hop_ms / 1000)
        self.n_fft = 1 << (self.window - 1).bit_length()
        self.widest_warp = widest_warp
        self.register_buffer("hann", torch.hann_window(self.window), persistent=False)
        self.register_buffer("filters", self._filters(sampling_rate, n_mels), persistent=False)

    def _filters(self, sampling_rate: int, n_mels: int) -> torch.Tensor:
        """Mel filters for every warp, float of shape (warps, n_mels, n_fft // 2 + 1)."""
        bins = self.n_fft // 2 + 1
        plain = torch.from_numpy(mel_filter_bank(bins, n_mels, 20.0, sampling_rate / 2, sampling_rate, norm=None, mel_scale="htk")).float().T
        if not self.widest_warp:
            return plain[None]
        positions = torch.arange(bins, dtype=torch.float32)
        warped = []
        for factor in torch.linspace(1 - self.widest_warp, 1 + self.widest_warp, N_WARPS):
            source = (positions * factor).clamp(max=bins - 1)
            low = source.floor().long()
            share = source - low
            warped.append(plain[:, low] * (1 - share) + plain[:, (low + 1).clamp(max=bins - 1)] * share)
        return torch.stack(warped)

    def num_frames(self, num_samples: torch.Tensor) -> torch.Tensor:
        """Frames of waveforms of these lengths, at least one."""
        return torch.div(num_samples, self.hop, rounding_mode="floor").clamp_min(1)

    def forward(self, samples: torch.Tensor, num_samples: torch.Tensor, warp: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames of a batch.

        Args:
            samples: float of shape (batch, longest), zero after each waveform's end.
            num_samples: int of shape (batch,).
            warp: which of the `N_WARPS` warps each waveform takes, int of shape (batch,); none without it.

        Returns:
            float frames of shape (batch, most frames, n_mels), zero in the padding, and a mask of shape (batch, most frames).
        """
        # Zeros around the ends, never reflection: a clip must not hear where its batch was padded to.
        spectrum = torch.stft(samples, self.n_fft, self.hop, self.window, self.hann, center=True, pad_mode="constant", return_complex=True)
        filters = self.filters[len(self.filters) // 2] if warp is None else self.filters[warp]
        mels = (filters @ spectrum.abs().square()).clamp_min(1e-8).log().transpose(1, 2)
        count = self.num_frames(num_samples)
        mask = torch.arange(int(count.max()), device=samples.device)[None] < count[:, None]
        mels, inside = mels[:, : mask.shape[1]], mask[..., None]
        mean = (mels * inside).sum(1, keepdim=True) / count[:, None, None]
        variance = ((mels - mean).square() * inside).sum(1, keepdim=True) / count[:, None, None]
        return torch.where(inside, (mels - mean) / (variance.sqrt() + 1e-3), 0.0), mask.long()


@dataclass(frozen=True)
class Extracted:
    """Frames as the extractor of a published model makes them, each waveform alone, so that none hears what it was batched with.

    Of a model that hears the waveform itself, a frame is one sample.

    Args:
        extractor: of transformers, such as Whisper's.
        whole_window: pad every waveform with silence to the extractor's own window, for models that know nothing else.
    """

    extractor: Any
    whole_window: bool = False
    widest_warp: ClassVar[float] = 0.0

    @property
    def sampling_rate(self) -> int:
        """Of the waveforms, in Hz."""
        return int(self.extractor.sampling_rate)

    @property
    def hop_ms(self) -> float:
        """Time from one frame to the next, in milliseconds."""
        if hasattr(self.extractor, "hop_length"):
            return 1000.0 * self.extractor.hop_length / self.sampling_rate
        # SeamlessM4T's frames come every 10 ms and are stacked; wav2vec 2.0 has none
        return 10.0 * self.extractor.stride if hasattr(self.extractor, "stride") else 1000.0 / self.sampling_rate

    def __call__(self, samples: torch.Tensor, num_samples: torch.Tensor, warp: torch.Tensor | None = None) -> tuple[torch.Tensor, torch.Tensor]:
        """Frames of a batch; arguments and results as those of `LogMel`, except that frequencies cannot be warped.

        Raises:
            ValueError: a warp is asked for.
        """
        if warp is not None:
            raise ValueError("the extractor of a published model has no warps")
        pairs = [self._alone(wave[:length]) for wave, length in zip(samples, num_samples.tolist(), strict=True)]
        frames = nn.utils.rnn.pad_sequence([frames for frames, _ in pairs], batch_first=True)
        return frames, nn.utils.rnn.pad_sequence([mask for _, mask in pairs], batch_first=True)

    def _alone(self, wave: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        shortest = round(SHORTEST_S * self.sampling_rate)
        wave = nn.functional.pad(wave, (0, max(0, shortest - len(wave))))
        padding = "max_length" if self.whole_window else False
        made = self.extractor(wave.numpy(), sampling_rate=self.sampling_rate, padding=padding, return_attention_mask=True, return_tensors="pt")
        frames = made[self.extractor.model_input_names[0]][0]
        if isinstance(self.extractor, WhisperFeatureExtractor):
            frames = frames.T
        # a waveform that ends within a hop may be counted for a frame more than there is
        mask = made["attention_mask"][0][: len(frames)].long()
        frames = frames[:, None] if frames.ndim == 1 else frames
        return (frames, mask) if self.whole_window else (frames[: int(mask.sum())], mask[: int(mask.sum())])


def change_tempo(frames: torch.Tensor, mask: torch.Tensor, tempo: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
    """Speak faster (`tempo` above 1) or slower at the same pitch, by linear interpolation between frames.

    Args:
        frames: float of shape (batch, frames, n_mels).
        mask: int of shape (batch, frames).
        tempo: float of shape (batch,).
    """
    count = mask.sum(1)
    changed = (count / tempo).round().long().clamp_min(1)
    new_mask = torch.arange(int(changed.max()), device=frames.device)[None] < changed[:, None]
    step = (count - 1) / (changed - 1).clamp_min(1)
    position = (torch.arange(new_mask.shape[1], device=frames.device)[None] * step[:, None]).clamp(max=(count - 1)[:, None])
    low = position.floor().long()
    high = torch.minimum(low + 1, (count - 1)[:, None])
    share = (position - low)[..., None]
    rows = torch.arange(len(frames), device=frames.device)[:, None]
    return torch.where(new_mask[..., None], frames[rows, low] * (1 - share) + frames[rows, high] * share, 0.0), new_mask.long()
