"""Which recipe trains: the one that the scenario names, or the one that suits the job; and why."""

from __future__ import annotations

from dataclasses import dataclass

from speccraft.scenario import Scenario

DEFAULT = "tiny-cpu"


@dataclass(frozen=True)
class RecipeChoice:
    """A recipe's name or path, and why it is the one."""

    name: str
    why: str


def recipe_for(scenario: Scenario) -> RecipeChoice:
    """The recipe of a scenario. One ships so far, so it is every job's."""
    if scenario.training.recipe is not None:
        return RecipeChoice(scenario.training.recipe, "the scenario names it")
    gpu = scenario.budget.gpu_hours
    why = "the scenario names none, and it is the one that ships: from scratch on a CPU, for commands and short phrases"
    return RecipeChoice(DEFAULT, f"{why}; no recipe uses the GPU of the budget yet" if gpu else why)
