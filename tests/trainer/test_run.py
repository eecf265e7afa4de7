from __future__ import annotations

import json
from pathlib import Path

import numpy as np
import pytest
from tones_world import make_build

from speccraft import store
from speccraft.errors import BrokenIntegrity, Locked, SpeccraftError
from speccraft.trainer import run as runs
from speccraft.trainer.recipe import Recipe, load_recipe
from speccraft.trainer.run import train

BOTH = ("pretrain", "align")


def short(recipe: Recipe) -> Recipe:
    """The same recipe with very few steps, for what does not need to learn."""
    stages = {stage: getattr(recipe, stage).model_copy(update={"steps": 4, "log_every": 2}) for stage in BOTH}
    return recipe.model_copy(update=stages)


def rows(run: store.Artefact) -> list[dict]:
    return [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]


def weights(run: store.Artefact, stage: str) -> bytes:
    return (run.path / "checkpoints" / stage / "model.safetensors").read_bytes()


def test_the_loss_falls_in_every_stage_and_is_written_down(trained: store.Artefact) -> None:
    for stage in BOTH:
        losses = [row["loss"] for row in rows(trained) if row["stage"] == stage]
        assert losses[-1] < losses[0] / 2
    assert {"step", "audio_s_per_s", "padding_share", "learning_rate"} <= set(rows(trained)[0])


def test_a_run_names_its_build_and_holds_its_recipe_and_stages(trained: store.Artefact, build: Path, recipe: Recipe) -> None:
    store.check_files(trained)
    parent = trained.record.derives_from[0]
    assert (parent.kind, parent.digest) == ("build", store.open_artefact(build, "build").digest)
    assert trained.path.name == trained.record.id
    assert (trained.path / "recipe.yaml").read_bytes().endswith(recipe.as_yaml())
    assert load_recipe(str(trained.path / "recipe.yaml")) == recipe
    aligned = store.open_artefact(trained.path / "checkpoints" / "align", "checkpoint")
    assert [parent.kind for parent in aligned.record.derives_from] == ["build", "checkpoint"]
    assert aligned.record.derives_from[1].digest == store.open_artefact(trained.path / "checkpoints" / "pretrain", "checkpoint").digest


def test_training_again_returns_the_run_at_once(trained: store.Artefact, build: Path, recipe: Recipe) -> None:
    calls: list[str] = []
    workspace = trained.path.parents[2]
    again = train(build, workspace, recipe, stages=BOTH, name="tones", on_progress=lambda stage, *_: calls.append(stage))
    assert again == trained
    assert not calls
    assert store.current(workspace, "run", "tones") == trained


