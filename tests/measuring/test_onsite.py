"""A place that was recorded: the block is a valid one, its numbers are those of the recordings, and nothing in it is made up."""

from __future__ import annotations

import importlib.util
import json
import os
import re
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import soundfile
import soxr
from corpus import speccraft
from hypothesis import given, settings
from hypothesis import strategies as st
from measuring_world import RATE, bursts, clap, record

from speccraft.errors import UnreadableInput
from speccraft.measuring.onsite import Block, OnSite, block, listen
from speccraft.scenario import Scenario
from speccraft.scenario.environment import Environment
from speccraft.scenario.text import check, parse
from speccraft.sound.rooms import simulate_room

PACKS = os.environ.get("SPECCRAFT_DATA", "")
SCENARIO = """\
speccraft: 1
name: pasted
job: {task: transcribe, languages: [en]}
sources:
  - {id: words, format: folder, path: words, licence: CC0-1.0}
"""


def pasted(made: Block) -> Environment:
    """The block as a scenario takes it."""
    return check(parse(SCENARIO + made.text, file="scenario.yaml"), Scenario).environment


def heard(folder: Path) -> Block:
    """The block of recordings whose transcripts say that somebody speaks; the same with and without Silero."""
    return block(listen(folder, workers=1, detector="webrtc"))


