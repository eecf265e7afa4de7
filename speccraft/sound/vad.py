"""Find speech: WebRTC's detector or frame energy per 30 ms, then utterances that never start or end inside it."""

from __future__ import annotations

from itertools import pairwise

import numpy as np
import soxr

from speccraft.scenario.quality import Segmentation
from speccraft.sound.decode import to_int16
from speccraft.sound.frames import FRAME_S, FRAMES_AT_ONCE, Frames, frame_length, framed

WEBRTC_RATES = (8000, 16000, 32000, 48000)
SHORTEST_SPEECH_FRAMES = 3
"""Runs of speech shorter than this (90 ms) are clicks."""
ENERGY_ABOVE_FLOOR_DB = 9.0
QUIETEST_SPEECH_DBFS = -60.0


def speech_frames(samples: np.ndarray, sampling_rate: int, frames: Frames, segmentation: Segmentation) -> np.ndarray:
    """Which 30 ms frames hold speech.

    Args:
        samples: int16 of shape (num_samples,).
        frames: their frame table.

    Returns:
        bool of shape (num_frames,), without runs shorter than 90 ms. Where WebRTC hears nothing, frame energy decides.
    """
    if segmentation.detector == "energy":
        return _without_clicks(energy_frames(frames))
    found = _without_clicks(_webrtc_frames(samples, sampling_rate, segmentation.aggressiveness, len(frames.power)))
    return found if found.any() else _without_clicks(energy_frames(frames))


def energy_frames(frames: Frames) -> np.ndarray:
    """Frames 9 dB above the noise floor (10th percentile of frame power) or within 20 dB of the loudest, and above -60 dBFS.

    So noise that is less than 20 dB below the speech counts as speech: this detector keeps too much rather than too little.
    """
    if not len(frames.power):
        return np.zeros(0, bool)
    level = 10 * np.log10(frames.power + 1e-12)
    floor = max(float(np.percentile(level, 10)) + ENERGY_ABOVE_FLOOR_DB, QUIETEST_SPEECH_DBFS)
    # A recording that is all speech has no floor of its own: its loudest 20 dB are speech.
    return level >= min(floor, max(float(level.max()) - 20.0, QUIETEST_SPEECH_DBFS))


def utterances(speech: np.ndarray, frames: Frames, segmentation: Segmentation, *, longest_s: float, whole: bool) -> list[tuple[int, int]]:
    """Sample ranges [start, end) of utterances, with up to `keep_pause_s` of the silence around them.

    Args:
        speech: bool of shape (num_frames,).
        whole: a transcript without times belongs to the recording, so it is trimmed to one utterance and never cut apart.

    An utterance longer than `longest_s` is cut at its longest pause, again and again; one without a pause stays too long.
    """
    runs = _runs(speech)
    if not runs:
        return []
    keep, longest = round(segmentation.keep_pause_s / FRAME_S), int(longest_s / FRAME_S)
    groups = [runs] if whole else _grouped(runs, keep, longest)
    bounds = [(group[0][0], group[-1][1]) for group in groups]
    padded = []
    for index, (start, end) in enumerate(bounds):
        before = bounds[index - 1][1] if index else 0
        after = bounds[index + 1][0] if index + 1 < len(bounds) else len(speech)
        # The silence that is kept must not make an utterance longer than is allowed: it would be dropped for it.
        spare = max(0, longest - (end - start))
        left = min(keep, spare // 2, start - before if not index else (start - before) // 2)
        right = min(keep, spare - left, after - end if index + 1 == len(bounds) else (after - end) // 2)
        padded.append(((start - left) * frames.length, min((end + right) * frames.length, frames.num_samples)))
    return padded


def _webrtc_frames(samples: np.ndarray, sampling_rate: int, aggressiveness: int, count: int) -> np.ndarray:
    import webrtcvad

    peak = _peak(samples)
    if peak == 0:
        return np.zeros(count, bool)
    if sampling_rate not in WEBRTC_RATES:
        samples = to_int16(soxr.resample(samples / np.float32(32768), sampling_rate, 16000, quality="QQ"))
        peak, sampling_rate = _peak(samples), 16000
    length, detector = frame_length(sampling_rate), webrtcvad.Vad(aggressiveness)
    heard: list[bool] = []
    for start in range(0, len(samples), FRAMES_AT_ONCE * length):
        block = framed(samples[start : start + FRAMES_AT_ONCE * length], length)
        # The detector is not gain invariant (mode 3 loses everything at -35 dBFS), so it hears a copy at full scale.
        content = (block * np.float32(0.99 * 32767 / peak)).astype("<i2").tobytes()
        heard += [detector.is_speech(content[at : at + 2 * length], sampling_rate) for at in range(0, len(content), 2 * length)]
    # Another rate rounds the last frame away, or adds one.
    return np.pad(np.array(heard[:count], bool), (0, max(0, count - len(heard))))


def _peak(samples: np.ndarray) -> int:
    return max(int(samples.max()), -int(samples.min())) if len(samples) else 0


def _without_clicks(speech: np.ndarray) -> np.ndarray:
    kept = np.zeros_like(speech)
    for start, end in _runs(speech):
        if end - start >= SHORTEST_SPEECH_FRAMES:
            kept[start:end] = True
    return kept


def _runs(speech: np.ndarray) -> list[tuple[int, int]]:
    edges = np.flatnonzero(np.diff(np.concatenate(([False], speech, [False])).astype(np.int8)))
    return [(int(start), int(end)) for start, end in edges.reshape(-1, 2)]


def _grouped(runs: list[tuple[int, int]], keep: int, longest: int) -> list[list[tuple[int, int]]]:
    """Join runs across pauses of at most `keep` frames, then cut what is longer than `longest` at its longest pause."""
    groups = [[runs[0]]]
    for run in runs[1:]:
        if run[0] - groups[-1][-1][1] <= keep:
            groups[-1].append(run)
        else:
            groups.append([run])
    return [part for group in groups for part in _short_enough(group, longest)]


def _short_enough(group: list[tuple[int, int]], longest: int) -> list[list[tuple[int, int]]]:
    if group[-1][1] - group[0][0] <= longest or len(group) == 1:
        return [group]
    pauses = [after[0] - before[1] for before, after in pairwise(group)]
    at = int(np.argmax(pauses)) + 1
    return _short_enough(group[:at], longest) + _short_enough(group[at:], longest)
