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

Frames = Any
"""How many frames: an int, or an int tensor."""


@dataclass(frozen=True)
class Family:
    """One family of encoders: how it is built and run, its width, how many frames it gives, and the most that it takes (None: no limit)."""

    build: Callable[[Any], nn.Module]
    width: Callable[[Any], int]
    num_frames: Callable[[Any, Frames], Frames]
    run: Callable[[Any, torch.Tensor, torch.Tensor], torch.Tensor]
    longest: Callable[[Any], int | None] = lambda config: None


def steady(config: Any) -> Any:
    """A configuration without what draws from global generators in training.

    A skipped layer has no gradient, which stops distributed training, and masks drawn by NumPy are not the same after a resume.
    """
    for name in ("layerdrop", "encoder_layerdrop", "decoder_layerdrop"):
        if hasattr(config, name):
            setattr(config, name, 0.0)
    if hasattr(config, "apply_spec_augment"):
        config.apply_spec_augment = False
    return config


def _build(config: Any) -> nn.Module:
    encoder = AutoModel.from_config(steady(config))
    if hasattr(encoder, "masked_spec_embed"):
        # stands in for what is masked, and nothing is
        encoder.masked_spec_embed.requires_grad_(False)
    return encoder


def _inside(hidden: torch.Tensor, count: torch.Tensor) -> torch.Tensor:
    """Which frames are not padding, bool of shape (pieces of audio, frames)."""
    return torch.arange(hidden.shape[1], device=hidden.device)[None] < count[:, None]


def _whisper_frames(config: Any, num_frames: Frames) -> Frames:
    return (num_frames - 1) // 2 + 1


def _run_whisper(encoder: Any, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """Whisper's own modules without its window of 30 s: positions are cut to length and padding is masked."""
    hidden = nn.functional.gelu(encoder.conv1(frames.transpose(1, 2)))
    # the first convolution's bias leaks into the padding, which the second would carry back into the last frame
    hidden = nn.functional.gelu(encoder.conv2(hidden * mask[:, None].to(hidden.dtype))).transpose(1, 2)
    hidden = hidden + encoder.embed_positions.weight[: hidden.shape[1]]
    hidden = nn.functional.dropout(hidden, p=encoder.dropout, training=encoder.training)
    inside = _inside(hidden, _whisper_frames(None, mask.sum(-1)))
    attention_mask = create_bidirectional_mask(config=encoder.config, inputs_embeds=hidden, attention_mask=inside)
    for layer in encoder.layers:
        hidden = layer(hidden, attention_mask)
    return encoder.layer_norm(hidden)


def _parakeet_frames(config: Any, num_frames: Frames) -> Frames:
    kernel, stride, factor = config.subsampling_conv_kernel_size, config.subsampling_conv_stride, config.subsampling_factor
    while factor > 1:
        num_frames = (num_frames + (kernel - 1) // 2 * 2 - kernel) // stride + 1
        factor //= stride
    return num_frames


def _run_parakeet(encoder: Any, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return encoder(input_features=frames, attention_mask=mask).last_hidden_state


def _wave_frames(config: Any, num_samples: Frames) -> Frames:
    for kernel, stride in zip(config.conv_kernel, config.conv_stride, strict=True):
        num_samples = (num_samples - kernel) // stride + 1
    return num_samples.clamp_min(1) if isinstance(num_samples, torch.Tensor) else max(num_samples, 1)


def shortest_wave(config: Any) -> int:
    """Samples that one frame is made of."""
    samples = 1
    for kernel, stride in zip(reversed(config.conv_kernel), reversed(config.conv_stride), strict=True):
        samples = (samples - 1) * stride + kernel
    return samples


def _run_wave(encoder: Any, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    """wav2vec 2.0 and its kin on a waveform, as frames of one sample each; padding reaches nothing.

    The base models normalise their first convolution over the whole time axis, padding and all: they hear one waveform after the other.
    """
    config, count = encoder.config, _wave_frames(encoder.config, mask.sum(-1))
    waves = nn.functional.pad(frames.squeeze(-1), (0, max(0, shortest_wave(config) - frames.shape[1])))
    if config.feat_extract_norm == "group":
        lengths = mask.sum(-1).clamp_min(shortest_wave(config)).tolist()
        heard = [encoder.feature_extractor(wave[None, :length])[0].T for wave, length in zip(waves, lengths, strict=True)]
        local = nn.utils.rnn.pad_sequence(heard, batch_first=True)
    else:
        local = encoder.feature_extractor(waves).transpose(1, 2)
    projected = encoder.feature_projection(local)
    # HuBERT gives the projection alone, the others what it was made of too
    hidden = projected[0] if isinstance(projected, tuple) else projected
    return encoder.encoder(hidden, attention_mask=_inside(hidden, count)).last_hidden_state


def _run_wav2vec2_bert(encoder: Any, frames: torch.Tensor, mask: torch.Tensor) -> torch.Tensor:
    return encoder(frames, attention_mask=mask).last_hidden_state


def _hidden_size(config: Any) -> int:
    return int(config.hidden_size)


_WAVE = Family(_build, _hidden_size, _wave_frames, _run_wave)

FAMILIES: dict[str, Family] = {
    "whisper": Family(
        lambda config: WhisperEncoder(steady(config)),
        lambda config: config.d_model,
        _whisper_frames,
        _run_whisper,
        lambda config: 2 * config.max_source_positions,
    ),
    "parakeet_encoder": Family(
        _build, _hidden_size, _parakeet_frames, _run_parakeet, lambda config: config.max_position_embeddings * config.subsampling_factor
    ),
    "wav2vec2": _WAVE,
    "wavlm": _WAVE,
    "hubert": _WAVE,
    "wav2vec2-bert": Family(_build, _hidden_size, lambda config, num_frames: num_frames, _run_wav2vec2_bert),
}
"""By the `model_type` of the encoder's configuration."""
