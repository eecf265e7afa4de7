from __future__ import annotations

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from report_world import cut_row

from speccraft.report import transcripts as module
from speccraft.report.tables import MEASURES
from speccraft.report.transcripts import belongs, characters, transcripts


def of(*texts: str | None, languages: tuple[str, ...] = ("en",), **changes: Any) -> dict[str, Any]:
    return transcripts(pl.DataFrame([cut_row(number, text=text, **changes) for number, text in enumerate(texts)], schema=MEASURES), languages)


@settings(max_examples=25)
@given(st.lists(st.text(), max_size=20))
def test_every_character_is_counted_once_in_small_letters(texts: list[str]) -> None:
    whole = "".join(texts).lower()
    assert dict(characters(pl.Series(texts, dtype=pl.String))) == {one: whole.count(one) for one in set(whole)}


def test_counting_in_parts_gives_the_same(monkeypatch: pytest.MonkeyPatch) -> None:
    texts = pl.Series(["abba", "Zoo", "é", "o"])
    whole = characters(texts)
    monkeypatch.setattr(module, "ROWS_AT_ONCE", 2)
    assert characters(texts) == whole


def test_characters_that_no_language_of_the_job_writes_are_named_with_the_cuts_they_stand_in() -> None:
    found = of("seven", "straße 7", "nine")
    outside = {row["character"]: row for row in found["outside"]["shown"]}
    assert set(outside) == {"ß", "7"}
    assert outside["ß"]["name"] == "U+00DF latin small letter sharp s"
    assert [example["text"] for example in outside["ß"]["examples"]] == ["straße 7"]
    assert (found["outside"]["cuts"], found["outside"]["characters"]) == (1, 2)
    assert of("straße", languages=("en", "de-CH"))["outside"]["distinct"] == 0


@pytest.mark.parametrize(
    ("language", "text"), [("en", "don't stop, now!"), ("hi", "क्‍षमा कीजिए।"), ("ar", "مرحبا، بالعالم؟"), ("ru", "ёлка"), ("ja", "東京、カナ"), ("ko", "안녕")]
)
def test_words_of_a_language_are_inside_of_its_alphabet(language: str, text: str) -> None:
    assert [one for one in text if not belongs(one, {language})] == []
    assert not belongs("7", {language})


def test_a_language_whose_alphabet_we_do_not_know_calls_nothing_outside() -> None:
    found = of("ꮳꮃꭹ", languages=("chr",))
    assert not found["checked"]
    assert found["outside"]["distinct"] == 0


def test_longest_and_shortest_transcripts_are_told_once_each() -> None:
    found = of("a", "a", "bb", "ccc", None, "")
    assert [row["text"] for row in found["longest"]] == ["ccc", "bb", "a"]
    assert [row["text"] for row in found["shortest"]] == ["a", "bb", "ccc"]
    assert (found["cuts"], found["without"]) == (4, 2)


def test_every_cut_lies_in_one_cell_of_rate_against_length_and_far_ones_in_the_last() -> None:
    cuts = [cut_row(number, seconds=1.0 + number % 9, characters_per_s=8.0) for number in range(2000)] + [cut_row(2000, seconds=900.0, characters_per_s=500.0)]
    found = transcripts(pl.DataFrame(cuts, schema=MEASURES), ("en",))["density"]
    assert sum(map(sum, found["counts"])) == found["n"] == 2001
    assert (found["length_s"], found["rate"]) == (10.0, 8.0)
    assert found["counts"][-1][-1] >= 1


def test_no_transcript_is_no_density() -> None:
    assert of(None)["density"] == {"n": 0, "length_s": None, "rate": None, "counts": []}
    assert of("a", seconds=0.0)["density"]["n"] == 0
