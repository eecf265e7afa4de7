"""YAML text to plain data: what is read, what is refused, and where each thing stands."""

from __future__ import annotations

import json

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from speccraft.errors import InvalidScenario
from speccraft.scenario.diagnostics import Diagnostic, Span
from speccraft.scenario.document import lines_of
from speccraft.scenario.text import parse

BOMB = "a: &a [x,x,x,x,x,x,x,x,x]\n" + "".join(f"{chr(98 + i)}: &{chr(98 + i)} [{','.join(['*' + chr(97 + i)] * 9)}]\n" for i in range(8))
CHAIN = "a0: &a0 [x]\n" + "".join(f"a{i}: &a{i} [*a{i - 1}]\n" for i in range(1, 3000))

REFUSED = [
    ("a list that is never closed", "a: [1, 2\nb: 3\n", "SC100", 2, 2),
    ("a quote that is never closed", "a: 1\nb: 'x\n", "SC100", 2, 4),
    ("a tab for indentation", "a:\n\tb: c\n", "SC100", 2, 1),
    ("two colons in a line", "a: b: c\n", "SC100", 1, 5),
    ("an indentation that goes nowhere", "a:\n    b: 1\n  c: 2\n", "SC100", 3, 3),
    ("an impossible code point", 'a: 1\nb: "\\UFFFFFFFF"\n', "SC100", 2, 2),
    ("a key that stands twice", "a: 1\nb: 2\na: 3\n", "SC105", 3, 1),
    ("keys that only look different", "\u00e9: 1\ne\u0301: 2\n", "SC105", 2, 1),
    ("a key that stands twice below", "a:\n  - {b: 1, b: 2}\n", "SC105", 2, 12),
    ("a Python tag", "a: !!python/object/apply:os.system [x]\n", "SC106", 1, 4),
    ("any tag", "a: !include secrets.yaml\n", "SC106", 1, 4),
    ("a tag on a key", "!!str a: 1\n", "SC106", 1, 1),
    ("a merge key", "a: &a {b: 1}\nc:\n  <<: *a\n", "SC106", 3, 3),
    ("an alias inside what it names", "a: &a [*a]\n", "SC106", 1, 8),
    ("an alias of nothing", "a: *b\n", "SC106", 1, 4),
    ("an alias bomb", BOMB, "SC106", None, None),
    ("a chain of aliases", CHAIN, "SC106", None, None),
    ("brackets in one line", "[" * 5000, "SC106", 1, 65),
    ("brackets in many lines", "[\n" * 300_000, "SC106", 65, 1),
    ("dashes in one line", "- " * 3000, "SC106", 1, 129),
    ("braces", "{a: " * 2000, "SC106", 1, 254),
    ("a line without end", "a: " + "x" * 1_000_000, "SC106", 1, 1),
    ("too many values", "a:\n" + "- 1\n" * 100_000, "SC106", None, None),
    ("another YAML", "%YAML 1.1\n---\na: yes\n", "SC106", 2, 1),
    ("a number as a key", "a: 1\n1: b\n", "SC103", 2, 1),
    ("a truth as a key", "true: b\n", "SC103", 1, 1),
    ("an empty key", ": b\n", "SC103", 1, 1),
    ("a list as a key", "[a, b]: c\n", "SC103", 1, 1),
    ("not a number", "a: .nan\n", "SC104", 1, 4),
    ("infinity", "a: -.inf\n", "SC104", 1, 4),
    ("a number beyond floats", "a: 1e999\n", "SC104", 1, 4),
    ("a number of 5,000 digits", "a: " + "1" * 5000 + "\n", "SC104", 1, 4),
    ("half a character", 'a: "\\ud800"\n', "SC104", 1, 4),
    ("a terminal escape", 'a: "\\e[2J"\n', "SC104", 1, 4),
    ("nothing", "", "SC107", 1, 1),
    ("comments only", "# a: 1\n\n  # b\n", "SC107", 1, 1),
    ("a document marker only", "---\n", "SC107", 2, 1),
    ("one word", "hello\n", "SC107", 1, 1),
    ("a list", "- a\n- b\n", "SC107", 1, 1),
    ("two documents", "a: 1\n---\nb: 2\n", "SC107", 2, 1),
    ("text after the end", "a: 1\n...\nb: 2\n", "SC107", 3, 1),
    ("a NUL", "a: 1\nb: \0\n", "SC107", 2, 4),
    ("a next-line character", "a: b\x85c: d\n", "SC107", 1, 5),
    ("a line separator", "a: b\u2028c: d\n", "SC107", 1, 5),
    ("text that runs backwards", "a: \u202eabc\n", "SC107", 1, 4),
]


