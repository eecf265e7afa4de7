"""One recording after another: measures do not depend on the windows, memory does not grow, and what breaks is a row."""

from __future__ import annotations

import json
import subprocess
import sys
import tracemalloc
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soxr
from measuring_world import RATE, bursts, clap, record

from speccraft.measuring import recording as room
from speccraft.measuring.recording import How, Job, Recordings
from speccraft.sound.decode import decode
from speccraft.sound.frames import frames_of
from speccraft.sound.measures import Stretches, measure
from speccraft.sound.spectral import SPECTRAL, spectral
from speccraft.sound.vad import speech_frames


def rows(cache: Path, *paths: Path, crashed: frozenset[str] = frozenset(), **how: Any) -> list[dict[str, Any]]:
    """What a worker writes about recordings, in this process."""
    cache.mkdir(exist_ok=True)
    unit = Recordings("u", tuple(Job(path.name, path) for path in paths), How(**how), crashed)
    return [json.loads(line) for line in unit.run(cache, lambda _name: None).read_text().splitlines()]


def test_a_recording_is_measured_as_one_stretch(tmp_path: Path) -> None:
    path = record(tmp_path / "a.wav", bursts(4.0))
    (row,) = rows(tmp_path / "cache", path, spectral=tuple(SPECTRAL))
    samples = decode(path, RATE).samples
    frames = frames_of(samples, RATE)
    speech = speech_frames(samples, RATE, frames, How().segmentation)
    (expected,) = measure(Stretches.of([(0, len(samples))], RATE, frames, speech))
    expected |= spectral(SPECTRAL, samples, RATE, speech)
    assert {name: row[name] for name in expected} == expected
    assert (row["container"], row["sampling_rate_hz"], row["measured_at_hz"], row["channels"]) == ("WAV PCM_16", RATE, RATE, 1)
    assert row["noise_dbfs"] == pytest.approx(-60, abs=1)
    assert (row["rule"], row["reason"]) == (None, None)


