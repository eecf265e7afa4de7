"""The processes that train together: which one this is, and what they tell each other."""

from __future__ import annotations

import os
from dataclasses import dataclass
from datetime import timedelta
from typing import Any

LONGEST_SILENCE = timedelta(minutes=30)
"""A process that waits so long for the others takes them for dead and gives up."""


@dataclass(frozen=True)
class Ranks:
    """One process of `world` that train together; alone it is number 0 of 1."""

    number: int = 0
    world: int = 1

    @property
    def leads(self) -> bool:
        """Whether this process writes and speaks for all."""
        return self.number == 0

    def told(self, value: Any = None) -> Any:
        """What the leader says; every process has to ask."""
        if self.world == 1:
            return value
        import torch.distributed as dist

        box = [value]
        dist.broadcast_object_list(box, src=0)
        return box[0]

    def gathered(self, value: Any) -> list[Any]:
        """What every process says, in their order."""
        if self.world == 1:
            return [value]
        import torch.distributed as dist

        found: list[Any] = [None] * self.world
        dist.all_gather_object(found, value)
        return found

    def highest(self, number: float) -> float:
        """The highest number that any process says."""
        if self.world == 1:
            return number
        import torch
        import torch.distributed as dist

        # On the CPU whatever trains, so that nothing waits for a GPU.
        tensor = torch.tensor(float(number), dtype=torch.float64)
        dist.all_reduce(tensor, op=dist.ReduceOp.MAX)
        return float(tensor)


ALONE = Ranks()


def joined() -> Ranks:
    """This process among those that `torchrun`, `accelerate launch` or `--nproc` started, once they are connected."""
    world = int(os.environ.get("WORLD_SIZE", "1"))
    if world == 1:
        return ALONE
    import torch
    import torch.distributed as dist

    on_gpu = torch.cuda.is_available()
    if on_gpu:
        torch.cuda.set_device(int(os.environ.get("LOCAL_RANK", "0")))
    if not dist.is_initialized():
        dist.init_process_group("cpu:gloo,cuda:nccl" if on_gpu else "gloo", timeout=LONGEST_SILENCE)
    return Ranks(dist.get_rank(), world)