def findings(text: str) -> tuple[Diagnostic, ...]:
    """What is wrong with a text, whether it stopped the reader or not."""
    try:
        return parse(text, "a.yaml").problems
    except InvalidScenario as error:
        return error.findings


@pytest.mark.parametrize(("text", "code", "line", "col"), [pytest.param(*case[1:], id=case[0]) for case in REFUSED])
def test_what_cannot_be_read_is_named_with_its_place(text: str, code: str, line: int | None, col: int | None) -> None:
    found = findings(text)[0]
    assert found.code == code
    if line is not None:
        assert (found.line, found.col) == (line, col)


@pytest.mark.parametrize(
    ("written", "value"),
    [
        ("yes", "yes"), ("NO", "NO"), ("on", "on"), ("12:30", "12:30"), ("2026-01-31", "2026-01-31"), ("1_000", "1_000"), ("0b1", "0b1"), ("=", "="),
        ("true", True), ("FALSE", False), ("~", None), ("null", None), ("", None), ("'~'", "~"),
        ("010", 10), ("0o10", 8), ("0x1F", 31), ("-3", -3), ("+3", 3), ("1e3", 1000.0), (".5", 0.5), ("-1.", -1.0), ('"5"', "5"),
        ("|\n  5\n", "5\n"), (">\n  a\n  b\n", "a b\n"), ("[1, a]", [1, "a"]), ("{x: }", {"x": None}),
    ],
)  # fmt: skip
def test_values_are_those_of_the_core_schema_of_yaml_1_2(written: str, value: object) -> None:
    read = parse(f"a: {written}").data["a"]
    assert read == value
    assert type(read) is type(value)


def test_a_key_that_stands_twice_shows_both_places() -> None:
    found = findings("a: 1\nb: 2\na: 3\n")[0]
    assert found.related == ((1, 1, "first written here"),)


def test_an_unclosed_list_shows_where_it_was_opened() -> None:
    assert findings("a:\n  - [1, 2\nb: 3\n")[0].related == ((2, 5, "opened here"),)


def test_problems_that_do_not_stop_the_reader_are_told_together() -> None:
    assert [found.code for found in findings("a: !x 1\nb: .inf\nb: 2\n3: 4\n")] == ["SC106", "SC104", "SC105", "SC103"]


def test_an_alias_stands_for_its_value() -> None:
    assert parse("a: &x {b: [1]}\nc: *x\n").data == {"a": {"b": [1]}, "c": {"b": [1]}}


def test_every_key_and_value_knows_its_place() -> None:
    document = parse("a:\n  - b: 1\n    longer: two words\n")
    assert document.keys["a", 0, "longer"] == Span(3, 5, 3, 11)
    assert document.values["a", 0, "longer"] == Span(3, 13, 3, 22)


def test_a_value_that_is_left_empty_is_shown_at_its_key() -> None:
    assert parse("a: 1\nb:\n\nc: 2\n").shown(("b",)) == Span(2, 1, 2, 2)


def test_a_path_that_is_not_there_is_shown_at_what_surrounds_it() -> None:
    assert parse("a: 1\nb:\n  c: 2\n  d: 3\n").shown(("b", "x", 3)) == Span(2, 1, 2, 2)


# fmt: off
pieces = st.sampled_from([
    "a", "b: ", ": ", "- ", "\n", "\n  ", "\n\t", "[", "]", "{", "}", ",", "'", '"', "&x ", "*x", "!t ", "<<: ", "|\n ", ">-\n ", "? ", "# c", "---\n", "...\n",
    "%YAML 1.2\n", "1", "1e9", ".nan", "~", "\\", "\\u12", '"\\x00"', "\r", "\r\n", "\u00a0", "\u00e9", "e\u0301", "\U0001f600", "\ufeff", "\0", "@", "`",
])
# fmt: on


@given(st.one_of(st.text(max_size=80), st.lists(pieces, max_size=40).map("".join)))
@example("? ? ? x")
@example("&a a: *a")
@example("a: \U0001f600\r\r\nb")
def test_any_text_is_read_or_refused_at_a_place_inside_it(text: str) -> None:
    lines = lines_of(text)
    for found in findings(text):
        places = [(found.line, found.col), (found.end_line, found.end_col), *((line, col) for line, col, _ in found.related)]
        assert all(1 <= line <= len(lines) and 1 <= col <= len(lines[line - 1]) + 1 for line, col in places)
        assert (found.line, found.col) <= (found.end_line, found.end_col)
        assert found.source_line == lines[found.line - 1]


texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc"]), max_size=8)
plain = st.recursive(st.none() | st.booleans() | st.integers(-(10**17), 10**17) | texts, lambda inner: st.lists(inner, max_size=3), max_leaves=8)


@given(plain)
def test_json_is_read_as_json(value: object) -> None:
    assert parse(json.dumps({"a": value})).data == {"a": value}
