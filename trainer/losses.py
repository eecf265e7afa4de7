"""The loss of every step, and whose it was: one that is not a number stops the training and names its batch."""

from __future__ import annotations

import math
from typing import Any

import torch

from speccraft.errors import SpeccraftError

from .loader import EndlessLoader
from .ranks import Ranks


class BadLoss(SpeccraftError):
    """A loss is not a number; `batch` says which dialogues it came of, and when."""

    def __init__(self, stage: str, batch: dict[str, Any]) -> None:
        self.batch = {"stage": stage, **batch}
        ids = batch["dialogues"]
        super().__init__(
            f"{stage}: the loss is {batch['loss']} at step {batch['step']}",
            details=[f"batch of epoch {batch['epoch']}: {', '.join(ids[:5])}{f' and {len(ids) - 5} more' * (len(ids) > 5)}"],
            try_this="listen to these cuts, or take a lower learning_rate",
        )


class Losses:
    """Losses since the last row of metrics, with the batches they came of."""

    def __init__(self, loader: EndlessLoader) -> None:
        self._loader = loader
        self._seen: list[tuple[torch.Tensor, tuple[int, list[str]]]] = []

    def add(self, loss: torch.Tensor) -> None:
        """Note the loss of the batch that the loader gave out last."""
        self._seen.append((loss.detach(), self._loader.latest))

    @property
    def are_at_hand(self) -> bool:
        """Whether looking at a loss makes no GPU wait."""
        return all(loss.device.type == "cpu" for loss, _ in self._seen[-1:])

    def first_bad(self, step: int) -> dict[str, Any] | None:
        """The first batch since the last row whose loss is not a number: whatever comes after it is bad too."""
        for number, (loss, (epoch, ids)) in enumerate(self._seen, step - len(self._seen) + 1):
            if not bool(torch.isfinite(loss)):
                return {"step": number, "loss": str(float(loss)), "epoch": epoch, "dialogues": ids}
        return None

    def mean(self, ranks: Ranks) -> float:
        """The mean over steps and ranks, and begin anew."""
        seen, self._seen = [float(loss) for loss, _ in self._seen], []
        means = ranks.gathered(math.fsum(seen) / max(len(seen), 1))
        return math.fsum(means) / len(means)
