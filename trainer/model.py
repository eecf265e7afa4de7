"""The speech language model: any audio encoder, a projector and any causal language model, as one transformers model.

The layout (`model.audio_tower`, `model.multi_modal_projector`, a headless `model.language_model`, and `lm_head`) and the
input names are those of transformers' own audio models, so that Trainer, TRL, PEFT and `generate` work unmodified.
"""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

import torch
from torch import nn
from transformers import CONFIG_MAPPING, AutoConfig, AutoModel, AutoModelForCausalLM, GenerationMixin, PreTrainedModel
from transformers.configuration_utils import PreTrainedConfig
from transformers.modeling_outputs import BaseModelOutputWithPast, CausalLMOutputWithPast

from .encoders import FAMILIES, Family

IGNORED = -100
"""Label of a position that is not learnt."""


class SpeechLMConfig(PreTrainedConfig):
    """Configuration of a speech language model: that of its encoder, that of its language model, and what joins them."""

    model_type = "speccraft_speechlm"
    sub_configs = {"audio_config": AutoConfig, "text_config": AutoConfig}
    has_no_defaults_at_init = True

    def __init__(
        self, audio_config: Any = None, text_config: Any = None, audio_token_id: int = 1, stack_factor: int = 4, initializer_range: float = 0.02, **kwargs: Any
    ) -> None:
        self.audio_config, self.text_config = _as_config(audio_config), _as_config(text_config)
        self.audio_token_id = audio_token_id
        self.stack_factor = stack_factor
        self.initializer_range = initializer_range
        kwargs.setdefault("tie_word_embeddings", getattr(self.text_config, "tie_word_embeddings", False))
        super().__init__(**kwargs)

    @property
    def family(self) -> Family:
        """How the encoder is built and run."""
        return FAMILIES[self.audio_config.model_type]

    def num_encoder_frames(self, num_frames: Any) -> Any:
        """Encoder frames of so many log-mel frames; ints or int tensors."""
        return self.family.num_frames(self.audio_config, num_frames)

    def num_audio_tokens(self, num_frames: Any) -> Any:
        """Positions of the language model that so many log-mel frames fill; ints or int tensors."""
        return -(-self.num_encoder_frames(num_frames) // self.stack_factor)


def _as_config(config: Any) -> Any:
    if not isinstance(config, dict):
        return config
    return CONFIG_MAPPING[config["model_type"]](**{key: value for key, value in config.items() if key != "model_type"})


@dataclass
class SpeechLMBaseOutput(BaseModelOutputWithPast):
    """Hidden states of the language model, and those of the encoder before projection, for losses on the encoder."""

    encoder_hidden_state: torch.Tensor | None = None


@dataclass
class SpeechLMOutput(CausalLMOutputWithPast):
    """Loss and logits, and the encoder's hidden states, for losses on the encoder."""

    encoder_hidden_state: torch.Tensor | None = None


class SpeechLMPreTrainedModel(PreTrainedModel):
    """What both models declare to transformers."""

    config_class = SpeechLMConfig
    base_model_prefix = "model"
    main_input_name = "input_ids"
    input_modalities = ("audio", "text")
    supports_gradient_checkpointing = True
    _skip_keys_device_placement = "past_key_values"
    _supports_sdpa = True
    _supports_flash_attn = True
    _supports_flex_attn = True
    _supports_attention_backend = True


class Projector(nn.Module):
    """Stack neighbouring encoder frames and bring them to the language model's width."""

    def __init__(self, config: SpeechLMConfig) -> None:
        super().__init__()
        self.stack_factor = config.stack_factor
        stacked, width = config.family.width(config.audio_config) * config.stack_factor, config.text_config.hidden_size
        self.norm = nn.LayerNorm(stacked)
        self.linear_1 = nn.Linear(stacked, width)
        self.act = nn.GELU()
        self.linear_2 = nn.Linear(width, width)

    def forward(self, hidden: torch.Tensor) -> torch.Tensor:
        """Encoder frames of shape (pieces of audio, frames, encoder width) to embeddings of the language model."""
        hidden = nn.functional.pad(hidden, (0, 0, 0, -hidden.shape[1] % self.stack_factor))
        hidden = hidden.reshape(hidden.shape[0], -1, hidden.shape[2] * self.stack_factor)
        return self.linear_2(self.act(self.linear_1(self.norm(hidden))))


class SpeechLMModel(SpeechLMPreTrainedModel):
    """Encoder, projector and language model without its head."""

    def __init__(self, config: SpeechLMConfig) -> None:
        super().__init__(config)
        self.audio_tower = config.family.build(config.audio_config)
        self.multi_modal_projector = Projector(config)
        self.language_model = AutoModel.from_config(config.text_config)
        self.post_init()

    def get_input_embeddings(self) -> nn.Module:
        """Those of the language model."""
        return self.language_model.get_input_embeddings()

    def set_input_embeddings(self, value: nn.Module) -> None:
        """Replace those of the language model."""
        self.language_model.set_input_embeddings(value)

    def encode(self, input_features: torch.Tensor, input_features_mask: torch.Tensor) -> tuple[torch.Tensor, torch.Tensor]:
        """Encoder frames, zero in the padding, and how many of them each piece of audio has."""
        hidden = self.config.family.run(self.audio_tower, input_features.to(self.audio_tower.dtype), input_features_mask)
        count = self.config.num_encoder_frames(input_features_mask.sum(-1))
        inside = torch.arange(hidden.shape[1], device=hidden.device)[None] < count[:, None]
        return hidden * inside[..., None].to(hidden.dtype), count

    def merge(self, input_ids: torch.Tensor, embeds: torch.Tensor, audio: torch.Tensor, count: torch.Tensor, repeats: int = 1) -> torch.Tensor:
        """Put audio embeddings, in order, where `input_ids` hold the audio token; shapes stay static, nothing leaves the device.

        Args:
            repeats: so many equal parts of the batch hold the same audio, each in the same order.
        """
        outside = torch.arange(audio.shape[1], device=audio.device)[None] >= count[:, None]
        order = torch.argsort(outside.flatten().to(torch.uint8), stable=True)
        slot = input_ids == self.config.audio_token_id
        nth = slot.view(repeats, -1).cumsum(1).sub(1).clamp(0, len(order) - 1).flatten()
        source = audio.flatten(0, 1)[order[nth]].view(*input_ids.shape, -1)
        return torch.where(slot[..., None], source.to(embeds.dtype), embeds)

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        input_features: torch.Tensor | None = None,
        input_features_mask: torch.Tensor | None = None,
        inputs_embeds: torch.Tensor | None = None,
        audio_repeats: int = 1,
        **kwargs: Any,
    ) -> SpeechLMBaseOutput:
        """Hidden states.

        Args:
            input_ids: int of shape (batch, tokens), the audio token repeated for every position the audio fills.
            input_features: frames of shape (pieces of audio, frames, width), in the order of the placeholders; of a waveform, (.., samples, 1).
            input_features_mask: int of shape (pieces of audio, frames).
            audio_repeats: into so many equal parts the batch falls that hold the same audio, which is encoded once: two for preferences.
        """
        hidden = None
        if inputs_embeds is None:
            inputs_embeds = self.get_input_embeddings()(input_ids)
        if input_features is not None and input_features_mask is not None and input_ids is not None:
            hidden, count = self.encode(input_features, input_features_mask)
            tokens = -(-count // self.config.stack_factor)
            inputs_embeds = self.merge(input_ids, inputs_embeds, self.multi_modal_projector(hidden), tokens, audio_repeats)
        out = self.language_model(inputs_embeds=inputs_embeds, **kwargs)
        return SpeechLMBaseOutput(
            last_hidden_state=out.last_hidden_state,
            past_key_values=out.past_key_values,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
            encoder_hidden_state=hidden,
        )


class SpeechLMForConditionalGeneration(SpeechLMPreTrainedModel, GenerationMixin):
    """The whole model: audio and text in, text out."""

    def __init__(self, config: SpeechLMConfig) -> None:
        super().__init__(config)
        self.model = SpeechLMModel(config)
        self.lm_head = nn.Linear(config.text_config.hidden_size, config.text_config.vocab_size, bias=False)
        embeddings = self.model.get_input_embeddings()
        name = next(name for name, module in self.model.language_model.named_modules() if module is embeddings)
        self._tied_weights_keys = {"lm_head.weight": f"model.language_model.{name}.weight"}
        self.post_init()

    def get_output_embeddings(self) -> nn.Module:
        """The head, which trainers use directly."""
        return self.lm_head

    def set_output_embeddings(self, value: nn.Module) -> None:
        """Replace the head."""
        self.lm_head = value

    def forward(
        self,
        input_ids: torch.Tensor | None = None,
        input_features: torch.Tensor | None = None,
        input_features_mask: torch.Tensor | None = None,
        position_ids: torch.Tensor | None = None,
        labels: torch.Tensor | None = None,
        logits_to_keep: int | torch.Tensor = 0,
        num_items_in_batch: torch.Tensor | int | None = None,
        **kwargs: Any,
    ) -> SpeechLMOutput:
        """Loss and logits; in training with labels only supervised positions go through the head, and no logits are returned."""
        # named, for `generate` counts positions from the end of the padding only for those who ask for them
        heard = {"input_features": input_features, "input_features_mask": input_features_mask}
        out = self.model(input_ids=input_ids, **heard, position_ids=position_ids, **kwargs)
        hidden, loss, logits = out.last_hidden_state, None, None
        if labels is not None:
            learnt = labels[:, 1:] != IGNORED
            predicted = self.scaled(self.lm_head(hidden[:, :-1][learnt])).float()
            count = num_items_in_batch if num_items_in_batch is not None else learnt.sum().clamp_min(1)
            loss = nn.functional.cross_entropy(predicted, labels[:, 1:][learnt], reduction="sum") / count
        if labels is None or not self.training:
            kept = slice(-logits_to_keep, None) if isinstance(logits_to_keep, int) else logits_to_keep
            logits = self.scaled(self.lm_head(hidden[:, kept]))
        return SpeechLMOutput(
            loss=loss,
            logits=logits,
            past_key_values=out.past_key_values,
            hidden_states=out.hidden_states,
            attentions=out.attentions,
            encoder_hidden_state=out.encoder_hidden_state,
        )

    def scaled(self, logits: torch.Tensor) -> torch.Tensor:
        """Logits as the language model's own class would give them: some families scale or cap them."""
        text = self.config.text_config
        if getattr(text, "logits_scaling", None):
            logits = logits / text.logits_scaling
        if getattr(text, "logit_scale", None):
            logits = logits * text.logit_scale
        cap = getattr(text, "final_logit_softcapping", None)
        return torch.tanh(logits / cap) * cap if cap else logits


AutoConfig.register(SpeechLMConfig.model_type, SpeechLMConfig, exist_ok=True)
AutoModel.register(SpeechLMConfig, SpeechLMModel, exist_ok=True)
AutoModelForCausalLM.register(SpeechLMConfig, SpeechLMForConditionalGeneration, exist_ok=True)
