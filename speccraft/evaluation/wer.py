"""Word and character error rates: text as it is compared, error counts, and bootstrap intervals."""

from __future__ import annotations

import hashlib
import unicodedata
from collections.abc import Sequence
from dataclasses import dataclass
from functools import lru_cache

import jiwer
import numpy as np
import numpy.typing as npt

RESAMPLES = 1000
COVERAGE = 0.95
FEWEST_SPEAKERS = 5
"""With fewer speakers a resample over them says little about the next one; recordings are resampled instead."""

_DRAWS_AT_ONCE = 1 << 20  # keeps memory flat on large test sets

_STEPS = ("NFKC", "drop apostrophes", "other punctuation to spaces", "casefold", "NFKC", "single spaces")
_APOSTROPHES = str.maketrans(dict.fromkeys("'’‘ʼ`", ""))  # noqa: RUF001 - look-alikes are the point
_PROBE = "Don’t  panic: ΣΊΣΥΦΟΣ’ twenty-one, ﬁve! Straße\t½ №7 — ＡＢＣ"  # noqa: RUF001 - look-alikes are the point


def normalised(text: str) -> str:
    """Text as it is scored: compatibility forms, case and punctuation removed, single spaces."""
    spoken = unicodedata.normalize("NFKC", text).translate(_APOSTROPHES)
    spoken = "".join(" " if unicodedata.category(c).startswith("P") else c for c in spoken)
    return " ".join(unicodedata.normalize("NFKC", spoken.casefold()).split())


@dataclass(frozen=True)
class Normaliser:
    """Names the text normalisation behind a score; two scores compare only when their digests agree."""

    name: str
    digest: str


NORMALISER = Normaliser("basic-1", hashlib.sha256("\n".join((*_STEPS, normalised(_PROBE))).encode()).hexdigest()[:16])
"""The digest covers the steps and what they make of a probe, so another Unicode table shows too."""


@dataclass(frozen=True)
class ErrorCounts:
    """Edits that turn a reference into a hypothesis; `length` is the reference's words or characters."""

    substitutions: int
    deletions: int
    insertions: int
    length: int

    @property
    def errors(self) -> int:
        """Edits of any kind."""
        return self.substitutions + self.deletions + self.insertions


@lru_cache(maxsize=65536)
def error_counts(reference: str, hypothesis: str) -> ErrorCounts:
    """Word errors of one answer; against an empty reference every word is an insertion."""
    found = jiwer.process_words(" ".join(reference.split()), " ".join(hypothesis.split()))
    return ErrorCounts(found.substitutions, found.deletions, found.insertions, found.hits + found.substitutions + found.deletions)


@lru_cache(maxsize=65536)
def character_error_counts(reference: str, hypothesis: str) -> ErrorCounts:
    """Character errors of one answer, spaces between words included."""
    found = jiwer.process_characters(" ".join(reference.split()), " ".join(hypothesis.split()))
    return ErrorCounts(found.substitutions, found.deletions, found.insertions, found.hits + found.substitutions + found.deletions)


def corpus_rate(counts: Sequence[ErrorCounts]) -> float | None:
    """All errors over all reference words (or characters); None where there is nothing to compare with."""
    length = sum(one.length for one in counts)
    return sum(one.errors for one in counts) / length if length else None


@dataclass(frozen=True)
class Interval:
    """A ratio of sums with its 95 % bootstrap interval."""

    value: float
    low: float
    high: float


def ratio_interval(numerators: npt.ArrayLike, denominators: npt.ArrayLike, clusters: Sequence[str], seed: int) -> Interval | None:
    """Ratio of two sums over rows, with a percentile bootstrap over clusters of rows (Bisani and Ney 2004).

    The interval is widened to hold the ratio itself. The order of rows does not matter.

    Args:
        clusters: what each row is resampled with: its speaker or its recording.

    Returns:
        None when the denominators sum to zero.
    """
    names, cluster_of_row = np.unique(np.asarray(clusters, dtype=str), return_inverse=True)
    columns = (np.asarray(column, dtype=np.float64) for column in (numerators, denominators))
    sums = np.stack([np.bincount(cluster_of_row, weights=column, minlength=len(names)).astype(np.float64) for column in columns], axis=1)
    total, base = sums.sum(axis=0)
    if base <= 0:
        return None
    drawn = _resampled(sums, np.random.default_rng(seed))
    ratios = drawn[drawn[:, 1] > 0, 0] / drawn[drawn[:, 1] > 0, 1]
    low, high = np.quantile(ratios, [(1 - COVERAGE) / 2, (1 + COVERAGE) / 2])
    value = float(total / base)
    return Interval(value, min(float(low), value), max(float(high), value))


def _resampled(sums: npt.NDArray[np.float64], rng: np.random.Generator) -> npt.NDArray[np.float64]:
    """Column sums of clusters drawn with replacement, once a resample; how often each is drawn is counted, never copied."""
    clusters = len(sums)
    at_once = max(1, _DRAWS_AT_ONCE // clusters)
    drawn = []
    for start in range(0, RESAMPLES, at_once):
        size = min(at_once, RESAMPLES - start)
        cells = rng.integers(clusters, size=(size, clusters)) + clusters * np.arange(size)[:, None]
        drawn.append(np.bincount(cells.ravel(), minlength=size * clusters).reshape(size, clusters) @ sums)
    return np.concatenate(drawn)


def clusters_for(speakers: Sequence[str | None], recordings: Sequence[str]) -> list[str]:
    """What to resample: speakers where at least five are known, else recordings."""
    known = {speaker for speaker in speakers if speaker is not None}
    if len(known) < FEWEST_SPEAKERS:
        return list(recordings)
    return [f"speaker {speaker}" if speaker is not None else f"recording {recording}" for speaker, recording in zip(speakers, recordings, strict=True)]
