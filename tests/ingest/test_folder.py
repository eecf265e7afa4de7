"""Folders: one row per audio file, its transcript beside it, and nothing followed out of reach."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest

from speccraft.errors import UnreadableInput
from speccraft.ingest.folder import read_folder
from speccraft.ingest.rows import Reach, Row
from speccraft.remote.mirror import AUDIO
from speccraft.scenario.source import FolderSource
from speccraft.scenario.source_base import AUDIO_ENDINGS


def read(folder: Path, **settings: Any) -> list[Row]:
    source = FolderSource(id="f", format="folder", path=folder.name, **settings)
    return read_folder(source, reach=Reach(base=folder.parent, roots=(folder,)))


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder of three empty audio files and others; reading a source never opens audio."""
    files = {"ben/1/x.wav": "", "ben/1/x.txt": " call \n for  help\n", "ann/y.FLAC": "", "ann/y.lab": "\ufeffgrüezi"}
    files |= {"z.mp3": "", "notes.md": "", "ann/y.json": "{}"}
    for name, text in files.items():
        (tmp_path / "f" / name).parent.mkdir(parents=True, exist_ok=True)
        (tmp_path / "f" / name).write_text(text, encoding="utf-8")
    return tmp_path / "f"


def test_every_audio_file_is_a_row_in_the_order_of_its_path(folder: Path) -> None:
    assert read(folder) == [
        Row(input="ann/y.FLAC", path=folder / "ann/y.FLAC", text="grüezi"),
        Row(input="ben/1/x.wav", path=folder / "ben/1/x.wav", text="call for help"),
        Row(input="z.mp3", path=folder / "z.mp3"),
    ]


def test_the_speaker_is_the_folder_at_the_declared_level(folder: Path) -> None:
    assert [row.speaker for row in read(folder, speaker_folder=1)] == ["ann", "ben", None]
    assert [row.speaker for row in read(folder, speaker_folder=2)] == [None, "1", None]


def test_only_declared_endings_count_in_any_case(folder: Path) -> None:
    assert [row.input for row in read(folder, endings=(".WAV", ".flac"))] == ["ann/y.FLAC", "ben/1/x.wav"]
    with pytest.raises(UnreadableInput, match=r"no file below .* ends in \.aiff"):
        read(folder, endings=(".aiff",))


@pytest.mark.parametrize("role", ["speech", "noise", "rir"])
def test_recordings_of_phones_and_browsers_are_listed_without_being_named(folder: Path, role: str) -> None:
    for name in ("phone.m4a", "browser.webm", "film.MP4", "studio.aif", "page.html"):
        (folder / name).touch()
    assert [row.input for row in read(folder, role=role)] == ["ann/y.FLAC", "ben/1/x.wav", "browser.webm", "film.MP4", "phone.m4a", "studio.aif", "z.mp3"]


def test_the_page_names_the_endings_that_are_listed_and_a_mirror_fetches_none_of_them() -> None:
    page = Path(__file__).parents[2].joinpath("docs/formats.md").read_text()
    paragraph = page.partition("lists the files that end")[2].partition("\n\n")[0]
    assert set(re.findall(r"`(\.\w+)`", paragraph)) == set(AUDIO_ENDINGS) <= AUDIO


def test_an_empty_sidecar_is_no_transcript_and_txt_comes_before_lab(folder: Path) -> None:
    (folder / "z.txt").write_text(" \n")
    (folder / "ann/y.txt").write_text("first")
    assert [row.text for row in read(folder)] == ["first", "call for help", None]


def test_an_unreadable_transcript_is_a_problem_of_its_row_alone(folder: Path) -> None:
    (folder / "z.txt").write_bytes(b"caf\xe9")
    *others, row = read(folder)
    assert "transcript" in row.problem
    assert row.path is None
    assert not any(other.problem for other in others)


def test_a_file_name_that_is_not_utf8_is_a_row_with_a_printable_name(folder: Path) -> None:
    Path(os.fsdecode(os.fsencode(folder) + b"/caf\xe9.wav")).touch()
    [row] = [row for row in read(folder) if row.problem]
    assert row.input == r"caf\udce9.wav"
    assert "UTF-8" in row.problem
    row.input.encode()


