"""Published architectures at toy size, with random weights: configurations, and whole local checkpoints as people have them on disk."""

from __future__ import annotations

import copy
import json
from pathlib import Path
from typing import Any

import torch
from tokenizers import AddedToken, Tokenizer, decoders, models, pre_tokenizers
from transformers import (
    AudioFlamingo3Config,
    AudioFlamingo3EncoderConfig,
    AudioFlamingo3ForConditionalGeneration,
    AutoModelForCausalLM,
    Cohere2Config,
    CohereConfig,
    Gemma2Config,
    Gemma3TextConfig,
    GPT2Config,
    GraniteConfig,
    HubertConfig,
    LlamaConfig,
    MistralConfig,
    ParakeetCTCConfig,
    ParakeetEncoderConfig,
    ParakeetFeatureExtractor,
    ParakeetForCTC,
    ParakeetTokenizer,
    Phi3Config,
    PreTrainedTokenizerFast,
    Qwen2AudioConfig,
    Qwen2AudioEncoderConfig,
    Qwen2AudioForConditionalGeneration,
    Qwen2Config,
    Qwen3Config,
    SeamlessM4TFeatureExtractor,
    SmolLM3Config,
    Wav2Vec2BertConfig,
    Wav2Vec2Config,
    Wav2Vec2CTCTokenizer,
    Wav2Vec2FeatureExtractor,
    Wav2Vec2ForCTC,
    WavLMConfig,
    WhisperConfig,
    WhisperFeatureExtractor,
    WhisperForConditionalGeneration,
)

from speccraft.trainer.encoders import FAMILIES

RATE = 16000
_SIZES = {"hidden_size": 16, "num_hidden_layers": 2, "num_attention_heads": 2, "intermediate_size": 16}
_CONV = {"conv_dim": (8, 8, 8), "conv_kernel": (10, 8, 4), "conv_stride": (8, 8, 5), "num_feat_extract_layers": 3}
_WAVE = {**_SIZES, **_CONV, "num_conv_pos_embeddings": 4, "num_conv_pos_embedding_groups": 2}
_STILL = {"hidden_dropout": 0.0, "attention_dropout": 0.0, "feat_proj_dropout": 0.0, "activation_dropout": 0.0}
_WHISPER = {"d_model": 16, "encoder_layers": 2, "encoder_attention_heads": 2, "encoder_ffn_dim": 16, "num_mel_bins": 8, "max_source_positions": 100}
_DECODER = {"decoder_layers": 1, "decoder_attention_heads": 2, "decoder_ffn_dim": 16, "vocab_size": 300, "max_target_positions": 64}

ENCODERS: dict[str, Any] = {
    "whisper": WhisperConfig(**_WHISPER, **_DECODER, pad_token_id=0, bos_token_id=0, eos_token_id=0, decoder_start_token_id=1),
    "parakeet": ParakeetEncoderConfig(
        **_SIZES, num_mel_bins=8, subsampling_conv_channels=4, subsampling_factor=4, dropout=0.0, attention_dropout=0.0, activation_dropout=0.0
    ),
    "wav2vec2": Wav2Vec2Config(**_WAVE, **_STILL, final_dropout=0.0),
    "wav2vec2-large": Wav2Vec2Config(**_WAVE, **_STILL, final_dropout=0.0, feat_extract_norm="layer", do_stable_layer_norm=True),
    "wavlm": WavLMConfig(**_WAVE, **_STILL, final_dropout=0.0),
    "hubert": HubertConfig(**_WAVE, **_STILL, final_dropout=0.0),
    "wav2vec2-bert": Wav2Vec2BertConfig(**_SIZES, **_STILL, feature_projection_input_dim=16, conformer_conv_dropout=0.0),
}
"""Some with layers that are left out, or masks that are drawn, in training: as they are published."""

