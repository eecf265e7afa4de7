from __future__ import annotations

from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from transformers import DacConfig, DacModel, EncodecConfig, EncodecModel, LlamaConfig, MimiConfig, MimiModel

from speccraft.errors import UnreadableInput
from speccraft.trainer.published_codec import PublishedCodec
from speccraft.trainer.speech_tokens import open_codec, save_codec


def dac() -> Any:
    return DacModel(
        DacConfig(encoder_hidden_size=8, decoder_hidden_size=32, downsampling_ratios=[2, 4], upsampling_ratios=[4, 2], n_codebooks=3, codebook_size=16,
                  codebook_dim=4, sampling_rate=16000)
    )  # fmt: skip


def mimi() -> Any:
    sizes: dict[str, Any] = {"num_filters": 4, "hidden_size": 16, "codebook_dim": 8, "vector_quantization_hidden_dimension": 8, "num_hidden_layers": 1}
    return MimiModel(
        MimiConfig(**sizes, codebook_size=16, num_quantizers=3, num_semantic_quantizers=1, upsampling_ratios=[4, 2], num_attention_heads=2,
                   num_key_value_heads=2, head_dim=8, intermediate_size=16, upsample_groups=16)
    )  # fmt: skip


def encodec() -> Any:
    return EncodecModel(
        EncodecConfig(num_filters=4, hidden_size=16, codebook_dim=16, codebook_size=16, upsampling_ratios=[4, 2], num_lstm_layers=1,
                      target_bandwidths=[24.0, 48.0], sampling_rate=24000)
    )  # fmt: skip


@pytest.fixture(scope="module", params=[dac, mimi, encodec], ids=["dac", "mimi", "encodec"])
def checkpoint(request: pytest.FixtureRequest, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A tiny codec of random weights, as it would be published."""
    folder = tmp_path_factory.mktemp("codec")
    torch.manual_seed(0)
    model = request.param()
    for name, buffer in model.named_buffers():
        # codebooks that were never trained are all zeros in some
        if name.endswith("embed_sum") or name.endswith("codebook.embed"):
            buffer.normal_()
    model.save_pretrained(folder)
    return folder


def noise(seconds: float, rate: int) -> np.ndarray:
    return (0.1 * np.random.default_rng(0).standard_normal(int(seconds * rate))).astype(np.float32)


@pytest.mark.parametrize("codebooks", [1, 2])
def test_codes_of_some_codebooks_are_one_row_of_units(checkpoint: Path, codebooks: int) -> None:
    codec = PublishedCodec.at(checkpoint, codebooks)
    wave = noise(0.2, codec.sampling_rate)
    codes = codec.encode(wave)
    assert codec.num_codes == 16 * codebooks
    assert codes.ndim == 1
    assert len(codes) == pytest.approx(0.2 * codec.units_per_s, abs=2 * codebooks)
    assert {int(code) // 16 for code in codes[:codebooks]} == set(range(codebooks))
    assert len(codec.decode(codes)) == pytest.approx(len(wave), abs=codec.sampling_rate / codec.units_per_s * codebooks)
    assert codec.decode(codes).dtype == np.float32


def test_the_first_codebooks_are_the_same_however_many_are_spoken(checkpoint: Path) -> None:
    one, two = (PublishedCodec.at(checkpoint, codebooks) for codebooks in (1, 2))
    wave = noise(0.2, one.sampling_rate)
    np.testing.assert_array_equal(two.encode(wave)[::2], one.encode(wave))


def test_a_stream_joins_to_what_the_whole_says(checkpoint: Path) -> None:
    codec = PublishedCodec.at(checkpoint, 2)
    codes = np.random.default_rng(1).integers(16, size=(150, 2)) + np.array([0, 16])
    pieces = list(codec.decode_stream(codes.reshape(-1)[start : start + 37] for start in range(0, 300, 37)))
    assert len(pieces) > 2
    np.testing.assert_allclose(np.concatenate(pieces), codec.decode(codes.reshape(-1)), atol=1e-4)


def test_nothing_has_no_sound(checkpoint: Path) -> None:
    assert len(PublishedCodec.at(checkpoint, 2).decode([])) == 0


def test_a_saved_codec_needs_nothing_else(checkpoint: Path, tmp_path: Path) -> None:
    codec = PublishedCodec.at(checkpoint, 2)
    save_codec(codec, tmp_path)
    opened, wave = open_codec(tmp_path), noise(0.1, codec.sampling_rate)
    codes = codec.encode(wave)
    np.testing.assert_array_equal(opened.encode(wave), codes)
    np.testing.assert_array_equal(opened.decode(codes), codec.decode(codes))


def test_more_codebooks_than_there_are_are_refused(checkpoint: Path) -> None:
    with pytest.raises(UnreadableInput, match="codebooks, not 99"):
        PublishedCodec.at(checkpoint, 99)


def test_a_checkpoint_of_another_kind_is_no_codec(tmp_path: Path) -> None:
    LlamaConfig().save_pretrained(tmp_path)
    with pytest.raises(UnreadableInput, match="'llama' is no codec"):
        PublishedCodec.at(tmp_path, 1)
