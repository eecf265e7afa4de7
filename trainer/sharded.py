"""A model that the processes of a training share out among themselves (FSDP2), for one that does not fit into each of them."""

from __future__ import annotations

import copy
import warnings
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from typing import TYPE_CHECKING, Any

import torch
from torch import nn
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard
from torch.distributed.tensor import DTensor

from .ranks import Ranks

if TYPE_CHECKING:
    from .checkpoint import Checkpoint


@contextmanager
def shared_out(checkpoint: Checkpoint, ranks: Ranks) -> Iterator[Checkpoint]:
    """A copy of a checkpoint's model of which every process holds a part; what it learnt is put into the checkpoint's own at the end.

    Every process keeps the whole model in its own memory meanwhile, and a part of it, with gradients and optimizer, where it trains.
    """
    shared = copy.deepcopy(checkpoint.model)
    for layers in [module for module in shared.modules() if isinstance(module, nn.ModuleList)]:
        for layer in layers:
            share_out(layer, ranks)
    share_out(shared, ranks)
    # transformers' Trainer then leaves the sharing of the model and of its gradients as they are, instead of wrapping it in DDP.
    shared._is_distributed_loading_by_transformers = True
    yield replace(checkpoint, model=shared)
    with torch.no_grad():
        for (name, whole), part in zip(checkpoint.model.named_parameters(), shared.parameters(), strict=True):
            assert part.shape == whole.shape, name
            whole.copy_(part.full_tensor() if isinstance(part, DTensor) else part)
        for whole, part in zip(checkpoint.model.buffers(), shared.buffers(), strict=True):
            whole.copy_(part)


def share_out(module: Any, ranks: Ranks) -> None:
    """Let every process hold a part of a module's weights."""
    # What a linear layer gives is a view, and nobody changes it in place.
    warnings.filterwarnings("ignore", message="FSDP2-wrapped module")
    fully_shard(module, mesh=init_device_mesh("cuda" if torch.cuda.is_available() else "cpu", (ranks.world,)))


def share_heads(around: nn.Module, model: nn.Module, ranks: Ranks) -> None:
    """Let what a stage puts around a model that is shared out be shared out too, where it has weights."""
    if not getattr(model, "_is_distributed_loading_by_transformers", False):
        return
    for child in around.children():
        if child is not model and any(True for _ in child.parameters()):
            share_out(child, ranks)
    around.is_distributed_loading_by_transformers = True
