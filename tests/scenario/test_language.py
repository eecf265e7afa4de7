"""Language tags by BCP 47."""

from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.scenario.language import TAG_OF_NAME, near_tag, primary, well_formed


@pytest.mark.parametrize(
    "tag",
    ["en", "de-CH", "EN-gb", "es-419", "zh-Hant-TW", "zh-yue-HK", "sl-rozaj-biske", "de-CH-1996", "en-u-ca-gregory-x-mine", "x-mine", "i-klingon", "cmn"],
)
def test_the_examples_of_the_standard_are_well_formed(tag: str) -> None:
    assert well_formed(tag)


@pytest.mark.parametrize("tag", ["", "e", "english", "de_DE", "en-", "-en", "en--GB", "1", "en GB", "de-419-DE", "a-DE", "\uff45\uff4e", "en\n"])
def test_what_breaks_its_syntax_is_not(tag: str) -> None:
    assert not well_formed(tag)


@pytest.mark.parametrize(("text", "tag"), [("English", "en"), ("Deutsch", "de"), ("pt_BR", "pt-BR"), ("en_US.UTF-8", "en-US"), ("quenya", ""), ("", "")])
def test_what_was_meant_is_found_where_it_is_plain(text: str, tag: str) -> None:
    assert near_tag(text) == tag


def test_every_tag_that_is_suggested_for_a_name_is_one() -> None:
    assert all(well_formed(tag) and not well_formed(name) for name, tag in TAG_OF_NAME.items())


@given(st.text(st.sampled_from("aZ19-_x."), max_size=200))
def test_a_suggestion_is_always_well_formed(text: str) -> None:
    assert near_tag(text) == "" or well_formed(near_tag(text))


def test_a_region_does_not_change_the_language() -> None:
    assert primary("de-CH") == primary("DE") == "de"
