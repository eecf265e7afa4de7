"""Error rates: agreement with jiwer and with first principles, normalisation, intervals."""

from __future__ import annotations

import time

import jiwer
import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.evaluation.wer import (
    NORMALISER,
    character_error_counts,
    clusters_for,
    corpus_rate,
    error_counts,
    normalised,
    ratio_interval,
)

words = st.lists(st.sampled_from(["zero", "one", "two", "wan", "o", "ß", "日本"]), max_size=8).map(" ".join)
pairs = st.tuples(words, words)


def edits(reference: list[str] | str, hypothesis: list[str] | str) -> int:
    """Levenshtein distance, straight from its definition."""
    row = list(range(len(hypothesis) + 1))
    for i, wanted in enumerate(reference, 1):
        above, row[0] = row[0], i
        for j, found in enumerate(hypothesis, 1):
            above, row[j] = row[j], min(row[j] + 1, row[j - 1] + 1, above + (wanted != found))
    return row[-1]


@settings(max_examples=1000)
@given(pairs)
def test_errors_are_the_edit_distance_empty_references_included(pair: tuple[str, str]) -> None:
    reference, hypothesis = pair
    assert error_counts(reference, hypothesis).errors == edits(reference.split(), hypothesis.split())
    assert error_counts(reference, hypothesis).length == len(reference.split())
    assert character_error_counts(reference, hypothesis).errors == edits(reference, hypothesis)
    assert character_error_counts(reference, hypothesis).length == len(reference)


@settings(max_examples=200)
@given(st.lists(pairs, min_size=1, max_size=12))
def test_the_corpus_rate_is_jiwers(rows: list[tuple[str, str]]) -> None:
    references, hypotheses = map(list, zip(*rows, strict=True))
    counts = [error_counts(*row) for row in rows]
    if any(references):
        assert corpus_rate(counts) == pytest.approx(jiwer.wer(references, hypotheses))
        assert corpus_rate([character_error_counts(*row) for row in rows]) == pytest.approx(jiwer.cer(references, hypotheses))
    else:
        assert corpus_rate(counts) is None


def test_words_on_an_empty_reference_are_insertions_and_raise_the_corpus_rate() -> None:
    assert error_counts("", "boo boo").insertions == 2
    assert corpus_rate([error_counts("one two", "one two"), error_counts("", "boo")]) == 0.5


@pytest.mark.parametrize(
    ("left", "right"),
    [
        ("Don't", "dont"),
        ("DON’T!", "don't"),  # noqa: RUF001
        ("twenty-one", "twenty one"),
        ("ﬁve", "five"),
        ("Straße", "STRASSE"),
        (" a\t\nb ", "a b"),
        ("１２", "12"),  # noqa: RUF001
        ("¿Qué?", "qué"),
    ],
)
def test_spellings_that_sound_the_same_compare_equal(left: str, right: str) -> None:
    assert normalised(left) == normalised(right)


@given(st.text())
def test_normalising_twice_changes_nothing(text: str) -> None:
    assert normalised(normalised(text)) == normalised(text)


def test_normalising_keeps_accents_digits_and_vowel_signs() -> None:
    assert normalised("été 3 हिन्दी") == "été 3 हिन्दी"


def test_the_normaliser_has_a_name_and_a_digest() -> None:
    assert NORMALISER.name == "basic-1"
    assert len(NORMALISER.digest) == 16


rows = st.lists(st.tuples(st.integers(0, 9), st.integers(0, 9), st.sampled_from("abcdefg")), min_size=1, max_size=30)


@settings(max_examples=60, deadline=None)
@given(rows, st.integers(0, 2**32 - 1))
def test_an_interval_contains_its_point_and_repeats(sample: list[tuple[int, int, str]], seed: int) -> None:
    numerators, denominators, clusters = (list(column) for column in zip(*sample, strict=True))
    interval = ratio_interval(numerators, denominators, clusters, seed)
    if sum(denominators) == 0:
        assert interval is None
        return
    assert interval is not None
    assert interval.low <= interval.value <= interval.high
    assert interval.value == pytest.approx(sum(numerators) / sum(denominators))
    assert ratio_interval(numerators[::-1], denominators[::-1], clusters[::-1], seed) == interval


def test_an_interval_covers_the_truth_about_as_often_as_it_says() -> None:
    rng = np.random.default_rng(7)
    hits = 0
    for trial in range(100):
        wrong = rng.random(200) < 0.2
        interval = ratio_interval(wrong.astype(float), np.ones(200), [str(i) for i in range(200)], trial)
        hits += interval is not None and interval.low <= 0.2 <= interval.high
    assert 88 <= hits <= 100


def test_speakers_that_differ_widen_the_interval() -> None:
    wrong = np.repeat([0, 0, 0, 1, 1, 1], 50)
    by_speaker = ratio_interval(wrong, np.ones(300), list(np.repeat(list("abcdef"), 50)), 0)
    by_recording = ratio_interval(wrong, np.ones(300), [str(i) for i in range(300)], 0)
    assert by_speaker is not None
    assert by_recording is not None
    assert by_speaker.high - by_speaker.low > 3 * (by_recording.high - by_recording.low)


def test_five_speakers_are_resampled_and_four_are_not() -> None:
    recordings = ["r1", "r2", "r3", "r4", "r5", "r6"]
    assert clusters_for(["a", "b", "c", "d", "d", None], recordings) == recordings
    assert clusters_for(["a", "b", "c", "d", "e", None], recordings)[4:] == ["speaker e", "recording r6"]


def test_three_thousand_rows_and_a_thousand_resamples_take_under_a_second() -> None:
    started = time.perf_counter()
    ratio_interval(np.ones(3000), np.full(3000, 2.0), [str(i) for i in range(3000)], 0)
    assert time.perf_counter() - started < 1
