"""How each family of audio encoder is built, run on any length, and how many frames it gives."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import AutoModel
from transformers.masking_utils import create_bidirectional_mask
from transformers.models.whisper.modeling_whisper import WhisperEncoder


@dataclass(frozen=True)
class Family:
    """One family of encoders. Frame counts may be ints or int tensors."""

    build: Callable[[Any], nn.Module]
    width: Callable[[Any], int]
    num_frames: Callable[[Any, Any], Any]
    run: Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor]


def _whisper_frames(config: Any, num_frames: Any) -> Any:
    return (num_frames - 1) // 2 + 1


def _run_whisper(encoder: Any, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Whisper's own modules without its window of 30 s: positions are cut to length and padding is masked."""
    hidden = nn.functional.gelu(encoder.conv1(frames.transpose(1, 2)))
    # the first convolution's bias leaks into the padding, which the second would carry back into the last frame
    hidden = nn.functional.gelu(encoder.conv2(hidden * mask[:, None].to(hidden.dtype))).transpose(1, 2)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    hidden = nn.functional.dropout(hidden, p=encoder.dropout, training=encoder.training)
    inside = torch.arange(hidden.shape[1], device=hidden.device)[None] < _whisper_frames(None, mask.sum(-1))[:, None]
    attention_mask = create_bidirectional_mask(config=encoder.config, inputs_embeds=hidden, attention_mask=inside)
    for layer in encoder.layers:
        hidden = layer(hidden, attention_mask)
    return encoder.layer_norm(hidden)


def _parakeet_frames(config: Any, num_frames: Any) -> Any:
    kernel, stride, factor = config.subsampling_conv_kernel_size, config.subsampling_conv_stride, config.subsampling_factor
    while factor > 1:
        num_frames = (num_frames + (kernel - 1) // 2 * 2 - kernel) // stride + 1
        factor //= stride
    return num_frames


def _run_parakeet(encoder: Any, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return encoder(input_features=frames, attention_mask=mask).last_hidden_state


FAMILIES: dict[str, Family] = {
    "whisper": Family(WhisperEncoder, lambda config: config.d_model, _whisper_frames, _run_whisper),
    "parakeet_encoder": Family(AutoModel.from_config, lambda config: config.hidden_size, _parakeet_frames, _run_parakeet),
}
"""By the `model_type` of the encoder's configuration."""
