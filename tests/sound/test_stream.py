"""A stream of samples: any stretches in order, whatever the blocks; nothing behind is kept."""

from __future__ import annotations

import hashlib
from itertools import pairwise

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.sound.stream import SampleStream


def blocks_of(samples: np.ndarray, cuts: list[int]) -> list[np.ndarray]:
    bounds = [0, *sorted(min(cut, len(samples)) for cut in cuts), len(samples)]
    return [samples[start:end] for start, end in pairwise(bounds) if end > start]


SAMPLES = st.integers(0, 200).map(lambda n: np.random.default_rng(n).integers(-32768, 32767, n).astype(np.int16))
CUTS = st.lists(st.integers(0, 200), max_size=6)


@given(samples=SAMPLES, cuts=CUTS, stretches=st.lists(st.tuples(st.integers(0, 220), st.integers(0, 60)), max_size=6))
def test_stretches_in_order_are_the_samples_whatever_the_blocks(samples: np.ndarray, cuts: list[int], stretches: list[tuple[int, int]]) -> None:
    stream = SampleStream(iter(blocks_of(samples, cuts)))
    for start, length in sorted(stretches):
        stream.forget(start)
        taken = stream.take(min(start, stream.num_samples) if start > len(samples) else start, start + length) if start <= len(samples) else samples[:0]
        assert np.array_equal(taken, samples[start : start + length])
    stream.drain()
    assert stream.num_samples == len(samples)
    assert stream.sha256 == hashlib.sha256(samples.tobytes()).hexdigest()


@given(samples=SAMPLES, cuts=CUTS, start=st.integers(0, 200))
def test_a_stretch_without_an_end_goes_to_the_end(samples: np.ndarray, cuts: list[int], start: int) -> None:
    start = min(start, len(samples))
    assert np.array_equal(SampleStream(iter(blocks_of(samples, cuts))).take(start, None), samples[start:])


def test_what_is_forgotten_is_not_held_and_cannot_be_taken() -> None:
    stream = SampleStream(iter([np.arange(1000, dtype=np.int16) for _ in range(50)]))
    for start in range(0, 50_000, 500):
        assert len(stream.take(start, start + 500)) == 500
        stream.forget(start + 500)
        assert sum(len(block) for block in stream._held) <= 1000
    with pytest.raises(AssertionError, match="does not go back"):
        stream.take(0, 1)


def test_draining_holds_one_block_at_a_time() -> None:
    held = []

    def blocks():
        for _ in range(20):
            held.append(sum(len(block) for block in stream._held))
            yield np.zeros(1000, np.int16)

    stream = SampleStream(blocks())
    stream.drain()
    assert stream.num_samples == 20_000
    assert max(held) <= 1000