_TEXT = {"vocab_size": 300, "hidden_size": 16, "intermediate_size": 32, "num_hidden_layers": 2, "num_attention_heads": 2, "num_key_value_heads": 2}
_TEXT |= {"pad_token_id": 0, "bos_token_id": 1, "eos_token_id": 2}
LANGUAGE_MODELS: dict[str, Any] = {
    "llama": LlamaConfig(**_TEXT),
    "qwen2": Qwen2Config(**_TEXT),
    "qwen3": Qwen3Config(**_TEXT, head_dim=8, tie_word_embeddings=True),
    "gemma2": Gemma2Config(**_TEXT, head_dim=8, final_logit_softcapping=0.05),
    "gemma3": Gemma3TextConfig(**_TEXT, head_dim=8, final_logit_softcapping=0.05),
    "phi3": Phi3Config(**_TEXT),
    "mistral": MistralConfig(**_TEXT),
    "gpt2": GPT2Config(
        vocab_size=300, n_embd=16, n_layer=2, n_head=2, n_positions=512, bos_token_id=1, eos_token_id=2, resid_pdrop=0.0, embd_pdrop=0.0, attn_pdrop=0.0
    ),
    "smollm3": SmolLM3Config(**_TEXT),
    "granite": GraniteConfig(**_TEXT, logits_scaling=7.0, embedding_multiplier=3.0, residual_multiplier=0.5),
    "cohere": CohereConfig(**_TEXT, logit_scale=0.3),
    "cohere2": Cohere2Config(**_TEXT, logit_scale=0.3, head_dim=8),
}
PAIRS = [*((encoder, "llama") for encoder in ENCODERS), *(("parakeet", text) for text in LANGUAGE_MODELS if text != "llama")]
"""Each encoder once with Llama, each language model once with Parakeet."""


def extractor(name: str) -> Any:
    """The feature extractor that an encoder is published with."""
    if name == "whisper":
        return WhisperFeatureExtractor(feature_size=8, chunk_length=2)
    if name == "parakeet":
        return ParakeetFeatureExtractor(feature_size=8)
    if name == "wav2vec2-bert":
        return SeamlessM4TFeatureExtractor(feature_size=8, num_mel_bins=8)
    return Wav2Vec2FeatureExtractor(do_normalize=True)


def encoder(name: str) -> Any:
    """An encoder with random weights."""
    config = copy.deepcopy(ENCODERS[name])
    return FAMILIES[config.model_type].build(config)


def language_model(name: str) -> Any:
    """A language model with random weights, large enough that its logits differ."""
    config = copy.deepcopy(LANGUAGE_MODELS[name])
    config.initializer_range = 0.2
    return AutoModelForCausalLM.from_config(config)


def byte_level(special: list[str], **roles: str) -> PreTrainedTokenizerFast:
    """A byte-level tokenizer as published ones are: special tokens first, then 256 bytes."""
    vocabulary = {token: id for id, token in enumerate((*special, *sorted(pre_tokenizers.ByteLevel.alphabet())))}
    made = Tokenizer(models.BPE(vocab=vocabulary, merges=[]))
    made.pre_tokenizer = pre_tokenizers.ByteLevel(add_prefix_space=False, use_regex=False)
    made.decoder = decoders.ByteLevel()
    made.add_special_tokens([AddedToken(token, special=True, normalized=False) for token in special])
    return PreTrainedTokenizerFast(tokenizer_object=made, **roles)


CHAT_ML = (
    "{% for message in messages %}{{ '<|im_start|>' + message['role'] + '\n' }}{% if message['content'] is string %}{{ message['content'] }}"
    "{% else %}{% for part in message['content'] %}{% if part['type'] == 'audio' %}<|AUDIO|>{% else %}{{ part['text'] }}{% endif %}{% endfor %}{% endif %}"
    "{{ '<|im_end|>' + '\n' }}{% endfor %}{% if add_generation_prompt %}{{ '<|im_start|>assistant\n' }}{% endif %}"
)


def chat_ml() -> PreTrainedTokenizerFast:
    """A tokenizer with Qwen's chat template."""
    made = byte_level(["<|endoftext|>", "<|im_start|>", "<|im_end|>", "<|AUDIO|>"], pad_token="<|endoftext|>", eos_token="<|im_end|>")
    made.chat_template = CHAT_ML
    return made


def save(folder: Path, *parts: Any) -> Path:
    """A local checkpoint of models, tokenizers and extractors."""
    folder.mkdir(parents=True, exist_ok=True)
    for part in parts:
        part.save_pretrained(folder)
    return folder


