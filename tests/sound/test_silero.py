"""Silero's network: found without importing its package, the same at any level and rate, and asked for before any work where it is missing."""

from __future__ import annotations

import importlib.util
import subprocess
import sys

import numpy as np
import pytest
from corpus import Corpus, build_here, plan_of
from sound_world import two_sentences, white

from speccraft.build.run import units_of
from speccraft.errors import MissingExtra
from speccraft.scenario.quality import Segmentation
from speccraft.sound import silero
from speccraft.sound.decode import to_int16
from speccraft.sound.frames import frames_of
from speccraft.sound.vad import speech_frames, utterances

needs_silero = pytest.mark.skipif(importlib.util.find_spec("silero_vad") is None or importlib.util.find_spec("onnxruntime") is None, reason="no silero extra")
SILERO = Segmentation(detector="silero")


def mask_of(samples: np.ndarray, rate: int = 16000) -> np.ndarray:
    return speech_frames(samples, rate, frames_of(samples, rate), SILERO)


@needs_silero
@pytest.mark.parametrize("rate", [8000, 16000, 44100, 48000])
@pytest.mark.parametrize("gain_db", [0, -35])
def test_two_sentences_are_found_at_any_level_and_rate(rate: int, gain_db: int) -> None:
    samples, spans = two_sentences(rate, gain=10 ** (gain_db / 20))
    ranges = utterances(mask_of(samples, rate), frames_of(samples, rate), SILERO, longest_s=20, whole=False)
    assert len(ranges) == 2
    for (start, end), (first, last) in zip(ranges, spans, strict=True):
        assert first - 0.45 * rate <= start <= first + 0.15 * rate
        assert last - 0.25 * rate <= end <= last + 0.6 * rate


@needs_silero
@pytest.mark.parametrize(
    "samples", [np.zeros(16000, np.int16), np.full(16000, 5000, np.int16), np.array([9000], np.int16), np.zeros(0, np.int16)], ids=["silence", "DC", "1", "0"]
)
def test_silence_a_constant_and_one_sample_hold_no_speech(samples: np.ndarray) -> None:
    assert not mask_of(samples).any()


@needs_silero
def test_loud_noise_is_no_speech() -> None:
    assert not mask_of(to_int16(white(48000, rms=0.3))).any()


@needs_silero
def test_windows_given_together_have_the_probabilities_of_windows_given_one_by_one(monkeypatch: pytest.MonkeyPatch) -> None:
    samples, _ = two_sentences()
    frames = frames_of(samples, 16000)
    together = silero.speech_probabilities(samples, 16000, frames)
    monkeypatch.setattr(silero, "WINDOWS_AT_ONCE", 1)
    assert np.abs(together - silero.speech_probabilities(samples, 16000, frames)).max() < 1e-4
    assert len(together) == -(-len(samples) // silero.WINDOW)
    assert together.max() > 0.9
    assert together.min() < 0.1


@needs_silero
def test_it_is_run_without_its_package_and_without_torch() -> None:
    program = """
import sys, numpy as np
from speccraft.scenario.quality import Segmentation
from speccraft.sound.frames import frames_of
from speccraft.sound.vad import speech_frames
samples = (9000 * np.sin(np.arange(16000) / 9)).astype(np.int16)
speech_frames(samples, 16000, frames_of(samples, 16000), Segmentation(detector="silero"))
print([name for name in ("torch", "torchaudio", "silero_vad", "polars") if name in sys.modules])
"""
    done = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True)
    assert done.stdout == "[]\n"


@needs_silero
def test_a_build_names_the_network_that_it_heard_with(corpus: Corpus) -> None:
    corpus.write_scenario(segmentation={"detector": "silero"})
    corpus.add_row("words/talk.wav", two_sentences(8000)[0], text="which platform please buy a day ticket")
    unit = next(unit for unit in units_of(plan_of(corpus)) if unit.role == "speech")
    assert {"onnxruntime", "silero-vad"} <= unit.versions.keys()
    assert {"onnxruntime", "silero-vad"} <= build_here(corpus).artefact.record.info["tools"].keys()


@pytest.mark.parametrize("missing", ["silero_vad", "onnxruntime"])
def test_without_it_a_plan_says_what_to_install_before_it_reads_anything(corpus: Corpus, missing: str, monkeypatch: pytest.MonkeyPatch) -> None:
    corpus.write_scenario(segmentation={"detector": "silero"})
    (corpus.folder / "words.csv").unlink()
    found = importlib.util.find_spec
    monkeypatch.setattr(importlib.util, "find_spec", lambda name: None if name == missing else found(name))
    with pytest.raises(MissingExtra, match="silero") as error:
        plan_of(corpus)
    assert "speccraft[silero]" in error.value.try_this
