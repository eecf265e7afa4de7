"""The schemas that are checked in say what the models say."""

from __future__ import annotations

import copy
import functools
import importlib
import json
import re
from collections.abc import Iterator
from typing import Any, get_args, get_origin

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import BaseModel, ValidationError
from pydantic.fields import FieldInfo
from pydantic_core import ErrorDetails
from scenario_world import FULL

from speccraft.resources import data_folder
from speccraft.scenario.fields import Wanted, fields_of
from speccraft.scenario.schema import MODELS, as_text, schema_of, schemas, write
from speccraft.scenario.text import parse

jsonschema = pytest.importorskip("jsonschema")


@pytest.mark.parametrize("name", MODELS)
def test_the_schema_that_is_checked_in_is_the_schema_of_the_model(name: str) -> None:
    checked_in = data_folder("schemas") / f"{name}.schema.json"
    assert checked_in.read_text() == as_text(schema_of(name)), "run: python -m speccraft.scenario.schema"


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


JUNK = [None, True, 0, -1, 1, 1.0, 3, 3.0, 0.5, 1.5, 1e9, "", "en", "a b", "a\n", "none", "table", "speech", "pretrain", "2026-02-30"]
junk = st.sampled_from([*JUNK, [], [1], ["speech"], ["x", "x"], {}, {"kind": "stock"}, {"low": 1}])
KEYS = st.sampled_from(["kind", "low", "extra", "path", "role", "takes"])


@functools.cache
def root_of(name: str) -> type[BaseModel]:
    module, _, model = MODELS[name].partition(":")
    return getattr(importlib.import_module(module), model)


@functools.cache
def documents(model: type[BaseModel]) -> st.SearchStrategy[dict[str, Any]]:
    """Documents of a model: each field as one of its examples, or built of the examples of its own fields; optional ones may be left out."""
    fields = {name: values_of(field) for name, field in fields_of(model).items()}
    needed = {name for name, field in fields_of(model).items() if field.is_required()}
    return st.fixed_dictionaries(
        {name: value for name, value in fields.items() if name in needed}, optional={name: value for name, value in fields.items() if name not in needed}
    )


def values_of(field: FieldInfo) -> st.SearchStrategy[Any]:
    """Values of a field: its examples, and documents of the models that it may hold, in a list where it wants one."""
    wanted, built = Wanted.of_field(field), st.nothing()
    in_list = get_origin(wanted.type) is tuple
    if in_list:
        wanted = Wanted.of(get_args(wanted.type)[0])
    for one in (wanted, *wanted.members):
        if one.model is not None:
            whole = documents(one.model)
            built |= st.lists(whole, min_size=2, max_size=3) if in_list else whole
    # Copied, for a change of one document must not change the example.
    return st.sampled_from(field.examples).map(copy.deepcopy) | built if field.examples else built


def paths(value: Any, above: tuple[str | int, ...] = ()) -> list[tuple[str | int, ...]]:
    """The way to every value inside."""
    entries = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    return [path for key, inner in entries for path in ((*above, key), *paths(inner, (*above, key)))]


@st.composite
def changed(draw: st.DrawFn, name: str) -> Any:
    """A document with one value replaced, removed or added, or left as it is."""
    whole = documents(root_of(name))
    data = draw(st.builds(lambda: parse(FULL).data) | whole if name == "scenario" else whole)
    *way, last = draw(st.sampled_from(paths(data)))
    holder = data
    for part in way:
        holder = holder[part]
    change = draw(st.sampled_from(["leave", "replace", "remove", "add"]))
    if change == "replace":
        holder[last] = draw(junk)
    elif change == "remove":
        del holder[last]
    elif change == "add" and isinstance(holder, dict):
        holder[draw(KEYS)] = draw(junk)
    elif change == "add":
        holder.append(draw(junk))
    return data


def complaints(model: type[BaseModel], data: Any) -> list[ErrorDetails]:
    """What the model finds wrong."""
    try:
        model.model_validate_json(json.dumps(data))
    except ValidationError as error:
        return error.errors()
    return []


def beyond_schema(complaint: ErrorDetails) -> bool:
    """Whether a mistake is one that JSON Schema cannot say: a check across fields, or that 3.0 is no whole number (to JSON Schema it is 3)."""
    number = complaint["input"]
    whole = isinstance(number, float) and number.is_integer() and complaint["type"] in {"int_type", "int_from_float", "literal_error"}
    # A list counts as too short when an item of it is at fault.
    echo = complaint["type"] == "too_short" and len(complaint["input"]) >= complaint["ctx"]["min_length"]
    return whole or echo or complaint["type"] == "value_error"


