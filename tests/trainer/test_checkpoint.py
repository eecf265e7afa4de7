from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
import torch

from speccraft import store
from speccraft.errors import BrokenIntegrity
from speccraft.trainer import checkpoint as checkpoints
from speccraft.trainer.batch import Audio, Example
from speccraft.trainer.recipe import Recipe


def committed(recipe: Recipe, folder: Path) -> tuple[checkpoints.Checkpoint, store.Artefact]:
    fresh = checkpoints.fresh(recipe, 8000, seed=3)
    with store.scratch_folder(folder) as scratch:
        checkpoints.save(fresh, scratch)
        return fresh, store.commit(scratch, folder / "stage", kind="checkpoint", name="tones", id="stage")


def test_a_loaded_checkpoint_hears_and_predicts_the_same(recipe: Recipe, tmp_path: Path) -> None:
    fresh, artefact = committed(recipe, tmp_path)
    loaded = checkpoints.load(artefact)
    waveform = np.random.default_rng(0).standard_normal(3000).astype(np.float32)
    one = Example([4, 1, 2, 5, 80, 2], [False] * 4 + [True] * 2, [Audio(waveform)])
    with torch.no_grad():
        before, after = (made.model.eval()(**made.collator()([one])).logits for made in (fresh, loaded))
    assert torch.equal(before, after)
    assert (loaded.features, loaded.sampling_rate) == (fresh.features, 8000)
    assert loaded.tokenizer("grüß").input_ids == fresh.tokenizer("grüß").input_ids


def test_weights_are_safetensors_and_nothing_is_pickled(recipe: Recipe, tmp_path: Path) -> None:
    _, artefact = committed(recipe, tmp_path)
    assert {Path(entry.path).suffix for entry in artefact.record.files} <= {".safetensors", ".json", ".jinja"}


def test_a_damaged_checkpoint_is_not_loaded(recipe: Recipe, tmp_path: Path) -> None:
    _, artefact = committed(recipe, tmp_path)
    (artefact.path / "features.json").write_text("{}")
    with pytest.raises(BrokenIntegrity, match=r"features\.json"):
        checkpoints.load(artefact)


def test_the_same_seed_gives_the_same_weights_and_another_seed_others(recipe: Recipe) -> None:
    one, same, other = (checkpoints.fresh(recipe, 8000, seed=seed).model.lm_head.weight for seed in (1, 1, 2))
    assert torch.equal(one, same)
    assert not torch.equal(one, other)