def test_links_out_of_reach_are_not_read(folder: Path) -> None:
    secret = folder.parent / "secret"
    secret.mkdir()
    (secret / "s.wav").write_text("")
    (secret / "words.txt").write_text("the password")
    (folder / "link.wav").symlink_to(secret / "s.wav")
    (folder / "loop.wav").symlink_to("loop.wav")
    (folder / "all").symlink_to(secret)
    (folder / "z.txt").symlink_to(secret / "words.txt")
    rows = {row.input: row for row in read(folder)}
    assert set(rows) == {"ann/y.FLAC", "ben/1/x.wav", "z.mp3", "link.wav", "loop.wav"}
    assert "leaves" in rows["link.wav"].problem
    assert "leaves" in rows["z.mp3"].problem
    assert rows["z.mp3"].text is None
    assert rows["loop.wav"].path == folder / "loop.wav"


def test_links_inside_are_read(folder: Path) -> None:
    (folder / "again.wav").symlink_to("ben/1/x.wav")
    [row] = [row for row in read(folder) if row.input == "again.wav"]
    assert row.path == folder / "ben/1/x.wav"


def test_a_fifo_beside_the_audio_is_not_waited_for(folder: Path) -> None:
    os.mkfifo(folder / "z.txt")
    assert read(folder)[-1].text is None


def test_a_file_or_nothing_where_the_folder_should_be_is_an_error(folder: Path) -> None:
    for name, words in (("notes.md", "is no folder"), ("absent", "does not exist")):
        source = FolderSource(id="f", format="folder", path=name)
        with pytest.raises(UnreadableInput, match=words):
            read_folder(source, reach=Reach(base=folder, roots=(folder,)))


@pytest.mark.skipif(os.geteuid() == 0, reason="root may list every folder")
def test_a_folder_that_cannot_be_listed_is_an_error_and_not_an_empty_one(folder: Path) -> None:
    (folder / "ann").chmod(0)
    try:
        with pytest.raises(UnreadableInput, match="cannot list"):
            read(folder)
    finally:
        (folder / "ann").chmod(0o755)


def test_a_file_above_the_folder_that_names_the_speaker_is_a_problem_of_its_row(folder: Path) -> None:
    shallow = [row for row in read(folder, speaker_folder=3) if "speaker_folder" in row.problem]
    assert shallow
    assert all(row.path is None and row.speaker is None for row in shallow)


def test_a_json_beside_the_audio_says_more_and_wins_over_the_path(folder: Path) -> None:
    stated = {"text": " call  now ", "speaker": "benedict", "session": "s1", "language": "de", "licence": "MIT", "attribution": "B.", "duration": 2.5}
    (folder / "ben/1/x.json").write_text(json.dumps(stated))
    (folder / "z.json").write_text('{"text": "hello"}')
    rows = {row.input: row for row in read(folder, speaker_folder=1)}
    assert rows["ben/1/x.wav"] == Row(
        input="ben/1/x.wav", path=folder / "ben/1/x.wav", text="call for help", speaker="benedict", session="s1", language="de",
        licence="MIT", attribution="B.", seconds=2.5, length_from="table",
    )  # fmt: skip
    assert {row.input: row.text for row in read(folder)}["z.mp3"] == "hello"


@pytest.mark.parametrize(
    ("content", "words"),
    [
        ('{"txt": "typo"}', "`txt`"),
        ('{"text": 5}', "`text`"),
        ('{"duration": NaN}', "NaN"),
        ('{"duration": 0}', "`duration`"),
        ('{"text": "a", "text": "b"}', "twice"),
        ("[1, 2]", "no JSON object"),
        ("", "JSON"),
        ('{"text": ' + "[" * 50_000, "deep"),
        (b'{"text": "caf\xe9"}', "UTF-8"),
        (b" " * (5 << 20), "larger"),
    ],
)
def test_a_json_that_is_not_understood_is_a_problem_of_its_row(folder: Path, content: str | bytes, words: str) -> None:
    (folder / "z.json").write_bytes(content if isinstance(content, bytes) else content.encode())
    *others, row = read(folder)
    assert words in row.problem
    assert "z.json" in row.problem
    assert row.path is None
    assert not any(other.problem for other in others)


def test_a_pattern_names_speakers_and_what_does_not_fit_is_in_the_ledger(folder: Path) -> None:
    rows = read(folder, pattern="{speaker}/{session}/*")
    assert [(row.speaker, row.session, "pattern" in row.problem) for row in rows] == [(None, None, True), ("ben", "1", False), (None, None, True)]


def test_an_annotation_that_is_a_link_out_is_not_read(folder: Path) -> None:
    secret = folder.parent / "secret.rttm"
    secret.write_text("SPEAKER z 1 0 1 <NA> <NA> somebody <NA> <NA>\n")
    (folder / "z.rttm").symlink_to(secret)
    row = read(folder)[-1]
    assert "leaves" in row.problem
    assert row.speaker is None
