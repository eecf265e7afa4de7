"""Which recipe trains, and why."""

from __future__ import annotations

from plan_world import scenario_with

from speccraft.plan.recipe import DEFAULT, recipe_for
from speccraft.resources import recipe_file


def test_a_recipe_that_is_named_is_taken() -> None:
    choice = recipe_for(scenario_with(training={"recipe": "mine.yaml"}))
    assert (choice.name, choice.why) == ("mine.yaml", "the scenario names it")


def test_a_job_without_one_gets_a_recipe_that_ships_with_the_reason() -> None:
    choice = recipe_for(scenario_with(training={}))
    assert choice.name == DEFAULT
    assert recipe_file(choice.name).is_file()
    assert "names none" in choice.why
    assert "GPU" not in choice.why


def test_a_budget_of_gpu_hours_that_no_recipe_uses_is_said() -> None:
    assert "no recipe uses the GPU" in recipe_for(scenario_with(training={}, budget={"gpu_hours": 8.0})).why
