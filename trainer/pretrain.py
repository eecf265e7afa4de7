"""Stage 2: learn to listen, audio to text, with an auxiliary CTC loss that teaches the encoder first; speech without words teaches the encoder alone."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import Trainer, TrainingArguments

from .masked import MaskedPrediction
from .model import IGNORED, SpeechLMForConditionalGeneration
from .recipe import Features, PretrainRecipe
from .stage import OurLoader, Session


class Listener(nn.Module):
    """A speech language model with a CTC head on its encoder, for as long as pre-training lasts.

    The CTC targets are the supervised tokens of each row, without the one that ends the answer: in pre-training a row
    is one piece of audio and its transcript. Parts of audio without a transcript are hidden, and the encoder is taught to guess them.

    Args:
        masked: what hides and scores; None where everything has a transcript.
        vocabulary: ids that transcripts are made of; all of them, if not given.
    """

    def __init__(
        self,
        model: SpeechLMForConditionalGeneration,
        ctc_weight: float,
        end_token_id: int,
        blank_token_id: int,
        masked: MaskedPrediction | None = None,
        masked_weight: float = 0.0,
        vocabulary: int | None = None,
    ) -> None:
        super().__init__()
        self.model, self.masked, self.masked_weight = model, masked, masked_weight
        self.ctc_weight, self.end_token_id, self.blank_token_id = ctc_weight, end_token_id, blank_token_id
        # only where it is used: for a published language model it would be as large as its own head
        width = model.config.family.width(model.config.audio_config)
        self.ctc_head = nn.Linear(width, vocabulary or model.config.text_config.vocab_size) if ctc_weight else nn.Identity()

    def forward(
        self,
        input_ids: torch.Tensor,
        labels: torch.Tensor,
        attention_mask: torch.Tensor,
        input_features: torch.Tensor | None = None,
        input_features_mask: torch.Tensor | None = None,
    ) -> dict[str, torch.Tensor]:
        """The weighted sum as `loss`, and its parts alone: `ctc_loss` where there are transcripts, `masked_loss` where there are none.

        Rows of text alone, which are to be read aloud, count for the language model only.
        """
        if input_features is None or input_features_mask is None:
            loss = self.model(input_ids=input_ids, attention_mask=attention_mask, labels=labels, use_cache=False).loss
            return {"loss": loss}
        wanted = labels[(input_ids == self.model.config.audio_token_id).any(-1)]
        written, heard = (wanted != IGNORED).any(-1), input_features
        masked = None if bool(written.all()) else self.masked
        if masked is not None:
            hidden_features, hidden = masked.hide(input_features[~written], input_features_mask[~written])
            heard = input_features.index_put((~written,), hidden_features)
        out = self.model(
            input_ids=input_ids,
            input_features=heard,
            input_features_mask=input_features_mask,
            attention_mask=attention_mask,
            labels=labels,
            use_cache=False,
        )
        encoded, loss, parts = out.encoder_hidden_state, out.loss, {}
        if self.ctc_weight and bool(written.any()):
            parts["ctc_loss"] = self.ctc_loss(encoded[written], input_features_mask[written], wanted[written])
            loss = loss + self.ctc_weight * parts["ctc_loss"]
        if masked is not None:
            parts["masked_loss"] = masked(encoded[~written], input_features[~written], hidden)
            loss = loss + self.masked_weight * parts["masked_loss"]
        return {"loss": loss, **{name: part.detach() for name, part in parts.items()}}

    def ctc_loss(self, hidden: torch.Tensor, mask: torch.Tensor, labels: torch.Tensor) -> torch.Tensor:
        """CTC loss per target token; audio too short for its text counts nothing."""
        spoken = (labels != IGNORED) & (labels != self.end_token_id)
        log_probs = self.ctc_head(hidden).float().log_softmax(-1).transpose(0, 1)
        frames = self.model.config.num_encoder_frames(mask.sum(-1))
        return nn.functional.ctc_loss(log_probs, labels[spoken], frames, spoken.sum(-1), blank=self.blank_token_id, zero_infinity=True)


class PretrainTrainer(OurLoader, Trainer):
    """transformers' Trainer, which also logs the parts of the loss."""

    def __init__(self, session: Session, listener: Listener) -> None:
        super().__init__(model=listener, args=TrainingArguments(**session.arguments()))
        self._parts: dict[str, list[torch.Tensor]] = {"ctc_loss": [], "masked_loss": []}

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        """The listener's own loss."""
        out = model(**inputs)
        for name in out.keys() & self._parts.keys():
            self._parts[name].append(out[name])
        return (out["loss"], out) if return_outputs else out["loss"]

    def log(self, logs: dict[str, float], start_time: float | None = None) -> None:
        """Add the mean of each part since the last log."""
        for name, losses in self._parts.items():
            if losses:
                logs[name] = float(torch.stack(losses).mean())
                losses.clear()
        super().log(logs, start_time)


def pretrain(session: Session, recipe: PretrainRecipe, *, untranscribed: bool) -> None:
    """Train the session's model in place.

    Args:
        untranscribed: whether there is speech without words.
    """
    tokenizer, model = session.checkpoint.tokenizer, session.checkpoint.model
    torch.manual_seed(session.seed)
    masked = None
    if untranscribed:
        # recipes with a base, which brings an extractor of its own, leave such speech out
        features = session.checkpoint.features
        assert isinstance(features, Features)
        masked = MaskedPrediction(model.config, features.n_mels, session.seed)
    speech = session.checkpoint.speech
    words = speech.marker if speech else None
    listener = Listener(model, recipe.ctc_weight, tokenizer.eos_token_id, tokenizer.pad_token_id, masked, recipe.masked_weight, words)
    session.share_heads(listener, model)
    session.fit(PretrainTrainer(session, listener))
