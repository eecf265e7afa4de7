from __future__ import annotations

from types import SimpleNamespace

import numpy as np
import pytest
import torch
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.trainer.batch import Audio, Collator, Example, by_length
from speccraft.trainer.checkpoint import fresh
from speccraft.trainer.model import IGNORED
from speccraft.trainer.recipe import load_recipe

RATE = 8000
CHECKPOINTS = {kind: fresh(load_recipe("tiny-cpu", [f"model.encoder.kind={kind}"]), RATE, seed=0) for kind in ("whisper", "parakeet")}
AUDIO_ID = CHECKPOINTS["whisper"].model.config.audio_token_id


def example(rng: np.random.Generator, pieces: list[int]) -> Example:
    """Text of random bytes around so many pieces of audio; the last stretch of text is learnt."""
    ids = [int(id) for id in rng.integers(6, 262, 3)]
    for _ in pieces:
        ids += [AUDIO_ID, *(int(id) for id in rng.integers(6, 262, 2))]
    learnt = [False] * (len(ids) - 2) + [True] * 2
    return Example(ids, learnt, [Audio(rng.standard_normal(samples).astype(np.float32)) for samples in pieces])


@pytest.mark.parametrize("kind", CHECKPOINTS)
@pytest.mark.parametrize("side", ["left", "right"])
@settings(max_examples=15, deadline=None)
@given(st.lists(st.lists(st.integers(200, 9000), max_size=2), min_size=1, max_size=4), st.integers(0, 99))
def test_loss_masks_hold_the_answer_and_never_prompt_audio_or_padding(kind: str, side: str, shapes: list[list[int]], seed: int) -> None:
    rng = np.random.default_rng(seed)
    examples = [example(rng, pieces) for pieces in shapes]
    collator: Collator = CHECKPOINTS[kind].collator()
    batch = collator(examples, padding_side=side)
    for row, one in enumerate(examples):
        ids, labels, mask = batch["input_ids"][row], batch["labels"][row], batch["attention_mask"][row].bool()
        assert ids[mask][ids[mask] != AUDIO_ID].tolist() == [id for id in one.ids if id != AUDIO_ID]
        assert labels[labels != IGNORED].tolist() == [id for id, learn in zip(one.ids, one.learnt, strict=True) if learn]
        assert torch.equal(labels[labels != IGNORED], ids[labels != IGNORED])
        assert (labels[ids == AUDIO_ID] == IGNORED).all()
        assert (labels[~mask] == IGNORED).all()
        assert mask[0 if side == "right" else -1]


@pytest.mark.parametrize("kind", CHECKPOINTS)
@settings(max_examples=15, deadline=None)
@given(st.lists(st.integers(100, 9000), min_size=1, max_size=4))
def test_placeholders_are_as_many_as_the_embeddings_that_replace_them(kind: str, pieces: list[int]) -> None:
    checkpoint = CHECKPOINTS[kind]
    checkpoint.model.eval()
    batch = checkpoint.collator()([example(np.random.default_rng(0), [samples]) for samples in pieces])
    with torch.no_grad():
        hidden, count = checkpoint.model.model.encode(batch["input_features"], batch["input_features_mask"])
        embeddings = checkpoint.model.model.multi_modal_projector(hidden)
    placeholders = (batch["input_ids"] == AUDIO_ID).sum(1)
    assert placeholders.tolist() == [-(-frames // checkpoint.model.config.stack_factor) for frames in count.tolist()]
    assert placeholders.max() == embeddings.shape[1]


def test_text_without_audio_is_a_batch_without_features() -> None:
    batch = CHECKPOINTS["whisper"].collator()([example(np.random.default_rng(0), [])])
    assert set(batch) == {"input_ids", "attention_mask", "labels"}


def test_audio_without_a_placeholder_is_our_own_bug() -> None:
    whole = example(np.random.default_rng(0), [400])
    with pytest.raises(ValueError, match="1 pieces of audio for 0 placeholders"):
        CHECKPOINTS["whisper"].collator()([Example([7, 8], [False, True], whole.audio)])


@given(seconds=st.lists(st.floats(0.1, 40), max_size=30), budget=st.floats(1, 60), data=st.data())
def test_all_come_once_in_batches_of_similar_length_whatever_their_order(seconds: list[float], budget: float, data: st.DataObject) -> None:
    items = [SimpleNamespace(id=str(number), seconds=one) for number, one in enumerate(seconds)]
    batches = list(by_length(items, budget))
    assert sorted(one.id for batch in batches for one in batch) == sorted(one.id for one in items)
    assert all(len(batch) == 1 or sum(one.seconds for one in batch) <= budget for batch in batches)
    assert [one.seconds for batch in batches for one in batch] == sorted(seconds)
    assert list(by_length(data.draw(st.permutations(items)), budget)) == batches
