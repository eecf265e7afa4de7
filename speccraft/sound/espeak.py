"""Speak a text with espeak-ng: the library from espeakng-loader, or one installed on the system."""

from __future__ import annotations

import ctypes.util
import subprocess
import sys
from functools import cache
from pathlib import Path

import numpy as np

from speccraft.errors import BadEnvironment, MissingExtra, SpeccraftError

SPEAKER = Path(__file__).with_name("espeak_process.py")
LONGEST_WAIT_S = 60


def speak(text: str, *, voice: str, words_per_minute: int, pitch: int) -> tuple[np.ndarray, int]:
    """Say a text, in a process of its own: espeak-ng keeps state between utterances, so only a fresh one repeats itself exactly.

    Returns:
        int16 samples of shape (num_samples,) and their sampling rate in Hz.

    Raises:
        MissingExtra: there is no espeak-ng library.
        SpeccraftError: espeak-ng does not know the voice or its variant, or takes longer than a minute.
    """
    library, data = espeak_library()
    command = [sys.executable, "-I", "-S", str(SPEAKER), library, data, voice, str(words_per_minute), str(pitch)]
    try:
        done = subprocess.run(command, input=text.encode(), capture_output=True, timeout=LONGEST_WAIT_S, check=False)
    except subprocess.TimeoutExpired as error:
        raise SpeccraftError(f"espeak-ng needs more than {LONGEST_WAIT_S} s to say '{text[:40]}'", try_this="shorten the text") from error
    match done.returncode:
        case 0:
            return np.frombuffer(done.stdout, dtype="<i2", offset=4), int.from_bytes(done.stdout[:4], "little")
        case 3:
            raise MissingExtra(f"espeak-ng cannot be loaded from {library}", try_this="pip install --force-reinstall espeakng-loader")
        case 4:
            raise SpeccraftError(f"espeak-ng has no voice '{voice}'", try_this="voices look like en-us, en+f3, en-gb-scotland+m2")
        case code:
            raise BadEnvironment(f"espeak-ng ended with code {code} while saying '{text[:40]}'")


@cache
def espeak_library() -> tuple[str, str]:
    """Path of the espeak-ng library, and of its voice data ("" for the library's own default).

    Raises:
        MissingExtra: neither espeakng-loader nor a system library is there.
    """
    try:
        import espeakng_loader
    except ImportError:
        system = ctypes.util.find_library("espeak-ng")
        if system is None:
            raise MissingExtra("speech synthesis needs espeak-ng", try_this="pip install 'speccraft[tts]', or install espeak-ng on the system") from None
        return system, ""
    return str(espeakng_loader.get_library_path()), str(espeakng_loader.get_data_path())
