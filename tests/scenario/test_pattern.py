"""Patterns of users: what they match, what is none, and that none can hang."""

from __future__ import annotations

import pytest
from hypothesis import assume, given
from hypothesis import strategies as st

from speccraft.scenario.pattern import BadPattern, cost, matcher


def test_a_pattern_is_searched_anywhere_in_the_text() -> None:
    asks = matcher(r"(?i)shall i (buy|order)")
    assert asks("Well. Shall I buy it?")
    assert not asks("I buy it.")


@pytest.mark.parametrize(
    ("pattern", "why"),
    [
        ("(a", "unclosed group, at its character 1"),
        ("ab(?<=a)", "look-around, including look-ahead and look-behind, is not supported, at its character 3"),
        (r"(a)\1", "backreferences are not supported, at its character 4"),
        ("a{9999}{9999}", "Compiled regex exceeds size limit of 10485760 bytes"),
        ("x\n(", "unclosed group"),
    ],
)
def test_what_is_no_pattern_says_why_and_where(pattern: str, why: str) -> None:
    with pytest.raises(BadPattern) as refusal:
        matcher(pattern)
    assert str(refusal.value) == why


@pytest.mark.parametrize("pattern", [r"(a+)+$", r"(a|aa)+$", r"(.*a){20}$", r"(\w*\s*)*!$"])
def test_a_pattern_that_makes_others_backtrack_for_ever_is_searched_at_once(pattern: str) -> None:
    # Python's `re` takes hours for some of these; a test that hangs fails.
    assert not matcher(pattern)("a" * 50_000 + "b")


@given(st.text(st.sampled_from("ab()[]{}*+?|\\^$.,19wdp-:<=!P\n"), max_size=30))
def test_any_text_is_a_pattern_or_says_why_not_in_one_line(text: str) -> None:
    assume(cost(text) < 1000)
    try:
        matcher(text)("aaaa")
        said = "a pattern"
    except BadPattern as error:
        said = str(error)
    assert said
    assert "\n" not in said


@pytest.mark.parametrize(("pattern", "classes"), [(r"\w", 1), (r"\w{100}", 100), (r"(\d{2}-){5}", 10), (r"\p{L}\PN", 2), ("shall I", 0), (r"\w{2,5}", 5)])
def test_the_cost_of_a_pattern_is_its_unicode_classes_written_out(pattern: str, classes: int) -> None:
    assert classes <= cost(pattern) <= classes + 0.5
