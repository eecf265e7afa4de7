"""Rows to be spoken: every text in every voice, takes that differ, and the same ones every time."""

from __future__ import annotations

from itertools import product

from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.ingest.synthesis import PITCH_SPREAD, RATE_SPREAD, read_synthesis
from speccraft.scenario.source import SynthesisSource, SynthesisVoice


def source(takes: int, words_per_minute: int = 165, pitch: int = 50, texts: tuple[str, ...] = ("hello", "good night")) -> SynthesisSource:
    names = {"ann": "en-us+f1", "ben": "en-us+m1"}
    voices = tuple(SynthesisVoice(id=id, voice=voice, words_per_minute=words_per_minute, pitch=pitch) for id, voice in names.items())
    return SynthesisSource(id="spoken", format="synthesis", voices=voices, texts=texts, takes=takes, licence="CC0-1.0")


def test_every_text_in_every_voice_and_take_is_a_row_of_its_own() -> None:
    rows = read_synthesis(source(3))
    assert [row.input for row in rows] == [f"{voice}/{text:03d}-{take}" for voice, text, take in product(("ann", "ben"), (1, 2), (1, 2, 3))]
    assert {(row.speaker, row.session, row.text) for row in rows} == {
        (voice, f"{voice}/{number:03d}", text) for voice in ("ann", "ben") for number, text in ((1, "hello"), (2, "good night"))
    }
    assert all(row.say and row.say.text == row.text and row.licence == "CC0-1.0" and row.path is None and not row.problem for row in rows)
    assert {row.say.voice for row in rows if row.say and row.speaker == "ann"} == {"en-us+f1"}


def test_the_first_take_is_what_was_declared() -> None:
    first = [row.say for row in read_synthesis(source(4, 150, 60)) if row.input.endswith("-1")]
    assert {(say.words_per_minute, say.pitch) for say in first if say} == {(150, 60)}


@given(takes=st.integers(1, 20), words_per_minute=st.integers(80, 400), pitch=st.integers(0, 99))
@settings(deadline=None)
def test_takes_differ_within_the_spread_and_what_espeak_can_do(takes: int, words_per_minute: int, pitch: int) -> None:
    by_session: dict[str | None, list[tuple[int, int]]] = {}
    for row in read_synthesis(source(takes, words_per_minute, pitch)):
        assert row.say is not None
        assert abs(row.say.words_per_minute - words_per_minute) <= RATE_SPREAD * words_per_minute + 0.5
        assert abs(row.say.pitch - pitch) <= PITCH_SPREAD
        assert 80 <= row.say.words_per_minute <= 450
        assert 0 <= row.say.pitch <= 99
        by_session.setdefault(row.session, []).append((row.say.words_per_minute, row.say.pitch))
    assert all(len(set(manners)) == takes for manners in by_session.values())


def test_rows_are_the_same_twice_and_more_takes_or_texts_change_no_earlier_ones() -> None:
    assert read_synthesis(source(5)) == read_synthesis(source(5))
    many = {row.input: row for row in read_synthesis(source(20, texts=("hello", "good night", "one more")))}
    assert all(many[row.input] == row for row in read_synthesis(source(5)))
