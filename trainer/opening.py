"""A checkpoint to begin training with: made fresh by the recipe's sizes, or opened from the published ones that the recipe names."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import torch
from torch import nn
from transformers import AutoFeatureExtractor, AutoTokenizer, GenerationConfig
from transformers.modeling_utils import PreTrainedModel

from speccraft.errors import SpeccraftError

from .adapters import adapter_of
from .audio_llm import CLASSES
from .base import AudioLLMBase, CtcBase, Fresh, SpeechLMBase, WhisperBase
from .chat import end_of_answer
from .checkpoint import Checkpoint, fresh
from .compose import compose, open_encoder, open_language_model, open_model, read_config, reading
from .encoders import FAMILIES
from .features import Extracted
from .recipe import Recipe
from .sources import locate
from .tokenizer import AUDIO, lay_out, with_audio
from .whisper import prompt_ids


def begin(recipe: Recipe, sampling_rate: int, seed: int) -> Checkpoint:
    """What training begins with, the same for the same seed.

    Args:
        sampling_rate: of the build, in Hz.

    Raises:
        UnreadableInput: a checkpoint that the recipe names is not there, not whole, or of a kind we do not know.
        SpeccraftError: it does not fit the recipe or the build.
    """
    base = recipe.model.base
    if isinstance(base, Fresh):
        return fresh(recipe, sampling_rate, seed)
    folders = locate(base)
    torch.manual_seed(seed)
    if isinstance(base, SpeechLMBase):
        opened = _speech_lm(recipe, base, folders["encoder"], folders["language_model"])
    elif isinstance(base, WhisperBase):
        opened = _whisper(base, folders["checkpoint"])
    elif isinstance(base, CtcBase):
        opened = _ctc(folders["checkpoint"])
    else:
        opened = _audio_llm(base, folders["checkpoint"])
    _check(opened, recipe, sampling_rate)
    return opened


def _check(opened: Checkpoint, recipe: Recipe, sampling_rate: int) -> None:
    if opened.sampling_rate != sampling_rate:
        raise SpeccraftError(
            f"the base hears {opened.sampling_rate} Hz, and the build is at {sampling_rate} Hz",
            try_this=f"environment.sampling_rate: {opened.sampling_rate} in the scenario, or a recipe from scratch",
        )
    longest_s = _longest_s(opened)
    if longest_s is not None and recipe.model.longest_audio_s > longest_s:
        raise SpeccraftError(
            f"the base hears {longest_s:g} s at most, and the recipe wants {recipe.model.longest_audio_s:g} s",
            try_this=f"--set model.longest_audio_s={longest_s:g}",
        )


def _longest_s(opened: Checkpoint) -> float | None:
    """Seconds that the model can hear; None where nothing limits it."""
    features = opened.features
    assert isinstance(features, Extracted)
    if features.whole_window:
        return float(features.extractor.n_samples / features.sampling_rate)
    encoder = opened.parts()["encoder"][0]
    frames = FAMILIES[encoder.config.model_type].longest(encoder.config)
    return None if frames is None else frames * features.hop_ms / 1000


def _speech_lm(recipe: Recipe, base: SpeechLMBase, encoder: Path, language_model: Path) -> Checkpoint:
    extractor = reading(encoder, AutoFeatureExtractor)
    causal_lm = open_language_model(language_model)
    tokenizer = with_audio(reading(language_model, AutoTokenizer), base.chat)
    _make_room(causal_lm, len(tokenizer))
    audio_id = tokenizer.convert_tokens_to_ids(AUDIO)
    model = compose(open_encoder(encoder), causal_lm, audio_id, stack_factor=recipe.model.stack_factor, init_std=recipe.model.init_std)
    ends = sorted({end_of_answer(tokenizer, lay_out), tokenizer.eos_token_id})
    model.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=tokenizer.pad_token_id, suppress_tokens=[audio_id])
    return Checkpoint(model, tokenizer, Extracted(extractor), extractor.sampling_rate)


def _make_room(causal_lm: PreTrainedModel, num_tokens: int) -> None:
    """Rows for new tokens, drawn like the old ones: rows that are all alike could not be told apart where the language model is frozen."""
    before = causal_lm.get_input_embeddings().weight.shape[0]
    if num_tokens <= before:
        return
    causal_lm.resize_token_embeddings(num_tokens, mean_resizing=False)
    tables = {id(table.weight): table.weight for table in (causal_lm.get_input_embeddings(), causal_lm.get_output_embeddings())}
    with torch.no_grad():
        for weight in tables.values():
            old = weight[:before]
            weight[before:] = old.mean(0) + old.std(0) * torch.randn_like(weight[before:])


def _whisper(base: WhisperBase, folder: Path) -> Checkpoint:
    _need_type(folder, ("whisper",))
    model, tokenizer, extractor = open_model(folder, adapter_of("whisper").auto), reading(folder, AutoTokenizer), reading(folder, AutoFeatureExtractor)
    prompt_ids(tokenizer, base.language)
    model.generation_config.forced_decoder_ids = None
    return Checkpoint(model, tokenizer, Extracted(extractor, whole_window=True), extractor.sampling_rate, kind="whisper", language=base.language)


def _ctc(folder: Path) -> Checkpoint:
    _need_type(folder, ("parakeet_ctc", *(name for name in FAMILIES if name.startswith(("wav", "hubert")))))
    model, tokenizer, extractor = open_model(folder, adapter_of("ctc").auto), reading(folder, AutoTokenizer), reading(folder, AutoFeatureExtractor)
    _freeze_unused(model)
    return Checkpoint(model, tokenizer, Extracted(extractor), extractor.sampling_rate, kind="ctc")


def _freeze_unused(model: nn.Module) -> None:
    """What stands in for masked frames is never used, and would have no gradient."""
    for name, weight in model.named_parameters():
        if name.endswith("masked_spec_embed"):
            weight.requires_grad_(False)


def _audio_llm(base: AudioLLMBase, folder: Path) -> Checkpoint:
    _need_type(folder, tuple(CLASSES))
    model, tokenizer, extractor = open_model(folder, adapter_of("audio-llm").auto), reading(folder, AutoTokenizer), reading(folder, AutoFeatureExtractor)
    tokenizer.chat_template = tokenizer.chat_template or _legacy_template(folder)
    if tokenizer.pad_token is None:
        tokenizer.pad_token = tokenizer.eos_token
    checkpoint = Checkpoint(model, tokenizer, Extracted(extractor, whole_window=True), extractor.sampling_rate, kind="audio-llm")
    ends = sorted({end_of_answer(tokenizer, _lay_out_as(checkpoint)), tokenizer.eos_token_id})
    audio_id = model.config.audio_token_id
    model.generation_config = GenerationConfig(eos_token_id=ends, pad_token_id=tokenizer.pad_token_id, suppress_tokens=[audio_id])
    return checkpoint


def _lay_out_as(checkpoint: Checkpoint) -> Any:
    collator = checkpoint.collator()

    def lay_out(messages: Any, tokenizer: Any) -> tuple[list[int], list[bool]]:
        example = collator.example(messages, tokenizer, [])
        return list(example.ids), list(example.learnt)

    return lay_out


def _legacy_template(folder: Path) -> str:
    """The chat template where processors kept it before there were template files."""
    file = folder / "chat_template.json"
    if not file.is_file():
        raise SpeccraftError(f"{folder}: has no chat template", try_this="an instruct checkpoint, with chat_template.jinja")
    return str(json.loads(file.read_bytes())["chat_template"])


def _need_type(folder: Path, known: tuple[str, ...]) -> None:
    kind = read_config(folder)["model_type"]
    if kind not in known:
        raise SpeccraftError(f"{folder}: is a '{kind}', and this kind of base takes {', '.join(known)}", try_this="another model.base.kind")
