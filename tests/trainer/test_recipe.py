from __future__ import annotations

from pathlib import Path

import pytest

from speccraft.errors import InvalidScenario, UnreadableInput, WrongUsage
from speccraft.resources import data_folder
from speccraft.scenario.text import read_model
from speccraft.trainer.recipe import Recipe, load_recipe

SHIPPED = sorted(path.stem for path in data_folder("recipes").glob("*.yaml"))


@pytest.mark.parametrize("name", SHIPPED)
def test_every_shipped_recipe_is_valid(name: str) -> None:
    assert isinstance(load_recipe(name), Recipe)


def test_tiny_cpu_is_shipped() -> None:
    assert "tiny-cpu" in SHIPPED


def test_an_override_changes_its_field_and_nothing_else() -> None:
    plain, changed = load_recipe("tiny-cpu"), load_recipe("tiny-cpu", ["pretrain.steps=7", "model.encoder.kind=parakeet"])
    assert (changed.pretrain.steps, changed.model.encoder.kind) == (7, "parakeet")
    back = changed.model_copy(
        update={
            "pretrain": changed.pretrain.model_copy(update={"steps": plain.pretrain.steps}),
            "model": changed.model.model_copy(update={"encoder": plain.model.encoder}),
        }
    )
    assert back == plain


def test_all_bad_overrides_are_reported_at_once_with_the_near_miss() -> None:
    with pytest.raises(InvalidScenario) as raised:
        load_recipe("tiny-cpu", ["pretrain.stepz=7", "align.learning_rate=fast"])
    findings = raised.value.findings
    assert {finding.path for finding in findings} == {"pretrain.stepz", "align.learning_rate"}
    assert [finding.line for finding in findings] == [1, 2]
    assert "steps" in findings[0].help + findings[0].message


@pytest.mark.parametrize("override", ["pretrain.steps", "pretrained.steps=3", "threads.steps=3"])
def test_an_override_without_value_or_section_is_an_error(override: str) -> None:
    with pytest.raises(WrongUsage, match="--set"):
        load_recipe("tiny-cpu", [override])


def test_an_unknown_recipe_names_the_shipped_ones() -> None:
    with pytest.raises(UnreadableInput) as raised:
        load_recipe("tiny-gpu")
    assert "tiny-cpu" in raised.value.try_this


def test_the_saved_recipe_reads_back_as_itself(tmp_path: Path) -> None:
    recipe = load_recipe("tiny-cpu", ["pretrain.learning_rate=1e-5"])
    path = tmp_path / "recipe.yaml"
    path.write_bytes(recipe.as_yaml())
    assert read_model(path, Recipe)[0] == recipe
    assert load_recipe(str(path)) == recipe


@pytest.mark.parametrize("override", ["speech_out.codec=published", "speech_out.checkpoint={path: /models/dac, licence: MIT}"])
def test_a_published_codec_and_its_checkpoint_go_together(override: str) -> None:
    with pytest.raises(InvalidScenario, match="speech_out"):
        load_recipe("tiny-cpu", [override])
    both = load_recipe("tiny-cpu", ["speech_out.codec=published", "speech_out.checkpoint={path: /models/dac, licence: MIT}"])
    assert both.speech_out.checkpoint is not None
