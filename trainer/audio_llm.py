"""Published audio language models through their own classes: dialogues by their own chat templates, windows of 30 s in, text out."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

import torch
from transformers import AudioFlamingo3ForConditionalGeneration, AutoConfig, Qwen2AudioForConditionalGeneration

from .adapters import Adapter, continued, three_parts
from .batch import Audio, Collator, Example, FrameMaker
from .chat import by_template

if TYPE_CHECKING:
    from speccraft.scenario.contracts import Message

    from .checkpoint import Checkpoint

CLASSES: dict[str, Any] = {"qwen2_audio": Qwen2AudioForConditionalGeneration, "audioflamingo3": AudioFlamingo3ForConditionalGeneration}
"""Classes that we know, by the `model_type` of their configuration. Voxtral is not among them: its tokenizer needs mistral-common."""
MASK_NAMES = {"qwen2_audio": "feature_attention_mask", "audioflamingo3": "input_features_mask"}
"""What each class calls the mask of its frames."""


class AnyAudioLLM:
    """Loads a checkpoint by the class it names: which auto class of transformers has which of them changes with its version."""

    @staticmethod
    def from_pretrained(folder: Path, **options: Any) -> Any:
        """The model, or whatever else its class gives by these options."""
        config = options.get("config") or AutoConfig.from_pretrained(folder, local_files_only=True)
        return CLASSES[config.model_type].from_pretrained(folder, **options)


@dataclass(frozen=True)
class HalvedTwice:
    """Placeholders of encoders that halve Whisper's frames once more: 25 a second."""

    audio_token_id: int

    def num_audio_tokens(self, num_frames: Any) -> Any:
        """Positions of the language model that so many log-mel frames fill; ints or int tensors."""
        return ((num_frames - 1) // 2 + 1 - 2) // 2 + 1


class AudioLLMCollator(Collator):
    """Batches in the layout of the model's own chat template, which writes the placeholders of audio itself."""

    def example(self, messages: Sequence[Message], tokenizer: Any, audio: Sequence[Audio], *, open_answer: bool = False) -> Example:
        """A dialogue in the template's layout, and what is heard in it."""
        return Example(*by_template(messages, tokenizer, None, open_answer=open_answer), audio)


def _collator(checkpoint: Checkpoint, frames: FrameMaker) -> AudioLLMCollator:
    return AudioLLMCollator(frames, HalvedTwice(checkpoint.model.config.audio_token_id), checkpoint.tokenizer.pad_token_id)


def _inputs(model: Any, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
    """A batch under the names of the model's class, which takes (mels, frames)."""
    inputs = {name: tensor for name, tensor in batch.items() if not name.startswith("input_features")}
    if "input_features" in batch:
        inputs["input_features"] = batch["input_features"].transpose(1, 2)
        inputs[MASK_NAMES[model.config.model_type]] = batch["input_features_mask"]
    return inputs


def _loss(model: Any, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    loss: torch.Tensor = model(**_inputs(model, batch), use_cache=False).loss
    return loss


def _answers(model: Any, tokenizer: Any, batch: dict[str, torch.Tensor], max_new_tokens: int) -> list[str]:
    return continued(model, tokenizer, _inputs(model, batch), max_new_tokens)


AUDIO_LLM = Adapter(AnyAudioLLM, three_parts, _collator, _loss, _answers)
