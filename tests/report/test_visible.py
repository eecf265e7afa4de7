from __future__ import annotations

import json
import re
import unicodedata

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.report.visible import SpeakerNames, all_visible, shortened, visible

anything = st.text(st.characters())
OVERRIDES = {"LRE", "RLE", "LRO", "RLO", "PDF", "LRI", "RLI", "FSI", "PDI"}


@pytest.mark.parametrize(
    ("given_text", "shown"),
    [
        ("\x1b[31mred\x1b[0m", "[31mred[0m"),
        ("user\u202etxt.exe", "usertxt.exe"),
        ("a\u2028b\r\nc", "a b c"),
        ("\ufeffbom\x00", "bom"),
        ("lone \ud800 surrogate", "lone  surrogate"),
        ("क्\u200dष", "क्\u200dष"),
        ("\u0645\u06cc\u200c\u0634\u0648\u062f", "\u0645\u06cc\u200c\u0634\u0648\u062f"),
    ],
)
def test_controls_go_and_the_joiners_of_real_scripts_stay(given_text: str, shown: str) -> None:
    assert visible(given_text) == shown


@given(anything)
def test_visible_text_holds_no_control_and_stays_as_it_is(text: str) -> None:
    shown = visible(text)
    assert not {unicodedata.category(character) for character in shown} & {"Cc", "Cs", "Zl", "Zp"}
    assert not {unicodedata.bidirectional(character) for character in shown} & OVERRIDES
    assert visible(shown) == shown
    shown.encode()


@given(anything, st.integers(1, 50))
def test_shortened_text_is_never_longer_than_asked(text: str, longest: int) -> None:
    assert len(shortened(text, longest)) <= longest


def test_keys_and_nested_values_are_made_visible() -> None:
    assert json.dumps(all_visible({"a\x1b": [{"b": "c\u202e"}, 1, None]})) == '{"a": [{"b": "c"}, 1, null]}'


def test_pseudonyms_do_not_depend_on_the_order_speakers_come_in() -> None:
    one, other = SpeakerNames(["anna", "ben", "carla"], pseudonyms=True), SpeakerNames(["carla", "anna", "ben", "anna"], pseudonyms=True)
    assert {name: one.of(name) for name in ("anna", "ben", "carla")} == {name: other.of(name) for name in ("anna", "ben", "carla")}
    assert all(re.fullmatch(r"spk-[0-9a-f]{8}", one.of(name)) for name in ("anna", "ben", "carla"))
    assert one.of("anna") != SpeakerNames(["anna"], pseudonyms=True, key=b"another key").of("anna")


def test_a_name_inside_a_sentence_is_replaced_as_a_whole_word_only() -> None:
    names = SpeakerNames(["anna", "anna-2"], pseudonyms=True)
    assert names.in_text("anna-2 withdrew; annabel did not") == f"{names.of('anna-2')} withdrew; annabel did not"


def test_names_stay_where_the_scenario_wants_no_pseudonyms() -> None:
    names = SpeakerNames(["anna"], pseudonyms=False)
    assert (names.of("anna"), names.of(None), names.in_text("anna")) == ("anna", "not stated", "anna")
