"""The command that trains: looked over first, alone or with many processes, and gone on with after an interruption."""

from __future__ import annotations

import os
import sys
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speccraft.cli.data import share
from speccraft.cli.opened import opened
from speccraft.cli.options import Despite, Json, Quiet, Workspace
from speccraft.console import Command

if TYPE_CHECKING:
    from speccraft.locate import Found
    from speccraft.rights.papers import Papers
    from speccraft.scenario import Scenario
    from speccraft.store import Artefact
    from speccraft.trainer.recipe import Recipe

SMOKE_STEPS = 20


@dataclass(frozen=True)
class Wanted:
    """What is to be trained, resolved."""

    found: Found
    papers: Papers
    recipe: Recipe
    stages: tuple[str, ...]
    name: str
    seed: int

    def arguments(self) -> dict[str, Any]:
        """For the trainer's functions."""
        return {"build": self.found.artefact.path, "recipe": self.recipe, "stages": self.stages, "name": self.name, "seed": self.seed, "papers": self.papers}


def train(
    scenario: Annotated[Path, typer.Argument(help="A scenario, for its current build, or a build's folder.")],
    workspace: Workspace = None,
    stage: Annotated[list[str] | None, typer.Option("--stage", help="Train only these stages; repeatable.")] = None,
    recipe: Annotated[str | None, typer.Option("--recipe", help="Recipe name or file; default the scenario's.")] = None,
    override: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one recipe field; repeatable.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed; default the scenario's.")] = None,
    preflight: Annotated[bool, typer.Option("--preflight", help="Only check: data, rights, memory and time, by running the longest batch.")] = False,
    smoke: Annotated[bool, typer.Option("--smoke", help=f"Only try: {SMOKE_STEPS} steps of every stage, thrown away.")] = False,
    nproc: Annotated[int, typer.Option("--nproc", min=1, help="Processes that train together on this machine, one for each GPU.")] = 1,
    nodes: Annotated[int, typer.Option("--nodes", min=1, help="Machines that train together; run the same command on each.")] = 1,
    rendezvous: Annotated[str | None, typer.Option("--rendezvous", metavar="HOST:PORT", help="Where machines meet: one of them, and a free port.")] = None,
    resume: Annotated[str, typer.Option("--resume", metavar="RUN", help="Go on with an unfinished run though something differs; see --allow-change.")] = "",
    allow_change: Annotated[
        list[str] | None, typer.Option("--allow-change", metavar="FIELD", help="This may differ from what trained before; repeatable.")
    ] = None,
    strict_resume: Annotated[bool, typer.Option("--strict-resume", help="A damaged saved state is an error instead of passed over.")] = False,
    weights_only: Annotated[bool, typer.Option("--weights-only", help="Where nothing else is whole, go on from weights alone.")] = False,
    restart: Annotated[bool, typer.Option("--restart", help="Forget what was trained so far of an unfinished run.")] = False,
    tensorboard: Annotated[bool, typer.Option("--tensorboard", help="Write metrics for TensorBoard too, into tensorboard/ of the workspace.")] = False,
    allow_download: Annotated[
        bool, typer.Option("--allow-download", help="Fetch the recipe's base models from the Hugging Face hub, if their licences pass.")
    ] = False,
    despite_revocation: Despite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train on the current build, stage by stage. An interrupted training saves, and the same command goes on exactly where it was.

    Example: speccraft train examples/metro-digits/scenario.yaml --set pretrain.steps=400
    """
    with _command(as_json=as_json, quiet=quiet) as command:
        from speccraft.trainer.order import Resuming

        found = opened(command, "build", scenario, workspace, despite=despite_revocation)
        wanted = resolved(scenario, found, tuple(stage or ()), recipe, override or (), seed)
        if allow_download and not _is_launched():
            _fetch(command, wanted)
        if preflight or smoke:
            _preflight(command, wanted) if preflight else _smoke(command, wanted)
            return
        resuming = Resuming(strict_resume, weights_only, tuple(allow_change or ()), resume, restart)
        if (nproc > 1 or nodes > 1) and not _is_launched():
            run = _launched(command, wanted, nproc, nodes, rendezvous)
        else:
            run = _trained(command, wanted, resuming, tensorboard=tensorboard)
        if _is_launched() or not _leads():
            return
        finish(command, found, run)
        command.data(f"trained  {run.path}")
        command.say(f"next: speccraft evaluate {scenario}")


def trained(command: Command, scenario: Path, found: Found) -> Path:
    """Train on a build as its scenario says, or find it trained; the run's folder."""
    run = _trained(command, resolved(scenario, found))
    finish(command, found, run)
    return run.path


def resolved(
    scenario: Path, found: Found, stages: tuple[str, ...] = (), recipe: str | None = None, overrides: Sequence[str] = (), seed: int | None = None
) -> Wanted:
    """Scenario, build and options as what is to be trained. A recipe that the scenario names lies beside it."""
    need_training_extra()
    from speccraft.locate import rights_folder
    from speccraft.plan.recipe import recipe_for
    from speccraft.rights.doors import papers_of, scenario_of, today
    from speccraft.trainer.recipe import load_recipe

    wanted = scenario_of(found.artefact)
    overrides = [*_preferred(wanted), *overrides]
    chosen = load_recipe(recipe, overrides) if recipe else load_recipe(recipe_for(wanted).name, overrides, scenario.parent if scenario.is_file() else None)
    papers = papers_of(found.artefact, rights_folder(scenario, found), today())
    return Wanted(found, papers, chosen, stages or wanted.training.stages, wanted.name, wanted.seed if seed is None else seed)


def finish(command: Command, found: Found, run: Artefact) -> None:
    """Say what a training ended in, and send it where the workspace lives."""
    command.artifact("run", run.path)
    if left_out := run.record.info["left_out"]:
        command.say(f"{left_out} training cuts without words were left out: --set pretrain.masked_weight=0.3 lets the encoder learn from them")
    share(command, found.workspace, run)


def need_training_extra() -> None:
    """Say what is not installed, before it is missed.

    Raises:
        MissingExtra: something is not.
    """
    need_extra("train", "training", ("transformers", "trl", "peft", "accelerate", "datasets"))


def need_extra(extra: str, doing: str, packages: Sequence[str]) -> None:
    """Say which packages of an extra are not installed, before they are missed.

    Raises:
        MissingExtra: some are not.
    """
    from importlib.util import find_spec

    from speccraft.errors import MissingExtra

    missing = [name for name in packages if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"{doing} needs {', '.join(missing)}", try_this=f"pip install 'speccraft[{extra}]'")


def _trained(command: Command, wanted: Wanted, resuming: Any = None, *, tensorboard: bool = False) -> Artefact:
    from speccraft.trainer.order import EXACTLY
    from speccraft.trainer.run import train as train_run

    shown: dict[str, str] = {}

    def row(stage: str, step: int, steps: int, metrics: Mapping[str, float]) -> None:
        shown[stage] = note(metrics, shown.get(stage, ""))
        command.progress(f"train {stage}", step, steps, shown[stage])

    return train_run(
        **wanted.arguments(),
        workspace=wanted.found.workspace,
        resuming=resuming or EXACTLY,
        on_progress=row,
        on_step=lambda stage, step, steps: command.progress(f"train {stage}", step, steps, shown.get(stage, "")) if step < steps else None,
        say=command.say,
        board=wanted.found.workspace / "tensorboard" / wanted.name if tensorboard else None,
    )


def note(metrics: Mapping[str, float], before: str) -> str:
    """A row of metrics in a few words: loss, audio a second as times real time, padding; what the dev split said stays until it says something else."""
    now = f"loss {metrics['loss']:.3f} {metrics['audio_s_per_s']:.0f}x padding {metrics['padding_share']:.0%}"
    if "dev_wer" in metrics:
        return f"{now} dev loss {metrics['dev_loss']:.3f} WER {metrics['dev_wer']:.3f}"
    return now + (f" dev{before.split(' dev')[1]}" if " dev" in before else "")


def _fetch(command: Command, wanted: Wanted) -> None:
    """Bring base models from the hub, those alone that the gate lets in."""
    from speccraft.trainer.base import sources_of
    from speccraft.trainer.sources import admit, fetch

    base = wanted.recipe.model.base
    admit(base, wanted.papers)
    for name, source in sources_of(base).items():
        command.say(f"model.base.{name}: {source.path or f'{source.hub}, from the hub unless it is here'}")
    fetch(base)


def _preflight(command: Command, wanted: Wanted) -> None:
    from speccraft.trainer.run import preflight

    for tried in preflight(**wanted.arguments(), workspace=wanted.found.workspace):
        command.counts[tried.stage] = vars(tried)
        fits = "fits" if tried.peak_bytes <= tried.free_bytes else "DOES NOT FIT"
        command.data(
            f"{tried.stage:>9}  {tried.dialogues} dialogues; {tried.parameters / 1e6:.1f} M parameters, {tried.trained / 1e6:.1f} M of them trained: "
            f"{tried.state_bytes / 1e9:.2f} GB with gradients and optimizer\n"
            f"{'':>9}  longest batch {tried.longest_batch_s:.0f} s of audio: {tried.longest_step_s:.2f} s a step, {tried.peak_bytes / 1e9:.2f} GB at most, "
            f"{tried.free_bytes / 1e9:.1f} GB free: {fits}\n"
            f"{'':>9}  {tried.steps} steps of {tried.step_s:.2f} s: about {tried.hours:.2f} hours"
        )
        command.exit_code = command.exit_code or int(fits != "fits")


def _smoke(command: Command, wanted: Wanted) -> None:
    """A few steps of everything, in a folder that is removed."""
    import json
    from dataclasses import replace

    from speccraft import store
    from speccraft.trainer.preflight import shortened

    with store.scratch_folder(wanted.found.workspace) as scratch:
        found = replace(wanted.found, workspace=scratch)
        run = _trained(command, replace(wanted, found=found, recipe=shortened(wanted.recipe, wanted.stages, SMOKE_STEPS)))
        rows = [json.loads(line) for line in (run.path / "metrics.jsonl").read_text().splitlines()]
    for stage in wanted.stages:
        losses = [row["loss"] for row in rows if row["stage"] == stage]
        command.counts[stage] = {"first_loss": losses[0], "last_loss": losses[-1]}
        command.data(f"{stage:>9}  {SMOKE_STEPS} steps: loss {losses[0]:.3f} -> {losses[-1]:.3f}; nothing was kept")


def _launched(command: Command, wanted: Wanted, nproc: int, nodes: int, rendezvous: str | None) -> Artefact:
    """The same command in every process; the run that they made."""
    from speccraft import store
    from speccraft.errors import BadEnvironment, WrongUsage
    from speccraft.trainer.launch import SINGLE, Nodes, launch

    if nodes > 1 and rendezvous is None:
        raise WrongUsage(f"--nodes {nodes}: they need a place to meet", try_this="--rendezvous HOST:PORT, the same on each")
    launch(sys.argv[1:], Nodes(nodes, rendezvous or SINGLE, nproc))
    run = store.current(wanted.found.workspace, "run", wanted.name)
    if run is None:
        raise BadEnvironment(f"{wanted.found.workspace}: the run is not here", try_this="a --workspace that all machines share")
    return run


def _command(*, as_json: bool, quiet: bool) -> Command:
    """One command, or one voice of many: those that do not lead keep quiet, and what was started by another process answers it in JSON."""
    shows = _leads() and not (as_json or quiet)
    return Command("train", as_json=as_json or _is_launched(), quiet=quiet, shows=shows)


def _leads() -> bool:
    return os.environ.get("RANK", "0") == "0"


def _is_launched() -> bool:
    """Whether another `speccraft train` started this process, not torchrun or Slurm: it says what came of it."""
    return "SPECCRAFT_LAUNCHED" in os.environ and "RANK" in os.environ


def _preferred(wanted: Scenario) -> list[str]:
    """What a scenario says of the stage `prefer`, as the recipe's fields; what is set by hand comes after, and holds."""
    if wanted.preference is None or "prefer" not in wanted.training.stages:
        return []
    return [f"prefer.method={wanted.preference.method}", f"prefer.automatic.share={wanted.preference.automatic_pairs}"]
