"""Common Voice: lists in TSV without quotes, official splits, clips in one folder."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from foreign import reach_into
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.errors import UnreadableInput
from speccraft.ingest.commonvoice import read_commonvoice
from speccraft.ingest.rows import Row
from speccraft.scenario.source import CommonVoiceSource

HEAD = "client_id\tpath\tsentence_id\tsentence\tup_votes\tage\tlocale\n"


def line(speaker: str, clip: str, sentence: str = "Hi.", locale: str = "en") -> str:
    return f"{speaker}\t{clip}\tid\t{sentence}\t2\t\t{locale}\n"


def read(folder: Path, **settings: Any) -> list[Row]:
    return read_commonvoice(CommonVoiceSource(id="c", format="commonvoice", path="en", **settings), reach=reach_into(folder))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Three lists, one clip each, and a list of all validated clips."""
    (tmp_path / "en/clips").mkdir(parents=True)
    lists = {"train": line("aa", "1.mp3", '"Quoted, he said.'), "dev": line("bb", "2.mp3"), "test": line("cc", "3.mp3", "", "")}
    for name, text in {**lists, "validated": "".join(lists.values()) + line("dd", "4.mp3", "¡Hola!", "es")}.items():
        (tmp_path / f"en/{name}.tsv").write_text(HEAD + text)
    (tmp_path / "en/clip_durations.tsv").write_text("clip\tduration[ms]\n1.mp3\t4560\n2.mp3\tlong\n3.mp3\n")
    return tmp_path


def test_the_official_lists_are_rows_with_their_splits_lengths_and_pseudonyms(data: Path) -> None:
    assert read(data) == [
        Row(
            input="1.mp3", path=data / "en/clips/1.mp3", text='"Quoted, he said.', speaker="aa", language="en", split="train", seconds=4.56, length_from="table"
        ),
        Row(input="2.mp3", path=data / "en/clips/2.mp3", text="Hi.", speaker="bb", language="en", split="dev"),
        Row(input="3.mp3", path=data / "en/clips/3.mp3", speaker="cc", split="test"),
    ]
    assert {row.split for row in read(data, official_splits=False)} == {None}


def test_a_clip_of_several_lists_enters_once_under_the_first(data: Path) -> None:
    rows = read(data, lists=("train", "dev", "test", "validated"))
    assert [(row.input, row.split) for row in rows] == [("1.mp3", "train"), ("2.mp3", "dev"), ("3.mp3", "test"), ("4.mp3", None)]


@pytest.mark.parametrize(
    ("text", "words"),
    [
        ("short\tline\n", "fields"),
        (line("x", "9.mp3").replace("\n", "\tmore\n"), "fields"),
        (line("", "9.mp3"), "`client_id`"),
        (line("x", ""), "`path`"),
        (line("x", "../9.mp3"), "`path`"),
        (line("x", "/etc/passwd"), "`path`"),
        (line("x", "9.mp3", "caf\udce9"), "UTF-8"),
    ],
)
def test_a_broken_line_is_a_row_with_its_number_and_the_others_stand(data: Path, text: str, words: str) -> None:
    content = HEAD + text + line("zz", "5.mp3")
    (data / "en/train.tsv").write_bytes(content.encode("utf-8", "surrogateescape"))
    broken, good = read(data, lists=("train",))
    assert "line 2 of train.tsv" in broken.problem
    assert words in broken.problem
    assert broken.path is None
    assert (good.input, good.problem) == ("5.mp3", "")


def test_a_list_that_is_missing_or_lacks_a_column_is_an_error(data: Path) -> None:
    with pytest.raises(UnreadableInput, match=r"other\.tsv is not there"):
        read(data, lists=("other",))
    (data / "en/train.tsv").write_text("client_id\tfile\n")
    with pytest.raises(UnreadableInput, match="no column path, sentence"):
        read(data)
    (data / "en/dev.tsv").write_text(HEAD)
    with pytest.raises(UnreadableInput, match="hold no clip"):
        read(data, lists=("dev",))


@settings(max_examples=100, suppress_health_check=[HealthCheck.function_scoped_fixture], deadline=None)
@given(st.lists(st.binary(max_size=30) | st.sampled_from([line("x", "9.mp3").encode(), b"\t" * 6, b"\n", b"\xef\xbb\xbf"]), max_size=8))
def test_whatever_stands_in_a_list_rows_come_out(data: Path, pieces: list[bytes]) -> None:
    (data / "en/train.tsv").write_bytes((HEAD + line("zz", "5.mp3")).encode() + b"".join(pieces))
    for row in read(data, lists=("train",)):
        assert bool(row.problem) == (row.path is None)


def test_what_speakers_say_of_themselves_are_groups(data: Path) -> None:
    said = "client_id\tpath\tsentence\tage\tgender\taccents\n"
    (data / "en/train.tsv").write_text(said + "aa\t1.mp3\tHi.\tforties\tfemale\tScottish English\nbb\t5.mp3\tHi.\t\tmale\t\n")
    (data / "en/dev.tsv").write_text("client_id\tpath\tsentence\taccent\ncc\t6.mp3\tHi.\twelsh\n")
    groups = [row.groups for row in read(data, lists=("train", "dev"))]
    assert groups == [(("age", "forties"), ("gender", "female"), ("accent", "Scottish English")), (("gender", "male"),), (("accent", "welsh"),)]
