"""Distances between two samples: right, symmetric, and the same in any order."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st
from scipy.stats import wasserstein_distance

from speccraft.report.distances import distance

VALUES = st.lists(st.integers(-400, 400).map(lambda number: number / 8), min_size=1, max_size=40).map(np.array)


@given(VALUES, VALUES)
def test_both_distances_are_what_their_definitions_say(before: np.ndarray, after: np.ndarray) -> None:
    found = distance(before, after)
    assert found.moved == pytest.approx(wasserstein_distance(before, after), abs=1e-9)
    assert found.apart == pytest.approx(max(abs(np.mean(before <= x) - np.mean(after <= x)) for x in (*before, *after)), abs=1e-12)


@given(VALUES, VALUES, st.randoms(use_true_random=False))
def test_neither_the_order_of_values_nor_that_of_the_samples_matters(before: np.ndarray, after: np.ndarray, random) -> None:
    shuffled = np.array(random.sample(list(before), len(before)))
    assert distance(before, after) == distance(shuffled, after) == distance(after, before)


@given(VALUES, st.integers(-80, 80).map(lambda number: number / 4))
def test_what_shifts_as_a_whole_moves_by_the_shift(values: np.ndarray, shift: float) -> None:
    assert distance(values, values + shift).moved == pytest.approx(abs(shift))


def test_the_same_is_0_apart_and_what_does_not_overlap_is_1_apart() -> None:
    low, high = np.array([1.0, 2.0, 2.0]), np.array([5.0, 6.0])
    assert (distance(low, low).moved, distance(low, low).apart) == (0.0, 0.0)
    assert distance(low, high).apart == 1.0


def test_a_sample_twice_as_large_is_the_same_distribution() -> None:
    values = np.array([1.0, 4.0, 4.0, 9.0])
    assert distance(values, np.repeat(values, 2)).apart == 0.0


def test_nothing_has_no_distance() -> None:
    with pytest.raises(ValueError, match="empty"):
        distance(np.array([]), np.array([1.0]))
