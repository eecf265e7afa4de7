"""The page about measures: what each is, how far it is from the truth, and the module in which code reads that."""

from __future__ import annotations

import importlib.metadata
import inspect
import platform
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

import numpy as np
from scipy.stats import spearmanr

from benchmarks.page import _processor, _table
from speccraft.sound import errors_published
from speccraft.sound.errors_published import Published
from speccraft.sound.measures import MEASURES
from speccraft.sound.spectral import SPECTRAL

TOOLS = ("speccraft", "numpy", "scipy", "soxr", "soundfile", "webrtcvad-wheels", "pyloudnorm")


@dataclass(frozen=True)
class Fact:
    """What the page says of a measure beside its definition: unit, range of values, what has its error where none is measured here, or over which
    conditions it is measured: all but those in which a word of `without` stands.
    """

    unit: str
    range: str
    over: str = "exact"
    without: tuple[str, ...] = ()
    certain: bool = True


SILENCES = "sentences between silences, in white noise at 40 and 20 dB"
VOICES = "voices of pulses, in white noise at 40 to 10 dB"
FACTS: Mapping[str, Fact] = {
    "duration_s": Fact("s", "above 0"),
    "level_dbfs": Fact("dBFS", "-90 to 0", "speech in white noise at 40 to 20 dB", ("10 dB",)),
    "peak_dbfs": Fact("dBFS", "-90.3 to 0"),
    "clipped_fraction": Fact("share", "0 to 1", "speech with 0.01 to 10 % at full scale"),
    "dc_offset": Fact("share", "-1 to 1"),
    "zero_fraction": Fact("share", "0 to 1"),
    "dropouts": Fact("number", "0 and more"),
    "speech_share": Fact("share", "0 to 1", SILENCES, ("10 dB",)),
    "leading_silence_s": Fact("s", "0 and more", SILENCES, ("10 dB",)),
    "trailing_silence_s": Fact("s", "0 and more", SILENCES, ("10 dB",)),
    "pauses": Fact("number", "0 and more", "not measured; the detector's: docs/vad.md", certain=False),
    "longest_pause_s": Fact("s", "0 and more", SILENCES, ("10 dB",)),
    "snr_db": Fact("dB", "-5 to 40", "speech in white, steady and changing noise, 0 to 30 dB; not beside events", ("events", "-5 dB", "40 dB")),
    "loudness_lufs": Fact("LUFS", "-70 to 0", "sines and speech"),
    "bandwidth_hz": Fact("Hz", "0 to half the rate", "all but noise behind the cut at 10 dB", ("behind the cut, 10 dB",)),
    "reverberation_s": Fact("s", "0.13 to 2.36", "2 to 12 s of speech in rooms, alone and in steady noise at 30 to 10 dB"),
    "f0_median_hz": Fact("Hz", "60 to 500", VOICES),
    "f0_range_semitones": Fact("semitones", "0 and more", VOICES),
}
MOST_ERROR = {
    "level_dbfs": 1.0,
    "clipped_fraction": 1e-4,
    "speech_share": 0.1,
    "leading_silence_s": 0.1,
    "trailing_silence_s": 0.1,
    "longest_pause_s": 0.2,
    "snr_db": 2.0,
    "loudness_lufs": 0.5,
    "bandwidth_hz": 500.0,
    "reverberation_s": 0.2,
    "f0_median_hz": 5.0,
    "f0_range_semitones": 1.0,
}
"""Median absolute error up to which a measure is certain, if it ranks at 0.8 too."""
LEAST_RANK = 0.8


@dataclass(frozen=True)
class Row:
    """Errors of a measure in one condition; `pairs` are truth and estimate, NaN where it was not taken: float64 of shape (num_sounds, 2)."""

    measure: str
    condition: str
    pairs: np.ndarray

    @property
    def errors(self) -> np.ndarray:
        """Estimate less truth, where there is one."""
        return (self.pairs[:, 1] - self.pairs[:, 0])[np.isfinite(self.pairs[:, 1])]

    @property
    def median_absolute_error(self) -> float:
        """Half of the estimates are nearer than this; NaN without any."""
        return float(np.median(np.abs(self.errors))) if len(self.errors) else np.nan

    @property
    def rank_correlation(self) -> float:
        """Spearman's, of estimate and truth; NaN where the truth hardly varies."""
        taken = self.pairs[np.isfinite(self.pairs[:, 1])]
        if len(taken) < 8 or len(np.unique(taken[:, 0])) < 4:
            return np.nan
        return float(spearmanr(taken[:, 0], taken[:, 1]).statistic)

    def cells(self) -> list[str]:
        """A line of the table."""
        errors, digits = self.errors, 0 if self.measure == "bandwidth_hz" else 4 if self.measure == "clipped_fraction" else 2
        missing = 1 - len(errors) / len(self.pairs)
        if not len(errors):
            return [self.condition, str(len(self.pairs)), "", "", "", "", "", f"{missing:.0%}"]
        low, high = np.quantile(errors, (0.05, 0.95))
        rank = "" if np.isnan(self.rank_correlation) else f"{self.rank_correlation:.2f}"
        numbers = [f"{value:+.{digits}f}" for value in (float(np.median(errors)), low, high)]
        return [self.condition, str(len(self.pairs)), numbers[0], f"{self.median_absolute_error:.{digits}f}", *numbers[1:], rank, f"{missing:.0%}"]


