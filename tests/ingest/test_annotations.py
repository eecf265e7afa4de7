"""Annotations beside the audio: who speaks when, from RTTM, TextGrid and CTM; a bad line is a row with a problem."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from foreign import reach_into
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.ingest.folder import read_folder
from speccraft.ingest.rows import Row
from speccraft.scenario.source import FolderSource

RTTM = """SPKR-INFO a 1 <NA> <NA> <NA> unknown ann <NA> <NA>
SPEAKER a 1 0.50 1.25 <NA> <NA> ann <NA> <NA>
;; a remark
SPEAKER a 1 1.5 2 <NA> <NA> ben <NA> <NA>
"""
CTM = """a A 0.10 0.30 good 0.9
a A 0.45 0.30 day
a B 0.50 0.25 hello
a A 1.50 0.25 bye
a A 1.8 0.1 <eps>
"""
LONG_GRID = """File type = "ooTextFile"
Object class = "TextGrid"

xmin = 0
xmax = 4
tiers? <exists>
size = 3
item []:
    item [1]:
        class = "IntervalTier"
        name = "ann"
        xmin = 0
        xmax = 4
        intervals: size = 3
        intervals [1]:
            xmin = 0
            xmax = 1.5
            text = "say ""no"" ! 12"
        intervals [2]:
            xmin = 1.5
            xmax = 2
            text = ""
        intervals [3]:
            xmin = 2
            xmax = 4
            text = "grüezi
 mitenand"
    item [2]:
        class = "TextTier"
        name = "bell"
        xmin = 0
        xmax = 4
        points: size = 1
        points [1]:
            number = 1
            mark = "ding"
    item [3]:
        class = "IntervalTier"
        name = "ann - phones"
        xmin = 0
        xmax = 4
        intervals: size = 1
        intervals [1]:
            xmin = 0
            xmax = 4
            text = "a"
"""


def rows_of(folder: Path, **files: str | bytes) -> list[Row]:
    """The rows of `a.wav` with files beside it, by their endings."""
    (folder / "f").mkdir(exist_ok=True)
    (folder / "f/a.wav").touch()
    for ending, content in files.items():
        (folder / f"f/a.{ending}").write_bytes(content.encode() if isinstance(content, str) else content)
    return read_folder(FolderSource(id="s", format="folder", path="f"), reach=reach_into(folder))


def seen(rows: list[Row]) -> list[tuple[Any, ...]]:
    return [(row.input.partition("#")[2], row.speaker, row.text, row.channel) for row in rows]


def grid(*tiers: tuple[str, list[tuple[float, float, str]]]) -> str:
    """A TextGrid in Praat's short form."""
    lines = ['"ooTextFile"', '"TextGrid"', "0", "9", "<exists>", str(len(tiers))]
    for name, intervals in tiers:
        lines += ['"IntervalTier"', f'"{name}"', "0", "9", str(len(intervals)), *(f'{start}\n{end}\n"{text}"' for start, end, text in intervals)]
    return "\n".join(lines)


def test_every_turn_of_an_rttm_is_a_part_of_its_recording(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, rttm=RTTM)
    assert seen(rows) == [("0.500-1.750", "ann", None, None), ("1.500-3.500", "ben", None, None)]
    assert {(row.path, row.recording, row.problem) for row in rows} == {(tmp_path / "f/a.wav", "a.wav", "")}
    assert [(row.start, row.end, row.seconds, row.length_from) for row in rows] == [(0.5, 1.75, 1.25, "table"), (1.5, 3.5, 2.0, "table")]


@pytest.mark.parametrize("blank", ["\n", " \t\r\n", "\x1c\n", "\u3000\n", "\ufeff", ";;\n", "# x\n"])
def test_blank_lines_and_remarks_say_nothing(tmp_path: Path, blank: str) -> None:
    for ending, good in (("rttm", RTTM), ("ctm", CTM)):
        (tmp_path / ending).mkdir()
        assert seen(rows_of(tmp_path / ending, **{ending: blank + good})) == seen(rows_of(tmp_path / ending, **{ending: good}))


