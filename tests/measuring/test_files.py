"""Files and folders: found once and in order, measured by workers, with the words beside them."""

from __future__ import annotations

import os
import re
from pathlib import Path

import pytest
from measuring_world import bursts, record

from speccraft.errors import UnreadableInput, WrongUsage
from speccraft.measuring.files import measure_files, recordings_at
from speccraft.measuring.recording import How


def test_folders_are_searched_and_named_files_taken_whatever_they_are_called(tmp_path: Path) -> None:
    inner, video, odd = (record(tmp_path / name, bursts(0.5), format="WAV") for name in ("folder/b/x.wav", "folder/a.mp4", "sound.dat"))
    (tmp_path / "folder" / "notes.txt").write_text("no audio")
    assert recordings_at([odd, tmp_path / "folder", inner, odd]) == [odd, video, inner]


def test_a_path_that_is_not_there_and_a_folder_without_audio_are_errors(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="does not exist"):
        recordings_at([tmp_path / "none.wav"])
    with pytest.raises(UnreadableInput, match="no audio file below it") as caught:
        recordings_at([tmp_path])
    endings = re.findall(r"\.\w+", caught.value.try_this)
    assert ".wav" in endings
    assert len(endings) == len(set(endings))


def test_a_file_that_is_not_there_costs_nothing_else(tmp_path: Path) -> None:
    there, gone = record(tmp_path / "a.wav", bursts(1.0)), tmp_path / "none.wav"
    good, bad = measure_files(recordings_at([there, gone]), How(), workers=1)
    assert (good["rule"], bad["rule"], bad["file"]) == (None, "missing", str(gone))
    assert "No such file" in bad["reason"]


@pytest.mark.parametrize("language", ["english", "xx", "", "en_GB"])
def test_a_language_that_cannot_be_counted_is_refused(language: str, tmp_path: Path) -> None:
    spoken = record(tmp_path / "a.wav", bursts(2.0), text="hello mister president")
    with pytest.raises(WrongUsage, match="cannot be counted") as caught:
        measure_files([spoken], How(), workers=1, language=language)
    assert "cs, da, de, en," in caught.value.try_this
    (row,) = measure_files([spoken], How(), workers=1, language="en-GB")
    assert row["syllables_per_s"] is not None


def test_rows_stand_in_the_order_of_the_files_however_many_workers_there_are(tmp_path: Path) -> None:
    paths = [record(tmp_path / f"{number}.wav", bursts(0.5 + 0.1 * number)) for number in range(20)]
    (tmp_path / "7.wav").write_text("no audio")
    told: list[tuple[int, int]] = []
    one, two = (measure_files(paths, How(), workers=workers, on_progress=lambda *done: told.append(done)) for workers in (1, 2))
    assert one == two
    assert [row["file"] for row in one] == list(map(str, paths))
    assert [row["rule"] for row in one] == [None] * 7 + ["not_audio"] + [None] * 12
    assert told[-1] == (20, 20)


def test_transcripts_give_rates_of_characters_and_syllables(tmp_path: Path) -> None:
    spoken = record(tmp_path / "a.wav", bursts(4.0), text="hello  mister\npresident\n")
    silent = record(tmp_path / "b.wav", bursts(4.0))
    broken = record(tmp_path / "c.wav", bursts(4.0))
    broken.with_suffix(".txt").write_bytes(b"\xff\xfe\x00")
    first, second, third = measure_files([spoken, silent, broken], How(), workers=1, language="en")
    speech_s = first["duration_s"] * first["speech_share"]
    assert first["text"] == "hello mister president"
    assert first["characters_per_s"] == pytest.approx(22 / speech_s, abs=1e-5)
    assert first["syllables_per_s"] == pytest.approx(7 / speech_s, abs=1e-5)
    assert (second["text"], second["characters_per_s"], second["problems"]) == (None, None, [])
    assert "not UTF-8" in third["problems"][0]
    (unknown,) = measure_files([spoken], How(), workers=1)
    assert (unknown["characters_per_s"], unknown["syllables_per_s"]) == (first["characters_per_s"], None)


def test_a_name_that_is_not_utf_8_can_be_printed(tmp_path: Path) -> None:
    path = Path(os.fsdecode(os.fsencode(tmp_path) + b"/caf\xe9.wav"))
    record(tmp_path / "a.wav", bursts(1.0)).rename(path)
    (row,) = measure_files(recordings_at([tmp_path]), How(), workers=1)
    assert row["rule"] is None
    assert row["file"].endswith("caf\\udce9.wav")
    assert row["file"].encode()
