"""What the trainers of all stages share: arguments, our loader in place of theirs, and progress."""

from __future__ import annotations

import math
import time
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any

import torch
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from speccraft.errors import SpeccraftError

from .checkpoint import Checkpoint
from .loader import EndlessLoader, Throughput
from .recipe import StageRecipe

OnProgress = Callable[[str, int, int, Mapping[str, float]], None]
"""Called with the stage, the step, all its steps, and what was measured since the last call."""


@dataclass(frozen=True)
class Session:
    """One stage about to train: what it trains, on what, how, and who hears of it."""

    stage: str
    checkpoint: Checkpoint
    loader: EndlessLoader
    recipe: StageRecipe
    seed: int
    folder: str
    on_progress: OnProgress

    def arguments(self) -> dict[str, Any]:
        """Arguments of transformers' `TrainingArguments`, and of TRL's, which extend them."""
        return {
            "output_dir": self.folder,
            "max_steps": self.recipe.steps,
            "learning_rate": self.recipe.learning_rate,
            "warmup_steps": self.recipe.warmup_steps,
            "lr_scheduler_type": "linear",
            "weight_decay": self.recipe.weight_decay,
            "adam_beta2": 0.98,
            "max_grad_norm": 1.0,
            "logging_steps": self.recipe.log_every,
            # a loss that is not a number must be seen, not smoothed away
            "logging_nan_inf_filter": False,
            "seed": self.seed,
            "use_cpu": not torch.cuda.is_available(),
            "bf16": False,
            "save_strategy": "no",
            "report_to": [],
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
            # our loader knows where it stands; the trainer must not skip batches on top of that
            "ignore_data_skip": True,
            "remove_unused_columns": False,
        }

    def fit(self, trainer: Trainer) -> None:
        """Train all steps, with our progress in place of printed logs."""
        trainer.remove_callback(PrinterCallback)
        trainer.add_callback(_Progress(self))
        trainer.train()


class OurLoader:
    """Mixed into a trainer: batches come from our loader as they are."""

    loader: EndlessLoader

    def get_train_dataloader(self) -> EndlessLoader:
        """Our loader, never handed to accelerate."""
        return self.loader


class _Progress(TrainerCallback):
    """Turn the trainer's logs into rows of what we measure."""

    def __init__(self, session: Session) -> None:
        self._session = session
        self._since = time.monotonic()
        self._hop_s = session.checkpoint.features.hop_ms / 1000

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        if state.global_step == state.max_steps:
            control.should_log = True

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        if not logs or "loss" not in logs:
            return
        if not math.isfinite(logs["loss"]):
            raise SpeccraftError(f"{self._session.stage}: the loss is {logs['loss']} at step {state.global_step}", try_this="a lower learning_rate")
        metrics = {name: logs[name] for name in ("loss", "ctc_loss", "masked_loss", "mean_token_accuracy", "learning_rate", "grad_norm") if name in logs}
        self._session.on_progress(self._session.stage, state.global_step, self._session.recipe.steps, metrics | self._throughput())

    def _throughput(self) -> dict[str, float]:
        loader, now = self._session.loader, time.monotonic()
        done, seconds = loader.throughput, max(now - self._since, 1e-9)
        loader.throughput, self._since = Throughput(), now
        return {
            "epoch": float(loader.epoch),
            "audio_s_per_s": done.useful_frames * self._hop_s / seconds,
            "padding_share": 1 - done.useful_frames / max(done.frames, 1),
        }