def ecma_pattern(_: Any, pattern: str, value: Any, __: Any) -> Iterator[Exception]:
    """Patterns as ECMA 262 has them, which JSON Schema asks for: `$` is the end of the text, while in Python it may stand before a last line break."""
    if isinstance(value, str) and re.search(re.sub(r"\$$", r"\\Z", pattern), value) is None:
        yield jsonschema.ValidationError(f"{value!r} does not match {pattern!r}")


@functools.cache
def validator_of(name: str) -> Any:
    return jsonschema.validators.extend(jsonschema.Draft202012Validator, {"pattern": ecma_pattern})(schema_of(name))


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
@settings(max_examples=200)
@given(data=st.data())
def test_model_and_schema_agree(name: str, data: st.DataObject) -> None:
    assert_agreement(name, data.draw(changed(name)))


def assert_agreement(name: str, document: Any) -> None:
    found = complaints(root_of(name), document)
    if validator_of(name).is_valid(document):
        # A place is one of two models: what the other one finds says nothing.
        ways = {way: [one for one in found if way in one["loc"]] for way in ("Place", "PlaceRanges")}
        meant = min(ways.values(), key=lambda own: sum(not beyond_schema(one) for one in own))
        alone = [one for one in found if not any(one in own for own in ways.values())]
        assert all(map(beyond_schema, [*alone, *meant])), found
    else:
        assert found, document


def complete(model: type[BaseModel]) -> dict[str, Any]:
    """A document that has every field; of models to choose from, a list holds each and a field the last."""
    return {name: complete_value(field) for name, field in fields_of(model).items()}


def complete_value(field: FieldInfo) -> Any:
    wanted = Wanted.of_field(field)
    in_list = get_origin(wanted.type) is tuple
    inner = Wanted.of(get_args(wanted.type)[0]) if in_list else wanted
    built = [complete(one.model) for one in (inner, *inner.members) if one.model is not None]
    return copy.deepcopy(field.examples[0]) if not built else built if in_list else built[-1]


@pytest.mark.slow
@pytest.mark.parametrize("name", MODELS)
def test_model_and_schema_agree_after_every_single_change_of_a_kind(name: str) -> None:
    whole = complete(root_of(name))
    assert_agreement(name, whole)
    for *way, last in paths(whole):
        holder = functools.reduce(lambda outer, part: outer[part], way, whole)
        kept = holder[last] if isinstance(holder, list) else list(holder.items())
        for value in (None, True, "x", {}):
            holder[last] = value
            assert_agreement(name, whole)
        del holder[last]
        assert_agreement(name, whole)
        if isinstance(holder, list):
            holder.insert(last, kept)
        else:
            holder.clear()
            holder.update(kept)


@pytest.mark.parametrize("name", MODELS)
@given(data=st.data())
def test_documents_made_of_examples_are_valid_but_for_checks_across_fields(name: str, data: st.DataObject) -> None:
    assert all(map(beyond_schema, complaints(root_of(name), data.draw(documents(root_of(name))))))


@pytest.mark.parametrize("name", MODELS)
def test_a_schema_is_a_schema(name: str) -> None:
    jsonschema.Draft202012Validator.check_schema(schema_of(name))


@pytest.mark.parametrize("name", MODELS)
def test_fields_are_titled_and_choices_described_for_editors(name: str) -> None:
    schema = schema_of(name)
    fields = [field for model in (schema, *schema.get("$defs", {}).values()) for field in model.get("properties", {}).items()]
    assert all(about["title"].split(" (")[0] == field and about["markdownDescription"] == about["description"] for field, about in fields)
    assert '"discriminator"' not in json.dumps(schema)


def test_a_wrong_choice_is_refused_as_such_alone() -> None:
    """An editor shows every mistake that a validator names: after a misspelt format those of all formats would drown it."""
    data = parse(FULL).data
    data["sources"][0]["format"] = "tabel"
    (error,) = jsonschema.Draft202012Validator(schema_of("scenario")).iter_errors(data)
    assert list(error.absolute_path) == ["sources", 0, "format"]
    assert "'synthesis'" in error.message
