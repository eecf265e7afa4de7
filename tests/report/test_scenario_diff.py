"""What two scenarios say differently: each clause once, and nothing that says the same in other words."""

from __future__ import annotations

import json
from typing import Any

import pytest
from report_world import SCENARIO

from speccraft.report.scenario_diff import Change, scenario_changes
from speccraft.scenario.model import Scenario

SOURCES = SCENARIO["sources"]


def changes(**sections: Any) -> list[Change]:
    before, after = (Scenario.model_validate_json(json.dumps({**SCENARIO, **other})) for other in ({}, sections))
    return scenario_changes(before, after)


def test_a_scenario_says_the_same_as_itself_with_its_defaults_written_out() -> None:
    assert changes(seed=0, privacy={"pseudonyms": True}, sources=list(reversed(SOURCES))) == []


def test_a_number_that_changed_is_one_line_with_both_values() -> None:
    assert changes(quality={**SCENARIO["quality"], "snr_db": {"min": 12.5}}) == [Change("quality.snr_db.min", "changed", "5", "12.5")]


def test_a_rule_that_came_is_shown_as_somebody_wrote_it() -> None:
    assert changes(quality={**SCENARIO["quality"], "level_dbfs": {"min": -40.0}}) == [Change("quality.level_dbfs", "added", None, "{min: -40}")]


def test_a_section_that_went_is_shown_as_somebody_wrote_it() -> None:
    environment = {key: value for key, value in SCENARIO["environment"].items() if key != "rt60_s"}
    assert changes(environment=environment) == [Change("environment.rt60_s", "removed", "{low: 0.2, high: 1.2}", None)]


def test_sources_are_told_apart_by_their_ids_wherever_they_stand() -> None:
    more = {"id": "books", "format": "folder", "path": "books", "licence": "CC0-1.0"}
    changed = {**SOURCES[0], "licence": "CC0-1.0"}
    found = changes(sources=[more, *SOURCES[1:], changed])
    assert [(change.path, change.kind) for change in found] == [("sources[digits].licence", "changed"), ("sources[books]", "added")]
    assert found[1].after == "{id: books, licence: CC0-1.0, format: folder, path: books}"


def test_lists_without_ids_are_shown_whole() -> None:
    assert changes(rights={"use": ["train"]}) == [Change("rights.use", "changed", "[train, evaluate]", "[train]")]


@pytest.mark.parametrize(("value", "shown"), [(True, "true"), (False, "false")])
def test_words_of_yaml_are_written_as_yaml_writes_them(value: bool, shown: str) -> None:
    before, after = (Scenario.model_validate_json(json.dumps({**SCENARIO, "rights": {"commercial": one}})) for one in (not value, value))
    assert [change.after for change in scenario_changes(before, after)] == [shown]
