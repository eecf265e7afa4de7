"""How far each measure is from the truth, as docs/measures.md tells it: written by `python -m benchmarks.measures`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True)
class Published:
    """The unit of a measure, and its error over the conditions that it is meant for.

    `median_absolute_error` is in that unit, `rank_correlation` is Spearman's; both are None where a measure counts what is there, or where nobody knows
    the truth. What is not `certain` should judge no recording.
    """

    unit: str
    median_absolute_error: float | None
    rank_correlation: float | None
    certain: bool


ERRORS: Mapping[str, Published] = {
    "duration_s": Published("s", None, None, True),
    "level_dbfs": Published("dBFS", 0.621, 0.984, True),
    "peak_dbfs": Published("dBFS", None, None, True),
    "clipped_fraction": Published("share", 0.0, 1.0, True),
    "dc_offset": Published("share", None, None, True),
    "zero_fraction": Published("share", None, None, True),
    "dropouts": Published("number", None, None, True),
    "speech_share": Published("share", 0.0722, 0.63, False),
    "leading_silence_s": Published("s", 0.0461, 0.896, True),
    "trailing_silence_s": Published("s", 0.1237, 0.935, False),
    "pauses": Published("number", None, None, False),
    "longest_pause_s": Published("s", 0.1324, 0.917, True),
    "snr_db": Published("dB", 1.075, 0.914, True),
    "loudness_lufs": Published("LUFS", 0.0337, 0.999, True),
    "bandwidth_hz": Published("Hz", 79.0, 0.964, True),
    "reverberation_s": Published("s", 0.0899, 0.955, True),
    "f0_median_hz": Published("Hz", 0.2468, 0.999, True),
    "f0_range_semitones": Published("semitones", 0.0871, 0.993, True),
}
"""Every measure by name."""
