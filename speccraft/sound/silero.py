"""Find speech with Silero's network (optional), read out of its installed wheel; neither that package nor torch is imported.

`silero_vad_16k_sequence.onnx` takes all windows in one call, for a quarter of the cost of a call for each and with the same probabilities.
"""

from __future__ import annotations

import importlib.util
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import soxr

from speccraft.errors import MissingExtra
from speccraft.sound.frames import FRAME_S, Frames

MODEL = "silero_vad_16k_sequence.onnx"
RATE_HZ = 16000
WINDOW = 512
"""Samples (32 ms) for which the network gives one probability."""
CONTEXT = 64
"""Samples before a window that it sees besides."""
WINDOWS_AT_ONCE = 128
"""Windows given to it together (4 s), so that what it works with stays small; its state goes on from one call to the next."""
SPEECH_FROM, SPEECH_WHILE = 0.5, 0.1
"""Speech begins at the first probability and goes on while it is above the second; tuned on the real packs (docs/vad.md)."""
HEARD_LATE_FRAMES = 2
"""Frames (60 ms) before the first that is heard: the network is sure of a beginning only once it has passed."""


def silero_frames(samples: np.ndarray, sampling_rate: int, frames: Frames, most_gain: float = np.inf) -> np.ndarray:
    """Which 30 ms frames the network takes for speech, whatever their level.

    Args:
        samples: int16 of shape (num_samples,), of any rate.
        frames: their frame table.

    Returns:
        bool of shape (num_frames,). The probabilities are sums of float32 in an order that a processor's vector unit decides, so between kinds of
        processors one may fall on the other side of a threshold.

    Raises:
        MissingExtra: onnxruntime or the network is not installed.
    """
    if not frames.energy.any():
        return np.zeros(len(frames.energy), bool)
    is_speech, heard = False, []
    for probability in speech_probabilities(samples, sampling_rate, frames, most_gain).tolist():
        is_speech = probability >= SPEECH_FROM or (is_speech and probability >= SPEECH_WHILE)
        heard.append(is_speech)
    middles_s = (np.arange(len(frames.energy)) + 0.5) * FRAME_S
    found = np.array(heard)[np.minimum((middles_s * RATE_HZ / WINDOW).astype(int), len(heard) - 1)]
    beginnings = np.flatnonzero(np.diff(found.astype(np.int8), prepend=0) == 1)
    for beginning in beginnings:
        found[max(0, beginning - HEARD_LATE_FRAMES) : beginning] = True
    return found


def speech_probabilities(samples: np.ndarray, sampling_rate: int, frames: Frames, most_gain: float = np.inf) -> np.ndarray:
    """The probability of speech in each window of 32 ms: float32 of shape (num_windows,).

    Args:
        samples: int16 of shape (num_samples,), of any rate.
        frames: their frame table.
        most_gain: the most that they are amplified by, as for `vad.speech_frames`.

    Raises:
        MissingExtra: onnxruntime or the network is not installed.
    """
    from speccraft.sound.vad import hearing_gain

    network = _network()
    # In place: a window of a build is five minutes long.
    sound = samples.astype(np.float32)
    sound -= np.float32(frames.offset)
    sound *= np.float32(min(most_gain, hearing_gain(frames)) / 32768)
    np.clip(sound, -1, 1, out=sound)
    if sampling_rate != RATE_HZ:
        sound = soxr.resample(sound, sampling_rate, RATE_HZ, quality="LQ")
    sound = np.pad(sound, (CONTEXT, -len(sound) % WINDOW))
    windows = np.lib.stride_tricks.sliding_window_view(sound, CONTEXT + WINDOW)[::WINDOW]
    hidden = cell = np.zeros((1, 1, 128), np.float32)
    found = []
    for start in range(0, len(windows), WINDOWS_AT_ONCE):
        block = np.ascontiguousarray(windows[start : start + WINDOWS_AT_ONCE])
        probabilities, hidden, cell = network.run(["speech_probs", "hn", "cn"], {"input": block, "h": hidden, "c": cell})
        found.append(probabilities)
    return np.concatenate(found)


def model_file() -> Path:
    """Where the network lies.

    Raises:
        MissingExtra: onnxruntime or silero-vad is not installed, or that version does not bring it.
    """
    # Found, not imported: silero_vad imports torch.
    package = importlib.util.find_spec("silero_vad")
    if package is None or importlib.util.find_spec("onnxruntime") is None:
        raise MissingExtra("`segmentation.detector: silero` needs Silero's network and onnxruntime", try_this="pip install 'speccraft[silero]'")
    for folder in package.submodule_search_locations or ():
        if (file := Path(folder, "data", MODEL)).is_file():
            return file
    raise MissingExtra(f"the installed silero-vad brings no {MODEL}", try_this="pip install --upgrade 'speccraft[silero]'")


@cache
def _network() -> Any:
    file = model_file()
    import onnxruntime

    options = onnxruntime.SessionOptions()
    options.intra_op_num_threads = options.inter_op_num_threads = 1
    options.use_deterministic_compute = True
    # Memory that is kept for the next call would stay at the largest of them.
    options.enable_cpu_mem_arena = False
    options.log_severity_level = 3
    return onnxruntime.InferenceSession(str(file), options, providers=["CPUExecutionProvider"])
