"""The command measure, as a real process: tables, JSON, exit codes, and no traceback on anything that real packs hold."""

from __future__ import annotations

import json
import os
import subprocess
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
from corpus import Corpus, lines_of, speccraft

from speccraft.build.run import Built

PACKS = os.environ.get("SPECCRAFT_DATA", "")
needs_packs = pytest.mark.skipif(not PACKS, reason="SPECCRAFT_DATA does not name the packs")


def one_object(done: subprocess.CompletedProcess[str]) -> dict[str, Any]:
    printed = json.loads(done.stdout)
    assert printed["exit_code"] == done.returncode
    assert printed["ok"] == (done.returncode == 0)
    assert done.stderr == ""
    return printed


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """Two recordings and a broken one."""
    folder = tmp_path / "recordings"
    folder.mkdir()
    for number in range(2):
        noise = 0.01 * np.random.default_rng(number).standard_normal(16000)
        soundfile.write(folder / f"{number}.wav", noise + 0.3 * np.sin(np.arange(16000) * 0.1) * (np.arange(16000) > 8000), 16000)
    (folder / "broken.flac").write_text("no audio")
    return folder


@pytest.mark.slow
def test_files_are_a_table_and_a_broken_one_ends_with_1(folder: Path) -> None:
    done = speccraft("measure", folder)
    assert done.returncode == 1
    headings, units, *rows = done.stdout.splitlines()
    assert headings.split()[:4] == ["length", "rate", "ch", "speech"]
    assert "dBFS" in units
    assert len(rows) >= 3
    assert "not_audio: looks like text" in done.stdout
    assert "1 of 3 cannot be measured" in done.stderr
    assert "Traceback" not in done.stderr


def test_one_file_is_a_list_with_what_each_measure_means(folder: Path) -> None:
    done = speccraft("measure", folder / "0.wav", "--quiet")
    assert (done.returncode, done.stderr) == (0, "")
    assert "level_dbfs" in done.stdout
    assert "Root mean square of the speech frames" in done.stdout


def test_json_has_one_object_for_each_file(folder: Path) -> None:
    printed = one_object(speccraft("measure", folder, "--json"))
    assert printed["counts"] == {"files": 3, "failed": 1, "seconds": 2.0}
    first, second, broken = printed["findings"]
    assert (broken["severity"], broken["rule"]) == ("error", "not_audio")
    for row in (first, second):
        assert row["severity"] == "info"
        assert {"container", "sampling_rate_hz", "channels", "duration_s", "level_dbfs", "snr_db", "bandwidth_hz", "reverberation_s", "loudness_lufs"} <= set(
            row
        )
        assert {"f0_median_hz", "f0_range_semitones", "dead_channels", "antiphase", "characters_per_s", "uncertain", "problems"} <= set(row)


@pytest.mark.slow
def test_a_rate_is_that_of_the_measuring(folder: Path) -> None:
    (row,) = one_object(speccraft("measure", folder / "0.wav", "--rate", "8000", "--json"))["findings"]
    assert (row["sampling_rate_hz"], row["measured_at_hz"]) == (16000, 8000)


@pytest.mark.slow
@pytest.mark.parametrize(
    ("arguments", "words"),
    [
        ([], "nothing to measure"),
        (["a.wav", "--environment", "b"], "FILE and --environment exclude each other"),
        (["--environment", "b", "--place", "c", "d"], "--place and --environment exclude each other"),
        (["a.wav", "--epoch", "1"], "--epoch would have no effect without --place"),
        (["--environment", "b", "--rate", "8000"], "--rate would have no effect without FILE"),
        (["--place", "c"], "requires 2 arguments"),
    ],
)
def test_options_that_contradict_each_other_end_with_2(arguments: list[str], words: str) -> None:
    done = speccraft("measure", *arguments)
    assert (done.returncode, done.stdout) == (2, "")
    assert words in done.stderr


@pytest.mark.slow
def test_what_is_not_there_ends_with_3(tmp_path: Path) -> None:
    for arguments in (["none.wav"], ["."], ["--environment", "none"], ["--place", "none", "x"]):
        done = speccraft("measure", *arguments, cwd=tmp_path)
        assert (done.returncode, done.stdout) == (3, "")
        assert "Traceback" not in done.stderr


@pytest.mark.slow
def test_one_that_is_not_there_is_a_failed_row_beside_the_others(folder: Path) -> None:
    done = speccraft("measure", folder / "0.wav", folder / "none.wav", "--json")
    assert done.returncode == 1
    good, bad = json.loads(done.stdout)["findings"]
    assert (good["severity"], bad["severity"], bad["rule"]) == ("info", "error", "missing")


def test_a_language_that_cannot_be_counted_ends_with_2(folder: Path) -> None:
    done = speccraft("measure", folder / "0.wav", "--language", "english")
    assert (done.returncode, done.stdout) == (2, "")
    assert "cs, da, de, en," in done.stderr


