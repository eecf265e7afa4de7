"""Which recipe trains, and why."""

from __future__ import annotations

from typing import Any

import pytest
from plan_world import scenario_with

from speccraft.plan.recipe import DEFAULT, recipe_for
from speccraft.resources import recipe_file

CONVERSE = {"task": "converse", "languages": ["en"]}
TRANSCRIBE = {"task": "transcribe", "languages": ["en"]}


def wanted(job: dict[str, Any], gpu_hours: float | None, sampling_rate: int = 16000) -> Any:
    budget = {} if gpu_hours is None else {"gpu_hours": gpu_hours}
    return recipe_for(scenario_with(training={}, job=job, budget=budget, environment={"sampling_rate": sampling_rate}))


def test_a_recipe_that_is_named_is_taken() -> None:
    choice = recipe_for(scenario_with(training={"recipe": "mine.yaml"}))
    assert (choice.name, choice.why) == ("mine.yaml", "the scenario names it")


@pytest.mark.parametrize("gpu_hours", [None, 0.0])
def test_a_job_without_a_gpu_is_trained_from_scratch(gpu_hours: float | None) -> None:
    choice = wanted(TRANSCRIBE, gpu_hours)
    assert choice.name == DEFAULT
    assert "no GPU" in choice.why


@pytest.mark.parametrize(
    ("job", "gpu_hours", "name"), [(TRANSCRIBE, 8.0, "whisper-finetune"), (CONVERSE, 8.0, "speech-lm"), (CONVERSE, 500.0, "speech-lm-multi-gpu")]
)
def test_with_a_gpu_the_job_decides_and_the_reason_is_told(job: dict[str, Any], gpu_hours: float, name: str) -> None:
    choice = wanted(job, gpu_hours)
    assert choice.name == name
    assert recipe_file(choice.name).is_file()
    assert f"a GPU for {gpu_hours:g} hours" in choice.why


def test_published_models_are_not_chosen_for_a_rate_that_they_do_not_hear() -> None:
    choice = wanted(TRANSCRIBE, 8.0, sampling_rate=8000)
    assert choice.name == DEFAULT
    assert "16000 Hz, not 8000" in choice.why
