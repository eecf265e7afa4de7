from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.interview.render import comment, flow, render
from speccraft.scenario.text import parse

TEXTS = st.text(st.characters(exclude_categories=["Cs"]).filter(str.isprintable), max_size=30)
SCALARS = st.none() | st.booleans() | st.integers(-(10**6), 10**6) | TEXTS | st.floats(-1000, 1000).map(lambda number: round(number, 5))
KEYS = st.from_regex(r"[a-z][a-z_]{0,9}", fullmatch=True).filter(lambda key: key not in ("sources", "null", "true", "false"))


@pytest.mark.slow
@given(st.dictionaries(KEYS, SCALARS | st.lists(SCALARS) | st.dictionaries(KEYS, SCALARS, min_size=1), min_size=1))
def test_what_is_written_is_read_back_as_it_was(data: dict):
    text = render(data, above={}, beside={})

    assert parse(text).data == data


def test_words_that_yaml_would_take_for_something_else_are_quoted():
    assert (
        flow(["no", "null", "1", "1.5", "a: b", "# x", "", "- y", "plain words", "~"])
        == '["no", "null", "1", "1.5", "a: b", "# x", "", "- y", plain words, "~"]'
    )


def test_comments_and_notes_change_nothing_that_is_read():
    data = {"job": {"task": "transcribe", "longest": 3}, "sources": [{"id": "a", "columns": {"audio": "path"}}, {"id": "b"}]}
    above = {("job",): "Why.\n  deeper " + "word " * 40, ("sources", 0): "About the first.", ("sources", 1, "id"): "About the id."}
    beside = {("job", "longest"): "in s", ("sources", 0, "id"): "a name"}
    text = render(data, above=above, beside=beside)
    assert parse(text).data == data
    assert max(map(len, text.splitlines())) <= 120
    for said in ("# Why.", "#   deeper word", "# in s", "# About the first.", "# About the id.", "# a name"):
        assert said in text


def test_a_comment_keeps_its_line_breaks_and_its_indentation():
    assert comment("one\n\n  two", indent=2) == ["  # one", "  #", "  #   two"]