def test_a_build_that_is_not_there_is_one_error(tmp_path: Path) -> None:
    done = speccraft("measure", "--place", "none", "x", cwd=tmp_path)
    first, help = done.stderr.splitlines()
    assert first == "error: none: does not exist"
    assert "scenario file" in help
    assert "folder of a build" in help


def test_help_says_at_which_rate_is_measured() -> None:
    assert "22050 at 24000" in " ".join(speccraft("measure", "--help").stdout.replace("│", " ").split())


@pytest.mark.slow
def test_a_place_prints_yaml_and_nothing_else_on_stdout(folder: Path) -> None:
    done = speccraft("measure", "--environment", folder)
    assert done.returncode == 0
    assert done.stdout.startswith("# Measured by")
    assert "\nenvironment:\n  place: recordings\n" in done.stdout
    assert "broken.flac: looks like text" in done.stderr
    printed = one_object(speccraft("measure", "--environment", folder, "--json"))
    assert printed["findings"][0]["yaml"] in done.stdout
    assert printed["findings"][0]["environment"]["sampling_rate"] == 16000
    assert printed["findings"][0]["files"] == {"spoken": [], "claps": [], "too_short": [str(folder / f"{number}.wav") for number in range(2)], "silent": []}
    assert printed["findings"][1]["rule"] == "not_audio"


def test_a_cut_is_written_clean_and_in_its_place(tiny_build: tuple[Corpus, Built], tmp_path: Path) -> None:
    build = tiny_build[1].artefact.path
    row = lines_of(build / "cuts.test.jsonl")[0]
    done = speccraft("measure", "--place", build, row["id"], "--out", tmp_path / "heard")
    assert done.returncode == 0, done.stderr
    assert "delivered_snr_db" in done.stdout
    names = {path.name for path in (tmp_path / "heard").iterdir()}
    assert names == {f"{row['id']}.{condition}.flac" for condition in ("clean", "place", "snr_20", "snr_10", "snr_5", "snr_0")}
    printed = one_object(speccraft("measure", "--place", build, row["id"], "--out", tmp_path / "heard", "--json"))
    assert set(printed["artifacts"]) == {"clean", "place", "snr_20", "snr_10", "snr_5", "snr_0"}
    for finding in printed["findings"]:
        samples, rate = soundfile.read(finding["file"])
        assert (len(samples), rate) == (row["recording"]["num_samples"], row["recording"]["sampling_rate"])
    assert printed["findings"][1]["place"]["noise"]["snr_db"] == row["custom"]["place"]["noise"]["snr_db"]


def test_a_file_with_something_else_in_it_is_not_written_over(tiny_build: tuple[Corpus, Built], tmp_path: Path) -> None:
    build = tiny_build[1].artefact.path
    id = lines_of(build / "cuts.train.jsonl")[0]["id"]
    (tmp_path / f"{id}.clean.flac").write_text("mine")
    done = speccraft("measure", "--place", build, id, cwd=tmp_path)
    assert done.returncode == 2
    assert "there already" in done.stderr
    assert (tmp_path / f"{id}.clean.flac").read_text() == "mine"
    assert len(list(tmp_path.iterdir())) == 1


@needs_packs
@pytest.mark.slow
def test_odd_files_of_real_projects_are_rows_and_no_traceback() -> None:
    odd = [path for path in sorted(Path(PACKS, "dev", "odd").rglob("*")) if path.is_file()]
    done = speccraft("measure", *odd)
    assert done.returncode == 1
    assert "Traceback" not in done.stderr + done.stdout
    rows = one_object(speccraft("measure", *odd, "--json"))["findings"]
    assert len(rows) == len(odd)
    assert {row["severity"] for row in rows} == {"info", "error"}
    assert all(row["reason"] for row in rows if row["severity"] == "error")


@needs_packs
@pytest.mark.slow
def test_real_noise_gives_a_floor_and_no_ratio() -> None:
    done = speccraft("measure", "--environment", Path(PACKS, "demo", "noise"))
    assert done.returncode == 0
    assert "snr_db: not estimated" in done.stdout
    assert "the floor lies at -" in done.stdout


@needs_packs
@pytest.mark.slow
def test_real_impulse_responses_give_a_band_of_rooms() -> None:
    (made, *_) = one_object(speccraft("measure", "--environment", Path(PACKS, "demo", "rir"), "--json"))["findings"]
    # Kitchen and hall, by the pack's own estimates 0.4 and 2.6 s.
    assert made["environment"]["rt60_s"]["low"] == pytest.approx(0.43, abs=0.1)
    assert made["environment"]["rt60_s"]["high"] == pytest.approx(2.6, abs=0.3)
