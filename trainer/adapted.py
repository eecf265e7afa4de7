"""Train a published model through its own class: any stage, by the loss that its kind has."""

from __future__ import annotations

from typing import Any

import torch
from torch import nn
from transformers import Trainer, TrainingArguments

from .adapters import Adapter
from .stage import OurLoader, Session


class Adapted(nn.Module):
    """A model as trainers take it: a batch in, its loss out.

    Args:
        adapter: of the model's kind.
    """

    def __init__(self, model: nn.Module, adapter: Adapter) -> None:
        super().__init__()
        self.model, self.adapter = model, adapter

    def forward(self, **batch: torch.Tensor) -> dict[str, torch.Tensor]:
        """The loss of a batch, as `loss`."""
        return {"loss": self.adapter.loss(self.model, batch)}


class AdaptedTrainer(OurLoader, Trainer):
    """transformers' Trainer on our batches."""

    def compute_loss(self, model: nn.Module, inputs: dict[str, Any], return_outputs: bool = False, num_items_in_batch: Any = None) -> Any:
        """The adapter's own loss."""
        out = model(**inputs)
        return (out["loss"], out) if return_outputs else out["loss"]


def train_adapted(session: Session) -> None:
    """Train the session's model in place."""
    torch.manual_seed(session.seed)
    adapted = Adapted(session.checkpoint.model, session.checkpoint.adapter)
    session.share_heads(adapted, session.checkpoint.model)
    trainer = AdaptedTrainer(model=adapted, args=TrainingArguments(**session.arguments()))
    session.fit(trainer)
