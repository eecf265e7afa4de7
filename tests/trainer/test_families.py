"""Every family of encoders and of language models as one model: it says what the original says, and hears alone what it hears in a batch."""

from __future__ import annotations

import copy
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import pytest
import torch
from tiny_models import PAIRS, RATE, encoder, extractor, language_model, seeded
from transformers import AutoModelForCausalLM, GenerationConfig

from speccraft.trainer.batch import Audio, Collator, Example
from speccraft.trainer.compose import compose
from speccraft.trainer.features import Extracted
from speccraft.trainer.model import SpeechLMForConditionalGeneration

pytestmark = pytest.mark.slow
AUDIO_ID = 3


@dataclass(frozen=True)
class Joined:
    """A composed model, a copy of its language model from before, and what makes its batches."""

    model: SpeechLMForConditionalGeneration
    original: Any
    collator: Collator

    def batch(self, *seconds: float, side: Any = "right", learn: bool = True) -> dict[str, torch.Tensor]:
        """Rows of noise of so many seconds between text, the last words learnt."""
        rng = np.random.default_rng(0)
        ids, learnt = ([4, AUDIO_ID, 9, 5, 80, 90, 2], [False] * 4 + [learn] * 3) if learn else ([4, AUDIO_ID, 9, 5], [False] * 4)
        rows = [Example(ids, learnt, [Audio((0.1 * rng.standard_normal(int(one * RATE))).astype(np.float32))]) for one in seconds]
        return self.collator(rows, padding_side=side)


@pytest.fixture(scope="module", params=PAIRS, ids="-".join)
def joined(request: pytest.FixtureRequest) -> Joined:
    ears, mouth = request.param
    text = seeded(language_model, mouth)
    original = copy.deepcopy(text).eval()
    model = compose(seeded(encoder, ears), text, AUDIO_ID, stack_factor=2, init_std=0.2).eval()
    model.generation_config = GenerationConfig(eos_token_id=2, pad_token_id=0, suppress_tokens=[AUDIO_ID])
    return Joined(model, original, Collator(Extracted(extractor(ears)), model.config, 0))


def logits(model: Any, **batch: Any) -> torch.Tensor:
    with torch.no_grad():
        return model(**batch).logits


def test_text_alone_gives_the_logits_of_the_original_and_they_are_not_trivial(joined: Joined) -> None:
    ids = torch.randint(4, 300, (2, 9), generator=torch.Generator().manual_seed(0))
    mask = torch.ones_like(ids)
    mask[1, 6:] = 0
    ours, theirs = (logits(model, input_ids=ids, attention_mask=mask) for model in (joined.model, joined.original))
    assert torch.equal(ours, theirs)
    assert theirs.std() > 1e-3


def test_what_is_heard_reaches_the_words_whatever_the_padding(joined: Joined) -> None:
    lengths = (0.31, 0.9, 0.06)
    together, alone = joined.batch(*lengths), []
    for row in range(len(lengths)):
        single = {name: tensor[row : row + 1] for name, tensor in together.items()}
        frames, tokens = int(single["input_features_mask"].sum()), int(single["attention_mask"].sum())
        cut = {name: tensor[:, : frames if name.startswith("input_features") else tokens] for name, tensor in single.items()}
        alone.append(logits(joined.model, **cut)[0])
        torch.testing.assert_close(logits(joined.model, **together)[row, :tokens], alone[row], atol=2e-4, rtol=1e-3)
    assert (alone[0][-1] - alone[1][-1]).abs().max() > 1e-6


def test_placeholders_are_as_many_as_encoder_frames_ask_for(joined: Joined) -> None:
    for seconds in (0.01, 0.05, 0.0631, 0.5, 0.777):
        batch = joined.batch(seconds)
        with torch.no_grad():
            hidden, count = joined.model.model.encode(batch["input_features"], batch["input_features_mask"])
        assert hidden.shape[1] == int(count)
        assert int((batch["input_ids"] == AUDIO_ID).sum()) == -(-int(count) // 2)


def test_a_saved_model_is_loaded_exactly_and_stays_tied(joined: Joined, tmp_path: Path) -> None:
    joined.model.save_pretrained(tmp_path)
    assert {path.suffix for path in tmp_path.iterdir()} <= {".safetensors", ".json"}
    loaded = AutoModelForCausalLM.from_pretrained(tmp_path).eval()
    assert isinstance(loaded, SpeechLMForConditionalGeneration)
    batch = joined.batch(0.4, 0.2)
    assert torch.equal(logits(loaded, **batch), logits(joined.model, **batch))
    tied = joined.original.config.tie_word_embeddings
    for model in (joined.model, loaded):
        assert (model.lm_head.weight is model.get_input_embeddings().weight) == tied
    assert sum(weight.numel() for weight in loaded.parameters()) == sum(weight.numel() for weight in joined.model.parameters())


def test_generation_is_greedy_and_never_says_the_placeholder(joined: Joined) -> None:
    batch = joined.batch(0.5, 0.2, side="left", learn=False)
    del batch["labels"]
    with torch.no_grad():
        together = joined.model.generate(**batch, max_new_tokens=4, do_sample=False)[:, batch["input_ids"].shape[1] :]
    for row, seconds in enumerate((0.5, 0.2)):
        start = int((batch["attention_mask"][row] == 0).sum())
        inputs = {
            "input_ids": batch["input_ids"][row : row + 1, start:],
            "input_features": batch["input_features"][row : row + 1],
            "input_features_mask": batch["input_features_mask"][row : row + 1],
        }
        said = []
        for _ in range(4):
            scores = logits(joined.model, **inputs)[0, -1]
            scores[AUDIO_ID] = -torch.inf
            said.append(int(scores.argmax()))
            inputs["input_ids"] = torch.cat([inputs["input_ids"], torch.tensor([said[-1:]])], dim=1)
            if said[-1] == 2:
                break
        assert together[row, : len(said)].tolist() == said, seconds


def test_gradient_checkpointing_changes_neither_loss_nor_gradients(joined: Joined) -> None:
    batch, found = joined.batch(0.4, 0.2), []
    model = joined.model.train()
    for saving in (False, True):
        if saving:
            model.gradient_checkpointing_enable({"use_reentrant": False})
        torch.manual_seed(0)
        loss = model(**batch, use_cache=False).loss
        loss.backward()
        found.append([loss.detach(), *(weight.grad for weight in model.parameters() if weight.requires_grad)])
        assert all(gradient is not None for gradient in found[-1])
        model.zero_grad()
    model.gradient_checkpointing_disable()
    model.eval()
    assert all(torch.equal(plain, saved) for plain, saved in zip(*found, strict=True))