def sentences(folder: Path, count: int = 8, *, noise_db: float = -20.0, rate: int = RATE, cut_at: int | None = None) -> Path:
    """Recordings of four utterances each, in noise so far below them."""
    voice = bursts(8.0, noise=0.0, every_s=2.0)
    power = float(np.mean(voice[: RATE // 2] ** 2))
    for number in range(count):
        noise = np.random.default_rng(number).standard_normal(len(voice)) * np.sqrt(power * 10 ** (noise_db / 10))
        samples = voice + noise
        if cut_at is not None:
            samples = soxr.resample(soxr.resample(samples, RATE, 2 * cut_at), 2 * cut_at, RATE)
        record(folder / f"take{number}.wav", soxr.resample(samples, RATE, rate), rate, text="hello there")
    return folder


@pytest.fixture(scope="module")
def street(tmp_path_factory: pytest.TempPathFactory) -> Block:
    return heard(sentences(tmp_path_factory.mktemp("site") / "the_street"))


def test_the_block_is_valid_where_it_is_pasted(street: Block) -> None:
    environment = pasted(street)
    assert environment.place == "the street"
    assert environment.sampling_rate == 16000
    assert environment.snr_db is not None
    assert environment.level_dbfs is not None


def test_the_bands_are_those_of_the_recordings(street: Block) -> None:
    environment = pasted(street)
    assert environment.snr_db is not None
    # The silence behind each word that counts as speech takes a decibel.
    assert 17 <= environment.snr_db.low <= environment.snr_db.high <= 22
    assert environment.level_dbfs is not None
    level = 10 * np.log10(np.mean(bursts(0.5, noise=0.0) ** 2))
    assert environment.level_dbfs.low - 1.5 <= level <= environment.level_dbfs.high + 1.5


def test_comments_say_from_how_much_and_how_certain(street: Block) -> None:
    words = " ".join(street.text.replace("#", "").split())
    assert re.search(r"5th to 95th percentile of 32 utterances \(\d+ s of speech in 8 recordings\), its ends .* dB with 95 % certainty", words)
    assert re.search(r"noise: the floor lies at -\d+ dBFS \(median of 8 recordings", words)
    assert {one.field: one.recordings for one in street.estimates}["snr_db"] == 8


def test_what_is_declared_is_reached_as_the_block_stands(street: Block, tmp_path: Path) -> None:
    scenario = tmp_path / "scenario.yaml"
    scenario.write_text(SCENARIO + street.text)
    done = speccraft("check", scenario, "--json")
    assert (done.returncode, json.loads(done.stdout)["findings"]) == (0, [])
    assert pasted(street).made == ("speech-shaped", "simulated-rooms")
    assert re.search(r"^  # noise: \[ID\]", street.text, re.MULTILINE)
    assert re.search(r"^  # rooms: \[ID\]", street.text, re.MULTILINE)


def test_what_could_not_be_estimated_is_a_comment_and_no_number(street: Block) -> None:
    assert street.environment.keys() == {"place", "sampling_rate", "snr_db", "level_dbfs", "rt60_s", "made"}
    assert re.search(r"^# noise: the floor", street.text, re.MULTILINE)
    assert pasted(street).noise == ()


def test_noise_alone_tells_its_floor_and_asks_for_speech(tmp_path: Path) -> None:
    for number in range(3):
        record(tmp_path / f"{number}.wav", 0.01 * np.random.default_rng(number).standard_normal(4 * RATE))
    made = heard(tmp_path)
    assert made.environment.keys() == {"place", "sampling_rate"}
    words = " ".join(made.text.replace("#", "").split())
    assert "snr_db: not estimated: 0 utterances" in words
    assert "`role: noise`" in words
    assert pasted(made).snr_db is None


def row(
    name: str, duration_s: float, *, speech_s: float = 0.0, snr_db: float = 10.0, claps: tuple[float, ...] = (), t60_s: float | None = None
) -> dict[str, Any]:
    """What was measured of a recording, with five utterances where somebody speaks."""
    spoken = {"utterances": [{"snr_db": snr_db, "level_dbfs": -20.0}] * (5 if speech_s else 0), "reverberation_s": t60_s, "bandwidth_hz": None}
    facts = {"duration_s": duration_s, "speech_share": speech_s / duration_s, "clap_rt60_s": list(claps), "sampling_rate_hz": 16000, "text": None}
    return {"file": f"/site/{name}", **facts, **spoken, "noise_dbfs": -50.0, "noise_s": 1.0}


def words_of(rows: list[dict[str, Any]]) -> str:
    """The block of recordings in which Silero heard speech, as one line of text."""
    return " ".join(block(OnSite(Path("/site"), "silero", tuple(rows))).text.replace("#", "").split())


def test_short_words_are_no_noise() -> None:
    rows = [row(f"word{number}.wav", 1.2, speech_s=0.4) for number in range(7)]
    site = OnSite(Path("/site"), "silero", (*rows, row("short.wav", 2.9), row("clap.wav", 9.0, claps=(0.5,))))
    assert {kind: len(files) for kind, files in site.files.items()} == {"spoken": 0, "claps": 1, "too_short": 8, "silent": 0}
    assert site.files["too_short"][-1] == "/site/short.wav"
    told = words_of(list(site.rows))
    assert "8 recordings too short to tell" in told
    assert "word4.wav and 3 more" in told
    assert "word5.wav" not in told
    assert "1 recording of a clap or an impulse response: clap.wav." in told
    assert "role: noise" not in told
    assert "1 recording (3 s) without speech that was told from noise: if that is the noise" in words_of([*rows, row("hum.wav", 3.0)])


def test_an_snr_is_no_further_out_than_its_measure_tells() -> None:
    loud, quiet = ([row(f"{number}.wav", 9.0, speech_s=5.0, snr_db=snr_db) for number in range(5)] for snr_db in (61.0, -12.0))
    made = block(OnSite(Path("/site"), "silero", (*loud, *quiet)))
    assert made.environment["snr_db"] == {"low": -5, "high": 40}
    assert "Cut from -12 to 61 dB" in words_of([*loud, *quiet])
    assert "Cut from" not in words_of([row(f"{number}.wav", 9.0, speech_s=5.0) for number in range(5)])


def test_a_room_is_no_drier_than_can_be_told() -> None:
    rows = [row(f"{number}.wav", 9.0, speech_s=5.0, t60_s=t60_s) for number, t60_s in enumerate((0.12, 0.15, 0.3))]
    made = block(OnSite(Path("/site"), "silero", tuple(rows)))
    assert made.environment["rt60_s"]["low"] == 0.1
    assert "The low end was 0.02 s and is written as 0.1 s" in words_of(rows)
    tiny = [row("clap.wav", 9.0, claps=(0.05,))]
    assert "rt60_s" not in block(OnSite(Path("/site"), "silero", tuple(tiny))).environment
    assert "below 0.1 s cannot be told" in words_of(tiny)


def test_without_silero_engines_are_not_taken_for_speech(tmp_path: Path) -> None:
    # The same sound with and without a transcript beside it: WebRTC's detector hears a voice in both.
    for path in sentences(tmp_path).glob("*.txt"):
        path.unlink()
    assert "snr_db" not in heard(tmp_path).environment


def test_claps_tell_the_rooms(tmp_path: Path) -> None:
    for number, rt60_s in enumerate((0.4, 0.5, 0.6)):
        record(tmp_path / f"clap{number}.wav", clap(rt60_s, seed=number))
    band = pasted(heard(tmp_path)).rt60_s
    assert band is not None
    assert 0.33 <= band.low <= 0.42
    assert 0.58 <= band.high <= 0.7


def in_room(folder: Path, voice: np.ndarray, rt60_s: float, rate: int = RATE) -> None:
    """Four recordings of a voice in as many simulated rooms."""
    for number in range(4):
        wet = np.convolve(voice, simulate_room(rt60_s, rate, np.random.default_rng(number)))[: len(voice)]
        record(folder / f"take{number}.wav", 0.3 * wet + 1e-4 * np.random.default_rng(number).standard_normal(len(wet)), rate, text="hello there")


@pytest.mark.slow
def test_without_claps_the_fading_of_speech_tells_the_rooms(tmp_path: Path) -> None:
    bands = []
    for rt60_s in (0.4, 0.9):
        in_room(tmp_path / str(rt60_s), bursts(8.0, noise=0.0, every_s=2.0), rt60_s)
        bands.append(pasted(heard(tmp_path / str(rt60_s))).rt60_s)
    # Bursts end at once, where real voices fade, so both read short.
    assert bands[0] is not None
    assert bands[1] is not None
    assert bands[0].high < bands[1].low


@pytest.mark.skipif(not PACKS, reason="SPECCRAFT_DATA does not name the packs")
@pytest.mark.parametrize("rt60_s", [0.4, 0.9])
def test_real_voices_tell_the_rooms(rt60_s: float, tmp_path: Path) -> None:
    takes = sorted(Path(PACKS, "dev", "read").rglob("*.flac"))[:2]
    voices = [soundfile.read(take) for take in takes]
    in_room(tmp_path, np.concatenate([samples for samples, _ in voices])[: 12 * RATE], rt60_s, voices[0][1])
    band = pasted(heard(tmp_path)).rt60_s
    assert band is not None
    assert band.low <= rt60_s <= band.high


def test_recordings_as_narrow_as_a_telephone_give_its_channel(tmp_path: Path) -> None:
    made = heard(sentences(tmp_path / "line", noise_db=-30, cut_at=3400))
    assert pasted(made).channel.codec == "telephone"


def test_recordings_that_are_narrower_than_a_telephone_are_no_telephone(tmp_path: Path) -> None:
    channel = pasted(heard(sentences(tmp_path, noise_db=-30, cut_at=1800))).channel
    assert channel.codec == "band"
    assert channel.high_hz == pytest.approx(1800, abs=500)


def test_recordings_that_are_narrower_than_their_rate_give_a_band(tmp_path: Path) -> None:
    channel = pasted(heard(sentences(tmp_path / "muffled", noise_db=-30, cut_at=5500))).channel
    assert channel.codec == "band"
    assert channel.high_hz == pytest.approx(5500, abs=500)


def test_recordings_at_8_khz_give_that_rate(tmp_path: Path) -> None:
    environment = pasted(heard(sentences(tmp_path, 4, rate=8000)))
    assert (environment.sampling_rate, environment.channel.codec) == (8000, "none")


def test_broken_recordings_are_told_and_cost_nothing_else(tmp_path: Path) -> None:
    sentences(tmp_path, 2)
    (tmp_path / "broken.wav").write_text("no audio")
    site = listen(tmp_path, workers=1, detector="webrtc")
    assert (site.counts["recordings"], [row["rule"] for row in site.unreadable]) == (2, ["not_audio"])


def test_nothing_to_hear_is_an_error(tmp_path: Path) -> None:
    with pytest.raises(UnreadableInput, match="no folder"):
        listen(tmp_path / "none", workers=1)
    (tmp_path / "a.wav").write_text("no audio")
    with pytest.raises(UnreadableInput, match="none of 1 recordings can be read"):
        listen(tmp_path, workers=1)


@pytest.mark.skipif(importlib.util.find_spec("silero_vad") is None or importlib.util.find_spec("onnxruntime") is None, reason="needs the extra `silero`")
def test_silero_hears_that_nobody_speaks(tmp_path: Path) -> None:
    record(tmp_path / "engine.wav", bursts(8.0, noise=0.05))
    site = listen(tmp_path, workers=1)
    assert site.detector == "silero"
    assert site.spoken == ()


MEASURE = st.none() | st.floats(-120, 120)
UTTERANCE = st.fixed_dictionaries({"snr_db": MEASURE, "level_dbfs": st.none() | st.floats(-120, 0)})
ROW = st.fixed_dictionaries(
    {
        "file": st.text(min_size=1, max_size=5), "text": st.sampled_from([None, "hello"]), "duration_s": st.floats(0.01, 1e4), "speech_share": st.floats(0, 1),
        "sampling_rate_hz": st.sampled_from([8000, 11025, 16000, 22050, 44100, 192000]),
        "noise_dbfs": st.none() | st.floats(-101, 0), "noise_s": st.floats(0, 9),
        "utterances": st.lists(UTTERANCE, max_size=30), "clap_rt60_s": st.lists(st.floats(0.02, 10), max_size=2),
        "bandwidth_hz": st.none() | st.floats(100, 24000), "reverberation_s": st.none() | st.floats(0.1, 1.6),
    }
)  # fmt: skip


@settings(deadline=None, max_examples=60)
@given(
    st.lists(ROW, min_size=1, max_size=8), st.sampled_from(["webrtc", "silero"]), st.text(max_size=8).filter(lambda name: "/" not in name and "\0" not in name)
)
def test_whatever_was_measured_the_block_is_valid(rows: list[dict[str, Any]], detector: str, name: str) -> None:
    made = block(OnSite(Path("/site") / name, detector, tuple(rows)))
    assert pasted(made).sampling_rate == made.environment["sampling_rate"]
