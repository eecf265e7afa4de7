"""Lengths of a plan: a table's word before a header's, a header's before an average; and rows are otherwise as they were."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from corpus import RATE, Corpus
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.ingest import lengths
from speccraft.ingest.lengths import with_lengths
from speccraft.ingest.rows import Row, Utterance
from speccraft.sound.decode import decode
from speccraft.sound.espeak import speak


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Files `0.wav` to `9.wav` of 1 to 10 tenths of a second."""
    import numpy as np

    for number in range(10):
        Corpus(tmp_path).add_file(f"{number}.wav", np.zeros(RATE * (number + 1) // 10))
    (tmp_path / "broken").write_text("no audio")
    return tmp_path


def rows_of(folder: Path, *names: str) -> list[Row]:
    return [Row(input=name, path=folder / name) for name in names]


def seconds_of(rows: tuple[Row, ...]) -> list[tuple[float | None, str | None]]:
    return [(None if row.seconds is None else round(row.seconds, 6), row.length_from) for row in rows]


def test_a_table_is_believed_and_its_files_are_not_opened(folder: Path) -> None:
    stated, silent = rows_of(folder, "0.wav", "1.wav")
    opened: list[tuple[str, int, int]] = []
    filled = with_lengths({"s": [replace(stated, seconds=7.5, length_from="table"), silent]}, lambda *step: opened.append(step))
    assert seconds_of(filled["s"]) == [(7.5, "table"), (0.2, "header")]
    assert opened == [("read headers", 1, 1)]


def test_a_header_that_cannot_be_read_leaves_its_row_without_a_length(folder: Path) -> None:
    (folder / "text.wav").write_text("hello")
    filled = with_lengths({"s": rows_of(folder, "0.wav", "text.wav", "gone.wav", "3.wav")})
    assert seconds_of(filled["s"]) == [(0.1, "header"), (None, None), (None, "missing"), (0.4, "header")]


def test_of_a_large_source_some_files_are_opened_and_the_rest_are_as_long_on_average(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "MOST_HEADERS", 4)
    opened: list[int] = []
    filled = with_lengths({"s": rows_of(folder, *(f"{number}.wav" for number in range(10)))}, lambda _, done, total: opened.append(total))
    # Every third, from the first: 0.1, 0.4, 0.7 and 1.0 s, which are 0.55 s on average.
    assert seconds_of(filled["s"]) == [(0.1 + number / 10, "header") if number % 3 == 0 else (0.55, "average") for number in range(10)]
    assert opened == [4] * 4


def test_a_file_that_fails_counts_as_nothing_in_the_average_for_others_like_it_are_among_the_rest(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "MOST_HEADERS", 3)
    filled = with_lengths({"s": rows_of(folder, "broken", "0.wav", "5.wav", "1.wav", "7.wav", "2.wav")})
    assert seconds_of(filled["s"]) == [(None, None), (0.466667, "average"), (0.6, "header"), (0.466667, "average"), (0.8, "header"), (0.466667, "average")]


def test_a_sample_without_one_readable_header_gives_no_average(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "MOST_HEADERS", 2)
    filled = with_lengths({"bad": rows_of(folder, "broken", "0.wav", "broken", "1.wav"), "good": rows_of(folder, "9.wav")})
    assert seconds_of(filled["bad"]) == [(None, None)] * 4
    assert seconds_of(filled["good"]) == [(1.0, "header")]


def test_sources_are_sampled_and_averaged_each_for_itself(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "MOST_HEADERS", 1)
    filled = with_lengths({"a": rows_of(folder, "0.wav", "9.wav"), "empty": [], "b": rows_of(folder, "4.wav", "9.wav", "9.wav")})
    assert {id: seconds_of(rows) for id, rows in filled.items()} == {
        "a": [(0.1, "header"), (0.1, "average")],
        "empty": [],
        "b": [(0.5, "header"), (0.5, "average"), (0.5, "average")],
    }


def test_what_a_table_states_does_not_enter_the_average_of_what_it_does_not(folder: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lengths, "MOST_HEADERS", 1)
    stated, *silent = rows_of(folder, "0.wav", "1.wav", "2.wav")
    filled = with_lengths({"s": [replace(stated, seconds=100.0, length_from="table"), *silent]})
    assert seconds_of(filled["s"]) == [(100.0, "table"), (0.2, "header"), (0.2, "average")]


@pytest.mark.parametrize("words_per_minute", [120, 165, 250])
def test_spoken_rows_are_together_about_as_long_as_espeak_takes(words_per_minute: int) -> None:
    texts = ["seven", "which platform does the train to the airport leave from", "twelve thirty, please", "buy a day ticket"]
    rows = with_lengths({"s": [Row(input=text, say=Utterance(text, "en-us", words_per_minute, 50)) for text in texts]})["s"]
    spoken = [speak(text, voice="en-us", words_per_minute=words_per_minute, pitch=50) for text in texts]
    assert {row.length_from for row in rows} == {"text"}
    assert sum(row.seconds or 0 for row in rows) == pytest.approx(sum(len(samples) / rate for samples, rate in spoken), rel=0.2)


def test_headers_say_what_a_build_decodes(corpus: Corpus) -> None:
    rows = [Row(input=row["path"], path=corpus.folder / row["path"]) for row in corpus.rows[:5]]
    for row in with_lengths({"words": rows})["words"]:
        assert row.path is not None
        assert row.seconds == len(decode(row.path, RATE).samples) / RATE


ROWS = st.builds(
    Row,
    input=st.text(max_size=3),
    text=st.none() | st.just("hi"),
    speaker=st.none() | st.just("ann"),
    licence=st.none() | st.just("CC0-1.0"),
    split=st.none() | st.just("dev"),
)
LENGTHS = st.sampled_from([{"seconds": 2.5, "length_from": "table"}, {}])
AUDIO = st.sampled_from(["0.wav", "4.wav", "gone.wav"])


def row_of(folder: Path, row: Row, kind: str, audio: str, stated: dict[str, object]) -> Row:
    match kind:
        case "audio":
            return replace(row, path=folder / audio, **stated)
        case "say":
            return replace(row, say=Utterance("hello there", "en-us", 160, 50))
        case _:
            return replace(row, problem="the audio column is empty")


@given(
    drawn=st.dictionaries(
        st.sampled_from("abc"), st.lists(st.tuples(ROWS, st.sampled_from(["audio", "audio", "say", "problem"]), AUDIO, LENGTHS), max_size=12), max_size=3
    ),
    most=st.integers(1, 5),
)
@settings(deadline=None, max_examples=12, suppress_health_check=[HealthCheck.function_scoped_fixture])
def test_rows_keep_their_order_and_everything_but_their_length(
    folder: Path, monkeypatch: pytest.MonkeyPatch, drawn: dict[str, list[tuple[Row, str, str, dict[str, object]]]], most: int
) -> None:
    monkeypatch.setattr(lengths, "MOST_HEADERS", most)
    given = {id: [row_of(folder, *one) for one in some] for id, some in drawn.items()}
    filled = with_lengths(given)
    assert {id: [replace(row, seconds=None, length_from=None) for row in rows] for id, rows in filled.items()} == {
        id: [replace(row, seconds=None, length_from=None) for row in rows] for id, rows in given.items()
    }
    for id, rows in filled.items():
        assert sum(row.length_from == "header" for row in rows) <= most
        for before, after in zip(given[id], rows, strict=True):
            assert (after.seconds is None) == (after.length_from in (None, "missing"))
            assert (after.length_from == "missing") == (before.path is not None and not before.path.exists())
            assert after.seconds is None or after.seconds > 0
            assert not before.problem or after == before
            assert before.seconds is None or after.length_from == "missing" or after == before
            assert before.say is None or after.length_from == "text"
