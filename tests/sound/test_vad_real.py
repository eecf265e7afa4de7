"""Detectors on real meetings, scored against their annotated turns. Runs where SPECCRAFT_DATA names the packs."""

from __future__ import annotations

import importlib.util
import os
from pathlib import Path

import numpy as np
import pytest

from speccraft.scenario.quality import Segmentation
from speccraft.sound.decode import decode
from speccraft.sound.frames import FRAME_S, frames_of
from speccraft.sound.vad import speech_frames

PACKS = os.environ.get("SPECCRAFT_DATA", "")
pytestmark = pytest.mark.skipif(not PACKS, reason="SPECCRAFT_DATA does not name the packs")
needs_silero = pytest.mark.skipif(importlib.util.find_spec("silero_vad") is None or importlib.util.find_spec("onnxruntime") is None, reason="no silero extra")


def f1_of(segmentation: Segmentation, name: str) -> float:
    """F1 of 30 ms frames against the turns of one excerpt."""
    audio = Path(PACKS, "dev", "conversation", f"{name}.flac")
    samples = decode(audio, 16000).samples
    found = speech_frames(samples, 16000, frames_of(samples, 16000), segmentation)
    middles, true = (np.arange(len(found)) + 0.5) * FRAME_S, np.zeros(len(found), bool)
    for line in audio.with_suffix(".rttm").read_text().splitlines():
        start, lasts = map(float, line.split()[3:5])
        true |= (start <= middles) & (middles < start + lasts)
    return float(2 * (found & true).sum() / (found.sum() + true.sum()))


@pytest.mark.parametrize(
    ("detector", "name", "floor"),
    [
        ("webrtc", "ami_dev00", 0.90),
        ("webrtc", "ami_trn08", 0.86),
        pytest.param("silero", "ami_dev00", 0.86, marks=needs_silero),
        pytest.param("silero", "ami_trn08", 0.89, marks=needs_silero),
    ],
)
def test_turns_of_a_meeting_are_found(detector: str, name: str, floor: float) -> None:
    assert f1_of(Segmentation.model_validate({"detector": detector}), name) >= floor
