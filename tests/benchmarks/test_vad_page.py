"""The page about detectors, made of made-up scores."""

from __future__ import annotations

import numpy as np
import pytest


def test_scores_are_those_of_their_counts_and_the_page_names_every_detector() -> None:
    from benchmarks.vad_page import Scores, page

    counts = {name: np.array([60, 20, 15, 5]) for name in ("meetings", "clean", "20 dB", "5 dB", "meetings, -35 dBFS", "20 dB, -35 dBFS")}
    names = ("`webrtc`, mode 0", "`webrtc`, mode 2", "`webrtc`, mode 3", "`silero`", "auditok")
    scores = {name: Scores(1.25, counts, 7) for name in names}
    one = scores["auditok"]
    assert one.f1("clean") == pytest.approx(120 / 155)
    assert one.missed("clean") == pytest.approx(0.2)
    assert one.false_alarm("clean") == pytest.approx(0.8)
    written = page(scores, dict.fromkeys(counts, 0.1))
    assert all(f"| {name} | 0.774" in written and f"| {name} | 1.25 | +0.000" in written for name in names)
