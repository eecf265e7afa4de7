"""Rows that a checkpoint speaks: every text in every voice and take, the same ones every time, and texts it cannot say with the reason."""

from __future__ import annotations

from itertools import product
from pathlib import Path
from typing import Any

import pytest
from foreign import reach_into
from vits_world import write_checkpoint

from speccraft.errors import UnreadableInput
from speccraft.ingest.rows import Row, TtsUtterance
from speccraft.ingest.tts import read_tts
from speccraft.scenario.source import TtsSource


@pytest.fixture(scope="module")
def data(tmp_path_factory: pytest.TempPathFactory) -> Path:
    folder = tmp_path_factory.mktemp("data")
    write_checkpoint(folder / "model")
    return folder


def rows_in(data: Path, **changes: Any) -> list[Row]:
    voices = ({"id": "ann", "speaker": 0}, {"id": "ben", "speaker": 2, "speaking_rate": 1.2})
    wanted = {"id": "s", "format": "tts", "path": "model", "voices": voices, "texts": ("hello", "good night"), "takes": 3, "licence": "CC0-1.0"}
    return read_tts(TtsSource.model_validate(wanted | changes), reach=reach_into(data))


def said(row: Row) -> TtsUtterance:
    assert isinstance(row.say, TtsUtterance)
    return row.say


def test_every_text_in_every_voice_and_take_is_a_row_of_its_own(data: Path) -> None:
    rows = rows_in(data)
    assert [row.input for row in rows] == [f"{voice}/{text:03d}-{take}" for voice, text, take in product(("ann", "ben"), (1, 2), (1, 2, 3))]
    assert {(row.speaker, row.session, row.text) for row in rows} == {
        (voice, f"{voice}/{number:03d}", text) for voice in ("ann", "ben") for number, text in ((1, "hello"), (2, "good night"))
    }
    assert {(row.speaker, said(row).speaker, said(row).speaking_rate) for row in rows} == {("ann", 0, 1.0), ("ben", 2, 1.2)}
    assert all(row.licence == "CC0-1.0" and row.path is None and not row.problem for row in rows)


def test_every_take_is_drawn_for_itself_and_stays_when_others_come(data: Path) -> None:
    rows = rows_in(data)
    assert len({said(row).seed for row in rows}) == len(rows)
    assert rows_in(data) == rows
    more = {row.input: row for row in rows_in(data, takes=5, texts=("hello", "good night", "one more"))}
    assert all(more[row.input] == row for row in rows)


def test_a_text_with_characters_that_the_checkpoint_does_not_know_has_a_problem_and_the_others_stand(data: Path) -> None:
    hello, streets, nothing = rows_in(data, texts=("Hello?", "3 Straßen", "…"), takes=1, voices=({"id": "ann"},))
    assert (said(hello).text, hello.text, hello.problem) == ("Hello", "Hello?", "")
    assert streets.problem == "the checkpoint cannot say '3', 'ß': write the text in its letters"
    assert "says nothing" in nothing.problem
    assert streets.say is nothing.say is None


def test_a_speaker_that_the_checkpoint_does_not_have_is_refused(data: Path) -> None:
    with pytest.raises(UnreadableInput, match="voice 'ann' is speaker 3, and the checkpoint has 3 speakers"):
        rows_in(data, voices=({"id": "ann", "speaker": 3},))


@pytest.mark.parametrize("path", ["..", "../model", "/etc", "nowhere", "a\0b"])
def test_a_checkpoint_elsewhere_or_nowhere_is_refused(data: Path, path: str) -> None:
    with pytest.raises(UnreadableInput):
        rows_in(data, path=path)


def test_a_file_of_the_checkpoint_that_leads_out_of_the_data_is_refused(data: Path, tmp_path: Path) -> None:
    inside = tmp_path / "data/model"
    inside.mkdir(parents=True)
    for path in (data / "model").iterdir():
        (inside / path.name).write_bytes(path.read_bytes())
    assert rows_in(tmp_path / "data")
    (inside / "vocab.json").rename(tmp_path / "vocab.json")
    (inside / "vocab.json").symlink_to(tmp_path / "vocab.json")
    with pytest.raises(UnreadableInput, match=r"vocab\.json leads out"):
        rows_in(tmp_path / "data")
