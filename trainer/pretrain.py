"""Stage 2: learn to listen, audio to text, with an auxiliary CTC loss that teaches the encoder first."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import Trainer, TrainingArguments

from .model import IGNORED, SpeechLMForConditionalGeneration
from .stage import OurLoader, Session


class Listener(nn.Module):
    """A speech language model with a CTC head on its encoder, for as long as pre-training lasts.

    The CTC targets are the supervised tokens of each row, without the one that ends the answer: in pre-training a row
    is one piece of audio and its transcript.
    """

    def __init__(self, model: SpeechLMForConditionalGeneration, ctc_weight: float, end_token_id: int, blank_token_id: int) -> None:
        super().__init__()
        self.model = model
        self.ctc_weight, self.end_token_id, self.blank_token_id = ctc_weight, end_token_id, blank_token_id
        self.ctc_head = nn.Linear(model.config.family.width(model.config.audio_config), model.config.text_config.vocab_size)

    def forward(
        self, input_ids: torch.Tensor, labels: torch.Tensor, input_features: torch.Tensor, input_features_mask: torch.Tensor, attention_mask: torch.Tensor
    ) -> dict[str, torch.Tensor]:
        """The weighted sum as `loss`, and `ctc_loss` alone."""
        out = self.model(
            input_ids=input_ids,
            input_features=input_features,
            input_features_mask=input_features_mask,
            attention_mask=attention_mask,
            labels=labels,
            use_cache=False,
        )
        if not self.ctc_weight:
            return {"loss": out.loss, "ctc_loss": out.loss.new_zeros(())}
        ctc = self.ctc_loss(out.encoder_hidden_state, input_features_mask, labels)
        return {"loss": out.loss + self.ctc_weight * ctc, "ctc_loss": ctc.detach()}

    def ctc_loss(self, hidden: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """CTC loss per target token; audio too short for its text counts nothing."""
        spoken = (labels != IGNORED) & (labels != self.end_token_id)
        log_probs = self.ctc_head(hidden).float().log_softmax(-1).transpose(0, 1)
        frames = self.model.config.num_encoder_frames(mask.sum(-1))
        return nn.functional.ctc_loss(log_probs, labels[spoken], frames, spoken.sum(-1), blank=self.blank_token_id, zero_infinity=True)


class PretrainTrainer(OurLoader, Trainer):
    """transformers' Trainer, which also logs the CTC part of the loss."""

    def __init__(self, session: Session, listener: Listener) -> None:
        super().__init__(model=listener, args=TrainingArguments(**session.arguments()))
        self.loader = session.loader
        self._ctc: list[torch.Tensor] = []

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        """The listener's own loss."""
        out = model(**inputs)
        self._ctc.append(out["ctc_loss"])
        return (out["loss"], out) if return_outputs else out["loss"]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the mean CTC loss since the last log."""
        if self._ctc:
            logs["ctc_loss"] = float(torch.stack(self._ctc).mean())
            self._ctc.clear()
        super().log(logs, start_time)


def pretrain(session: Session, ctc_weight: float) -> None:
    """Train the session's model in place."""
    tokenizer = session.checkpoint.tokenizer
    torch.manual_seed(session.seed)
    listener = Listener(session.checkpoint.model, ctc_weight, tokenizer.eos_token_id, tokenizer.pad_token_id)
    session.fit(PretrainTrainer(session, listener))
