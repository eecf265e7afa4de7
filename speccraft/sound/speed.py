"""Speed: speech played slower or faster, pitch and all."""

from __future__ import annotations

import numpy as np
import soxr

STEPS = 1000
"""Speeds are whole thousandths: a ratio of whole numbers resamples to the same samples everywhere."""


def at_speed(samples: np.ndarray, speed: float) -> np.ndarray:
    """Float32 samples of shape (num_samples,), played `speed` times as fast: about num_samples / speed of them.

    It is resampling (Ko et al., Audio augmentation for speech recognition, 2015): pitch and formants go with the speed.
    """
    played = round(speed * STEPS)
    return samples if played == STEPS or not len(samples) else np.asarray(soxr.resample(samples, played, STEPS, quality="HQ"), np.float32)