def rewrite_config(folder: Path, **changes: Any) -> None:
    """Change fields of a checkpoint's configuration."""
    file = folder / "config.json"
    file.write_text(json.dumps(json.loads(file.read_text()) | changes))


def seeded(make: Any, *arguments: Any) -> Any:
    """The same random weights every time."""
    torch.manual_seed(0)
    return make(*arguments)


def whisper_checkpoint(folder: Path) -> Path:
    """A whole Whisper: model, tokenizer, extractor."""
    marks = ["<|endoftext|>", "<|startoftranscript|>", "<|en|>", "<|transcribe|>", "<|notimestamps|>"]
    tokenizer = byte_level(marks, pad_token="<|endoftext|>", eos_token="<|endoftext|>", bos_token="<|endoftext|>")
    return save(folder, seeded(WhisperForConditionalGeneration, copy.deepcopy(ENCODERS["whisper"])), tokenizer, extractor("whisper"))


def parakeet_ctc_checkpoint(folder: Path) -> Path:
    """A whole Parakeet CTC, whose blank is its padding token."""
    letters = {token: id for id, token in enumerate(["<unk>", *"abdiuz!", "<pad>"])}
    made = Tokenizer(models.BPE(vocab=letters, merges=[], unk_token="<unk>"))
    made.decoder = decoders.Fuse()
    tokenizer = ParakeetTokenizer(tokenizer_object=made, pad_token="<pad>", unk_token="<unk>")
    config = ParakeetCTCConfig(vocab_size=len(letters), encoder_config=copy.deepcopy(ENCODERS["parakeet"]), pad_token_id=letters["<pad>"])
    return save(folder, seeded(ParakeetForCTC, config), tokenizer, extractor("parakeet"))


def wav2vec2_ctc_checkpoint(folder: Path) -> Path:
    """A whole Wav2Vec2ForCTC as it was published first: capital letters alone."""
    folder.mkdir(parents=True, exist_ok=True)
    letters = {token: id for id, token in enumerate(["<pad>", "<s>", "</s>", "<unk>", "|", *"ABDIUZ"])}
    (folder / "vocab.json").write_text(json.dumps(letters))
    config = copy.deepcopy(ENCODERS["wav2vec2"])
    config.vocab_size, config.pad_token_id = len(letters), 0
    return save(folder, seeded(Wav2Vec2ForCTC, config), Wav2Vec2CTCTokenizer(str(folder / "vocab.json")), extractor("wav2vec2"))


def speech_lm_checkpoints(folder: Path, ears: str, mouth: str) -> tuple[Path, Path]:
    """An encoder with its extractor, and a language model with a tokenizer that chats; in folders of their own."""
    tokenizer = chat_ml()
    text = seeded(language_model, mouth)
    text.generation_config.eos_token_id = tokenizer.eos_token_id
    if ears == "whisper":
        return whisper_checkpoint(folder / "encoder"), save(folder / "language_model", text, tokenizer)
    return save(folder / "encoder", seeded(encoder, ears), extractor(ears)), save(folder / "language_model", text, tokenizer)


def audio_llm_checkpoint(folder: Path, kind: str) -> Path:
    """A whole audio language model of a window of 2 s."""
    audio = {"d_model": 16, "encoder_layers": 1, "encoder_attention_heads": 2, "encoder_ffn_dim": 16, "num_mel_bins": 8, "max_source_positions": 100}
    wide = {"hidden_size": 16, "num_hidden_layers": 1, "num_attention_heads": 2, "intermediate_size": 16}
    tokenizer = chat_ml()
    token = tokenizer.convert_tokens_to_ids("<|AUDIO|>")
    text = Qwen2Config(**_TEXT, initializer_range=0.2)
    model: Any
    if kind == "qwen2_audio":
        heard = Qwen2AudioEncoderConfig(**audio)
        model = seeded(Qwen2AudioForConditionalGeneration, Qwen2AudioConfig(audio_config=heard, text_config=text, audio_token_index=token))
    else:
        sound = AudioFlamingo3EncoderConfig(**wide, num_mel_bins=8, max_source_positions=100)
        model = seeded(AudioFlamingo3ForConditionalGeneration, AudioFlamingo3Config(audio_config=sound, text_config=text, audio_token_id=token))
    return save(folder, model, tokenizer, extractor("whisper"))
