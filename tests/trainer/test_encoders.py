from __future__ import annotations

import pytest
import torch

from speccraft.trainer.checkpoint import Checkpoint, fresh
from speccraft.trainer.recipe import load_recipe


@pytest.fixture(scope="module", params=["whisper", "parakeet"])
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    return fresh(load_recipe("tiny-cpu", [f"model.encoder.kind={request.param}"]), 8000, seed=0)


def test_frame_counts_are_what_the_encoder_gives(checkpoint: Checkpoint) -> None:
    model = checkpoint.model.model.eval()
    for frames in (*range(1, 20), 99, 250):
        with torch.no_grad():
            hidden, count = model.encode(torch.randn(1, frames, 40), torch.ones(1, frames, dtype=torch.long))
        assert hidden.shape[1] == int(count) == model.config.num_encoder_frames(frames)


def test_padding_frames_stay_zero_and_do_not_reach_the_others(checkpoint: Checkpoint) -> None:
    model = checkpoint.model.model.eval()
    frames, mask = torch.randn(1, 37, 40), torch.ones(1, 37, dtype=torch.long)
    with torch.no_grad():
        alone, count = model.encode(frames, mask)
        padded, _ = model.encode(torch.nn.functional.pad(frames, (0, 0, 0, 40)), torch.nn.functional.pad(mask, (0, 40)))
    torch.testing.assert_close(padded[:, : int(count)], alone, atol=1e-5, rtol=1e-4)
    assert not padded[:, int(count) :].any()
