"""Kaldi data folders: utterances, recordings and speakers as their tables have them; pipes and archives are never opened."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from foreign import reach_into
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from speccraft.errors import UnreadableInput
from speccraft.ingest.kaldi import TABLES, read_kaldi
from speccraft.ingest.rows import Row
from speccraft.scenario.source_manifests import KaldiSource

FOLDER = {
    "wav.scp": "call audio/call one.wav\nmemo audio/memo.wav\n",
    "segments": "u1 call 0.50 1.50\nu2\tcall  1.5 -1 1\n",
    "text": "u1 hello  you\nu2 \nmemo buy milk\n",
    "utt2spk": "u1 ann\nu2 ben\nmemo ann\n",
    "utt2lang": "u1 English\nu2 de\n",
    "reco2dur": "call 4.0\nmemo 2.5\n",
    "spk2gender": "ann f\n",
}


def read(folder: Path, tables: dict[str, Any], **fields: Any) -> list[Row]:
    for name in (*TABLES, "spk2gender"):
        (folder / name).unlink(missing_ok=True)
    for name, content in tables.items():
        (folder / name).write_bytes(content if isinstance(content, bytes) else content.encode())
    return read_kaldi(KaldiSource(id="s", format="kaldi", path=".", **fields), reach=reach_into(folder))


def with_table(name: str, content: str | bytes) -> dict[str, Any]:
    return {**FOLDER, name: content}


def test_utterances_are_parts_and_recordings_without_segments_are_whole(tmp_path: Path) -> None:
    call, memo = tmp_path / "audio/call one.wav", tmp_path / "audio/memo.wav"
    assert read(tmp_path, FOLDER) == [
        Row("u1", call, None, "call", 0.5, 1.5, text="hello  you", speaker="ann", language="en", seconds=1.0, length_from="table"),
        Row("u2", call, None, "call", 1.5, 4.0, 1, speaker="ben", language="de", seconds=2.5, length_from="table"),
        Row("memo", memo, None, "memo", text="buy milk", speaker="ann", seconds=2.5, length_from="table"),
    ]


def test_without_segments_every_recording_is_an_utterance(tmp_path: Path) -> None:
    rows = read(tmp_path, {"wav.scp": FOLDER["wav.scp"], "text": "call a\nmemo b\n"})
    assert [(row.input, row.text, row.start, row.end, row.seconds) for row in rows] == [("call", "a", None, None, None), ("memo", "b", None, None, None)]


def test_a_segment_to_the_end_of_a_recording_of_unknown_length_has_no_end(tmp_path: Path) -> None:
    tables = {name: content for name, content in FOLDER.items() if name != "reco2dur"}
    assert [(row.start, row.end, row.seconds) for row in read(tmp_path, tables)] == [(0.5, 1.5, 1.0), (1.5, None, None), (None, None, None)]


@pytest.mark.parametrize(
    ("line", "problem"),
    [
        ("call sph2pipe -f wav call.sph |", "is a command"),
        ("call | cat", "is a command"),
        ("call -", "is a command"),
        ("call /mnt/x.ark:1234", "Kaldi archive"),
        ("call ../../etc/passwd", "leaves"),
        ("call https://example.org/a.wav", "an address"),
        ("call", "wav.scp has no recording"),
        ("other a.wav", "wav.scp has no recording 'call'"),
        ("call a.wav\ncall b.wav", "wav.scp:1: the id 'call' stands in wav.scp:2 as well"),
    ],
)
def test_a_recording_that_is_no_plain_file_is_a_problem_of_its_utterances(tmp_path: Path, line: str, problem: str) -> None:
    rows = read(tmp_path, with_table("wav.scp", line + "\n"))
    assert [problem in row.problem for row in rows[:2]] == [True, True]
    assert all(row.path is None for row in rows[:2])


@pytest.mark.parametrize(
    ("table", "content", "problem"),
    [
        ("segments", "u1 call 0.5", "segments:1: is not `u1 RECORDING START END [CHANNEL]`"),
        ("segments", "u1 call x 1.0", "segments:1"),
        ("segments", "u1 call nan 1.0", "segments:1"),
        ("segments", "u1 call 1.0 1e400", "segments:1"),
        ("segments", "u1 call -0.5 1.0", "no stretch"),
        ("segments", "u1 call 2.0 1.0", "no stretch"),
        ("segments", "u1 call 0.5 1.0 A", "segments:1"),
        ("segments", "u1 call 0.5 9.0", "reaches beyond the recording, which is 4 s long"),
        ("segments", "u1 call 5.0 -1", "before it starts"),
        ("segments", "u1 call 0.5 1.0\nu1 call 1.0 2.0", "stands in segments:2 as well"),
        ("text", "u1 a\nu1 b", "text:1: the id 'u1' stands in text:2 as well"),
        ("reco2dur", "call long", "'long' is no length"),
        ("reco2dur", "call -2", "'-2' is no length"),
    ],
)
def test_a_line_that_makes_no_sense_is_a_problem_of_its_utterance(tmp_path: Path, table: str, content: str, problem: str) -> None:
    row = read(tmp_path, with_table(table, content + "\n"))[0]
    assert row.input == "u1"
    assert problem in row.problem
    assert row.path is None


def test_what_is_said_of_nothing_to_be_heard_and_lines_that_cannot_be_read_are_rows(tmp_path: Path) -> None:
    rows = read(tmp_path, with_table("text", b"u9 nobody\n\xff\xfe\n") | {"utt2spk": "u9 ann\n"})
    assert [(row.input, row.problem) for row in rows[3:]] == [
        ("u9", "text:1: nothing with this id is to be heard"),
        ("text:2", "text:2: the line is not UTF-8 at byte 1"),
    ]


def test_a_folder_without_recordings_is_refused(tmp_path: Path) -> None:
    for tables, words in (({"text": "u1 a\n"}, "has no wav.scp"), ({"wav.scp": "\n"}, "wav.scp is empty")):
        with pytest.raises(UnreadableInput, match=words):
            read(tmp_path, tables)


def test_a_table_that_is_a_link_out_of_the_data_folder_is_refused(tmp_path: Path) -> None:
    data = tmp_path / "data"
    data.mkdir()
    (tmp_path / "text").write_text("memo secret\n")
    (data / "text").symlink_to(tmp_path / "text")
    (data / "wav.scp").write_text("memo a.wav\n")
    with pytest.raises(UnreadableInput, match="leaves the data folder"):
        read_kaldi(KaldiSource(id="s", format="kaldi", path="."), reach=reach_into(data))


WORDS = st.lists(
    st.sampled_from(["u1", "u2", "call", "memo", "1.5", "-1", "nan", "1e99", "0", "a.wav", "../x", "|", "é", "\x00", "\x1c", "\ufeff"]), max_size=6
)
LINES = st.lists(WORDS.map(" ".join) | st.text(max_size=8).filter(lambda text: "\n" not in text), max_size=4).map("\n".join)


@settings(max_examples=200, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(tables=st.dictionaries(st.sampled_from(TABLES), LINES.map(lambda text: text.encode("utf-8", "replace")) | st.binary(max_size=60), max_size=3))
def test_whatever_the_tables_hold_every_utterance_is_a_row(tmp_path: Path, tables: dict[str, bytes]) -> None:
    if not tables.get("wav.scp", b"x").decode("utf-8-sig", "replace").strip():
        return  # told of above
    rows = read(tmp_path, {**FOLDER, **tables})
    assert rows
    for row in rows:
        assert (row.path is None) == bool(row.problem)
        assert row.path is None or row.path.is_relative_to(tmp_path)
        assert row.start is None or row.end is None or 0 <= row.start < row.end
