"""Which recipe trains: the one that the scenario names, or the one that suits the job; and why."""

from __future__ import annotations

from dataclasses import dataclass

from speccraft.scenario import Scenario

DEFAULT = "tiny-cpu"
SINGLE_GPU_HOURS = 200.0
"""What one GPU gives in about eight days; whoever has more to spend has several."""
PUBLISHED_RATE = 16000
"""Sampling rate, in Hz, that published encoders hear."""


@dataclass(frozen=True)
class RecipeChoice:
    """A recipe's name or path, and why it is the one."""

    name: str
    why: str


def recipe_for(scenario: Scenario) -> RecipeChoice:
    """The recipe of a scenario: its own, or what its job, its sampling rate and its budget of GPU hours suggest."""
    if scenario.training.recipe is not None:
        return RecipeChoice(scenario.training.recipe, "the scenario names it")
    gpu_hours, rate = scenario.budget.gpu_hours, scenario.environment.sampling_rate
    if not gpu_hours:
        return RecipeChoice(DEFAULT, "the scenario names none, and its budget has no GPU: from scratch on a CPU, for commands and short phrases")
    if rate != PUBLISHED_RATE:
        return RecipeChoice(DEFAULT, f"the scenario names none, and published models hear {PUBLISHED_RATE} Hz, not {rate}: from scratch, without the GPU")
    told = f"the scenario names none, and its budget has a GPU for {gpu_hours:g} hours"
    if scenario.job.task == "transcribe":
        return RecipeChoice("whisper-finetune", f"{told}: a published Whisper, tuned to transcribe")
    if gpu_hours > SINGLE_GPU_HOURS:
        return RecipeChoice("speech-lm-multi-gpu", f"{told}, more than one gives in a week: a published encoder and language model, joined to converse")
    return RecipeChoice("speech-lm", f"{told}: a published encoder and language model, joined to converse")
