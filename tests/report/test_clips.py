from __future__ import annotations

import base64
from pathlib import Path

import polars as pl
import pytest
from report_world import RATE, cut_row, some_cuts, write_folder

from speccraft.report import clips as module
from speccraft.report.clips import choice, clips
from speccraft.report.tables import MEASURES
from speccraft.report.visible import SpeakerNames
from speccraft.sound.shards import ShardReader

NAMES = SpeakerNames([f"anna-{number}" for number in range(8)], pseudonyms=True)


def measures(cuts: list[dict[str, object]]) -> pl.DataFrame:
    return pl.DataFrame(cuts, schema=MEASURES)


def test_the_choice_shows_the_typical_and_the_noisiest_cut() -> None:
    cuts = [cut_row(number, "test", snr_db=snr, delivered_snr_db=10.0 - number) for number, snr in enumerate((30.0, 3.0, 20.0, 21.0, 40.0))]
    assert [(why, row["cut"]) for _, why, row in choice(measures(cuts))] == [
        ("typical: nearest to the median SNR", cuts[3]["cut"]),
        ("lowest SNR in place", cuts[4]["cut"]),
        ("lowest SNR as recorded", cuts[1]["cut"]),
    ]


def test_the_choice_does_not_depend_on_row_order() -> None:
    cuts = some_cuts()
    assert choice(measures(cuts)) == choice(measures(cuts[::-1]))


def test_a_cut_is_shown_once_even_when_it_is_typical_and_worst() -> None:
    assert len(choice(measures([cut_row(0, "test")]))) == 1


def test_cuts_without_any_snr_are_chosen_by_length() -> None:
    cuts = [cut_row(number, snr_db=None, seconds=seconds) for number, seconds in enumerate((1.0, 9.0, 2.0))]
    assert [row["cut"] for _, _, row in choice(measures(cuts))] == [cuts[2]["cut"]]


def test_clips_carry_the_bytes_of_the_shards(tmp_path: Path) -> None:
    cuts = some_cuts()
    shown = clips(write_folder(tmp_path, cuts), measures(cuts), NAMES, RATE)["shown"]
    assert {clip["split"] for clip in shown} == {"train", "dev", "test"}
    for clip in shown:
        assert set(clip["sounds"]) == ({"clean"} if clip["split"] == "train" else {"clean", "place"})
        for condition, sound in clip["sounds"].items():
            assert base64.b64decode(sound["flac"]) == ShardReader(tmp_path / "shards" / clip["split"]).flac(clip["cut"], condition)


def test_clips_beyond_the_budget_are_left_out_and_counted(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    cuts = some_cuts()
    everything = clips(write_folder(tmp_path, cuts), measures(cuts), NAMES, RATE)
    first = sum(len(sound["flac"]) for sound in everything["shown"][0]["sounds"].values())
    monkeypatch.setattr(module, "MOST_AUDIO_BYTES", first)
    tight = clips(tmp_path, measures(cuts), NAMES, RATE)
    assert tight == {"shown": everything["shown"][:1], "left_out": len(everything["shown"]) - 1}


def test_a_build_without_a_cut_has_no_clip(tmp_path: Path) -> None:
    assert clips(write_folder(tmp_path, []), measures([]), NAMES, RATE) == {"shown": [], "left_out": 0}
