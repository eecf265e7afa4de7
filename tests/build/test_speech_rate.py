"""Syllables by spelling: words whose number everybody knows, and silence where nobody can know."""

from __future__ import annotations

import polars as pl
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.build.speech_rate import SPELLINGS, syllables

KNOWN = [
    ("en", "time table hoped wanted makes houses whole", [1, 2, 1, 2, 1, 2, 1]),
    ("de", "Bäume Eier Nation Straße Liebe", [2, 2, 2, 2, 2]),
    ("nl", "koeien mooi leeuw ijs", [2, 1, 1, 1]),
    ("sv", "station ångbåt", [3, 2]),
    ("fr", "table gares veulent chaîne Évreux", [1, 1, 1, 1, 2]),
    ("es", "día tierra construyo guitarra soy leía", [2, 2, 3, 3, 1, 3]),
    ("it", "stazione più buongiorno", [3, 1, 3]),
    ("pt", "estação não pão", [3, 1, 1]),
    ("pl", "dziękuję dworzec", [3, 2]),
    ("cs", "vlk nádraží autobus", [1, 3, 3]),
    ("fi", "juna työ asema Suomi", [2, 1, 3, 2]),
    ("tr", "\u0131ş\u0131k istasyon güneş", [2, 3, 2]),
    ("ru", "вокзал поезд", [2, 2]),
    ("uk", "київ їжак", [2, 2]),
]


def counted(text: str | None, language: str | None) -> int | None:
    table = pl.DataFrame({"text": [text], "language": [language]}, schema={"text": pl.String, "language": pl.String})
    found: int | None = table.select(n=syllables(table))["n"][0]
    return found


@pytest.mark.parametrize(("language", "words", "known"), KNOWN)
def test_words_have_the_syllables_that_everybody_says(language: str, words: str, known: list[int]) -> None:
    assert [counted(word, language) for word in words.split()] == known
    assert counted(words, language) == sum(known)


@pytest.mark.parametrize("language", ["en-GB", "EN", "en"])
def test_region_and_case_of_a_tag_and_of_words_change_nothing(language: str) -> None:
    assert counted("TIME Table", language) == 3


@pytest.mark.parametrize(("text", "language"), [("platform 9", "en"), ("Gleis ½", "de"), ("駅", "ja"), ("time", "enm"), ("time", None), (None, "en")])
def test_figures_unknown_languages_and_missing_words_count_as_nothing_known(text: str | None, language: str | None) -> None:
    assert counted(text, language) is None


def test_rows_of_several_languages_are_counted_each_in_its_own() -> None:
    table = pl.DataFrame({"text": ["time"] * 3, "language": ["en", "es", "ja"]})
    assert table.select(n=syllables(table))["n"].to_list() == [1, 2, None]


@given(text=st.text(), language=st.sampled_from(sorted(SPELLINGS)))
def test_no_text_has_fewer_syllables_than_none_or_more_than_letters(text: str, language: str) -> None:
    assert 0 <= (counted(text, language) or 0) <= len(text.lower())
