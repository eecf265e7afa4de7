"""What a stage trains of each part of a model: nothing, low-rank additions, or all of it; afterwards the model is whole again."""

from __future__ import annotations

import warnings
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

import torch
from torch import nn
from transformers.modeling_utils import PreTrainedModel
from transformers.pytorch_utils import Conv1D

from speccraft.errors import SpeccraftError

from .base import PARTS, Lora
from .base import Parts as Wanted
from .recipe import StageRecipe

Parts = Mapping[str, Sequence[nn.Module]]
"""The modules of each part that a model has."""


@contextmanager
def prepared(model: PreTrainedModel, parts: Parts, recipe: StageRecipe, *, seed: int) -> Iterator[None]:
    """For as long as a stage lasts, train of each part what is wanted; when it ends well, additions are folded into the weights.

    Args:
        seed: of the additions, which are drawn at random and begin without effect.

    Raises:
        SpeccraftError: something is wanted of a part that the model has not, or nothing would be trained.
    """
    wanted = recipe.parts
    _check(parts, wanted)
    trainable = {name: weight.requires_grad for name, weight in model.named_parameters()}
    still = [module for name in parts if getattr(wanted, name) == "frozen" for module in parts[name]]
    adapted = [module for name in parts if getattr(wanted, name) == "lora" for module in parts[name]]
    for module in (*still, *adapted):
        module.requires_grad_(False)
    for module in still:
        _hold_still(module)
    tuner = _with_additions(model, adapted, recipe.lora, seed) if adapted else None
    if recipe.gradient_checkpointing:
        model.gradient_checkpointing_enable({"use_reentrant": False})
    yield
    if recipe.gradient_checkpointing:
        model.gradient_checkpointing_disable()
    if tuner is not None:
        tuner.merge_and_unload()
        model.__dict__.pop("peft_config", None)
    for module in still:
        module.__dict__.pop("train")
    for name, weight in model.named_parameters():
        weight.requires_grad_(trainable[name])


def _check(parts: Parts, wanted: Wanted) -> None:
    absent = [name for name in PARTS if name not in parts and getattr(wanted, name) != "full"]
    if absent:
        raise SpeccraftError(f"this model has no {absent[0]} of its own", try_this=f"leave `parts.{absent[0]}` out")
    if all(getattr(wanted, name) == "frozen" for name in parts):
        raise SpeccraftError("every part of the model is frozen, so there is nothing to train", try_this="--set align.parts.projector=full")


def _hold_still(module: nn.Module) -> None:
    """Keep a frozen part in evaluation: dropout would only add noise to it, and statistics of batches would change what it knows."""
    module.eval()
    module.__dict__["train"] = lambda mode=True: module


def _with_additions(model: PreTrainedModel, modules: Sequence[nn.Module], lora: Lora, seed: int) -> Any:
    """Put additions into every linear layer of these modules, in place, so that the model keeps its class and every trainer takes it as it is."""
    from peft import LoraConfig
    from peft.tuners.lora import LoraModel

    inside = {id(layer) for module in modules for layer in module.modules() if isinstance(layer, (nn.Linear, Conv1D))}
    head = model.get_output_embeddings() if hasattr(model, "get_output_embeddings") else None
    targets = [name for name, layer in model.named_modules() if id(layer) in inside and layer is not head]
    settings = LoraConfig(r=lora.rank, lora_alpha=lora.alpha, lora_dropout=lora.dropout, target_modules=targets)
    in_full = [weight for weight in model.parameters() if weight.requires_grad]
    torch.manual_seed(seed)
    with warnings.catch_warnings():
        # peft sees for itself which way round the weights of GPT-2's layers are
        warnings.filterwarnings("ignore", message="fan_in_fan_out")
        tuner = LoraModel(model, settings, "default")
    # it freezes all that is not an addition, other parts too
    for weight in in_full:
        weight.requires_grad_(True)
    return tuner


@contextmanager
def additions_off(model: nn.Module) -> Iterator[None]:
    """For as long as it lasts, the model answers as it did before its stage began, whatever its additions have learnt."""
    from peft.tuners.tuners_utils import BaseTunerLayer

    layers = [layer for layer in model.modules() if isinstance(layer, BaseTunerLayer)]
    for layer in layers:
        layer.enable_adapters(False)
    yield
    for layer in layers:
        layer.enable_adapters(True)
