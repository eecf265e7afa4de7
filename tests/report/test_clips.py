from __future__ import annotations

import base64
import io
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from report_world import RATE, cut_row, facts_of, segment_row, some_cuts, write_folder

from speccraft.report import clips as module
from speccraft.report.clips import clips
from speccraft.report.tables import read_tables
from speccraft.report.visible import SpeakerNames
from speccraft.sound.shards import encode_flac

NAMES = SpeakerNames([f"anna-{number}" for number in range(8)], pseudonyms=True)


def clips_of(folder: Path, dropped: Any = None, **changes: Any) -> dict[str, Any]:
    return clips(folder, facts_of(changes).scenario, read_tables(folder), NAMES, dropped)


def heard(sound: dict[str, Any]) -> np.ndarray:
    return soundfile.read(io.BytesIO(base64.b64decode(sound["opus"])))[0]


def test_clips_sound_as_their_cuts_do_in_every_condition_that_there_is(tmp_path: Path) -> None:
    shown = clips_of(write_folder(tmp_path, some_cuts()))["shown"]
    assert {clip["split"] for clip in shown} == {"train", "dev", "test"}
    for clip in shown:
        assert set(clip["sounds"]) == ({"clean"} if clip["split"] == "train" else {"clean", "place"})
        assert np.abs(heard(clip["sounds"]["clean"])).max() == pytest.approx(0.4, rel=0.25)
        assert max(clip["sounds"]["clean"]["wave"]) == pytest.approx(400, rel=0.02)


def test_a_dropped_segment_is_heard_where_its_sound_is_at_hand_and_left_out_where_it_is_not(tmp_path: Path) -> None:
    dropped = [segment_row(cut_row(900 + number, snr_db=float(number)), "x.wav", fate="dropped", rule="quality.snr_db") for number in range(2)]
    write_folder(tmp_path, some_cuts(), segments=dropped)
    flacs = {dropped[0]["segment"]: encode_flac(np.full(RATE, 0.25, np.float32), RATE)}
    (clip,) = (one for one in clips_of(tmp_path, flacs.__getitem__)["shown"] if one["fate"] == "dropped")
    assert (clip["cut"], clip["rule"], clip["split"]) == (dropped[0]["segment"], "quality.snr_db", None)
    assert max(clip["sounds"]["clean"]["wave"]) == 250
    assert not [one for one in clips_of(tmp_path)["shown"] if one["fate"] == "dropped"]


def test_of_a_long_clip_the_beginning_is_heard(tmp_path: Path) -> None:
    shown = clips_of(write_folder(tmp_path, [cut_row(0, seconds=12.0)], seconds_of_tone=12.0))["shown"]
    assert len(heard(shown[0]["sounds"]["clean"])) / RATE == pytest.approx(10.0, abs=0.05)


def test_clips_beyond_the_budget_are_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    everything = clips_of(write_folder(tmp_path, some_cuts()))
    first = sum(len(sound["opus"]) + len(sound["spectrogram"]) for sound in everything["shown"][0]["sounds"].values())
    monkeypatch.setattr(module, "MOST_BYTES", first)
    tight = clips_of(tmp_path)
    assert tight["shown"][0] == everything["shown"][0]
    assert len(tight["shown"]) + tight["left_out"] == len(everything["shown"])
    assert tight["left_out"] > 0


def test_a_build_without_a_cut_has_no_clip(tmp_path: Path) -> None:
    assert clips_of(write_folder(tmp_path, []))["shown"] == []
