"""What the trainers of all stages share: arguments, our loader in place of theirs, progress, looks at the dev split, and states to go on from."""

from __future__ import annotations

import time
import warnings
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any

import torch
from torch import nn
from transformers import PrinterCallback, Trainer, TrainerCallback, TrainerControl, TrainerState, TrainingArguments

from .checkpoint import Checkpoint
from .dev import Dev, better
from .interrupt import Interruptible, leave
from .loader import EndlessLoader, Throughput
from .losses import BadLoss, Losses
from .ranks import ALONE, Ranks
from .recipe import StageRecipe
from .saved import Saved, Shelf
from .state import Undisturbed, put_back, put_weights, read, taken, weights_of

OnProgress = Callable[[str, int, int, Mapping[str, float]], None]
"""Called with the stage, the step, all its steps, and what was measured since the last call."""
OnStep = Callable[[str, int, int], None]
"""Called after every step with the stage, the step and all its steps."""
BAD = 1000
"""Says between ranks that a loss is not a number; no signal has this number."""
LOGGED = ("ctc_loss", "masked_loss", "rehearsal_loss", "kl", "mean_token_accuracy", "rewards/accuracies", "rewards/margins", "learning_rate", "grad_norm")
"""What rows of metrics take over from the trainers' own logs, where these have it."""


@dataclass(frozen=True)
class Keeping:
    """What a stage keeps and looks at while it trains; nothing of it, when a stage is only tried out.

    Attributes:
        shelf: where states go, to go on from after an interruption.
        best: where the best weights go; `saved` states there are one.
        resumed: what to begin with instead of step 0.
        dev: what is looked at; None where the dev split has nothing to look at.
        interruptible: says whether somebody asked to stop.
        rows: of metrics, from the stage's first step on.
        outcome: what the stage ended with, once it has: the step of its weights, and what the dev split said of them.
    """

    shelf: Shelf
    best: Shelf
    resumed: Saved | None
    dev: Dev | None
    interruptible: Interruptible
    rows: list[dict[str, Any]]
    outcome: dict[str, float] = field(default_factory=dict)


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
    on_step: OnStep = lambda *_: None
    ranks: Ranks = ALONE
    keeping: Keeping | None = None

    def arguments(self) -> dict[str, Any]:
        """Arguments of transformers' `TrainingArguments`, and of TRL's, which extend them."""
        on_gpu = torch.cuda.is_available()
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
            "use_cpu": not on_gpu,
            "bf16": self.recipe.precision == "bf16",
            "save_strategy": "no",
            "report_to": [],
            "disable_tqdm": True,
            "dataloader_pin_memory": False,
            # our loader knows where it stands; the trainer must not skip batches on top of that
            "ignore_data_skip": True,
            "remove_unused_columns": False,
            # a batch of text alone leaves the encoder out, one without transcripts the head of the CTC loss
            "ddp_find_unused_parameters": self.ranks.world > 1,
            "ddp_backend": None if self.ranks.world == 1 else "nccl" if on_gpu else "gloo",
        }

    def share_heads(self, around: nn.Module, model: nn.Module) -> None:
        """Where processes share the model out among themselves, let them do so with what a stage puts around it."""
        from .sharded import share_heads

        share_heads(around, model, self.ranks)

    def fit(self, trainer: Trainer) -> None:
        """Train all steps that are left, with our progress in place of printed logs; the best weights are those it ends with, if the recipe keeps them.

        Raises:
            BadLoss: a loss is not a number.
            KeyboardInterrupt: Ctrl-C; the state was saved.
            SystemExit: another signal asked to stop; the state was saved.
        """
        trainer.remove_callback(PrinterCallback)
        trainer.loader, trainer.losses = self.loader, Losses(self.loader)
        progress = _Progress(self, trainer.losses)
        trainer.add_callback(progress)
        trainer.train()
        # TRL replaces `forward` on a model by one that holds on to it; what comes next must get the model's own
        self.checkpoint.model.__dict__.pop("forward", None)
        if self.keeping is not None and (best := progress.best) is not None:
            self.keeping.outcome.update(best)
            if best["step"] < self.recipe.steps:
                put_weights(read(self.keeping.best.at(int(best["step"])), weights_only=True), trainer.model)


class OurLoader:
    """Mixed into a trainer: batches come from our loader as they are, and the loss of each is looked at."""

    loader: EndlessLoader
    losses: Losses

    def get_train_dataloader(self) -> EndlessLoader:
        """Our loader, never handed to accelerate."""
        return self.loader

    def training_step(self, *args: Any, **kwargs: Any) -> torch.Tensor:
        """The trainer's own, and note the loss."""
        loss: torch.Tensor = super().training_step(*args, **kwargs)  # type: ignore[misc]
        self.losses.add(loss)
        return loss