def test_the_length_of_the_windows_changes_no_exact_measure(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    samples = bursts(7.7)
    samples[20000:20100] = 1.0
    samples[50000:50400] = 0.0
    path = record(tmp_path / "a.flac", samples)
    (whole,) = rows(tmp_path / "cache", path)
    monkeypatch.setattr(room, "WINDOW_S", 1.5)
    (apart,) = rows(tmp_path / "cache", path)
    for name in ("duration_s", "peak_dbfs", "clipped_fraction", "dc_offset", "zero_fraction"):
        assert apart[name] == whole[name]
    assert apart["speech_share"] == pytest.approx(whole["speech_share"], abs=0.1)
    assert apart["snr_db"] == pytest.approx(whole["snr_db"], abs=1.0)


def test_memory_does_not_grow_with_the_length(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WINDOW_S", 10.0)
    path = record(tmp_path / "long.flac", np.tile(bursts(10.0), 60))
    tracemalloc.start()
    try:
        (row,) = rows(tmp_path / "cache", path)
        _, peak = tracemalloc.get_traced_memory()
    finally:
        tracemalloc.stop()
    assert row["duration_s"] == 600.0
    # All of it takes 19 MB as 16-bit samples, what is kept of it a fifteenth of that.
    assert peak < 12e6


def test_loudness_over_windows_is_that_of_the_mean_power(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WINDOW_S", 3.0)
    loud, soft = bursts(3.0, amplitude=0.3), bursts(3.0, amplitude=0.03)
    names = ("loudness_lufs", "f0_median_hz")
    both, alone = (
        rows(tmp_path / "cache", record(tmp_path / name, samples), spectral=names)[0]
        for name, samples in (("both.wav", np.concatenate([loud, soft])), ("alone.wav", loud))
    )
    assert both["loudness_lufs"] == pytest.approx(alone["loudness_lufs"] - 3, abs=0.3)
    assert both["f0_median_hz"] == pytest.approx(150, rel=0.02)


@pytest.mark.parametrize(("rate", "measured"), [(8000, 8000), (11025, 16000), (22050, 24000), (44100, 44100), (96000, 48000)])
def test_a_recording_is_measured_at_its_rate_or_the_next_one_up(tmp_path: Path, rate: int, measured: int) -> None:
    (row,) = rows(tmp_path / "cache", record(tmp_path / "a.wav", bursts(1.0, rate=rate), rate))
    assert (row["sampling_rate_hz"], row["measured_at_hz"]) == (rate, measured)
    assert row["duration_s"] == pytest.approx(1.0, abs=0.001)
    (row,) = rows(tmp_path / "cache", tmp_path / "a.wav", sampling_rate=16000)
    assert row["measured_at_hz"] == 16000


def test_clipping_at_a_high_rate_is_seen(tmp_path: Path) -> None:
    samples = np.clip(8 * bursts(2.0, rate=44100), -1, 1)
    (row,) = rows(tmp_path / "cache", record(tmp_path / "a.wav", samples, 44100))
    assert row["clipped_fraction"] == pytest.approx(float(np.mean(np.abs(samples) >= 1)), abs=1e-4)


def test_what_is_wrong_between_channels_is_told(tmp_path: Path) -> None:
    voice, silence = bursts(2.0), np.zeros(2 * RATE)
    names = {"antiphase.wav": [voice, -voice], "dead.wav": [voice, silence], "twice.wav": [voice, voice]}
    antiphase, dead, twice = rows(tmp_path / "cache", *(record(tmp_path / name, np.stack(channels, axis=1)) for name, channels in names.items()))
    assert antiphase["antiphase"].startswith("channels 0 and 1")
    assert (dead["dead_channels"], twice["duplicated_channels"], twice["antiphase"]) == (1, 1, None)
    assert antiphase["level_dbfs"] > -30


def test_what_cannot_be_decoded_is_a_row_with_its_reason(tmp_path: Path) -> None:
    (tmp_path / "page.flac").write_text("<html>not found</html>")
    (tmp_path / "cut.wav").write_bytes(record(tmp_path / "whole.wav", bursts(1.0)).read_bytes()[:9000])
    found = rows(tmp_path / "cache", *(tmp_path / name for name in ("page.flac", "cut.wav", "none.wav", "whole.wav")))
    assert [row["rule"] for row in found] == ["not_audio", "truncated", "missing", None]
    assert "HTML page" in found[0]["reason"]


def test_a_recording_that_has_killed_a_worker_is_not_touched(tmp_path: Path) -> None:
    one, other = (record(tmp_path / name, bursts(1.0)) for name in ("one.wav", "other.wav"))
    assert [row["rule"] for row in rows(tmp_path / "cache", one, other, crashed=frozenset({"one.wav"}))] == ["decoder_crashed", None]


def test_on_site_the_utterances_and_the_clap_are_told(tmp_path: Path) -> None:
    voice, hands = record(tmp_path / "voice.wav", bursts(8.0, every_s=2.0)), record(tmp_path / "hands.wav", clap(0.5))
    spoken, clapped = rows(tmp_path / "cache", voice, hands, on_site=True)
    assert [one["snr_db"] for one in spoken["utterances"]] == pytest.approx([spoken["snr_db"]] * 4, abs=0.5)
    assert spoken["clap_rt60_s"] == []
    assert clapped["clap_rt60_s"] == pytest.approx([0.5], rel=0.1)


def test_a_worker_imports_no_tables_and_no_training() -> None:
    code = "import sys, speccraft.measuring.recording; print(*{'polars', 'torch', 'lhotse', 'librosa', 'onnxruntime'} & set(sys.modules))"
    assert subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout.strip() == ""


def test_noise_behind_five_minutes_of_speech_is_no_speech(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WINDOW_S", 4.0)
    noise = 1e-3 * np.random.default_rng(1).standard_normal(4 * RATE)
    (row,) = rows(tmp_path / "cache", record(tmp_path / "a.wav", np.concatenate([bursts(4.0), noise])))
    assert row["speech_share"] < 0.45


def test_a_few_seconds_behind_a_window_weigh_what_they_are(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(room, "WINDOW_S", 8.0)
    higher = soxr.resample(bursts(4.0), 2 * RATE, RATE)
    path = record(tmp_path / "a.wav", np.concatenate([bursts(8.0), higher]))
    (row,) = rows(tmp_path / "cache", path, spectral=("f0_median_hz",))
    assert row["f0_median_hz"] == pytest.approx(150, abs=3)


def test_a_file_holds_no_band_that_its_rate_does_not(tmp_path: Path) -> None:
    (row,) = rows(tmp_path / "cache", record(tmp_path / "a.wav", bursts(4.0, rate=22050), 22050), spectral=("bandwidth_hz",))
    assert row["measured_at_hz"] == 24000
    assert 9000 < row["bandwidth_hz"] <= 11025
