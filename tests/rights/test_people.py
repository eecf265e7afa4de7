"""Who is known, and whose names look alike."""

from __future__ import annotations

import pytest
from corpus import Corpus, plan_of
from hypothesis import given
from hypothesis import strategies as st

from speccraft.plan.remarks import remarks
from speccraft.rights.people import LOOKALIKES, known_speaker, skeleton


@pytest.mark.parametrize("name", [None, "", " ", "unknown", "Unknown", " UNKNOWN ", "n/a", "None", "null", "?", "-", "nan"])
def test_who_is_not_known_is_nobody(name: str | None) -> None:
    assert known_speaker(name) is None


@pytest.mark.parametrize("name", ["anna", " anna", "Una", "unknown soldier", "0", "\u6771\u4eac"])
def test_every_other_name_is_somebodys_as_it_is_written(name: str) -> None:
    assert known_speaker(name) == name


@pytest.mark.parametrize(
    "name", ["anna", "Anna", "ANNA", "anna ", "an-na", "\u0410nna", "\u0430nn\u0430", "\uff41nna", "\u00e1nna", "a\u200bnna", "anna\u0301"]
)
def test_names_that_look_alike_have_one_skeleton(name: str) -> None:
    """L09."""
    assert skeleton(name) == "anna"


@pytest.mark.parametrize("name", ["ann", "annna", "hanna", "anna2", "anha"])
def test_other_names_have_others(name: str) -> None:
    assert skeleton(name) != "anna"


@given(st.text(min_size=1))
def test_a_skeleton_is_there_and_is_its_own(name: str) -> None:
    assert skeleton(name) or not name.casefold()
    assert skeleton(skeleton(name)) == skeleton(name)


def test_a_lookalike_is_a_small_letter_of_another_alphabet_and_looks_like_a_latin_one() -> None:
    assert all(chr(one).islower() and not chr(one).isascii() for one in LOOKALIKES)
    assert all(isinstance(other, int) and chr(other).isascii() and chr(other).islower() for other in LOOKALIKES.values())


def test_the_plan_asks_about_speakers_that_are_written_alike(corpus: Corpus) -> None:
    corpus.edit_row("words/anna-ba.wav", speaker="Anna")
    (said,) = [one for one in remarks(plan_of(corpus)) if "written alike" in one]
    assert said == "the speakers `Anna`, `anna` are written alike: where they are one person, write one name"