def test_channels_count_only_where_an_annotation_tells_them_apart(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, rttm=RTTM.replace("SPEAKER a 1 1.5", "SPEAKER a 2 1.5"))
    assert [row.channel for row in rows] == [0, 1]


def test_words_of_a_ctm_are_joined_to_turns_at_pauses_channel_by_channel(tmp_path: Path) -> None:
    assert sorted(seen(rows_of(tmp_path, ctm=CTM))) == [
        ("0.100-0.750,channel0", None, "good day", 0),
        ("0.500-0.750,channel1", None, "hello", 1),
        ("1.500-1.750,channel0", None, "bye", 0),
    ]


def test_a_turn_of_words_without_a_pause_ends_before_it_grows_too_long(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, ctm="".join(f"a 1 {number / 2} 0.5 w{number}\n" for number in range(100)))
    assert all(row.seconds is not None and row.seconds <= 15 for row in rows)
    assert " ".join(row.text or "" for row in rows) == " ".join(f"w{number}" for number in range(100))


@pytest.mark.parametrize("ending", ["TextGrid", "textgrid"])
def test_a_textgrid_names_speakers_by_its_tiers(tmp_path: Path, ending: str) -> None:
    assert seen(rows_of(tmp_path, **{ending: LONG_GRID})) == [
        ("0.000-1.500", "ann", 'say "no" ! 12', None),
        ("2.000-4.000", "ann", "grüezi mitenand", None),
    ]


def test_a_textgrid_in_utf16_and_in_the_short_form_is_read_like_the_long_one(tmp_path: Path) -> None:
    expected = seen(rows_of(tmp_path, TextGrid=LONG_GRID))
    assert seen(rows_of(tmp_path, TextGrid=LONG_GRID.encode("utf-16"))) == expected
    short = grid(("ann", [(0, 1.5, 'say ""no"" ! 12'), (1.5, 2, ""), (2, 4, "grüezi\n mitenand")]))
    assert seen(rows_of(tmp_path, TextGrid=short)) == expected


def test_tiers_of_words_become_turns_unless_sentences_say_the_same(tmp_path: Path) -> None:
    words = [(0.0, 0.5, "good"), (0.5, 1.0, "day"), (3.0, 3.5, "bye")]
    aligned = grid(("ann - words", words), ("ann - phones", [(0.0, 0.1, "g")]))
    assert seen(rows_of(tmp_path, TextGrid=aligned)) == [("0.000-1.000", "ann", "good day", None), ("3.000-3.500", "ann", "bye", None)]
    both = grid(("ann - words", words), ("ann - utterances", [(0.0, 3.5, "Good day. Bye.")]))
    assert seen(rows_of(tmp_path, TextGrid=both)) == [("0.000-3.500", "ann", "Good day. Bye.", None)]
    assert seen(rows_of(tmp_path, TextGrid=grid(("words", words))))[1] == ("3.000-3.500", None, "bye", None)


@pytest.mark.parametrize(
    ("ending", "line", "words"),
    [
        ("rttm", "SPEAKER other 1 0 1 <NA> <NA> ann <NA> <NA>", "is about the recording 'other'"),
        ("rttm", "SPEAKER a 1 -1 1 <NA> <NA> ann <NA> <NA>", "times"),
        ("rttm", "SPEAKER a 1 nan 1 <NA> <NA> ann <NA> <NA>", "times"),
        ("rttm", "SPEAKER a 1 1 0 <NA> <NA> ann <NA> <NA>", "times"),
        ("rttm", "SPEAKER a 1 1e9 1 <NA> <NA> ann <NA> <NA>", "cannot start"),
        ("rttm", "SPEAKER a left 1 1 <NA> <NA> ann <NA> <NA>", "'left' is no channel"),
        ("rttm", "SPEAKER a 1 1", "is no RTTM"),
        ("rttm", "hello", "is no RTTM"),
        ("ctm", "a A 0.5", "is no CTM"),
        ("ctm", "a A x 0.5 word", "times"),
    ],
)
def test_a_line_that_makes_no_sense_is_a_row_with_its_number_and_the_others_stand(tmp_path: Path, ending: str, line: str, words: str) -> None:
    good = {"rttm": RTTM, "ctm": CTM}[ending]
    rows = rows_of(tmp_path, **{ending: good + line + "\n"})
    [broken] = [row for row in rows if row.problem]
    assert words in broken.problem
    assert f"line {len(good.splitlines()) + 1}" in broken.problem
    assert broken.path is None
    assert broken.recording == "a.wav"
    assert len(rows) == len(rows_of(tmp_path, **{ending: good})) + 1


