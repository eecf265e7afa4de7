from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch
from transformers import AutoModelForCausalLM, Gemma2Config, GraniteConfig, LlamaConfig, WhisperConfig

from speccraft.trainer.batch import Audio, Example
from speccraft.trainer.checkpoint import Checkpoint, fresh
from speccraft.trainer.model import SpeechLMConfig, SpeechLMForConditionalGeneration
from speccraft.trainer.recipe import load_recipe

RATE = 8000
KINDS = ("whisper", "parakeet")


@pytest.fixture(scope="module", params=KINDS)
def checkpoint(request: pytest.FixtureRequest) -> Checkpoint:
    made = fresh(load_recipe("tiny-cpu", [f"model.encoder.kind={request.param}"]), RATE, seed=0)
    made.model.eval()
    return made


def examples(*lengths: int) -> list[Example]:
    rng = np.random.default_rng(0)
    return [Example([4, 1, 2, 5, 80, 90, 2], [False] * 4 + [True] * 3, [Audio(rng.standard_normal(length).astype(np.float32))]) for length in lengths]


def logits_of(checkpoint: Checkpoint, batch: dict[str, torch.Tensor]) -> torch.Tensor:
    with torch.no_grad():
        return checkpoint.model(**batch).logits


def test_logits_do_not_depend_on_the_padding(checkpoint: Checkpoint) -> None:
    collator, many = checkpoint.collator(), examples(1234, 5678, 900)
    batch = collator(many)
    together = logits_of(checkpoint, batch)
    for row, one in enumerate(many):
        alone = logits_of(checkpoint, collator([one]))[0]
        torch.testing.assert_close(together[row, : len(alone)], alone, atol=1e-4, rtol=1e-3)


def test_what_is_heard_changes_what_is_predicted(checkpoint: Checkpoint) -> None:
    batch = checkpoint.collator()(examples(4000))
    other = batch | {"input_features": batch["input_features"].flip(1)}
    assert (logits_of(checkpoint, batch) - logits_of(checkpoint, other)).abs().max() > 1e-3


def test_each_audio_goes_to_its_own_row(checkpoint: Checkpoint) -> None:
    batch = checkpoint.collator()(examples(3000, 3000))
    changed = batch | {"input_features": batch["input_features"].clone()}
    changed["input_features"][1] = changed["input_features"][1].flip(0)
    before, after = logits_of(checkpoint, batch), logits_of(checkpoint, changed)
    torch.testing.assert_close(before[0], after[0])
    assert (before[1] - after[1]).abs().max() > 1e-3


def test_save_and_load_give_equal_logits_and_stay_tied(checkpoint: Checkpoint, tmp_path: Path) -> None:
    checkpoint.model.save_pretrained(tmp_path)
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert isinstance(loaded, SpeechLMForConditionalGeneration)
    batch = checkpoint.collator()(examples(2000, 3000))
    with torch.no_grad():
        assert torch.equal(loaded(**batch).logits, checkpoint.model(**batch).logits)
    assert loaded.lm_head.weight is loaded.get_input_embeddings().weight
    assert loaded.generation_config.eos_token_id == checkpoint.tokenizer.eos_token_id


def test_weights_begin_with_the_recipes_deviation(checkpoint: Checkpoint) -> None:
    wide = [(name, weight) for name, weight in checkpoint.model.named_parameters() if weight.ndim >= 2 and weight.numel() > 2000 and weight.requires_grad]
    assert len(wide) > 10
    assert all(0.09 < float(weight.detach().std()) < 0.13 for _, weight in wide), [name for name, _ in wide]


def test_the_training_loss_is_that_of_the_full_logits(checkpoint: Checkpoint) -> None:
    batch = checkpoint.collator()(examples(2000, 3000))
    logits = logits_of(checkpoint, batch)
    expected = torch.nn.functional.cross_entropy(logits[:, :-1].flatten(0, 1), batch["labels"][:, 1:].flatten(), ignore_index=-100)
    with torch.no_grad():
        torch.testing.assert_close(checkpoint.model(**batch).loss, expected)


def test_trainable_weights_all_get_a_gradient(checkpoint: Checkpoint) -> None:
    checkpoint.model.train()
    loss = checkpoint.model(**checkpoint.collator()(examples(2000, 3000))).loss
    loss.backward()
    untouched = [name for name, weight in checkpoint.model.named_parameters() if weight.requires_grad and weight.grad is None]
    checkpoint.model.zero_grad()
    checkpoint.model.eval()
    assert not untouched


def test_whisper_without_its_window_equals_whisper_within_it() -> None:
    checkpoint = fresh(load_recipe("tiny-cpu", ["model.longest_audio_s=2.0"]), RATE, seed=0)
    encoder = checkpoint.model.model.audio_tower.eval()
    frames = torch.randn(1, 2 * encoder.config.max_source_positions, 40)
    with torch.no_grad():
        ours, _ = checkpoint.model.model.encode(frames, torch.ones(frames.shape[:2], dtype=torch.long))
        torch.testing.assert_close(ours, encoder(frames.transpose(1, 2)).last_hidden_state, atol=1e-5, rtol=1e-4)


@pytest.mark.parametrize("text_config", [LlamaConfig, Gemma2Config, GraniteConfig])
def test_text_alone_gives_the_logits_of_the_language_models_own_class(text_config: type) -> None:
    sizes = {"vocab_size": 64, "hidden_size": 32, "intermediate_size": 64, "num_hidden_layers": 2, "num_attention_heads": 4, "num_key_value_heads": 4}
    extra = {"head_dim": 8, "final_logit_softcapping": 0.05} if text_config is Gemma2Config else {}
    extra |= {"logits_scaling": 7.0} if text_config is GraniteConfig else {}
    config = text_config(**sizes, **extra, pad_token_id=0, bos_token_id=2, eos_token_id=3, tie_word_embeddings=True, attn_implementation="eager")
    audio = WhisperConfig(d_model=16, encoder_layers=1, encoder_attention_heads=2, encoder_ffn_dim=16, num_mel_bins=8, max_source_positions=10)
    reference = AutoModelForCausalLM.from_config(config).eval()
    ours = SpeechLMForConditionalGeneration(SpeechLMConfig(audio, config)).eval()
    ours.model.language_model.load_state_dict(reference.base_model.state_dict())
    ids = torch.randint(4, 64, (2, 9))
    with torch.no_grad():
        torch.testing.assert_close(ours(input_ids=ids).logits, reference(input_ids=ids).logits)
