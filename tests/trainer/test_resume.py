from __future__ import annotations

import json
import os
import shutil
import signal
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from speccraft import store
from speccraft.errors import BrokenIntegrity, SpeccraftError, WrongUsage
from speccraft.trainer.order import Resuming
from speccraft.trainer.recipe import Recipe
from speccraft.trainer.run import train
from speccraft.trainer.saved import Shelf

BOTH = ("pretrain", "align")


def restless(recipe: Recipe, **changes: object) -> Recipe:
    """Few steps with much chance in them, saved every four and looked at every five."""
    often = {"steps": 14, "log_every": 3, "save_every": 4, "evaluate_every": 5, "evaluate_dialogues": 2, **changes}
    encoder = recipe.model.encoder.model_copy(update={"dropout": 0.2})
    varied = recipe.augment.model_copy(update={"tempo": 0.1, "vocal_tract_warp": 0.1, "speed": 0.1})
    stages = {stage: getattr(recipe, stage).model_copy(update=often) for stage in BOTH}
    return recipe.model_copy(update=stages | {"model": recipe.model.model_copy(update={"encoder": encoder}), "augment": varied})


@pytest.fixture(scope="module")
def lively(recipe: Recipe) -> Recipe:
    return restless(recipe)


@pytest.fixture(scope="module")
def undisturbed(build: Path, lively: Recipe, tmp_path_factory: pytest.TempPathFactory) -> store.Artefact:
    return train(build, tmp_path_factory.mktemp("undisturbed"), lively, stages=BOTH, name="tones")


