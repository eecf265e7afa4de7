"""Parts of a model that are frozen, learn additions, or are trained in full, while a stage lasts and after it."""

from __future__ import annotations

import copy
from typing import Any

import pytest
import torch
from tiny_models import encoder, language_model, seeded

from speccraft.errors import SpeccraftError
from speccraft.trainer.adapters import SPEECH_LM
from speccraft.trainer.base import Lora
from speccraft.trainer.base import Parts as Wanted
from speccraft.trainer.compose import compose
from speccraft.trainer.parts import additions_off, prepared
from speccraft.trainer.recipe import StageRecipe

IDS = torch.randint(4, 300, (2, 7), generator=torch.Generator().manual_seed(1))


@pytest.fixture(params=["llama", "gpt2"])
def model(request: pytest.FixtureRequest) -> Any:
    return compose(seeded(encoder, "parakeet"), seeded(language_model, request.param), 3, stack_factor=2)


def stage(**changes: Any) -> StageRecipe:
    return StageRecipe(steps=1, learning_rate=0.1, batch_audio_s=1.0, lora=Lora(rank=2, alpha=8), **changes)


def a_step(model: Any) -> None:
    model.train()
    features, mask = torch.randn(2, 40, 8, generator=torch.Generator().manual_seed(0)), torch.ones(2, 40, dtype=torch.long)
    ids = torch.cat([torch.full((2, 5), 3), IDS], dim=1)
    model(input_ids=ids, input_features=features, input_features_mask=mask, labels=ids).loss.backward()
    with torch.no_grad():
        for weight in model.parameters():
            if weight.grad is not None:
                weight.sub_(weight.grad)
                weight.grad = None


def logits(model: Any) -> torch.Tensor:
    with torch.no_grad():
        return model.eval()(input_ids=IDS).logits


def changed(model: Any, before: Any) -> dict[str, bool]:
    pairs = {part: zip(modules, SPEECH_LM.parts(before)[part], strict=True) for part, modules in SPEECH_LM.parts(model).items()}
    states = {part: [(now.state_dict(), then.state_dict()) for now, then in both] for part, both in pairs.items()}
    return {part: any(not torch.equal(now[name], then[name]) for now, then in both for name in then) for part, both in states.items()}


@pytest.mark.parametrize(
    ("parts", "learns"),
    [
        ({"encoder": "frozen", "language_model": "frozen"}, ["projector"]),
        ({"encoder": "frozen", "language_model": "lora"}, ["projector", "language_model"]),
        ({"encoder": "lora", "projector": "frozen", "language_model": "frozen"}, ["encoder"]),
        ({"encoder": "full", "projector": "lora", "language_model": "lora"}, ["encoder", "projector", "language_model"]),
    ],
)
def test_each_part_changes_as_it_is_wanted_down_to_its_statistics(model: Any, parts: dict[str, Any], learns: list[str]) -> None:
    before, names = copy.deepcopy(model), [name for name, _ in model.named_parameters()]
    with prepared(model, SPEECH_LM.parts(model), stage(parts=Wanted(**parts)), seed=0):
        a_step(model)
    assert changed(model, before) == {part: part in learns for part in ("encoder", "projector", "language_model")}
    assert [name for name, _ in model.named_parameters()] == names
    assert {name: weight.requires_grad for name, weight in model.named_parameters()} == {n: w.requires_grad for n, w in before.named_parameters()}
    model.train()
    assert model.model.audio_tower.training


def test_additions_begin_without_effect_can_be_taken_off_and_are_folded_in(model: Any) -> None:
    before = logits(model)
    with prepared(model, SPEECH_LM.parts(model), stage(parts=Wanted(encoder="frozen", projector="frozen", language_model="lora")), seed=0):
        torch.testing.assert_close(logits(model), before)
        a_step(model)
        a_step(model)
        learnt = logits(model)
        with additions_off(model):
            torch.testing.assert_close(logits(model), before)
        torch.testing.assert_close(logits(model), learnt)
        few = sum(weight.numel() for weight in model.parameters() if weight.requires_grad)
    assert (learnt - before).abs().max() > 1e-3
    torch.testing.assert_close(logits(model), learnt, atol=1e-5, rtol=1e-4)
    assert few < 0.3 * sum(weight.numel() for weight in model.parameters())


def test_the_head_stays_tied_and_gets_no_additions(model: Any) -> None:
    tied = model.lm_head.weight is model.get_input_embeddings().weight
    with prepared(model, SPEECH_LM.parts(model), stage(parts=Wanted(language_model="lora")), seed=0):
        assert type(model.lm_head) is torch.nn.Linear
        a_step(model)
    assert (model.lm_head.weight is model.get_input_embeddings().weight) == tied


def test_additions_are_the_same_for_the_same_seed() -> None:
    made = []
    for seed in (1, 1, 2):
        model = compose(seeded(encoder, "parakeet"), seeded(language_model, "llama"), 3)
        with prepared(model, SPEECH_LM.parts(model), stage(parts=Wanted(language_model="lora")), seed=seed):
            made.append(torch.cat([weight.flatten() for name, weight in model.named_parameters() if "lora_A" in name]))
    assert torch.equal(made[0], made[1])
    assert not torch.equal(made[0], made[2])


def test_gradient_checkpointing_lasts_as_long_as_the_stage(model: Any) -> None:
    with prepared(model, SPEECH_LM.parts(model), stage(gradient_checkpointing=True), seed=0):
        assert model.is_gradient_checkpointing
    assert not model.is_gradient_checkpointing


def test_nothing_to_train_and_parts_that_are_not_there_are_errors(model: Any) -> None:
    everything = Wanted(encoder="frozen", projector="frozen", language_model="frozen")
    with pytest.raises(SpeccraftError, match="nothing to train"), prepared(model, SPEECH_LM.parts(model), stage(parts=everything), seed=0):
        pass
    without = {"encoder": [model.model.audio_tower]}
    with pytest.raises(SpeccraftError, match="no projector"), prepared(model, without, stage(parts=Wanted(projector="lora")), seed=0):
        pass
