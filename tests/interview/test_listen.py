"""Listening: a sample that is the same everywhere, measures that fit the signal, and files that break cost themselves."""

from __future__ import annotations

import json
import os
import signal
import tempfile
import threading
import time
from pathlib import Path, PurePath

import numpy as np
import pytest
from interview_world import RATE, bursts, record, recordings

from speccraft.errors import UnreadableInput
from speccraft.interview import listen as room
from speccraft.interview.answers import Facts
from speccraft.interview.ask import interview
from speccraft.interview.compose import compose
from speccraft.interview.listen import Heard, listen, sample
from speccraft.scenario.quality import Quality


@pytest.fixture(scope="module")
def folder(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Thirty recordings of three speakers at 22.05 kHz with 20 dB SNR, two of them without a transcript, and two broken ones."""
    folder = tmp_path_factory.mktemp("heard")
    voiced = bursts(3.0, noise=0.0)
    power = float(np.mean(voiced[: RATE // 2] ** 2))
    for speaker in ("anna", "ben", "cleo"):
        for take in range(10):
            noise = np.random.default_rng(take).standard_normal(len(voiced)) * np.sqrt(power / 100)
            record(folder / speaker / f"take{take}.wav", voiced + noise, 22050, text="hello there" if take else None)
    (folder / "anna" / "broken.wav").write_bytes(b"RIFF\x00\x00\x00\x00WAVE")
    (folder / "ben" / "page.flac").write_text("<html>not found</html>")
    return folder


@pytest.fixture(scope="module")
def heard(folder: Path) -> Heard:
    return listen(folder, workers=2)


def test_broken_files_are_named_and_cost_nothing_else(heard: Heard):
    assert (heard.sampled, len(heard.source_rates)) == (32, 30)
    assert {one.file for one in heard.unreadable} == {"anna/broken.wav", "ben/page.flac"}
    said = "\n".join(heard.summary())
    assert said.startswith("heard 30 of 32 recordings")
    assert "2 of 32 that were tried cannot be read" in said
    assert "ben/page.flac: looks like an HTML page" in said
    assert heard.endings == (".wav",)


def test_what_is_proposed_is_what_was_made(heard: Heard):
    assert heard.sampling_rate == 16000
    assert heard.transcribed == 27
    assert set(heard.source_rates) == {22050}
    low, high = heard.snr_db or (0, 0)
    assert 15 <= low <= high <= 25
    # 3 s of samples at 16 kHz, played at 22.05 kHz: two and a half bursts within 2.2 s
    assert 2 <= heard.longest_utterance_s <= 3


def test_the_limits_keep_what_was_heard_and_drop_what_is_unlike_it(heard: Heard):
    rules = Quality.model_validate_json(json.dumps(heard.quality())).rules()
    assert set(rules) == {"level_dbfs", "clipped_fraction", "speech_share"}
    for measure, rule in rules.items():
        values = [one[measure] for one in heard.utterances if one[measure] is not None]
        kept = [value for value in values if (rule.min is None or value >= rule.min) and (rule.max is None or value <= rule.max)]
        assert len(kept) >= 0.9 * len(values)
    assert rules["level_dbfs"].min is not None
    assert -60 < rules["level_dbfs"].min < -15
    assert rules["clipped_fraction"].max is not None
    assert rules["clipped_fraction"].max <= 0.1


def test_the_number_of_workers_changes_nothing(folder: Path, heard: Heard):
    assert listen(folder, workers=1) == heard


def test_the_scenario_tells_the_numbers_and_takes_them(folder: Path, heard: Heard):
    facts = Facts(folder.parent, heard)
    made = compose(interview(facts, {}, None), facts)
    source = made.scenario.sources[0]
    assert source.format == "folder"
    assert (source.path, source.speaker_folder, source.endings) == (folder.name, 1, (".wav",))
    assert made.scenario.quality.level_dbfs is not None
    assert "Adding noise only lowers that" in " ".join(made.text.replace("\n#", "").split())
    assert "T60 (reverberation) is not estimated here: `speccraft measure --environment DIR` does it" in made.text
    assert made.scenario.environment.rt60_s is None
    noisy = compose(interview(facts, {"place": "other", "noise": "hum"}, None), facts)
    band = noisy.scenario.environment.snr_db
    assert band is not None
    assert (band.low, band.high) == heard.snr_db


def test_progress_counts_every_recording(folder: Path):
    seen: list[tuple[int, int]] = []
    listen(folder, workers=1, on_progress=lambda done, total: seen.append((done, total)))
    assert seen[-1] == (32, 32)
    assert [done for done, _ in seen] == sorted({done for done, _ in seen})


def test_telephone_recordings_get_a_telephones_rate(tmp_path: Path):
    recordings(tmp_path, takes=1)
    for path in tmp_path.rglob("*.wav"):
        record(path, bursts()[::2], 8000)
    assert listen(tmp_path, workers=1).sampling_rate == 8000


def test_few_utterances_make_no_band(tmp_path: Path):
    record(tmp_path / "a.wav")
    assert listen(tmp_path, workers=1).snr_db is None


def test_a_large_folder_is_sampled_and_says_so(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    recordings(tmp_path, takes=4)
    monkeypatch.setattr(room, "MOST_RECORDINGS", 5)
    heard = listen(tmp_path, workers=1)
    assert heard.sampled == 5
    assert "heard 5 of 12 recordings" in heard.summary()[0]


def test_the_sample_is_the_same_for_every_order_of_the_files(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    files = [PurePath(f"{number}.wav") for number in range(1000)]
    chosen = sample(tmp_path, files)
    assert len(chosen) == room.MOST_RECORDINGS
    assert sample(tmp_path, files[::-1]) == chosen
    assert chosen != files[: len(chosen)]
    (tmp_path / "0.wav").write_bytes(b"x" * 100)
    monkeypatch.setattr(room, "MOST_BYTES", 10)
    assert sample(tmp_path, [PurePath("0.wav")]) == [PurePath("0.wav")]
    assert len(sample(tmp_path, [PurePath("0.wav"), PurePath("1.wav")])) < 2


def test_a_link_out_of_the_folder_is_not_followed(tmp_path: Path):
    record(tmp_path / "outside.wav")
    record(tmp_path / "data" / "a.wav")
    (tmp_path / "data" / "b.wav").symlink_to(tmp_path / "outside.wav")
    assert [one.file for one in listen(tmp_path / "data", workers=1).unreadable] == ["b.wav"]


@pytest.mark.slow
def test_a_recording_that_kills_its_worker_costs_itself(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    (tmp_path / "tmp").mkdir()
    monkeypatch.setattr(tempfile, "tempdir", str(tmp_path / "tmp"))
    record(tmp_path / "data" / "long.flac", np.random.default_rng(0).standard_normal(240 * 48000).clip(-4, 4) * 0.1, 48000)
    record(tmp_path / "data" / "z.wav")

    def kill() -> None:
        while not (found := list((tmp_path / "tmp").glob("speccraft-listen-*/.scratch-*"))):
            time.sleep(0.005)
        time.sleep(0.1)
        os.kill(int(found[0].name.rpartition("-")[2]), signal.SIGKILL)

    killer = threading.Thread(target=kill)
    killer.start()
    heard = listen(tmp_path / "data", workers=1)
    killer.join()
    assert [(one.file, one.reason) for one in heard.unreadable] == [("long.flac", "the worker that decoded it died or hung")]
    assert len(heard.source_rates) == 1
    assert not list((tmp_path / "tmp").iterdir())


def test_nothing_to_hear_is_an_error_that_says_what_was_looked_for(tmp_path: Path):
    with pytest.raises(UnreadableInput, match="no folder"):
        listen(tmp_path / "no", workers=1)
    with pytest.raises(UnreadableInput, match="no audio file") as caught:
        listen(tmp_path, workers=1)
    assert ".wav" in caught.value.try_this
    (tmp_path / "a.wav").write_text("no audio")
    with pytest.raises(UnreadableInput, match=r"none of 1 recordings can be read: a\.wav: looks like text"):
        listen(tmp_path, workers=1)


def test_an_ending_is_left_out_only_when_none_of_its_recordings_can_be_read(tmp_path: Path, monkeypatch: pytest.MonkeyPatch):
    record(tmp_path / "a.wav", text="hello")
    record(tmp_path / "b.aiff", text="hello").rename(tmp_path / "b.aif")
    (tmp_path / "c.m4a").write_bytes(b"\0\0\0\x20ftypM4A ")
    heard = listen(tmp_path, workers=1)
    assert set(heard.endings) == {".wav", ".aif"}
    facts = Facts(tmp_path.parent, heard)
    assert "left out, for none that was tried can be read: .m4a" in compose(interview(facts, {}, None), facts).text
    # An ending that no recording of the sample has is nobody's fault.
    monkeypatch.setattr(room, "sample", lambda folder, files: [PurePath("a.wav")])
    assert set(listen(tmp_path, workers=1).endings) == {".wav", ".aif", ".m4a"}