@pytest.fixture(scope="module")
def killed(build: Path, lively: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A workspace whose training was killed in pretraining, after its tenth step: states at 4 and 8."""
    workspace = tmp_path_factory.mktemp("killed")
    with pytest.raises(OSError, match="killed"):
        train(build, workspace, lively, stages=BOTH, name="tones", on_step=kill_at("pretrain", 10))
    return workspace


@pytest.fixture
def workspace(killed: Path, tmp_path: Path) -> Path:
    return Path(shutil.copytree(killed, tmp_path / "workspace"))


def kill_at(stage: str, step: int) -> Callable[[str, int, int], None]:
    def step_done(at: str, number: int, steps: int) -> None:
        if (at, number) == (stage, step):
            raise OSError("killed")

    return step_done


def signal_at(stage: str, step: int, number: int) -> Callable[[str, int, int], None]:
    def step_done(at: str, done: int, steps: int) -> None:
        if (at, done) == (stage, step):
            os.kill(os.getpid(), number)

    return step_done


def weights(run: store.Artefact) -> list[bytes]:
    return [(run.path / "checkpoints" / stage / "model.safetensors").read_bytes() for stage in BOTH]


def losses(run: store.Artefact) -> list[tuple]:
    rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    return [(row["stage"], row["step"], row["loss"], row.get("dev_loss")) for row in rows]


def states(workspace: Path) -> list[Path]:
    return sorted(workspace.glob("runs/tones/*.partial/states/pretrain/step-*"))


def again(build: Path, workspace: Path, recipe: Recipe, **kwargs: object) -> tuple[store.Artefact, str, list[tuple[str, int]]]:
    """Train again: the run, what was said, and the steps that were done."""
    said: list[str] = []
    steps: list[tuple[str, int]] = []
    run = train(
        build,
        workspace,
        recipe,
        **{"stages": BOTH, "name": "tones", "say": said.append, "on_step": lambda stage, step, _: steps.append((stage, step))} | kwargs,
    )  # type: ignore[arg-type]
    return run, "\n".join(said), steps


def test_a_killed_training_goes_on_from_its_newest_state_to_the_very_same_run(
    build: Path, lively: Recipe, workspace: Path, undisturbed: store.Artefact
) -> None:
    run, said, steps = again(build, workspace, lively)
    assert steps[0] == ("pretrain", 9)
    assert "going on from step 8 of 14" in said
    assert weights(run) == weights(undisturbed)
    assert losses(run) == losses(undisturbed)
    assert [file.path for file in run.record.files] == [file.path for file in undisturbed.record.files]


def test_another_number_of_loader_workers_resumes_the_same_run(build: Path, lively: Recipe, workspace: Path, undisturbed: store.Artefact) -> None:
    run, _, steps = again(build, workspace, lively.model_copy(update={"loader_workers": 2}))
    assert steps[0] == ("pretrain", 9)
    assert weights(run) == weights(undisturbed)


@pytest.fixture
def _interruptible() -> Iterator[None]:
    """Ctrl-C is heard: what runs in the background of a shell is started deaf to it."""
    before = signal.signal(signal.SIGINT, signal.default_int_handler)
    yield
    signal.signal(signal.SIGINT, before)


@pytest.mark.usefixtures("_interruptible")
@pytest.mark.parametrize(
    ("stage", "number", "error"), [("pretrain", signal.SIGINT, KeyboardInterrupt), ("align", signal.SIGTERM, SystemExit)], ids=["Ctrl-C", "SIGTERM"]
)
def test_a_signal_saves_the_step_it_came_in_and_leaves_as_it_would(
    build: Path, lively: Recipe, undisturbed: store.Artefact, tmp_path: Path, stage: str, number: int, error: type[BaseException]
) -> None:
    with pytest.raises(error) as raised:
        train(build, tmp_path, lively, stages=BOTH, name="tones", on_step=signal_at(stage, 6, number), say=lambda _: None)
    assert getattr(raised.value, "code", 143) == 143
    run, said, steps = again(build, tmp_path, lively)
    assert steps[0] == (stage, 8)  # the step after the one that saw the signal
    assert "going on from step 7 of 14" in said
    assert weights(run) == weights(undisturbed)


@pytest.mark.usefixtures("_interruptible")
def test_signals_mean_after_training_what_they_meant_before(build: Path, lively: Recipe, tmp_path: Path) -> None:
    before = [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)]
    with pytest.raises(KeyboardInterrupt):
        train(build, tmp_path, lively, stages=BOTH, name="tones", on_step=signal_at("pretrain", 2, signal.SIGINT), say=lambda _: None)
    assert [signal.getsignal(number) for number in (signal.SIGINT, signal.SIGTERM)] == before


def flip(path: Path) -> None:
    content = bytearray(path.read_bytes())
    content[len(content) // 2] ^= 1
    path.write_bytes(content)


DAMAGES: dict[str, Callable[[Path], None]] = {
    "missing": Path.unlink,
    "flipped": flip,
    "truncated": lambda path: path.write_bytes(path.read_bytes()[: path.stat().st_size * 2 // 3]),
    "zeros": lambda path: path.write_bytes(bytes(path.stat().st_size)),
    "empty": lambda path: path.write_bytes(b""),
}
FILES = ("about.json", "weights-00000.safetensors", "optimizer-00000.safetensors", "position.json", "random.json", "metrics.jsonl", "STATE.json")


def shelf(state: Path, said: list[str]) -> Shelf:
    """The shelf that a state is on, for whoever trains what trained it."""
    about = json.loads((state / "about.json").read_text())
    return Shelf(state.parent, "tones", "pretrain", (), about["fields"], 2, said.append)


@pytest.mark.parametrize("damage", DAMAGES)
@pytest.mark.parametrize("file", FILES)
def test_a_state_with_any_file_damaged_is_passed_over_aloud_or_an_error(workspace: Path, file: str, damage: str) -> None:
    older, newest = states(workspace)
    assert sorted(path.name for path in newest.iterdir()) == sorted(FILES)
    said: list[str] = []
    kept = shelf(older, said)
    DAMAGES[damage](newest / file)
    with pytest.raises(SpeccraftError) as raised:
        kept.newest(Resuming(strict=True))
    assert raised.value.exit_code in (3, 5)
    found = kept.newest(Resuming())
    assert found is not None
    assert found.step == 4
    assert "step-00000008 is damaged and not used" in said[0]


def test_what_comes_of_the_state_before_is_the_same_run(workspace: Path, build: Path, lively: Recipe, undisturbed: store.Artefact) -> None:
    flip(states(workspace)[-1] / "optimizer-00000.safetensors")
    assert weights(again(build, workspace, lively)[0]) == weights(undisturbed)


def seal(state: Path) -> None:
    """Make the commit record of a state that somebody changed anew."""
    record = json.loads((state / "STATE.json").read_text())
    for file in record["files"]:
        file |= {"sha256": store.sha256_of(state / file["path"]), "bytes": (state / file["path"]).stat().st_size}
    (state / "STATE.json").write_text(json.dumps(record))


@pytest.mark.parametrize("share", [0.1, 0.2, 0.3, 0.4, 0.5, 0.6, 0.7, 0.8, 0.9])
def test_a_bit_of_the_commit_record_that_flips_is_found_or_decides_nothing(workspace: Path, share: float) -> None:
    newest = states(workspace)[-1]
    content = bytearray((newest / "STATE.json").read_bytes())
    content[int(share * len(content))] ^= 1
    (newest / "STATE.json").write_bytes(content)
    said: list[str] = []
    found = shelf(newest, said).newest(Resuming())
    assert found is not None
    assert (found.step, len(said)) in [(8, 0), (4, 1)]
    assert found.loader["position"] + found.loader["epoch"] > 0


def spoil_all(workspace: Path, *files: str) -> None:
    for state in states(workspace):
        for file in files:
            (state / file).unlink()


@pytest.mark.parametrize("file", ["optimizer-00000.safetensors", "random.json"])
def test_weights_alone_are_gone_on_from_only_when_that_is_wanted(workspace: Path, build: Path, lively: Recipe, undisturbed: store.Artefact, file: str) -> None:
    spoil_all(workspace, file)
    with pytest.raises(SpeccraftError, match="not all that is needed") as raised:
        again(build, workspace, lively)
    assert "--weights-only" in raised.value.try_this
    run, said, steps = again(build, workspace, lively, resuming=Resuming(weights_only=True))
    assert "from the weights of step-00000008 alone" in said
    assert steps[0] == ("pretrain", 9)
    assert weights(run) != weights(undisturbed)


def test_a_state_that_was_committed_without_its_optimizer_is_damaged_too(workspace: Path, build: Path, lively: Recipe) -> None:
    newest = states(workspace)[-1]
    record = json.loads((newest / "STATE.json").read_text())
    record["files"] = [file for file in record["files"] if not file["path"].startswith("optimizer")]
    (newest / "STATE.json").write_text(json.dumps(record))
    (newest / "optimizer-00000.safetensors").unlink()
    with pytest.raises(BrokenIntegrity, match="holds no optimizer"):
        again(build, workspace, lively, resuming=Resuming(strict=True))


def test_where_no_weights_are_whole_the_stage_begins_anew_aloud(workspace: Path, build: Path, lively: Recipe, undisturbed: store.Artefact) -> None:
    spoil_all(workspace, "weights-00000.safetensors")
    run, said, steps = again(build, workspace, lively)
    assert "no saved state is whole, so the stage begins anew" in said
    assert steps[0] == ("pretrain", 1)
    assert weights(run) == weights(undisturbed)


def test_a_restart_forgets_what_was_trained(workspace: Path, build: Path, lively: Recipe) -> None:
    _, _, steps = again(build, workspace, lively, resuming=Resuming(restart=True))
    assert steps[0] == ("pretrain", 1)


def test_the_oldest_steps_go_first_whatever_the_clock_says(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    def back_in_time(stage: str, step: int, steps: int) -> None:
        for state in states(tmp_path):
            older = 1e9 - int(state.name[5:])
            os.utime(state, (older, older))
        if step == 13:
            raise OSError("killed")

    with pytest.raises(OSError, match="killed"):
        train(build, tmp_path, restless(recipe), stages=BOTH, name="tones", on_step=back_in_time)
    assert [state.name for state in states(tmp_path)] == ["step-00000008", "step-00000012"]


def changed(recipe: Recipe, seed: int = 0) -> tuple[Recipe, int]:
    return recipe.model_copy(update={"pretrain": recipe.pretrain.model_copy(update={"learning_rate": 0.001})}), seed


def test_going_on_with_something_else_is_refused_with_the_difference_and_allowed_field_by_field(workspace: Path, build: Path, lively: Recipe) -> None:
    other, seed = changed(lively, seed=3)
    id = states(workspace)[0].parents[2].name.removesuffix(".partial")
    with pytest.raises(SpeccraftError) as raised:
        again(build, workspace, other, seed=seed, resuming=Resuming(run=id, allowed=("seed",)))
    assert "recipe.pretrain.learning_rate differs" in raised.value.message
    assert "recipe.pretrain.learning_rate: 0.004 -> 0.001" in raised.value.details
    assert "--allow-change recipe.pretrain.learning_rate" in raised.value.try_this
    run, _, steps = again(build, workspace, other, seed=seed, resuming=Resuming(run=id, allowed=("seed", "recipe.pretrain")))
    assert steps[0] == ("pretrain", 9)
    assert run.record.info["continues"]["run"] == id
    assert run.record.info["changed"] == {"seed": ["0", "3"], "recipe.pretrain.learning_rate": ["0.004", "0.001"]}
    clean = train(build, workspace, other, stages=BOTH, name="tones", seed=seed)
    assert clean.record.id != run.record.id
    assert weights(clean) != weights(run)


def test_a_run_that_was_taken_over_and_killed_again_is_resumed_by_its_new_name(workspace: Path, build: Path, lively: Recipe) -> None:
    other, _ = changed(lively)
    id = states(workspace)[0].parents[2].name.removesuffix(".partial")
    allowed = Resuming(run=id, allowed=("recipe",))
    with pytest.raises(OSError, match="killed"):
        train(build, workspace, other, stages=BOTH, name="tones", resuming=allowed, say=lambda _: None, on_step=kill_at("pretrain", 13))
    new = states(workspace)[0].parents[2].name.removesuffix(".partial")
    assert new != id
    run, _, steps = again(build, workspace, other, resuming=Resuming(run=new))
    assert (run.record.id, steps[0]) == (new, ("pretrain", 13))


def test_a_new_run_beside_an_unfinished_one_says_how_to_go_on_with_that(workspace: Path, build: Path, lively: Recipe) -> None:
    other, _ = changed(lively)
    _, said, steps = again(build, workspace, other)
    assert "recipe.pretrain.learning_rate: 0.004 -> 0.001" in said
    assert "--resume" in said
    assert steps[0] == ("pretrain", 1)


def test_an_unfinished_run_that_is_not_there_is_a_usage_error(build: Path, lively: Recipe, tmp_path: Path) -> None:
    with pytest.raises(WrongUsage, match="names 0 unfinished runs"):
        again(build, tmp_path, lively, resuming=Resuming(run="abc"))


def test_a_commit_record_that_is_missing_everywhere_is_no_state_at_all(workspace: Path) -> None:
    said: list[str] = []
    kept = shelf(states(workspace)[0], said)
    for state in states(workspace):
        (state / "STATE.json").unlink()
    assert kept.newest(Resuming(weights_only=True)) is None
    assert "the stage begins anew" in said[-1]


@pytest.mark.parametrize("field", ["code", "tokenizer"])
def test_other_code_libraries_or_tokenizer_are_refused_unless_allowed_and_written_down(workspace: Path, build: Path, lively: Recipe, field: str) -> None:
    for state in states(workspace):
        about = json.loads((state / "about.json").read_text())
        about["fields"][field] = "another"
        (state / "about.json").write_text(json.dumps(about))
        seal(state)
    with pytest.raises(SpeccraftError, match=f"{field} differs") as raised:
        again(build, workspace, lively)
    assert raised.value.details[0].startswith(f"{field}: another -> ")
    run, said, steps = again(build, workspace, lively, resuming=Resuming(allowed=(field,)))
    assert steps[0] == ("pretrain", 9)
    assert f"{field}: another -> " in said
    assert run.record.info["changed"][field][0] == "another"


def test_the_best_weights_by_the_dev_split_are_what_a_stage_ends_with(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    # an absurd rate from a sensible start: it only gets worse after the first look
    wild = restless(recipe, learning_rate=0.5, warmup_steps=0)
    run = train(build, tmp_path / "best", wild, stages=("pretrain",), name="tones")
    info = store.open_artefact(run.path / "checkpoints" / "pretrain", "checkpoint").record.info
    rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    looks = {row["step"]: (row["dev_wer"], row["dev_loss"]) for row in rows if "dev_wer" in row}
    assert set(looks) == {5, 10, 14}
    assert looks[info["step"]] == min(looks.values())
    last = train(build, tmp_path / "last", restless(recipe, learning_rate=0.5, warmup_steps=0, keep="last"), stages=("pretrain",), name="tones")
    model = "checkpoints/pretrain/model.safetensors"
    assert ((run.path / model).read_bytes() == (last.path / model).read_bytes()) == (info["step"] == 14)


def test_best_weights_that_are_lost_are_found_again(workspace: Path, build: Path, lively: Recipe, undisturbed: store.Artefact) -> None:
    (best,) = workspace.glob("runs/tones/*.partial/best/pretrain/step-*")
    shutil.rmtree(best)
    assert weights(again(build, workspace, lively)[0]) == weights(undisturbed)


def test_looking_at_the_dev_split_changes_nothing(build: Path, recipe: Recipe, tmp_path: Path) -> None:
    models = []
    for every in (0, 2):
        quiet = restless(recipe, evaluate_every=every, keep="last")
        run = train(build, tmp_path / str(every), quiet, stages=BOTH, name="tones")
        models.append(weights(run))
    assert models[0] == models[1]


def test_a_bad_loss_names_its_batch_and_leaves_the_states_before_it(build: Path, lively: Recipe, workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    from speccraft.trainer.stage import OurLoader

    step = OurLoader.training_step
    seen: list[list[str]] = []

    def poisoned(self: OurLoader, *args: object, **kwargs: object) -> object:
        loss = step(self, *args, **kwargs)
        seen.append(self.loader.latest[1])
        return loss.mul_(float("nan")) if len(seen) == 3 else loss

    monkeypatch.setattr(OurLoader, "training_step", poisoned)
    with pytest.raises(SpeccraftError, match="the loss is nan at step 11") as raised:
        again(build, workspace, lively)
    batch = json.loads(next(workspace.glob("runs/tones/*.partial/bad-batch.json")).read_text())
    assert (batch["step"], batch["dialogues"]) == (11, seen[2])
    assert seen[2][0] in raised.value.details[0]
    assert [state.name for state in states(workspace)] == ["step-00000004", "step-00000008"]


def test_a_full_disk_while_saving_keeps_the_states_before_and_training_goes_on(
    build: Path, lively: Recipe, workspace: Path, undisturbed: store.Artefact, monkeypatch: pytest.MonkeyPatch
) -> None:
    import errno

    from speccraft.trainer import saved

    def full(*_: object) -> None:
        raise store.BadEnvironment(f"cannot write: {os.strerror(errno.ENOSPC)}")

    monkeypatch.setattr(saved, "write", full)
    kept: list[list[str]] = []
    run, said, _ = again(build, workspace, lively, on_step=lambda *_: kept.append([state.name for state in states(workspace)]))
    assert "the state at step 12 was not saved, training goes on" in said
    assert ["step-00000004", "step-00000008"] in kept[-20:]
    assert weights(run)[0] == weights(undisturbed)[0]
