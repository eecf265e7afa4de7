from __future__ import annotations

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.trainer.features import N_WARPS, LogMel, change_tempo


def noise(num_samples: int, seed: int = 0) -> torch.Tensor:
    return torch.from_numpy(np.random.default_rng(seed).standard_normal(num_samples).astype(np.float32))


@settings(max_examples=20, deadline=None)
@given(st.integers(1, 6000), st.integers(0, 6000))
def test_frames_do_not_depend_on_the_padding(num_samples: int, padding: int) -> None:
    log_mel = LogMel(8000, 40, 25.0, 10.0)
    waveform = noise(num_samples)
    alone, mask = log_mel(waveform[None], torch.tensor([num_samples]))
    pair = torch.stack([torch.nn.functional.pad(waveform, (0, padding)), noise(num_samples + padding, 1)])
    together, masks = log_mel(pair, torch.tensor([num_samples, num_samples + padding]))
    assert masks[0].sum() == mask.sum() == max(num_samples // 80, 1)
    torch.testing.assert_close(together[0, : alone.shape[1]], alone[0], atol=1e-4, rtol=1e-4)
    assert not together[0, alone.shape[1] :].any()


@pytest.mark.parametrize("rate", [8000, 16000, 44100])
def test_frames_come_every_hop_at_any_sampling_rate(rate: int) -> None:
    frames, mask = LogMel(rate, 40, 25.0, 10.0)(noise(rate)[None], torch.tensor([rate]))
    assert frames.shape == (1, 100, 40)
    assert mask.all()
    assert torch.isfinite(frames).all()
    torch.testing.assert_close(frames.mean(1), torch.zeros(1, 40), atol=1e-4, rtol=0)


def test_the_middle_warp_is_none_and_others_move_the_bands() -> None:
    plain, warping = LogMel(8000, 40, 25.0, 10.0), LogMel(8000, 40, 25.0, 10.0, widest_warp=0.2)
    rising = torch.sin(2 * torch.pi * torch.linspace(0, 1, 8000) * torch.linspace(100, 1500, 8000))[None]
    count = torch.tensor([8000])
    torch.testing.assert_close(warping(rising, count, torch.tensor([N_WARPS // 2]))[0], plain(rising, count)[0])
    low, high = (warping(rising, count, torch.tensor([warp]))[0][0, 90:].mean(0).argmax() for warp in (0, N_WARPS - 1))
    assert low < plain(rising, count)[0][0, 90:].mean(0).argmax() < high


@settings(max_examples=30, deadline=None)
@given(st.lists(st.tuples(st.integers(1, 60), st.floats(0.7, 1.3)), min_size=1, max_size=4))
def test_tempo_changes_the_length_and_keeps_both_ends(shapes: list[tuple[int, float]]) -> None:
    count, tempo = torch.tensor([frames for frames, _ in shapes]), torch.tensor([factor for _, factor in shapes])
    mask = (torch.arange(int(count.max()))[None] < count[:, None]).long()
    frames = torch.arange(int(count.max()), dtype=torch.float32)[None, :, None].expand(len(shapes), -1, 3) * mask[..., None]
    changed, new_mask = change_tempo(frames, mask, tempo)
    assert new_mask.sum(1).tolist() == (count / tempo).round().clamp_min(1).tolist()
    for row, length in enumerate(new_mask.sum(1).tolist()):
        assert changed[row, 0, 0] == 0
        assert length == 1 or changed[row, length - 1, 0] == pytest.approx(float(count[row]) - 1, abs=1e-3)
        assert not changed[row, length:].any()
