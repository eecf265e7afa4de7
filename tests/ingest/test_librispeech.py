"""LibriSpeech's layout: speakers and chapters from folders, words from one file per chapter, splits from the parts."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest
from foreign import reach_into

from speccraft.errors import UnreadableInput
from speccraft.ingest.librispeech import read_librispeech
from speccraft.ingest.rows import Row
from speccraft.scenario.source import LibriSpeechSource


def read(folder: Path, path: str = "LibriSpeech", **settings: Any) -> list[Row]:
    return read_librispeech(LibriSpeechSource(id="l", format="librispeech", path=path, **settings), reach=reach_into(folder))


@pytest.fixture
def data(tmp_path: Path) -> Path:
    """Two parts with one chapter each; reading a source never opens audio."""
    for part, speaker, chapter, words in (("train-clean-100", "19", "198", ("NORTHANGER ABBEY", "THIS LITTLE WORK")), ("dev-other", "84", "121", ("GO",))):
        folder = tmp_path / "LibriSpeech" / part / speaker / chapter
        folder.mkdir(parents=True)
        lines = []
        for number, text in enumerate(words):
            (folder / f"{speaker}-{chapter}-{number:04d}.flac").touch()
            lines.append(f"{speaker}-{chapter}-{number:04d} {text}\n")
        (folder / f"{speaker}-{chapter}.trans.txt").write_text("".join(lines))
    (tmp_path / "LibriSpeech/SPEAKERS.TXT").write_text("19 | F | train-clean-100\n")
    return tmp_path


def test_every_line_of_the_transcripts_is_a_row(data: Path) -> None:
    rows = read(data)
    assert [(row.input, row.text, row.speaker, row.session, row.split, row.problem) for row in rows] == [
        ("dev-other/84/121/84-121-0000.flac", "GO", "84", "84-121", "dev", ""),
        ("train-clean-100/19/198/19-198-0000.flac", "NORTHANGER ABBEY", "19", "19-198", "train", ""),
        ("train-clean-100/19/198/19-198-0001.flac", "THIS LITTLE WORK", "19", "19-198", "train", ""),
    ]
    assert rows[0].path == data / "LibriSpeech/dev-other/84/121/84-121-0000.flac"


def test_one_part_alone_keeps_its_split_and_splits_may_be_left_to_us(data: Path) -> None:
    assert [row.split for row in read(data, "LibriSpeech/dev-other")] == ["dev"]
    assert {row.split for row in read(data, official_splits=False)} == {None}


def test_audio_without_a_line_and_lines_without_audio_are_rows_with_problems(data: Path) -> None:
    chapter = data / "LibriSpeech/dev-other/84/121"
    (chapter / "84-121-0009.flac").touch()
    with (chapter / "84-121.trans.txt").open("ab") as file:
        file.write(b"84-121-0007 GONE\n../../19/198/19-198-0000 CLIMBS\ncaf\xe9\n84-121-0000\n")
    rows = [row for row in read(data) if row.input.startswith("dev")]
    assert [row.input.rpartition("/")[2] for row in rows] == [
        "84-121-0000.flac", "84-121.trans.txt#2", "84-121.trans.txt#3", "84-121.trans.txt#4", "84-121-0000.flac", "84-121-0009.flac",
    ]  # fmt: skip
    assert ["which is not there" in row.problem for row in rows] == [False, True, True, False, False, False]
    assert "UTF-8" in rows[3].problem
    assert "no line" in rows[5].problem
    assert [row.path is None for row in rows] == [False, True, True, True, False, True]


def test_transcripts_that_are_a_link_out_are_not_read(data: Path) -> None:
    secret = data.parent / "secret.txt"
    secret.write_text("84-121-0000 THE PASSWORD\n")
    transcripts = data / "LibriSpeech/dev-other/84/121/84-121.trans.txt"
    transcripts.unlink()
    transcripts.symlink_to(secret)
    rows = [row for row in read(data) if row.input.startswith("dev")]
    assert all(row.problem and row.path is None and row.text is None for row in rows)


def test_a_folder_without_chapters_is_an_error(data: Path) -> None:
    (data / "empty").mkdir()
    (data / "file").touch()
    for path in ("empty", "file"):
        with pytest.raises(UnreadableInput, match=r"trans\.txt"):
            read(data, path)
