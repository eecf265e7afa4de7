"""Units: done once, known by what their work depends on, whatever lies in the files."""

from __future__ import annotations

import errno
import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from corpus import RATE, Corpus, lines_of, word_samples

from speccraft.build import tools, units
from speccraft.build.units import AUDIO, RECORDINGS, SEGMENTS, Job, Part, Unit, run_unit
from speccraft.ingest.rows import TtsUtterance, Utterance
from speccraft.scenario.quality import Segmentation
from speccraft.sound.decode import Decoding, to_int16
from speccraft.sound.shards import decode_flac
from speccraft.sound.spectral import SPECTRAL


@pytest.fixture
def unit(corpus: Corpus) -> Unit:
    names = ("words/anna-ba.wav", "words/anna-di.wav")
    jobs = tuple(Job(name, corpus.folder / name, None, (Part(name, whole=True),)) for name in names)
    return Unit("words/00000", "words", "speech", RATE, Segmentation(detector="energy"), 5.0, jobs)


def test_a_unit_leaves_its_recordings_its_segments_and_their_audio(unit: Unit, tmp_path: Path) -> None:
    started: list[str] = []
    folder = run_unit(unit, tmp_path, started.append)
    assert started == [job.name for job in unit.jobs] == [row["input"] for row in lines_of(folder / RECORDINGS)]
    audio = (folder / AUDIO).read_bytes()
    for row in lines_of(folder / SEGMENTS):
        assert len(decode_flac(audio[row["offset"] : row["offset"] + row["size"]])) == row["num_samples"]


def test_a_finished_unit_is_not_done_again(unit: Unit, tmp_path: Path) -> None:
    folder = run_unit(unit, tmp_path, lambda _: None)
    touched: list[str] = []
    assert run_unit(unit, tmp_path, touched.append) == folder
    assert touched == []


def test_the_key_changes_with_everything_the_work_depends_on(unit: Unit) -> None:
    others = [
        replace(unit, source="other"),
        replace(unit, role="noise"),
        replace(unit, sampling_rate=16000),
        replace(unit, segmentation=Segmentation(detector="energy", keep_pause_s=0.1)),
        replace(unit, longest_s=4.0),
        replace(unit, with_fingerprints=True),
        replace(unit, jobs=unit.jobs[:1]),
        replace(unit, jobs=(replace(unit.jobs[0], parts=(Part(unit.jobs[0].name, whole=False),)), unit.jobs[1])),
        replace(unit, jobs=(replace(unit.jobs[0], parts=(Part(unit.jobs[0].name, whole=True, spectral=("bandwidth_hz",)),)), unit.jobs[1])),
        replace(unit, jobs=(replace(unit.jobs[0], path=None, say=Utterance("hi", "en", 160, 50)), unit.jobs[1])),
        replace(unit, crashed=frozenset({unit.jobs[0].name})),
    ]
    assert len({unit.key, *(other.key for other in others)}) == len(others) + 1


def test_the_key_changes_with_the_version_of_a_package_that_decides_the_bytes(unit: Unit, monkeypatch: pytest.MonkeyPatch) -> None:
    keys = {unit.key}
    for name in ("speccraft", "soxr", "webrtcvad-wheels"):
        monkeypatch.setattr(tools, "version_of", lambda asked, name=name: "99" if asked == name else "1")
        keys.add(unit.key)
    assert len(keys) == 4
    monkeypatch.setattr(tools, "version_of", lambda asked: "98" if asked == "torch" else "1")
    quiet = unit.key
    monkeypatch.setattr(tools, "version_of", lambda asked: "1")
    assert unit.key == quiet, "nothing here is spoken by a checkpoint"


