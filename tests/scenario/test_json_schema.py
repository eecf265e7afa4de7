"""JSON Schema for answers."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.scenario.json_schema import NotJson, faults_in, json_value, mismatch

values = st.recursive(
    st.none() | st.booleans() | st.integers(-3, 3) | st.sampled_from([0.5, 2.0]) | st.sampled_from(["", "a", "abc"]),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.sampled_from("abc"), inner, max_size=3),
    max_leaves=6,
)
plain = st.fixed_dictionaries(
    {},
    optional={
        "type": st.sampled_from(["object", "array", "string", "boolean", "null", "number", "integer", ["string", "null"]]),
        "enum": st.lists(values, min_size=1, max_size=3),
        "const": values,
        "minLength": st.integers(0, 3),
        "maxLength": st.integers(0, 3),
        "minItems": st.integers(0, 2),
        "maxItems": st.integers(0, 2),
        "minimum": st.integers(-2, 2),
        "maximum": st.integers(-2, 2),
        "required": st.lists(st.sampled_from("abc"), min_size=1, max_size=2, unique=True),
        "pattern": st.sampled_from(["a", "^b", "c$"]),
    },
)
schemas = st.recursive(
    plain,
    lambda inner: st.fixed_dictionaries(
        {},
        optional={
            "properties": st.dictionaries(st.sampled_from("abc"), inner, max_size=2),
            "additionalProperties": st.booleans() | inner,
            "items": inner,
        },
    ),
    max_leaves=4,
)


def nested_truths(value: Any) -> bool:
    """Whether truth values stand inside of something, where Python takes them for numbers."""
    inner = value if isinstance(value, list) else list(value.values()) if isinstance(value, dict) else []
    return any(isinstance(one, bool) or nested_truths(one) for one in inner)


@given(value=values, schema=schemas)
def test_a_value_fits_where_the_library_of_the_standard_says_so(value: Any, schema: dict[str, Any]) -> None:
    assert list(faults_in(schema)) == []
    if not nested_truths(value):
        assert (mismatch(value, schema) == "") == jsonschema.Draft202012Validator(schema).is_valid(value)


@pytest.mark.parametrize(
    "schema",
    [
        *({"anyOf": []}, {"type": "text"}, {"enum": "a"}),
        *({"type": [{}]}, {"properties": []}, {"items": 3}, {"required": [1]}, {"minLength": "2"}, {"pattern": "("}, 3),
    ],
)
def test_a_keyword_that_nobody_checks_is_a_fault(schema: Any) -> None:
    assert list(faults_in(schema))


@given(st.text())
def test_any_text_is_a_value_or_no_json(text: str) -> None:
    try:
        known = json_value(text) == json.loads(text)
    except NotJson as error:
        known = bool(str(error))
    assert known
