"""Checks before a long training: whole data, memory and time by running the longest batch; and a smoke of a few steps that is thrown away."""

from __future__ import annotations

import resource
import time
from collections.abc import Sequence
from dataclasses import dataclass, replace
from itertools import pairwise
from pathlib import Path
from typing import TYPE_CHECKING

from .interrupt import Interruptible
from .order import EXACTLY, Order
from .ranks import ALONE
from .recipe import Recipe
from .training import Listeners, Training, fit, loader_of

if TYPE_CHECKING:
    from .data import Cuts, Dialogues

TRIED_STEPS = 3
"""The longest batch, and two as they come."""
BYTES = 4
"""Of a weight, a gradient, and each of AdamW's two moments."""


@dataclass(frozen=True)
class Tried:
    """What one stage takes, by what was tried.

    Attributes:
        dialogues: to learn from.
        parameters: of the model, and `trained` of them.
        longest_batch_s: seconds of audio in the longest batch, padding and all.
        step_s: seconds of an ordinary step, and `longest_step_s` of the longest.
        state_bytes: weights, gradients and the optimizer's moments, by arithmetic.
        peak_bytes: the most memory there was in use, of a GPU or of this process.
        free_bytes: memory that is there, of a GPU or of this machine.
        steps: that the recipe wants.
    """

    stage: str
    dialogues: int
    parameters: int
    trained: int
    longest_batch_s: float
    step_s: float
    longest_step_s: float
    state_bytes: int
    peak_bytes: int
    free_bytes: int
    steps: int

    @property
    def hours(self) -> float:
        """How long the stage takes, without looks at the dev split."""
        return self.steps * self.step_s / 3600


def try_stage(order: Order, stage: str, work: Dialogues, cuts: Cuts) -> Tried:
    """Run the longest batch and two others through a model as it is before any training, and throw it away."""
    from .opening import begin
    from .speaking import voiced

    start = voiced(order, begin(order.recipe, order.sampling_rate, order.seed))
    times: list[float] = []
    trained: list[int] = []

    def step_done(*_: object) -> None:
        times.append(time.perf_counter())
        trained.append(sum(parameter.numel() for parameter in start.model.parameters() if parameter.requires_grad))

    listeners = Listeners(lambda *_: None, step_done, lambda _: None)
    recipe = getattr(order.recipe, stage)
    short = recipe.model_copy(update={"steps": TRIED_STEPS, "log_every": TRIED_STEPS})
    training = Training(replace(order, recipe=order.recipe.model_copy(update={stage: short})), ALONE, EXACTLY, listeners, Interruptible(print), cuts)
    longest = loader_of(training, stage, start, work).longest()
    every = sum(parameter.numel() for parameter in start.model.parameters())
    times.append(time.perf_counter())
    fit(training, stage, start, work, None, lambda *_: None, longest_first=True)
    peak, free = _memory()
    frames = longest["input_features_mask"].numel() if "input_features_mask" in longest else 0
    first, *others = (after - before for before, after in pairwise(times))
    return Tried(
        stage=stage,
        dialogues=len(work),
        parameters=every,
        trained=trained[0],
        longest_batch_s=frames * start.features.hop_ms / 1000,
        step_s=sum(others) / len(others),
        longest_step_s=first,
        state_bytes=BYTES * (every + 3 * trained[0]),
        peak_bytes=peak,
        free_bytes=free,
        steps=recipe.steps,
    )


def shortened(recipe: Recipe, stages: Sequence[str], steps: int) -> Recipe:
    """A recipe with so few steps that a look at the whole way costs next to nothing."""
    few = {"steps": steps, "warmup_steps": 0, "log_every": max(1, steps // 4), "evaluate_every": steps, "save_every": steps}
    return recipe.model_copy(update={stage: getattr(recipe, stage).model_copy(update=few) for stage in stages})


def _memory() -> tuple[int, int]:
    """The most in use so far and what there is, in bytes."""
    import torch

    if torch.cuda.is_available():
        return torch.cuda.max_memory_allocated(), torch.cuda.mem_get_info()[1]
    # ru_maxrss is in KiB on Linux
    peak = 1024 * resource.getrusage(resource.RUSAGE_SELF).ru_maxrss
    meminfo = dict(line.split(":") for line in Path("/proc/meminfo").read_text().splitlines()) if Path("/proc/meminfo").exists() else {}
    return peak, 1024 * int(meminfo.get("MemAvailable", "0 kB").split()[0])
