"""Learn from speech that nobody wrote down: hide stretches of it, and tell from the rest which sounds they were.

The sounds are codes of a random projection, so nothing has to be learnt to have targets (BEST-RQ: Chiu et al. 2022, arXiv 2202.01855).
"""

from __future__ import annotations

import torch
from torch import nn

from .model import SpeechLMConfig

CODES, CODE_WIDTH = 512, 16
HIDDEN_FRAMES = 20
"""Log-mel frames that are hidden together: 200 ms, about a syllable, at the usual hop of 10 ms."""
BEGIN = 0.065
"""Share of encoder frames at which a hidden stretch begins: with stretches of ten frames about half of the audio is hidden, as in wav2vec 2.0."""
NOISE = 0.1
"""Standard deviation of what stands in the place of what is hidden; log-mel frames have 1."""


class MaskedPrediction(nn.Module):
    """Hide parts of log-mel frames, and score a guess at them from the encoder's frames.

    Args:
        n_mels: bands of the log-mel frames.
        seed: of the random projection and codes, which are never trained.
    """

    def __init__(self, config: SpeechLMConfig, n_mels: int, seed: int) -> None:
        super().__init__()
        self.factor = 960 // int(config.num_encoder_frames(960))
        rng = torch.Generator().manual_seed(seed)
        self.register_buffer("projection", torch.randn(self.factor * n_mels, CODE_WIDTH, generator=rng))
        self.register_buffer("codes", nn.functional.normalize(torch.randn(CODES, CODE_WIDTH, generator=rng), dim=-1))
        self.head = nn.Linear(config.family.width(config.audio_config), CODES)

    def hide(self, frames: torch.Tensor, mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Put faint noise in the place of stretches of the audio, at least one in each piece.

        Args:
            frames: log-mel frames of shape (pieces of audio, frames, n_mels).
            mask: int of shape (pieces of audio, frames).

        Returns:
            The frames, and which encoder frames are hidden, bool of shape (pieces of audio, encoder frames).
        """
        inside = mask[:, :: self.factor].bool()
        begin = (torch.rand(inside.shape, device=mask.device) < BEGIN) & inside
        somewhere = (torch.rand(len(inside), device=mask.device) * inside.sum(1)).long()
        begin[torch.arange(len(inside), device=mask.device), somewhere] |= ~begin.any(1)
        length = -(-HIDDEN_FRAMES // self.factor)
        ahead = nn.functional.pad(begin.float(), (length - 1, 0))
        hidden = nn.functional.max_pool1d(ahead[:, None], length, stride=1)[:, 0].bool() & inside
        where = hidden.repeat_interleave(self.factor, dim=1)[:, : frames.shape[1], None]
        return torch.where(where & mask.bool()[..., None], NOISE * torch.randn_like(frames), frames), hidden

    def targets(self, frames: torch.Tensor) -> torch.Tensor:
        """The code nearest to the random projection of each encoder frame's audio, int of shape (pieces of audio, encoder frames)."""
        padded = nn.functional.pad(frames, (0, 0, 0, -frames.shape[1] % self.factor))
        stacked = padded.reshape(len(frames), -1, self.factor * frames.shape[2])
        return (nn.functional.normalize(stacked @ self.projection, dim=-1) @ self.codes.T).argmax(-1)

    def forward(self, encoded: torch.Tensor, frames: torch.Tensor, hidden: torch.Tensor) -> torch.Tensor:
        """Cross-entropy of the guess at what was hidden, per hidden frame.

        Args:
            encoded: encoder frames of the audio with parts hidden, of shape (pieces of audio, encoder frames, width).
            frames: its log-mel frames with nothing hidden.
            hidden: which encoder frames are hidden.
        """
        return nn.functional.cross_entropy(self.head(encoded[hidden]).float(), self.targets(frames)[hidden])
