"""Loading a scenario: the model, the exact text, its digest, and what there is to say."""

from __future__ import annotations

import hashlib
import subprocess
import sys
from pathlib import Path

import pytest
from scenario_world import FULL, SHORTEST

from speccraft.errors import InvalidScenario
from speccraft.scenario import Scenario, load_scenario
from speccraft.scenario.text import check, parse


def written(folder: Path, text: str) -> Path:
    path = folder / "scenario.yaml"
    path.write_text(text)
    return path


def test_a_loaded_scenario_knows_its_text_and_digest(tmp_path: Path) -> None:
    loaded = load_scenario(written(tmp_path, FULL))
    assert loaded.scenario.name == "metro"
    assert loaded.text == FULL
    assert loaded.digest == hashlib.sha256(FULL.encode()).hexdigest()
    assert {one.severity for one in loaded.advice} == {"note"}


def test_a_scenario_that_is_written_out_again_is_the_same() -> None:
    scenario = check(parse(FULL), Scenario)
    assert Scenario.model_validate_json(scenario.model_dump_json(by_alias=True)) == scenario


def test_a_scenario_that_contradicts_itself_is_invalid(tmp_path: Path) -> None:
    with pytest.raises(InvalidScenario) as refusal:
        load_scenario(written(tmp_path, SHORTEST + "environment: {noise: [platform]}\nmanual: {persona: p}\n"))
    assert [one.code for one in refusal.value.findings] == ["SC203", "SC202", "SC206"]
    assert refusal.value.exit_code == 1


def test_a_later_format_asks_for_a_later_speccraft(tmp_path: Path) -> None:
    with pytest.raises(InvalidScenario) as refusal:
        load_scenario(written(tmp_path, SHORTEST.replace("speccraft: 1", "speccraft: 2")))
    assert "later speccraft" in refusal.value.findings[0].help


def test_loading_imports_neither_torch_nor_lhotse(tmp_path: Path) -> None:
    heavy = {"torch", "lhotse", "polars", "numpy", "rich"}
    script = f"import sys; from speccraft.scenario import load_scenario; load_scenario(sys.argv[1]); print(sorted({heavy} & set(sys.modules)))"
    done = subprocess.run([sys.executable, "-c", script, written(tmp_path, FULL)], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"
