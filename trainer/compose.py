"""Join a published audio encoder and a published causal language model into one speech language model, and open both safely."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from safetensors import SafetensorError
from transformers import AutoConfig, AutoModel, AutoModelForCausalLM, AutoModelForCTC
from transformers.modeling_utils import PreTrainedModel

from speccraft.errors import SpeccraftError, UnreadableInput

from .encoders import FAMILIES, steady
from .model import Projector, SpeechLMConfig, SpeechLMForConditionalGeneration

OFFLINE: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
"""What every `from_pretrained` of ours is told."""
NEVER_USED = ("masked_spec_embed",)
"""Weights that some published encoders lack, and that nothing of ours reads."""
MODEL_TYPES = (*FAMILIES, "parakeet_ctc")


def compose(
    audio_tower: PreTrainedModel, causal_lm: PreTrainedModel, audio_token_id: int, *, stack_factor: int = 4, init_std: float = 0.02
) -> SpeechLMForConditionalGeneration:
    """A speech language model around both; it takes their modules over as they are, and its projector alone is drawn at random.

    Args:
        audio_tower: an encoder of one of our `FAMILIES`.
        causal_lm: any model of `AutoModelForCausalLM` whose base model reads embeddings.
        audio_token_id: id of the placeholder in the language model's vocabulary.

    Raises:
        SpeccraftError: the encoder is of no family we know, or the language model's logits are not those of its base model and head.
    """
    if getattr(audio_tower.config, "add_adapter", False):
        raise SpeccraftError("the encoder shortens its output by an adapter of its own, which mixes padding into what is heard", try_this="one without")
    config = SpeechLMConfig(steady(audio_tower.config), causal_lm.config, audio_token_id=audio_token_id, stack_factor=stack_factor, initializer_range=init_std)
    # on no device: none of these weights are kept, and drawing a billion of them takes a minute
    with torch.device("meta"):
        model = SpeechLMForConditionalGeneration(config)
    head = causal_lm.get_output_embeddings()
    if type(model.model.language_model) is not type(causal_lm.base_model) or getattr(head, "bias", None) is not None:
        raise SpeccraftError(f"{type(causal_lm).__name__}: is not a base model under a plain head, so it cannot be given ears")
    model.model.audio_tower, model.model.language_model, model.lm_head = audio_tower, causal_lm.base_model, head
    projector = Projector(config)
    projector.apply(model._init_weights)
    model.model.multi_modal_projector = projector
    _check_words(causal_lm, model)
    return model


def _check_words(causal_lm: PreTrainedModel, ours: SpeechLMForConditionalGeneration) -> None:
    """On text alone the two say the same: some families scale or cap their logits, and one that we do not know must not be changed silently."""
    trained, ids = causal_lm.training, torch.arange(8)[None] + 1
    with torch.no_grad():
        theirs = causal_lm.eval()(input_ids=ids).logits
        mine = ours.eval()(input_ids=ids).logits
    ours.train(trained)
    if not torch.allclose(theirs, mine, rtol=1e-3, atol=1e-5):
        raise SpeccraftError(f"{type(causal_lm).__name__}: changes its logits in a way that we do not know, so it cannot be given ears")


def open_encoder(folder: Path) -> PreTrainedModel:
    """The encoder of a local checkpoint, alone or inside a Whisper or CTC model.

    Raises:
        UnreadableInput: it cannot be read, weights are missing, or its family is not one of ours.
    """
    kind = str(read_config(folder)["model_type"])
    if kind not in MODEL_TYPES:
        raise UnreadableInput(f"{folder}: '{kind}' is no encoder that we know", try_this=f"one of {', '.join(MODEL_TYPES)}")
    model = open_model(folder, AutoModelForCTC if kind == "parakeet_ctc" else AutoModel)
    encoder: PreTrainedModel = model.encoder if kind in ("whisper", "parakeet_ctc") else model
    if hasattr(encoder, "masked_spec_embed"):
        encoder.masked_spec_embed.requires_grad_(False)
    return encoder


def open_language_model(folder: Path) -> PreTrainedModel:
    """The causal language model of a local checkpoint.

    Raises:
        UnreadableInput: it cannot be read, or weights are missing.
    """
    return open_model(folder, AutoModelForCausalLM)


def open_model(folder: Path, auto: Any) -> PreTrainedModel:
    """A local checkpoint in float32: safetensors only, no code but that of transformers, nothing drawn at random.

    Raises:
        UnreadableInput: it cannot be read, or weights are missing.
    """
    read_config(folder)
    config = steady(reading(folder, AutoConfig))
    model, report = reading(folder, auto, config=config, use_safetensors=True, dtype=torch.float32, output_loading_info=True)
    missing = sorted(key for key in report["missing_keys"] if not key.endswith(NEVER_USED))
    if missing:
        raise UnreadableInput(f"{folder}: lacks {len(missing)} weights, such as {missing[0]}", try_this="a whole checkpoint of that class")
    return model


def reading(folder: Path, auto: Any, **options: Any) -> Any:
    """What an auto class of transformers makes of a local folder.

    Raises:
        UnreadableInput: it cannot be read offline without code of its own.
    """
    try:
        return auto.from_pretrained(folder, **OFFLINE, **options)
    except (OSError, ValueError, KeyError, RuntimeError, ImportError, SafetensorError) as error:
        told = str(error).strip().splitlines() or [type(error).__name__]
        raise UnreadableInput(f"{folder}: cannot be opened as {auto.__name__}: {told[0]}", try_this="a local folder with safetensors weights") from error


def read_config(folder: Path) -> dict[str, Any]:
    """The `config.json` of a checkpoint.

    Raises:
        UnreadableInput: there is none, or the folder holds an adapter, which would be fetched together with its base.
    """
    if (folder / "adapter_config.json").exists():
        raise UnreadableInput(f"{folder}: holds an adapter, not a whole model", try_this="fold it into its base first: merge_and_unload() of peft")
    try:
        config = json.loads((folder / "config.json").read_bytes())
    except (OSError, ValueError) as error:
        raise UnreadableInput(f"{folder}: has no config.json that can be read", try_this="a local folder of a transformers checkpoint") from error
    if not isinstance(config, dict) or not isinstance(config.get("model_type"), str):
        raise UnreadableInput(f"{folder}: its config.json names no model_type", try_this="a local folder of a transformers checkpoint")
    return config