@pytest.mark.parametrize(("name", "is_about"), [("corpus_a", True), ("a.v2", True), ("ba", False), ("b", False)])
def test_an_annotation_may_name_its_recording_without_a_part_of_the_file_name_or_with_more(tmp_path: Path, name: str, is_about: bool) -> None:
    rows = rows_of(tmp_path, rttm=RTTM.replace("SPEAKER a ", f"SPEAKER {name} "))
    assert [bool(row.problem) for row in rows] == [not is_about] * len(rows)
    assert len(rows) == len(rows_of(tmp_path, rttm=RTTM))


def test_an_interval_that_ends_before_it_starts_is_a_problem_of_its_own(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, TextGrid=grid(("ann", [(2, 1, "back"), (0, 1, "forth")])))
    assert [bool(row.problem) for row in rows] == [True, False]
    assert "tier 'ann', interval 1" in rows[0].problem


@pytest.mark.parametrize(
    "files",
    [
        {"rttm": ""}, {"ctm": ";; nothing\n"}, {"TextGrid": ""}, {"TextGrid": LONG_GRID[:400]}, {"TextGrid": LONG_GRID.replace("size = 3", "size = 999999999")},
        {"TextGrid": LONG_GRID.replace("size = 3", "size = 1e9")}, {"TextGrid": b"\xff\xfe\x00"}, {"TextGrid": "\x00" * 100}, {"rttm": RTTM, "ctm": CTM},
        {"TextGrid": '"' * 1001}, {"rttm": b"\x1f\x8b broken gzip"},
    ],
)  # fmt: skip
def test_an_annotation_that_cannot_be_used_is_the_recordings_problem(tmp_path: Path, files: dict[str, str | bytes]) -> None:
    [row] = rows_of(tmp_path, **files)
    assert (row.input, row.path) == ("a.wav", None)
    assert "beside it" in row.problem
    assert str(tmp_path) not in row.problem


def test_what_a_json_states_of_the_recording_holds_for_its_turns(tmp_path: Path) -> None:
    rows = rows_of(tmp_path, rttm=RTTM, json='{"licence": "CC0-1.0", "session": "s1", "speaker": "someone", "duration": 9.5}')
    assert [(row.licence, row.session, row.speaker, row.seconds) for row in rows] == [("CC0-1.0", "s1", "ann", 1.25), ("CC0-1.0", "s1", "ben", 2.0)]


@settings(max_examples=150, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.data())
def test_whatever_is_changed_in_an_annotation_rows_come_out(tmp_path: Path, data: st.DataObject) -> None:
    ending, good = data.draw(st.sampled_from([("rttm", RTTM), ("ctm", CTM), ("TextGrid", LONG_GRID)]))
    content = bytearray(good.encode())
    for _ in range(data.draw(st.integers(1, 4))):
        at = data.draw(st.integers(0, len(content)))
        content[at : at + data.draw(st.integers(0, 20))] = data.draw(st.binary(max_size=6) | st.sampled_from([b'"', b"\n", b"1e308", b"-", b"\0"]))
    for other in ("rttm", "ctm", "TextGrid"):
        (tmp_path / f"f/a.{other}").unlink(missing_ok=True)
    for row in rows_of(tmp_path, **{ending: bytes(content)}):
        assert bool(row.problem) == (row.path is None)
        assert row.problem or 0 <= (row.start or 0) < (row.end or 0) < 1e6