def test_another_seed_or_recipe_is_another_run(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    artefact = store.open_artefact(build, "build")
    one = runs.Order(artefact, tmp_path, recipe, BOTH, "tones", 0)
    others = [runs.Order(artefact, tmp_path, recipe, BOTH, "tones", 1), runs.Order(artefact, tmp_path, short(recipe), BOTH, "tones", 0)]
    assert one.id not in {other.id for other in others}


@pytest.mark.slow
def test_a_run_killed_between_stages_continues_to_the_same_weights(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    def killed(stage: str, *_: object) -> None:
        if stage == "align":
            raise KeyboardInterrupt

    whole = train(build, tmp_path / "whole", short(recipe), stages=BOTH, name="tones")
    with pytest.raises(KeyboardInterrupt):
        train(build, tmp_path / "killed", short(recipe), stages=BOTH, name="tones", on_progress=killed)
    partial = next((tmp_path / "killed" / "runs" / "tones").glob("*.partial"))
    (partial / ".scratch-1").mkdir()
    (partial / ".scratch-1" / "half").write_text("left by a kill -9")
    (partial / "checkpoints" / "half").mkdir()
    stages: list[str] = []
    continued = train(build, tmp_path / "killed", short(recipe), stages=BOTH, name="tones", on_progress=lambda stage, *_: stages.append(stage))
    assert set(stages) == {"align"}
    assert [weights(continued, stage) for stage in BOTH] == [weights(whole, stage) for stage in BOTH]
    assert [file.path for file in continued.record.files] == [file.path for file in whole.record.files]
    assert [(row["stage"], row["step"], row["loss"]) for row in rows(continued)] == [(row["stage"], row["step"], row["loss"]) for row in rows(whole)]
    assert not partial.exists()


def test_a_damaged_build_is_refused_before_training(recipe: Recipe, tmp_path: Path) -> None:
    build = make_build(tmp_path)
    shard = next((build / "shards" / "train").glob("*.tar"))
    content = bytearray(shard.read_bytes())
    content[len(content) // 2] ^= 1
    shard.write_bytes(content)
    with pytest.raises(BrokenIntegrity, match=r"recording\.000000\.tar"):
        train(build, tmp_path, recipe, stages=BOTH, name="tones")


@pytest.mark.slow
def test_a_damaged_stage_is_not_continued_from_but_trained_again(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    with pytest.raises(KeyboardInterrupt):
        train(build, tmp_path, short(recipe), stages=BOTH, name="tones", on_progress=_stop_in_align)
    model = next(tmp_path.glob("runs/tones/*.partial/checkpoints/pretrain/model.safetensors"))
    whole = model.read_bytes()
    model.write_bytes(whole[:-1] + bytes([whole[-1] ^ 1]))
    stages: list[str] = []
    run = train(build, tmp_path, short(recipe), stages=BOTH, name="tones", on_progress=lambda stage, *_: stages.append(stage))
    assert set(stages) == {"pretrain", "align"}
    assert weights(run, "pretrain") == whole
    assert "damaged" in (tmp_path / "log.jsonl").read_text()


def _stop_in_align(stage: str, *_: object) -> None:
    if stage == "align":
        raise KeyboardInterrupt


@pytest.mark.parametrize("stages", [("prefer",), ("pretrain", "align", "prefer"), ("align", "pretrain"), ()])
def test_stages_that_cannot_be_trained_are_an_error_and_not_skipped(build: Path, recipe: Recipe, tmp_path: Path, stages: tuple[str, ...]) -> None:
    with pytest.raises(SpeccraftError, match=r"cannot be trained|no section `prefer`"):
        train(build, tmp_path, recipe, stages=stages, name="tones")
    assert not list(tmp_path.glob("runs/tones/*/*"))


def test_alignment_without_demonstrations_is_an_error(recipe: Recipe, tmp_path: Path) -> None:
    build = make_build(tmp_path, demonstrations=False)
    with pytest.raises(SpeccraftError, match="no demonstration"):
        train(build, tmp_path, recipe, stages=BOTH, name="tones")


def test_cuts_longer_than_the_model_can_hear_are_an_error(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    deaf = recipe.model_copy(update={"model": recipe.model.model_copy(update={"longest_audio_s": 0.3})})
    with pytest.raises(SpeccraftError, match=r"longer than the 0\.3 s"):
        train(build, tmp_path, deaf, stages=BOTH, name="tones")


def test_a_loss_that_is_not_a_number_stops_the_run(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    wild = recipe.model_copy(update={"pretrain": recipe.pretrain.model_copy(update={"learning_rate": 1e30, "warmup_steps": 0, "log_every": 1})})
    with pytest.raises(SpeccraftError, match="the loss is"):
        train(build, tmp_path, wild, stages=("pretrain",), name="tones")


def test_alignment_alone_starts_from_fresh_weights(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    run = train(build, tmp_path, short(recipe), stages=("align",), name="tones")
    assert [path.name for path in (run.path / "checkpoints").iterdir()] == ["align"]
    assert np.isfinite(rows(run)[-1]["loss"])


def test_two_trainings_of_one_name_do_not_run_at_once(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    def again(*_: object) -> None:
        train(build, tmp_path, short(recipe), stages=BOTH, name="tones")

    with pytest.raises(Locked):
        train(build, tmp_path, short(recipe), stages=BOTH, name="tones", on_progress=again)
