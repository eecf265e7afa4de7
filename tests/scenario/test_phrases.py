"""Phrases that people write for many sentences at once."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.scenario.phrases import BadPhrase, has_words, how_many, nth, phrase_of, read_back, words_of

SLOTS = {"drink": ["latte", "iced coffee", "coffee"], "size": ["small", "eight ounce"]}
words = st.sampled_from(["a", "I", "please", "don't", "coffee", "twelve?"])
pieces = st.recursive(
    words | st.sampled_from(["{drink}", "{size}"]),
    lambda inner: (
        st.tuples(st.sampled_from(["()", "[]"]), st.lists(inner, min_size=1, max_size=3)).map(lambda one: one[0][0] + "|".join(one[1]) + one[0][1])
        | st.lists(inner, min_size=1, max_size=3).map(" ".join)
    ),
    max_leaves=8,
)


def every(text: str) -> list[str]:
    phrase = phrase_of(text)
    return [nth(phrase, SLOTS, number).text for number in range(how_many(phrase, SLOTS))]


def test_alternatives_optional_parts_and_slots_make_every_sentence_once() -> None:
    assert sorted(every("(get|sell) me [a {size}] latte")) == sorted(
        f"{verb} me {size}latte" for verb in ("get", "sell") for size in ("", "a small ", "a eight ounce ")
    )
    assert every("one|two|three") == ["one", "two", "three"]


def test_marks_stand_behind_the_word_before_them() -> None:
    assert every("a {size} {drink} , please ?")[0] == "a small latte, please?"


@pytest.mark.parametrize("text", ["", "()", "(a", "a)", "[a", "a]", "(a]", "{}", "{a b}", "{a", "a}", "(" * 9 + "a" + ")" * 9, "a " * 401])
def test_what_is_no_phrase_is_told(text: str) -> None:
    with pytest.raises(BadPhrase):
        phrase_of(text)


@given(text=pieces, number=st.integers(0, 10**6))
def test_every_sentence_that_a_phrase_makes_is_read_back_by_it(text: str, number: int) -> None:
    phrase = phrase_of(text)
    said = nth(phrase, SLOTS, number % how_many(phrase, SLOTS))
    values = read_back(phrase, SLOTS, said.text.upper())
    assert (values is not None) == bool(words_of(said.text))
    assert said == nth(phrase, SLOTS, number % how_many(phrase, SLOTS))


@given(text=pieces, other=st.lists(words | st.sampled_from(["latte", "small"]), max_size=6).map(" ".join))
def test_a_sentence_is_read_back_only_by_a_phrase_that_makes_it(text: str, other: str) -> None:
    if how_many(phrase_of(text), SLOTS) <= 500:
        makes = bool(words_of(other)) and any(words_of(one) == words_of(other) for one in every(text))
        assert (read_back(phrase_of(text), SLOTS, other) is not None) == makes


@given(st.text(alphabet="ab ()[]{}|", max_size=30))
def test_any_text_is_a_phrase_or_says_why_not(text: str) -> None:
    try:
        said = bool(phrase_of(text).items)
    except BadPhrase as error:
        said = bool(str(error))
    assert said


def test_reading_back_takes_no_longer_for_optional_parts_in_a_row() -> None:
    # With backtracking this would try 2 ** 60 ways.
    assert read_back(phrase_of("[a] " * 60 + "b"), {}, "a " * 60 + "c") is None


def test_words_of_a_text_stand_one_after_the_other_whatever_their_case() -> None:
    assert has_words("So: I CAN\u2019T, really.", "I can't")
    assert not has_words("I really can't", "I can't")
    assert not has_words("anything", "")
