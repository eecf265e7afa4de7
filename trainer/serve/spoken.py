"""A spoken answer as a file that says what it is: synthetic speech."""

from __future__ import annotations

import io

import numpy as np
import soundfile

MARK = "synthetic speech, not a recording of a person"
"""Stands in the comment of every file of spoken answers; inaudible, and gone once somebody writes the file anew without its comment."""


def marked_wav(wave: np.ndarray, sampling_rate: int, run: str) -> bytes:
    """WAV bytes (16 bit, mono) of a float32 waveform of shape (num_samples,), with the mark and the run's name in the comment (chunk LIST/INFO, ICMT)."""
    content = io.BytesIO()
    with soundfile.SoundFile(content, "w", sampling_rate, 1, "PCM_16", format="WAV") as file:
        file.comment = f"{MARK}; made by speccraft run {run}"
        file.software = "speccraft"
        file.write(wave)
    return content.getvalue()
