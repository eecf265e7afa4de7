"""By hash, recordings spread over units and samples, and stay where they are."""

from __future__ import annotations

from collections import Counter

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.build.buckets import MOST_SAMPLED, RECORDINGS_PER_UNIT, bucket_count, bucket_of, is_sampled

NAMES = [f"{number}.wav" for number in range(3000)]


@given(count=st.integers(1, 10**6))
def test_units_hold_64_recordings_on_average(count: int) -> None:
    assert (bucket_count(count) - 1) * RECORDINGS_PER_UNIT < count <= bucket_count(count) * RECORDINGS_PER_UNIT


@given(names=st.sets(st.text("ab/", min_size=1), min_size=1, max_size=50), buckets=st.integers(1, 300))
def test_one_unit_more_takes_its_recordings_from_one_other(names: set[str], buckets: int) -> None:
    moved = {(bucket_of(name, buckets), bucket_of(name, buckets + 1)) for name in names if bucket_of(name, buckets) != bucket_of(name, buckets + 1)}
    assert {new for _, new in moved} <= {buckets}
    assert len(moved) <= 1


def test_recordings_spread_over_all_units() -> None:
    found = Counter(bucket_of(f"{number}.wav", 11) for number in range(11 * RECORDINGS_PER_UNIT))
    assert sorted(found) == list(range(11))
    assert max(found.values()) < 3 * RECORDINGS_PER_UNIT


@given(name=st.text(), buckets=st.integers(1, 64))
def test_a_recording_stays_in_its_unit(name: str, buckets: int) -> None:
    try:
        assert 0 <= bucket_of(name, buckets) == bucket_of(name, buckets) < buckets
    except UnicodeEncodeError:
        assert any("\ud800" <= letter <= "\udfff" for letter in name)


def sampled(recordings: int) -> set[str]:
    return {name for name in NAMES[:recordings] if is_sampled(name, recordings)}


@pytest.mark.parametrize("recordings", [1, 2, 199, MOST_SAMPLED])
def test_a_small_source_is_sampled_whole(recordings: int) -> None:
    assert len(sampled(recordings)) == recordings


@pytest.mark.parametrize(("recordings", "halvings"), [(201, 1), (400, 1), (401, 2), (800, 2), (801, 3), (1600, 3), (1601, 4), (3000, 4)])
def test_a_large_source_is_sampled_by_a_power_of_a_half(recordings: int, halvings: int) -> None:
    assert len(sampled(recordings)) == pytest.approx(recordings / 2**halvings, rel=0.25)


@given(name=st.sampled_from(NAMES), one=st.integers(401, 800), other=st.integers(401, 800), more=st.integers(801, 10**6))
def test_a_new_file_changes_nothing_about_another_until_there_are_twice_as_many_and_then_adds_none(name: str, one: int, other: int, more: int) -> None:
    assert is_sampled(name, one) == is_sampled(name, other)
    assert is_sampled(name, one) or not is_sampled(name, more)


def test_the_sample_spreads_over_all_units() -> None:
    found = Counter(bucket_of(name, 32) for name in sampled(2048))
    assert len(found) == 32
    assert max(found.values()) < 16