class _Progress(TrainerCallback):
    """Turn the trainer's logs into rows of what we measure; look at the dev split, save, and leave when asked."""

    def __init__(self, session: Session, losses: Losses) -> None:
        self._session, self._losses = session, losses
        self._since = time.monotonic()
        self._hop_s = session.checkpoint.features.hop_ms / 1000
        self._asked = 0
        self._parts: dict[str, Any] = {}
        self.best: Mapping[str, float] | None = None

    def on_train_begin(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        self._parts = {"model": kwargs["model"], "optimizer": kwargs["optimizer"], "schedule": kwargs["lr_scheduler"]}
        keeping = self._session.keeping
        if keeping is None or (saved := keeping.resumed) is None:
            return
        if saved.state.optimizer:
            put_back(saved.state, **self._parts, ranks=self._session.ranks)
        else:
            put_weights(saved.state, kwargs["model"])
            with warnings.catch_warnings():
                # That the schedule goes on without the optimizer is meant here.
                warnings.simplefilter("ignore", UserWarning)
                for _ in range(saved.step):
                    kwargs["lr_scheduler"].step()
        state.global_step = saved.step
        self.best = keeping.best.best_of(saved.best)

    def on_step_end(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, **kwargs: Any) -> None:
        session, step = self._session, state.global_step
        bad = self._losses.first_bad(step) if self._losses.are_at_hand else None
        asked = session.keeping.interruptible.asked if session.keeping else 0
        # One number for both, so that a step costs one message between ranks.
        self._asked = int(session.ranks.highest(BAD if bad else asked))
        self._need_numbers(bad, self._asked == BAD)
        if step == state.max_steps or self._saves(step) or self._looks(step):
            control.should_log = True
        session.on_step(session.stage, step, session.recipe.steps)

    def on_log(self, args: TrainingArguments, state: TrainerState, control: TrainerControl, logs: dict[str, float] | None = None, **kwargs: Any) -> None:
        if not logs or "loss" not in logs:
            return
        session, step = self._session, state.global_step
        bad = self._losses.first_bad(step)
        self._need_numbers(bad, session.ranks.highest(bad is not None) > 0)
        row = {"loss": self._losses.mean(session.ranks)}
        row |= {name: logs[name] for name in LOGGED if name in logs} | self._throughput()
        if self._looks(step):
            row |= self._look(step)
        session.on_progress(session.stage, step, session.recipe.steps, row)
        if self._saves(step):
            self._save(step)
        if self._asked and step < session.recipe.steps:
            leave(self._asked)

    def _need_numbers(self, bad: dict[str, Any] | None, somewhere: bool) -> None:
        """All ranks stop over the batch of whichever had a bad loss."""
        if somewhere:
            raise BadLoss(self._session.stage, next(found for found in self._session.ranks.gathered(bad) if found))

    def _saves(self, step: int) -> bool:
        """Whether this step is saved. The last one is not: the stage is committed after it."""
        return self._session.keeping is not None and step < self._session.recipe.steps and (bool(self._asked) or step % self._session.recipe.save_every == 0)

    def _looks(self, step: int) -> bool:
        recipe, keeping = self._session.recipe, self._session.keeping
        return bool(keeping and keeping.dev) and (step == recipe.steps or step % recipe.evaluate_every == 0)

    def _save(self, step: int) -> None:
        keeping, ranks = self._session.keeping, self._session.ranks
        assert keeping is not None
        state = taken(**self._parts, ranks=ranks)
        if ranks.leads:
            keeping.shelf.save(state, step, self._session.loader.state_dict(), keeping.rows, self.best)

    def _look(self, step: int) -> dict[str, float]:
        """Every rank looks at the same dialogues: a model that is sharded answers with all of them, and each knows what is best without being told."""
        keeping, ranks = self._session.keeping, self._session.ranks
        assert keeping is not None
        assert keeping.dev is not None
        with Undisturbed():
            found = keeping.dev.look(self._session.checkpoint.model)
        if better(found, self.best) and self._session.recipe.keep == "best":
            self.best = {"step": step, **found}
            if step < self._session.recipe.steps:
                state = weights_of(self._parts["model"], ranks)
                kept = ranks.told(ranks.leads and keeping.best.save(state, step, self._session.loader.state_dict(), [], self.best))
                self.best = self.best if kept else None
        return found

    def _throughput(self) -> dict[str, float]:
        loader, now = self._session.loader, time.monotonic()
        done, seconds = loader.throughput, max(now - self._since, 1e-9)
        loader.throughput, self._since = Throughput(), now
        every = self._session.ranks.gathered((done.useful_frames, done.frames, done.cut_off))
        useful, frames, cut_off = (sum(counts) for counts in zip(*every, strict=True))
        found = {"epoch": float(loader.epoch), "audio_s_per_s": useful * self._hop_s / seconds, "padding_share": 1 - useful / max(frames, 1)}
        return found | ({"cut_off": float(cut_off)} if cut_off else {})
