"""The whole state of a stage in training as tensors and JSON: weights, optimizer, schedule and random numbers, taken and put back bit for bit."""

from __future__ import annotations

import random
from collections.abc import Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
import torch
from pydantic_core import from_json
from safetensors.torch import load_file
from safetensors.torch import save as as_safetensors
from torch import nn
from torch.distributed.tensor import DTensor, distribute_tensor

from speccraft import store
from speccraft.errors import SpeccraftError

from .ranks import Ranks

LARGEST_FILE = 2 << 30
"""Bytes of tensors in one file, about; a file is made in memory before it is written."""
WEIGHTS, OPTIMIZER, POSITION, RANDOM = "weights", "optimizer", "position.json", "random.json"


@dataclass(frozen=True)
class State:
    """What a stage needs to go on as if nothing had happened.

    Attributes:
        weights: what is trained, and what a forward pass changes; what is frozen comes from where it came from before.
        optimizer: tensors by the parameter's number in the optimizer and their name, as `3.exp_avg`.
        position: the optimizer's groups and numbers, and the schedule, as JSON.
        random: states of the random number generators of each rank.
    """

    weights: Mapping[str, torch.Tensor]
    optimizer: Mapping[str, torch.Tensor]
    position: Mapping[str, Any]
    random: tuple[Any, ...]

    @property
    def is_finite(self) -> bool:
        """Whether every weight is a number."""
        return all(bool(torch.isfinite(tensor).all()) for tensor in self.weights.values())


def taken(model: nn.Module, optimizer: Any, schedule: Any, ranks: Ranks) -> State:
    """The state of a model in training; every rank has to ask, whole tensors are kept by the leader alone."""
    inner = _inside(optimizer, "optimizer").state_dict()
    values = {f"{number}.{name}": value for number, entries in inner["state"].items() for name, value in entries.items()}
    tensors = {name: value for name, value in values.items() if isinstance(value, torch.Tensor)}
    numbers = {name: value for name, value in values.items() if not isinstance(value, torch.Tensor)}
    position = {"groups": inner["param_groups"], "numbers": numbers, "schedule": _inside(schedule, "scheduler").state_dict()}
    return State(_whole(_changing(model), ranks), _whole(tensors, ranks), position, tuple(ranks.gathered(_random())))


def weights_of(model: nn.Module, ranks: Ranks) -> State:
    """The weights of a model alone, for a state that nothing is gone on from; every rank has to ask."""
    return State(_whole(_changing(model), ranks), {}, {}, ())


def put_back(state: State, model: nn.Module, optimizer: Any, schedule: Any, ranks: Ranks) -> None:
    """Bring a model, its optimizer, its schedule and the random numbers of this rank to where they were."""
    put_weights(state, model)
    inner = _inside(optimizer, "optimizer")
    parameters = [parameter for group in inner.param_groups for parameter in group["params"]]
    entries: dict[int, dict[str, Any]] = {}
    for key, value in {**state.optimizer, **state.position["numbers"]}.items():
        number, _, name = key.partition(".")
        like = parameters[int(number)]
        entries.setdefault(int(number), {})[name] = _spread(value, like) if isinstance(value, torch.Tensor) and value.shape == like.shape else value
    inner.load_state_dict({"state": entries, "param_groups": [_tuples(group) for group in state.position["groups"]]})
    _inside(schedule, "scheduler").load_state_dict(state.position["schedule"])
    if ranks.number < len(state.random):
        _set_random(state.random[ranks.number])


def put_weights(state: State, model: nn.Module) -> None:
    """Give a model the weights of a state.

    Raises:
        SpeccraftError: they are those of another model.
    """
    changing = _changing(model)
    if {name: tensor.shape for name, tensor in changing.items()} != {name: tensor.shape for name, tensor in state.weights.items()}:
        odd = sorted(set(changing.keys() ^ state.weights.keys()) or {n for n, t in changing.items() if t.shape != state.weights[n].shape})
        raise SpeccraftError(f"the saved state is of another model: {odd[0]} differs", try_this="train with the recipe it was saved by, or --restart")
    with torch.no_grad():
        for name, tensor in changing.items():
            tensor.copy_(_spread(state.weights[name].to(tensor.dtype), tensor))