def published(rows: Mapping[str, Sequence[Row]]) -> dict[str, Published]:
    """What is published of each measure: its error over the conditions that it is meant for."""
    found = {}
    for name, fact in FACTS.items():
        if name not in rows:
            found[name] = Published(fact.unit, None, None, fact.certain)
            continue
        meant = [row.pairs for row in rows[name] if not any(word in row.condition for word in fact.without)]
        counted = Row(name, fact.over, np.concatenate(meant))
        error, rank = round(counted.median_absolute_error, 4), round(counted.rank_correlation, 3)
        found[name] = Published(fact.unit, error, rank, error <= MOST_ERROR[name] and rank >= LEAST_RANK)
    return found


def published_module(values: Mapping[str, Published]) -> str:
    """The source of speccraft/sound/errors_published.py, of which all but the table stays."""
    head, _, _ = Path(errors_published.__file__).read_text().partition("ERRORS: ")
    lines = [f'    "{name}": Published("{one.unit}", {one.median_absolute_error}, {one.rank_correlation}, {one.certain}),' for name, one in values.items()]
    return "\n".join([f"{head}ERRORS: Mapping[str, Published] = {{", *lines, "}", '"""Every measure by name."""', ""])


def page(rows: Mapping[str, Sequence[Row]]) -> str:
    """The page."""
    values = published(rows)
    summary = _table(HEAD, [_summary(name, fact, values[name]) for name, fact in FACTS.items()])
    return "\n\n".join([_opening(), summary, _notes(rows), *(_chapter(name, rows.get(name, ())) for name in FACTS), _method()]) + "\n"


HEAD = ["measure", "unit", "range", "median absolute error", "rank correlation", "error over", "mark"]
ERROR_HEAD = ["condition", "sounds", "bias", "median absolute error", "5 %", "95 %", "rank correlation", "not taken"]


def _summary(name: str, fact: Fact, one: Published) -> list[str]:
    numbers = ["" if value is None else f"{value:g}" for value in (one.median_absolute_error, one.rank_correlation)]
    return [f"`{name}`", one.unit, fact.range, *numbers, fact.over, "certain" if one.certain else "**uncertain**"]


def _opening() -> str:
    versions = ", ".join(f"{one.name} {one.version}" for name in TOOLS for one in importlib.metadata.distributions(name=name))
    return f"""# Measures

What each measure is, and how far it is from the truth. Written by `python -m benchmarks.measures --data DATA`, with
`speccraft/sound/errors_published.py`, in which code reads the same numbers.
Machine: {_processor()}; {platform.system()}; Python {platform.python_version()}; {versions}."""


def _notes(rows: Mapping[str, Sequence[Row]]) -> str:
    snr = Row("snr_db", "", np.concatenate([row.pairs for row in rows["snr_db"] if not row.condition.endswith(("-5 dB", "40 dB"))]))
    limits = ", ".join(f"{most:g} {FACTS[name].unit} (`{name}`)" for name, most in MOST_ERROR.items())
    return f"""*Exact* measures count what is in the samples. Another is *certain* if, over the conditions that the table names, half of its errors are at most
{limits}, and if it ranks sounds as the truth does (Spearman, {LEAST_RANK:g} or more).
The SNR is certain only because events were left out, after it was seen what they do: with them its median absolute error is
{snr.median_absolute_error:.2g} dB and it ranks at {snr.rank_correlation:.2f}, which is uncertain.
Do not let it judge recordings with barks, cries, clatter or other voices in them.
No measure has a default rule: none gates unless a scenario says so. `characters_per_s` and `syllables_per_s` divide what a transcript counts by the
seconds of speech that the detector finds."""


def _chapter(name: str, rows: Sequence[Row]) -> str:
    told = inspect.cleandoc({**MEASURES, **SPECTRAL}[name].__doc__ or "").split("\n\n")
    words = [part for part in told if not part.startswith(("Args:", "Returns:", "Raises:"))]
    table = [_table(ERROR_HEAD, [row.cells() for row in rows])] if rows else []
    return "\n\n".join([f"## `{name}`", *words, *table])


def _method() -> str:
    return """## How it was measured

- Speech is LibriSpeech (dev/read/librispeech_test-other, ten speakers, up to 12 s a sentence); the detector of speech is the default one. Bias is the
  median error; 5 and 95 % are of the errors too. All is drawn from one seed.
- Not all of this is held out. How the SNR, the bandwidth and the reverberation time are taken (which percentiles, how many decibels) was chosen by what they
  did on these same ten speakers, these noises and these rooms, measured ones among them, out of some dozens of settings; so their errors here are
  flattering. Only the rows of *held-out speech* (other microphones and languages, CMU Arctic) use speech by which nothing was chosen; their noises and
  measured rooms are the same as in the other rows.
- SNR: over frames within 30 dB of the loudest one, against the mean power of what was added and of the noise that a recording has itself, which is the
  quietest tenth of its frames. Real noise is steady where its mean is less than 6 dB above the quietest tenth of its frames (rain, a helicopter, a
  street), changing up to 15 dB (wind, a train, a chainsaw), events above (a bark, a cry, a clock).
- Reverberation: rooms are noise under an exponential decay (Polack), boxes with image sources (Allen and Berkley), and the measured impulse responses of
  the packs, made to decay faster; the truth is T20 of ISO 3382-2 of each. The table from fades to seconds was fitted to other speakers (51 of LibriSpeech)
  and to rooms of the first two kinds. The recordings have a room of their own, which is in no truth.
- Bandwidth: no speech of the packs goes beyond 11 kHz, so at 48 kHz it is speech of 16 kHz that is played three times as fast. Truth is where a filter is
  6 dB down; of codecs it is what their encoders are known to pass.
- Fundamental frequency: pulses through three formants, whose frequency is known at each sample."""
