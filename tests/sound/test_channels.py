"""What is wrong between channels: found however a recording is cut into blocks, at any level, among any number of channels."""

from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from sound_world import encoded, tone, white, written

from speccraft.sound.channels import ChannelProblems, ChannelSums
from speccraft.sound.decode import decoding

VOICE = tone(440, 1.0) * (1 + 0.5 * tone(3, 1.0))
FINE = ChannelProblems(0, 0, None)


def problems(*channels: np.ndarray, block: int = 5000) -> ChannelProblems:
    samples = np.stack(channels, axis=1).astype(np.float32)
    sums = ChannelSums(samples.shape[1])
    for start in range(0, len(samples), block):
        sums.add(samples[start : start + block])
    return sums.problems()


def microphones(count: int) -> list[np.ndarray]:
    """One voice in as many microphones, each with a noise of its own."""
    return [VOICE + white(len(VOICE), seed, rms=0.02) for seed in range(count)]


def test_microphones_that_hear_one_voice_each_with_its_own_noise_are_fine() -> None:
    assert problems(*microphones(8)) == FINE


def test_eight_channels_with_a_dead_a_repeated_and_a_reversed_one_are_found_out() -> None:
    channels = microphones(8)
    channels[2], channels[4], channels[7] = 0 * VOICE, 0.5 * channels[1], -channels[6]
    found = problems(*channels)
    assert (found.dead_channels, found.duplicated_channels) == (1, 1)
    assert found.antiphase == "channels 6 and 7, correlation -1.00"


def test_three_equal_channels_are_two_duplicates() -> None:
    assert problems(VOICE, VOICE, VOICE) == ChannelProblems(0, 2, None)


@pytest.mark.parametrize(("noise", "is_antiphase"), [(0.0, True), (0.05, True), (0.2, False)])
def test_channels_are_in_antiphase_as_long_as_their_mean_loses_ten_decibels(noise: float, is_antiphase: bool) -> None:
    one, other = VOICE + white(len(VOICE), 1, noise), -VOICE + white(len(VOICE), 2, noise)
    loss_db = 10 * np.log10(np.var(one) / np.var((one + other) / 2) if noise else np.inf)
    assert (problems(one, other).antiphase is not None) == is_antiphase == bool(loss_db > 10)


def test_an_offset_is_no_sound_and_hides_nothing() -> None:
    assert problems(VOICE, 0 * VOICE + 0.3) == ChannelProblems(1, 0, None)
    assert problems(VOICE + 0.3, -VOICE + 0.3).antiphase is not None


def test_nothing_but_silence_is_dead_and_nothing_else() -> None:
    assert problems(0 * VOICE, 0 * VOICE) == ChannelProblems(2, 0, None)


@given(block=st.integers(1, 20000), gain=st.floats(0.05, 1))
@settings(deadline=None, max_examples=30)
def test_neither_blocks_nor_level_change_what_is_found(block: int, gain: float) -> None:
    channels = [gain * channel for channel in (VOICE, -VOICE, VOICE, 0 * VOICE)]
    assert problems(*channels, block=max(block, 500)) == ChannelProblems(1, 1, "channels 0 and 1, correlation -1.00")


def test_decoding_looks_at_channels_that_it_mixes_and_at_no_others(tmp_path: Path) -> None:
    stereo = written(tmp_path / "a.wav", encoded(np.stack([VOICE, -VOICE], 1), subtype="FLOAT"))
    mixed, chosen = decoding(stereo, 16000), decoding(stereo, 16000, channel=1)
    heard = np.concatenate(list(mixed.blocks))
    assert mixed.between is not None
    assert mixed.between.problems().antiphase == "channels 0 and 1, correlation -1.00"
    assert chosen.between is None
    assert decoding(written(tmp_path / "b.wav", encoded(VOICE)), 16000).between is None
    assert np.abs(heard).max() > 10000, "the voice is still heard, so that the ledger tells of its seconds"
