from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

SCRIPT = """
import sys
from pathlib import Path

import torch
import torch.distributed as dist
from torch.distributed.device_mesh import init_device_mesh
from torch.distributed.fsdp import fully_shard

from speccraft.trainer.checkpoint import fresh
from speccraft.trainer.offline import go_offline
from speccraft.trainer.ranks import joined
from speccraft.trainer.recipe import Recipe
from speccraft.trainer.state import put_back, read, taken, write

folder = Path(sys.argv[1])
go_offline()
torch.set_num_threads(1)
ranks = joined()
recipe = Recipe.model_validate_json((folder / "recipe.json").read_bytes())


def made(sharded):
    checkpoint = fresh(recipe, 8000, 0)
    model = checkpoint.model.train()
    if sharded:
        mesh = init_device_mesh("cpu", (2,))
        for layer in [*model.model.language_model.layers, *model.model.audio_tower.layers]:
            fully_shard(layer, mesh=mesh)
        fully_shard(model, mesh=mesh)
    optimizer = torch.optim.AdamW(model.parameters(), lr=1e-3)
    return checkpoint, model, optimizer, torch.optim.lr_scheduler.LambdaLR(optimizer, lambda step: 1 / (1 + step))


def step(number, model, optimizer, schedule):
    rng = torch.Generator().manual_seed(number)
    ids = torch.randint(3, 200, (2, 30), generator=rng)
    ids[:, :5] = model.config.audio_token_id
    features = torch.randn(2, 40, recipe.features.n_mels, generator=rng)
    mask = torch.ones(2, 40, dtype=torch.long)
    loss = model(input_ids=ids, labels=ids.clone(), input_features=features, input_features_mask=mask, use_cache=False).loss
    loss.backward()
    optimizer.step(), optimizer.zero_grad(), schedule.step()
    return float(loss)


_, model, optimizer, schedule = made(sharded=False)
alone = [step(number, model, optimizer, schedule) for number in range(4)]
_, model, optimizer, schedule = made(sharded=True)
together = [step(number, model, optimizer, schedule) for number in range(2)]
state = taken(model, optimizer, schedule, ranks)
if ranks.leads:
    assert any(type(p).__name__ == "DTensor" for p in model.parameters())
    write(state, folder / "state")
ranks.told()
expected = [step(number, model, optimizer, schedule) for number in (2, 3)]
_, model, optimizer, schedule = made(sharded=True)
put_back(read(folder / "state"), model, optimizer, schedule, ranks)
resumed = [step(number, model, optimizer, schedule) for number in (2, 3)]
assert all(abs(a - b) < 1e-4 for a, b in zip(alone, together + expected)), (alone, together, expected)
assert alone[3] < alone[0]
assert resumed == expected, (resumed, expected)
alone_again = made(sharded=False)
put_back(read(folder / "state"), *alone_again[1:], ranks)
assert abs(step(2, *alone_again[1:]) - expected[0]) < 1e-4
print("same")
"""


@pytest.mark.slow
def test_a_model_that_two_processes_share_trains_saves_and_resumes_as_one_that_is_whole(recipe: object, tmp_path: Path) -> None:
    (tmp_path / "recipe.json").write_text(recipe.model_dump_json())  # type: ignore[attr-defined]
    (tmp_path / "state").mkdir()
    (tmp_path / "sharded.py").write_text(SCRIPT)
    words = [sys.executable, "-m", "torch.distributed.run", "--nproc-per-node=2", "--rdzv-backend=c10d", "--rdzv-endpoint=localhost:0"]
    done = subprocess.run([*words, str(tmp_path / "sharded.py"), str(tmp_path)], capture_output=True, text=True, env=os.environ | {"OMP_NUM_THREADS": "1"})
    assert done.returncode == 0, done.stderr[-3000:]
    assert done.stdout.count("same") == 2  # the two processes may write at once
