"""The schemas that are checked in say what the models say."""

from __future__ import annotations

import copy
import json
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st
from pydantic import ValidationError
from scenario_world import FULL

from speccraft.resources import data_folder
from speccraft.scenario.model import Scenario
from speccraft.scenario.schema import MODELS, schema_of, schemas, write
from speccraft.scenario.text import parse
from speccraft.store import canonical_json

BEYOND_SCHEMA = {"value_error", "int_type", "int_from_float"}
"""What a schema does not say: checks across fields, and that 3.0 is no whole number."""


@pytest.mark.parametrize("name", MODELS)
def test_the_schema_that_is_checked_in_is_the_schema_of_the_model(name: str) -> None:
    checked_in = data_folder("schemas") / f"{name}.schema.json"
    assert checked_in.read_bytes() == canonical_json(schema_of(name)), "run: python -m speccraft.scenario.schema"


def test_nothing_else_lies_among_the_schemas() -> None:
    assert {path.name for path in data_folder("schemas").glob("*.json")} == set(schemas())


def test_schemas_are_written_whole(tmp_path) -> None:
    assert sorted(path.name for path in write(tmp_path)) == sorted(schemas())
    assert json.loads((tmp_path / "scenario.schema.json").read_text())["$id"] == "urn:speccraft:scenario:1"


@pytest.mark.parametrize("name", MODELS)
def test_every_field_and_every_model_is_described(name: str) -> None:
    schema = schema_of(name)
    for model in [schema, *schema.get("$defs", {}).values()]:
        assert model["description"], model["title"]
        # A field that is described as its model is has only a reference to it.
        undescribed = [field for field, about in model.get("properties", {}).items() if not {"description", "$ref"} & about.keys()]
        assert undescribed == [], model["title"]


scalars = [None, True, 0, -1, 1, 3, 0.5, 1.5, 1e9, "", "en", "a b", "none", "table", "speech", "pretrain"]
junk = st.sampled_from([*scalars, [], [1], ["speech"], ["x", "x"], {}, {"kind": "stock"}, {"low": 1}])


def paths(value: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The way to every value inside."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in entries for path in ((*above, key), *paths(inner, (*above, key)))]


VALID = parse(FULL).data
PATHS = paths(VALID)


@st.composite
def changed(draw: st.DrawFn) -> Any:
    """A scenario with one value replaced, removed or added."""
    data = copy.deepcopy(VALID)
    *way, last = draw(st.sampled_from(PATHS))
    holder = data
    for part in way:
        holder = holder[part]
    change = draw(st.sampled_from(["replace", "remove", "add"]))
    if change == "replace":
        holder[last] = draw(junk)
    elif change == "remove":
        del holder[last]
    elif isinstance(holder, dict):
        holder[draw(st.sampled_from(["kind", "low", "extra", "path", "role", "takes"]))] = draw(junk)
    else:
        holder.append(draw(junk))
    return data


def complaints(data: Any) -> set[str]:
    """What kinds of mistake the model finds."""
    try:
        Scenario.model_validate_json(json.dumps(data))
    except ValidationError as error:
        return {one["type"] for one in error.errors()}
    return set()


@given(changed())
def test_model_and_schema_agree(data: Any) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    by_schema = jsonschema.Draft202012Validator(schema_of("scenario")).is_valid(data)
    by_model = complaints(data)
    assert by_model <= BEYOND_SCHEMA if by_schema else by_model