def write(state: State, folder: Path) -> None:
    """Write a state into a scratch folder, to be committed by the caller.

    Raises:
        BadEnvironment: the disk is full or may not be written.
    """
    for stem, tensors in ((WEIGHTS, state.weights), (OPTIMIZER, state.optimizer)):
        for number, part in enumerate(_in_parts(tensors)):
            store.write_bytes(folder / f"{stem}-{number:05}.safetensors", as_safetensors(part))
    store.write_bytes(folder / POSITION, store.canonical_json(dict(state.position)))
    store.write_bytes(folder / RANDOM, store.canonical_json(list(state.random)))


def read(folder: Path, *, weights_only: bool = False) -> State:
    """Read a state that was checked against its commit record."""
    weights = _tensors(folder, WEIGHTS)
    if weights_only:
        return State(weights, {}, {}, ())
    return State(weights, _tensors(folder, OPTIMIZER), from_json((folder / POSITION).read_bytes()), tuple(from_json((folder / RANDOM).read_bytes())))


def _inside(wrapped: Any, name: str) -> Any:
    """What accelerate wrapped."""
    return getattr(wrapped, name, wrapped)


def _changing(model: nn.Module) -> dict[str, torch.Tensor]:
    """Trained parameters and saved buffers by name; a parameter that is tied to another comes once."""
    saved = model.state_dict().keys()
    trained: dict[str, torch.Tensor] = {name: parameter for name, parameter in model.named_parameters() if parameter.requires_grad}
    return trained | {name: buffer for name, buffer in model.named_buffers() if name in saved}


def _whole(tensors: Mapping[str, torch.Tensor], ranks: Ranks) -> dict[str, torch.Tensor]:
    """Copies on the CPU, of sharded tensors put together by all ranks; empty but for the leader."""
    whole = {}
    for name, tensor in tensors.items():
        together = tensor.full_tensor() if isinstance(tensor, DTensor) else tensor
        if ranks.leads:
            whole[name] = together.detach().to("cpu", copy=True).contiguous()
    return whole


def _spread(tensor: torch.Tensor, like: torch.Tensor) -> torch.Tensor:
    """A whole tensor, sharded if another is."""
    return distribute_tensor(tensor.to(like.device), like.device_mesh, like.placements) if isinstance(like, DTensor) else tensor


def _tuples(group: Mapping[str, Any]) -> dict[str, Any]:
    """An optimizer's group as it was before JSON made lists of its tuples."""
    return {name: tuple(value) if isinstance(value, list) and name != "params" else value for name, value in group.items()}


def _in_parts(tensors: Mapping[str, torch.Tensor]) -> list[dict[str, torch.Tensor]]:
    parts: list[dict[str, torch.Tensor]] = [{}]
    size = 0
    for name, tensor in tensors.items():
        if size + tensor.nbytes > LARGEST_FILE and parts[-1]:
            parts.append({})
            size = 0
        parts[-1][name] = tensor
        size += tensor.nbytes
    return parts


def _tensors(folder: Path, stem: str) -> dict[str, torch.Tensor]:
    return {name: tensor for path in sorted(folder.glob(f"{stem}-*.safetensors")) for name, tensor in load_file(path).items()}


def _random() -> dict[str, Any]:
    """States of Python's, NumPy's and torch's generators as JSON."""
    version, numbers, gauss = random.getstate()
    kind, keys, position, has_gauss, cached = np.random.get_state(legacy=True)
    return {
        "python": [version, list(numbers), gauss],
        "numpy": [kind, np.asarray(keys).tobytes().hex(), position, has_gauss, cached],
        "torch": torch.get_rng_state().numpy().tobytes().hex(),
        "cuda": torch.cuda.get_rng_state().numpy().tobytes().hex() if torch.cuda.is_available() else None,
    }


def _set_random(state: Mapping[str, Any]) -> None:
    version, numbers, gauss = state["python"]
    random.setstate((version, tuple(numbers), gauss))
    kind, keys, *rest = state["numpy"]
    np.random.set_state((kind, np.frombuffer(bytes.fromhex(keys), np.uint32), *rest))
    torch.set_rng_state(_bytes(state["torch"]))
    if state["cuda"] is not None and torch.cuda.is_available():
        torch.cuda.set_rng_state(_bytes(state["cuda"]))


def _bytes(text: str) -> torch.Tensor:
    return torch.frombuffer(bytearray.fromhex(text), dtype=torch.uint8)


class Undisturbed:
    """What happens inside leaves the random numbers outside as they were."""

    def __enter__(self) -> None:
        self._before = _random()

    def __exit__(self, *_: object) -> None:
        _set_random(self._before)
