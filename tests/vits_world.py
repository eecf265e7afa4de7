"""A tiny VITS checkpoint with weights drawn at random, as `save_pretrained` writes it: it hums, the same hum for the same words."""

from __future__ import annotations

import json
from pathlib import Path

LETTERS = " abcdefghijklmnopqrstuvwxyz'-"


def write_checkpoint(folder: Path, *, speakers: int = 3, seed: int = 0, letters: str = LETTERS) -> Path:
    """Make one; another seed is another checkpoint."""
    import torch
    from transformers import VitsConfig, VitsModel, VitsTokenizer

    folder.mkdir(parents=True, exist_ok=True)
    config = VitsConfig(
        vocab_size=len(letters) + 1, hidden_size=16, num_hidden_layers=1, ffn_dim=16, flow_size=16, spectrogram_bins=9, upsample_initial_channel=16,
        upsample_rates=[8, 8], upsample_kernel_sizes=[16, 16], resblock_kernel_sizes=[3], resblock_dilation_sizes=[[1, 3]], prior_encoder_num_flows=1,
        prior_encoder_num_wavenet_layers=1, posterior_encoder_num_wavenet_layers=1, duration_predictor_num_flows=2, duration_predictor_filter_channels=16,
        num_speakers=speakers, speaker_embedding_size=8 if speakers > 1 else 0,
    )  # fmt: skip
    with torch.random.fork_rng(devices=[]):
        torch.manual_seed(seed)
        VitsModel(config).save_pretrained(folder)
    (folder / "vocab.json").write_text(json.dumps({char: number for number, char in enumerate(["_", *letters])}))
    VitsTokenizer(str(folder / "vocab.json"), phonemize=False, pad_token="_").save_pretrained(folder)
    return folder
