"""A model with what it needs to hear and to write: made fresh from a recipe, saved and loaded as one committed folder."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from torch import nn
from transformers import AutoFeatureExtractor, AutoTokenizer, LlamaConfig, ParakeetEncoderConfig, WhisperConfig

from speccraft import store
from speccraft.errors import BadEnvironment

from .adapters import Adapter, Collate, adapter_of
from .batch import Example
from .features import Extracted, LogMel
from .model import SpeechLMConfig, SpeechLMForConditionalGeneration
from .recipe import Encoder, Features, LanguageModel, Recipe
from .recipe import Model as ModelSizes
from .speaking import Speech, open_speech, save_speech
from .tokenizer import AUDIO, byte_tokenizer

FEATURES_FILE = "features.json"


@dataclass(frozen=True)
class Checkpoint:
    """A model, its tokenizer, and the features it hears through: our settings, or the extractor it was published with.

    `kind` is that of a base, ours for models from scratch; `language` what Whisper's decoder is told; `speech` what a model speaks by that does.
    """

    model: Any
    tokenizer: Any
    features: Features | Extracted
    sampling_rate: int
    kind: str = "speech-lm"
    language: str | None = None
    speech: Speech | None = None

    @property
    def adapter(self) -> Adapter:
        """How a model of this kind is given dialogues, and answers."""
        return adapter_of(self.kind)

    def collator(self, widest_warp: float = 0.0) -> Collate:
        """What makes batches for this model."""
        if isinstance(self.features, Extracted):
            return self.adapter.collator(self, self.features)
        return self.adapter.collator(self, LogMel(self.sampling_rate, widest_warp=widest_warp, **self.features.model_dump()))

    def to_answer(self, collator: Collate, examples: Sequence[Example]) -> dict[str, torch.Tensor]:
        """Open examples as the model takes them, on its device."""
        batch = collator(examples, padding_side="left")
        del batch["labels"]
        return {name: tensor.to(self.model.device) for name, tensor in batch.items()}

    def parts(self) -> dict[str, list[nn.Module]]:
        """The modules of each part that the model has."""
        return self.adapter.parts(self.model)


def fresh(recipe: Recipe, sampling_rate: int, seed: int) -> Checkpoint:
    """A model of the recipe's sizes with random weights, the same for the same seed."""
    tokenizer = byte_tokenizer()
    sizes = recipe.model
    assert sizes.encoder is not None
    assert sizes.language_model is not None
    config = SpeechLMConfig(
        _encoder_config(sizes.encoder, sizes, recipe.features),
        _text_config(sizes.language_model, sizes, recipe.features, tokenizer),
        audio_token_id=tokenizer.convert_tokens_to_ids(AUDIO),
        stack_factor=sizes.stack_factor,
        initializer_range=sizes.init_std,
    )
    torch.manual_seed(seed)
    model = SpeechLMForConditionalGeneration(config)
    model.generation_config.eos_token_id = tokenizer.eos_token_id
    model.generation_config.pad_token_id = tokenizer.pad_token_id
    model.generation_config.suppress_tokens = [config.audio_token_id]
    return Checkpoint(model, tokenizer, recipe.features, sampling_rate)


def _longest_frames(sizes: ModelSizes, features: Features) -> int:
    return int(sizes.longest_audio_s * 1000 / features.hop_ms) + 1


def _encoder_config(encoder: Encoder, sizes: ModelSizes, features: Features) -> Any:
    if encoder.kind == "whisper":
        return WhisperConfig(
            d_model=encoder.width,
            encoder_layers=encoder.layers,
            encoder_attention_heads=encoder.heads,
            encoder_ffn_dim=4 * encoder.width,
            num_mel_bins=features.n_mels,
            max_source_positions=_longest_frames(sizes, features) // 2 + 1,
            dropout=encoder.dropout,
            init_std=sizes.init_std,
        )
    return ParakeetEncoderConfig(
        hidden_size=encoder.width,
        num_hidden_layers=encoder.layers,
        num_attention_heads=encoder.heads,
        intermediate_size=4 * encoder.width,
        num_mel_bins=features.n_mels,
        # the published factor of 8 leaves fewer frames than letters in short words
        subsampling_factor=4,
        subsampling_conv_channels=max(encoder.width // 2, 1),
        max_position_embeddings=_longest_frames(sizes, features),
        dropout=encoder.dropout,
        attention_dropout=encoder.dropout,
        activation_dropout=encoder.dropout,
        # a skipped layer has no gradient, which stops distributed training
        layerdrop=0.0,
        scale_input=False,
        initializer_range=sizes.init_std,
    )


def _text_config(language_model: LanguageModel, sizes: ModelSizes, features: Features, tokenizer: Any) -> LlamaConfig:
    return LlamaConfig(
        vocab_size=len(tokenizer),
        hidden_size=language_model.width,
        intermediate_size=3 * language_model.width,
        num_hidden_layers=language_model.layers,
        num_attention_heads=language_model.heads,
        num_key_value_heads=language_model.heads,
        max_position_embeddings=_longest_frames(sizes, features) + 2048,
        tie_word_embeddings=True,
        pad_token_id=tokenizer.pad_token_id,
        bos_token_id=None,
        eos_token_id=tokenizer.eos_token_id,
        initializer_range=sizes.init_std,
    )


def save(checkpoint: Checkpoint, folder: Path) -> None:
    """Write a checkpoint into a scratch folder, to be committed by the caller.

    Raises:
        BadEnvironment: the disk is full or may not be written.
    """
    try:
        checkpoint.model.save_pretrained(folder)
        checkpoint.tokenizer.save_pretrained(folder)
        if isinstance(checkpoint.features, Extracted):
            checkpoint.features.extractor.save_pretrained(folder)
    except (OSError, SafetensorError) as error:
        raise BadEnvironment(f"{folder}: cannot write the checkpoint: {error}", try_this="check free space and permissions of the workspace") from error
    if checkpoint.speech is not None:
        save_speech(checkpoint.speech, folder)
    store.write_bytes(folder / FEATURES_FILE, store.canonical_json(_settings(checkpoint)))


def _settings(checkpoint: Checkpoint) -> dict[str, Any]:
    if isinstance(checkpoint.features, Features):
        return {"sampling_rate": checkpoint.sampling_rate, "features": checkpoint.features.model_dump()}
    return {
        "sampling_rate": checkpoint.sampling_rate,
        "kind": checkpoint.kind,
        "language": checkpoint.language,
        "whole_window": checkpoint.features.whole_window,
    }


def load(artefact: store.Artefact) -> Checkpoint:
    """Read a committed checkpoint after checking its bytes.

    Raises:
        BrokenIntegrity: a file is not what the commit record says.
    """
    store.check_files(artefact)
    settings, folder = json.loads((artefact.path / FEATURES_FILE).read_text()), artefact.path
    tokenizer = AutoTokenizer.from_pretrained(folder, local_files_only=True)
    kind, language = settings.get("kind", "speech-lm"), settings.get("language")
    model = adapter_of(kind).auto.from_pretrained(folder, local_files_only=True, use_safetensors=True, dtype=torch.float32)
    if "features" in settings:
        return Checkpoint(model, tokenizer, Features.model_validate(settings["features"]), settings["sampling_rate"], speech=open_speech(folder))
    extractor = AutoFeatureExtractor.from_pretrained(folder, local_files_only=True)
    return Checkpoint(model, tokenizer, Extracted(extractor, settings["whole_window"]), settings["sampling_rate"], kind, language, open_speech(folder))
