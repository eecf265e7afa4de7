"""What a model wants at a place, in words and as YAML to paste."""

from __future__ import annotations

from typing import Annotated

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.scenario.base import Words, such_as
from speccraft.scenario.fields import flow, snippet
from speccraft.scenario.model import Scenario
from speccraft.scenario.text import parse

values = st.recursive(
    st.none() | st.booleans() | st.integers(-(10**9), 10**9) | st.floats(-1e6, 1e6) | st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"])),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text("ab -:1", max_size=4), inner, max_size=3),
    max_leaves=8,
)


@given(values)
def test_a_value_written_on_one_line_is_read_back_as_itself(value: object) -> None:
    written = flow(value)
    assert parse(f"a: {written}\n").data["a"] == value
    assert "\n" not in written


@pytest.mark.parametrize(
    ("value", "written"),
    [
        ("CC-BY-4.0", "CC-BY-4.0"),
        ("../data", '"../data"'),
        ("12:30", '"12:30"'),
        ("null", '"null"'),
        (True, "true"),
        ({"low": 0.5}, "{low: 0.5}"),
        ("en us", "en us"),
    ],
)
def test_text_is_quoted_only_where_it_needs_to_be(value: object, written: str) -> None:
    assert flow(value) == written


def test_what_to_paste_is_the_first_example_of_the_field() -> None:
    assert snippet(Scenario.model_fields["job"]) == "{task: transcribe, languages: [en]}"


def test_a_field_without_an_example_shows_its_shape() -> None:
    class Inner(Words):
        kind: str
        size: Annotated[int, such_as(3)]

    class Outer(Words):
        inner: Inner
        names: tuple[str, ...]

    assert snippet(Outer.model_fields["inner"]) == "{kind: TEXT, size: 3}"
    assert snippet(Outer.model_fields["names"]) == "[TEXT]"