def test_a_file_that_fails_while_it_is_read_costs_its_own_row(unit: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    opened = units.decoding

    def failing(audio: Path, rate: int, **more: Any) -> Decoding:
        found = opened(audio, rate, **more)

        def blocks() -> Iterator[np.ndarray]:
            yield next(found.blocks)
            raise OSError(errno.EIO, "Input/output error")

        return replace(found, blocks=blocks()) if audio == unit.jobs[0].path else found

    monkeypatch.setattr(units, "decoding", failing)
    lost, kept = lines_of(run_unit(unit, tmp_path, lambda _: None) / RECORDINGS)
    assert (lost["rule"], "Input/output error" in lost["reason"], kept["rule"]) == ("missing", True, None)


def test_the_key_changes_when_a_file_was_touched_or_taken_away(unit: Unit) -> None:
    path = unit.jobs[0].path
    assert path is not None
    keys = [unit.key]
    os.utime(path, (1, 1))
    keys.append(unit.key)
    path.unlink()
    keys.append(unit.key)
    assert len(set(keys)) == 3


def test_a_checkpoint_is_known_by_its_content_and_not_by_its_place(unit: Unit) -> None:
    say = TtsUtterance("hi", Path("here"), "a" * 64, 0, 1.0, 7)
    others = [replace(say, **change) for change in ({"text": "ho"}, {"sha256": "b" * 64}, {"speaker": 1}, {"speaking_rate": 1.1}, {"seed": 8})]
    keys = [replace(unit, jobs=(replace(unit.jobs[0], path=None, say=one),)).key for one in (say, replace(say, folder=Path("there")), *others)]
    assert keys[0] == keys[1]
    assert len(set(keys)) == len(keys) - 1


def test_what_could_not_be_decoded_is_tried_again_once_the_decoder_is_installed(unit: Unit, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    (tmp_path / "a.m4a").write_bytes(b"x")
    other = replace(unit, jobs=(replace(unit.jobs[0], path=tmp_path / "a.m4a"),))
    before = (unit.key, other.key)
    monkeypatch.setattr("speccraft.build.units.is_installed", lambda: False)
    assert unit.key == before[0]
    assert other.key != before[1]


def test_what_a_unit_leaves_does_not_depend_on_its_name(unit: Unit, tmp_path: Path) -> None:
    one, other = (run_unit(replace(unit, name=name), tmp_path / name[-1], lambda _: None) for name in ("words/00000", "words/00001"))
    assert [path.read_bytes() for path in sorted(one.iterdir())] == [path.read_bytes() for path in sorted(other.iterdir())]


def test_an_input_that_killed_a_worker_is_not_touched_again(unit: Unit, tmp_path: Path) -> None:
    (tmp_path / "gone").mkdir()
    crashed = replace(unit, crashed=frozenset({unit.jobs[0].name}), jobs=(replace(unit.jobs[0], path=tmp_path / "gone"), unit.jobs[1]))
    rows = lines_of(run_unit(crashed, tmp_path, lambda _: None) / RECORDINGS)
    assert [row["rule"] for row in rows] == ["decoder_crashed", None]


def test_a_file_that_is_no_audio_costs_its_own_row(unit: Unit, tmp_path: Path) -> None:
    path = unit.jobs[0].path
    assert path is not None
    path.write_text("not a sound\n")
    folder = run_unit(unit, tmp_path, lambda _: None)
    rows = lines_of(folder / RECORDINGS)
    assert [row["rule"] for row in rows] == ["not_audio", None]
    assert "text" in rows[0]["reason"]
    assert str(path) not in json.dumps(rows)
    assert {row["input"] for row in lines_of(folder / SEGMENTS)} == {unit.jobs[1].name}


def test_a_recording_without_a_transcript_is_cut_at_its_pauses_and_one_with_is_not(corpus: Corpus, tmp_path: Path) -> None:
    import numpy as np

    corpus.add_file("two.wav", np.concatenate([word_samples("ba"), np.zeros(RATE), word_samples("ko")]))
    pieces = {}
    for whole in (True, False):
        unit = Unit(
            "u/0", "u", "speech", RATE, Segmentation(detector="energy"), 5.0, (Job("two.wav", corpus.folder / "two.wav", None, (Part("two.wav", whole),)),)
        )
        pieces[whole] = len(lines_of(run_unit(unit, tmp_path, lambda _: None) / SEGMENTS))
    assert pieces == {True: 1, False: 2}


@pytest.mark.parametrize("wanted", [True, False])
def test_fingerprints_are_taken_only_where_recordings_will_be_compared(unit: Unit, tmp_path: Path, wanted: bool) -> None:
    rows = lines_of(run_unit(replace(unit, with_fingerprints=wanted), tmp_path, lambda _: None) / RECORDINGS)
    assert [row["fingerprint"] is not None for row in rows] == [wanted] * len(rows)


def spectral_of(unit: Unit, folder: Path, *names: str) -> list[dict[str, Any]]:
    """What a unit says of spectral measures, asked for on its first recording."""
    first = replace(unit.jobs[0], parts=(unit.jobs[0].parts[0]._replace(spectral=names),))
    rows = lines_of(run_unit(replace(unit, jobs=(first, *unit.jobs[1:])), folder, lambda _: None) / SEGMENTS)
    return [{name: row[name] for name in SPECTRAL if name in row} for row in rows]


def test_spectral_measures_are_taken_of_the_recordings_that_ask_for_them(unit: Unit, tmp_path: Path) -> None:
    found = spectral_of(unit, tmp_path, "bandwidth_hz", "loudness_lufs")
    assert [row.keys() for row in found] == [{"bandwidth_hz", "loudness_lufs"}, set()]
    assert found[0]["bandwidth_hz"] > 0
    assert spectral_of(unit, tmp_path) == [{}, {}]


def test_what_is_too_long_to_be_kept_is_not_measured_further(unit: Unit, tmp_path: Path) -> None:
    assert spectral_of(replace(unit, longest_s=0.2), tmp_path, "bandwidth_hz") == [{}, {}]


def test_a_segment_is_measured_by_its_own_samples_and_speech_frames(corpus: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus.add_file("two.wav", np.concatenate([word_samples("ba"), np.zeros(RATE), word_samples("ko")]))
    job = Job("two.wav", corpus.folder / "two.wav", None, (Part("two.wav", whole=False, spectral=("loudness_lufs",)),))
    asked: list[tuple[np.ndarray, np.ndarray]] = []
    monkeypatch.setattr("speccraft.build.stretches.spectral", lambda names, samples, rate, speech: asked.append((samples, speech)) or {})
    folder = run_unit(Unit("u/0", "u", "speech", RATE, Segmentation(detector="energy"), 5.0, (job,)), tmp_path, lambda _: None)
    audio = (folder / AUDIO).read_bytes()
    for row, (samples, speech) in zip(lines_of(folder / SEGMENTS), asked, strict=True):
        np.testing.assert_array_equal(samples, to_int16(decode_flac(audio[row["offset"] : row["offset"] + row["size"]])))
        assert len(speech) == -(-len(samples) // 240)
        assert speech.mean() == pytest.approx(row["speech_share"], abs=1e-6)


def test_a_recording_of_several_channels_says_what_is_wrong_between_them(corpus: Corpus, unit: Unit, tmp_path: Path) -> None:
    word = word_samples("ba")
    eight = np.stack([word, -word, word, 0 * word, *(word + 0.05 * np.random.default_rng(n).standard_normal(len(word)) for n in range(4))], axis=1)
    corpus.add_file("eight.wav", eight)
    jobs = tuple(Job(f"eight-{channel}", corpus.folder / "eight.wav", None, (Part(f"eight-{channel}", whole=True),), channel=channel) for channel in (None, 1))
    mixed, chosen = lines_of(run_unit(replace(unit, jobs=jobs), tmp_path, lambda _: None) / RECORDINGS)
    assert (mixed["channels"], mixed["dead_channels"], mixed["duplicated_channels"]) == (8, 1, 1)
    assert mixed["antiphase"] == "channels 0 and 1, correlation -1.00"
    assert (chosen["channels"], "antiphase" in chosen) == (8, False)
