from __future__ import annotations

from pathlib import Path

import polars as pl
import pytest
from interview_world import record, recordings

from speccraft.interview import look
from speccraft.interview.look import column_guess, look_at, speaker_level


def test_a_folder_shows_its_endings_transcripts_and_folders(tmp_path: Path):
    recordings(tmp_path / "data", text=lambda take: "hello" if take else None)
    record(tmp_path / "data" / "anna" / "b.flac")
    (tmp_path / "data" / "list.csv").write_text("path\n")
    (tmp_path / "above.tsv").write_text("path\n")
    seen = look_at(tmp_path / "data")
    assert seen.kind == "folder"
    assert seen.endings == (".wav", ".flac")
    assert (len(seen.files), seen.transcribed, seen.depth) == (10, 6, 1)
    assert seen.names_at(1) == ["anna", "ben", "cleo"]
    assert seen.tables == ("list.csv", "../above.tsv")


@pytest.mark.parametrize(
    ("files", "level"),
    [
        (["anna/1.wav", "ben/1.wav"], 1),
        (["train/anna/1.wav", "test/ben/1.wav"], 2),
        (["train-clean-100/19/198/1.flac", "dev-other/26/495/1.flac"], 2),
        (["2026-01-01/anna/1.wav", "2026-01-02/ben/1.wav"], 2),
        (["anna/1.wav", "stray.wav"], 0),
        (["anna/1.wav", "anna/2.wav"], 0),
        (["clips/1.wav", "wavs/2.wav"], 0),
        (["1.wav", "2.wav"], 0),
    ],
)
def test_the_speakers_folder_is_guessed_from_names_and_never_from_parts_of_a_corpus(tmp_path: Path, files: list[str], level: int):
    for name in files:
        path = tmp_path / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.touch()
    assert speaker_level(look_at(tmp_path)) == level


@pytest.mark.parametrize(
    ("name", "content"),
    [
        ("a.csv", b"\xef\xbb\xbfpath,sentence,client_id\nx.wav,hello,7\n"),
        ("a.tsv", b"path\tsentence\tclient_id\n"),
        ("a.jsonl", b'{"path": "x.wav", "sentence": "hi", "client_id": 7}\n'),
    ],
)
def test_a_table_shows_its_columns(tmp_path: Path, name: str, content: bytes):
    (tmp_path / name).write_bytes(content)
    assert look_at(tmp_path / name).columns == ("path", "sentence", "client_id")


def test_a_parquet_table_shows_its_columns(tmp_path: Path):
    pl.DataFrame({"audio": ["x.wav"], "text": ["hi"]}).write_parquet(tmp_path / "a.parquet")
    assert look_at(tmp_path / "a.parquet").columns == ("audio", "text")


@pytest.mark.parametrize("name", ["a.csv", "a.jsonl", "a.parquet"])
def test_a_table_that_is_none_has_no_columns_and_raises_nothing(tmp_path: Path, name: str):
    (tmp_path / name).write_bytes(b"\xff\xfe\x00[[[[")
    assert look_at(tmp_path / name).columns == ()


def test_a_folder_of_very_many_files_is_known_from_some(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    for number in range(5):
        (tmp_path / f"{number}.wav").touch()
    assert look_at(tmp_path).count == "5"
    monkeypatch.setattr(look, "MOST_FILES", 3)
    assert look_at(tmp_path).count == "more than 3"


def test_nothing_is_seen_where_nothing_is(tmp_path: Path):
    assert look_at(tmp_path / "no").kind == "nothing"
    (tmp_path / "a.wav").touch()
    assert look_at(tmp_path / "a.wav").kind == "nothing"


def test_columns_are_known_by_their_usual_names_in_any_case():
    assert column_guess(["Client_ID", "PATH", "sentence", "locale", "other"]) == {
        "audio": "PATH",
        "text": "sentence",
        "speaker": "Client_ID",
        "language": "locale",
    }
    assert column_guess(["a", "b"]) == {}
