"""Find speech: WebRTC's detector, Silero's, or frame energy per 30 ms, then utterances that never start or end inside it.

What a detector hears becomes speech by three lengths, tuned on the real packs (docs/vad.md): shorter sounds are clicks, shorter pauses are part
of speech, and speech goes on for a hangover behind the last frame that is heard.
"""

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
SHORTEST_PAUSE_FRAMES = 6
"""Pauses shorter than this (180 ms) are part of speech: the closure of a plosive lasts up to 150 ms."""
HANGOVER_FRAMES = 2
"""Frames (60 ms) that are speech behind the last one that is heard: words die away. WebRTC's modes 0 to 2 have one of their own besides."""
SETTLED_FRAMES = SHORTEST_SPEECH_FRAMES + SHORTEST_PAUSE_FRAMES + HANGOVER_FRAMES
"""Speech this close to the end of what is known may change with what follows."""
ENERGY_ABOVE_FLOOR_DB = 9.0
QUIETEST_SPEECH_DBFS = -60.0
HEARD_AT_DBFS = -15.0
"""Peak level of what detectors are given. WebRTC's is not gain invariant: at full scale it takes quiet noise for speech, at -35 dBFS it hears little."""
WARM_UP_FRAMES = 10
"""Without these, noise before the first word was speech for about a second (docs/measures.md: leading silence was 1.1 s too short at 20 dB)."""
MOST_CLICK_FRAMES = 9
"""Frames louder than what sets that level, one in a hundred at most: a slammed door must not make speech too quiet to be heard."""


def speech_frames(
    samples: np.ndarray, sampling_rate: int, frames: Frames, segmentation: Segmentation, *, is_spoken: bool = True, most_gain: float = np.inf
) -> np.ndarray:
    """Which 30 ms frames hold speech.

    Args:
        samples: int16 of shape (num_samples,).
        frames: their frame table.
        is_spoken: somebody speaks in these samples, so frame energy decides where WebRTC hears nothing.
        most_gain: the least `hearing_gain` of earlier windows of the recording, so that the noise of a window without speech is not made as loud as speech.

    Returns:
        bool of shape (num_frames,); no run is shorter than 90 ms (the last may be: there the recording ends) and no pause between two shorter than
        120 ms. With `given` times everything is speech: these samples are what annotations name.

    Raises:
        speccraft.errors.MissingExtra: the detector is Silero's, and it is not installed.
    """
    if segmentation.detector == "given":
        return np.ones(len(frames.energy), bool)
    if segmentation.detector == "silero":
        from speccraft.sound.silero import silero_frames

        return _smoothed(silero_frames(samples, sampling_rate, frames, most_gain))
    if segmentation.detector == "webrtc":
        found = _smoothed(_webrtc_frames(samples, sampling_rate, segmentation.aggressiveness, frames, most_gain))
        if found.any() or not is_spoken:
            return found
    return _smoothed(energy_frames(frames))


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


def _webrtc_frames(samples: np.ndarray, sampling_rate: int, aggressiveness: int, frames: Frames, most_gain: float) -> np.ndarray:
    import webrtcvad

    count = len(frames.energy)
    if not frames.energy.any():
        return np.zeros(count, bool)
    if sampling_rate not in WEBRTC_RATES:
        samples, sampling_rate = to_int16(soxr.resample(samples / np.float32(32768), sampling_rate, 16000, quality="QQ")), 16000
    offset, gain = frames.offset, min(most_gain, hearing_gain(frames))
    length, is_speech = frame_length(sampling_rate), webrtcvad.Vad(aggressiveness).is_speech

    def hear(samples: np.ndarray) -> list[bool]:
        levelled = framed(samples, length) * np.float32(gain)
        levelled -= np.float32(gain * offset)
        np.clip(levelled, -32768, 32767, out=levelled)
        return [is_speech(frame, sampling_rate, length) for frame in levelled.astype("<i2").view(f"V{2 * length}").ravel().tolist()]

    for frame in _quiet_frames(frames):
        hear(samples[frame * length : (frame + 1) * length])
    heard: list[bool] = []
    for start in range(0, len(samples), FRAMES_AT_ONCE * length):
        heard += hear(samples[start : start + FRAMES_AT_ONCE * length])
    # Another rate rounds the last frame away, or adds one.
    return np.pad(np.array(heard[:count], bool), (0, max(0, count - len(heard))))


def _quiet_frames(frames: Frames) -> list[int]:
    """The first few of the recording's quietest quarter: WebRTC's detector has to hear noise before it tells it from speech."""
    quietest = np.argsort(frames.energy, kind="stable")[: len(frames.energy) // 4]
    return np.sort(quietest)[:WARM_UP_FRAMES].tolist()


def hearing_gain(frames: Frames) -> float:
    """The factor that brings samples, less their offset, to the level at which detectors hear them."""
    clicks = min(MOST_CLICK_FRAMES, len(frames.peak) // 100)
    peak = float(np.partition(frames.peak, -1 - clicks)[-1 - clicks]) - abs(frames.offset)
    return 10 ** (HEARD_AT_DBFS / 20) * 32767 / max(1.0, peak)


def _smoothed(heard: np.ndarray) -> np.ndarray:
    """Speech without clicks and without the shortest pauses, each run with its hangover."""
    runs = [(start, end) for start, end in _runs(heard) if end - start >= SHORTEST_SPEECH_FRAMES]
    speech = np.zeros_like(heard)
    for (start, end), (following, _) in pairwise([*runs, (len(heard) + SHORTEST_PAUSE_FRAMES, 0)]):
        speech[start : following if following - end < SHORTEST_PAUSE_FRAMES else end + HANGOVER_FRAMES] = True
    return speech


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
    done, waiting = [], [group]
    while waiting:
        part = waiting.pop()
        if part[-1][1] - part[0][0] <= longest or len(part) == 1:
            done.append(part)
            continue
        pauses = np.array([after[0] - before[1] for before, after in pairwise(part)])
        longest_ones = np.flatnonzero(pauses == pauses.max())
        at = int(longest_ones[len(longest_ones) // 2]) + 1
        waiting += [part[at:], part[:at]]
    return done
