"""Commands about models: train, evaluate, and the demo that goes the whole way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speccraft.cli.data import built, share
from speccraft.cli.options import Json, Quiet, Workers, Workspace
from speccraft.cli.scenario import planned
from speccraft.console import Command
from speccraft.machine import CORES

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from speccraft.locate import Found


def train(
    scenario: Annotated[Path, typer.Argument(help="A scenario, for its current build, or a build's folder.")],
    workspace: Workspace = None,
    stage: Annotated[list[str] | None, typer.Option("--stage", help="Train only these stages; repeatable.")] = None,
    recipe: Annotated[str | None, typer.Option("--recipe", help="Recipe name or file; default the scenario's.")] = None,
    override: Annotated[list[str] | None, typer.Option("--set", metavar="KEY=VALUE", help="Override one recipe field; repeatable.")] = None,
    seed: Annotated[int | None, typer.Option("--seed", min=0, help="Seed; default the scenario's.")] = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Train on the current build, stage by stage. A killed training goes on after its last finished stage.

    Example: speccraft train examples/metro-digits/scenario.yaml --set pretrain.steps=400
    """
    with Command("train", as_json=as_json, quiet=quiet) as command:
        from speccraft.locate import find

        path = _trained(command, scenario, find("build", scenario, workspace, command.progress), tuple(stage or ()), recipe, override or (), seed)
        command.data(f"trained  {path}")
        command.say(f"next: speccraft evaluate {scenario}")


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run's folder, or a scenario for its current run.")],
    workspace: Workspace = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Let a run answer every test cut in every condition and judge it. Exit code 1 when acceptance blocks.

    Example: speccraft evaluate examples/metro-digits/scenario.yaml
    """
    with Command("evaluate", as_json=as_json, quiet=quiet) as command:
        from speccraft.locate import find

        passed, path = _evaluated(command, find("run", run, workspace, command.progress))
        command.data(f"{'PASS' if passed else 'BLOCK'}  {path / 'acceptance.html'}")
        command.exit_code = 0 if passed else 1


def demo(
    folder: Annotated[Path, typer.Argument(help="Folder to work in; kept, so that a second run reuses it.")] = Path("demo-work"),
    workers: Workers = CORES,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Run the whole story in minutes: synthetic voices, a scenario, a build, a report, two training stages, an evaluation.

    Example: speccraft demo
    """
    with Command("demo", as_json=as_json, quiet=quiet) as command:
        _need_training_extra()
        from speccraft.demo import write_demo
        from speccraft.locate import find, workspace_of
        from speccraft.notebook import look_ahead
        from speccraft.plan.show import describe

        command.say(f"1/6  a scenario, four noises and four rooms in {folder}{os.sep}")
        scenario = write_demo(folder)
        command.say(f"2/6  speccraft check {scenario}; speccraft plan {scenario}")
        made = planned(command, scenario, None, None, lengths=True)[1]
        command.say(describe(look_ahead(made, workspace_of(scenario, None), workers, scenario.parent)))
        command.say(f"3/6  speccraft build-manifest {scenario}")
        verdict, build = built(command, scenario, None, None, workers)
        command.say(f"4/6  speccraft report {scenario}: {verdict}")
        command.say(f"5/6  speccraft train {scenario}")
        _trained(command, scenario, find("build", scenario, None))
        command.say(f"6/6  speccraft evaluate {scenario}")
        passed, evaluation = _evaluated(command, find("run", scenario, None))
        command.data(f"\ndata report  {verdict:>5}  {build / 'report.html'}\nacceptance   {'PASS' if passed else 'BLOCK':>5}  {evaluation / 'acceptance.html'}")
        command.say(f"try next: open the two pages; change snr_db in {scenario} and build again; write a scenario for recordings of your own")
        command.exit_code = 0 if passed and verdict == "PASS" else 1


def _trained(
    command: Command,
    scenario: Path,
    found: Found,
    stages: tuple[str, ...] = (),
    recipe: str | None = None,
    overrides: Sequence[str] = (),
    seed: int | None = None,
) -> Path:
    """Train on a build, or find it trained; the run's folder. A recipe that the scenario names lies beside it."""
    _need_training_extra()
    from speccraft.locate import scenario_of
    from speccraft.plan.recipe import recipe_for
    from speccraft.trainer.recipe import load_recipe
    from speccraft.trainer.run import train as train_run

    wanted = scenario_of(found.artefact)
    run = train_run(
        found.artefact.path,
        found.workspace,
        load_recipe(recipe, overrides) if recipe else load_recipe(recipe_for(wanted).name, overrides, scenario.parent if scenario.is_file() else None),
        stages=stages or wanted.training.stages,
        name=wanted.name,
        seed=wanted.seed if seed is None else seed,
        on_progress=lambda name, step, total, metrics: command.progress(f"train {name}", step, total, _metrics_note(metrics)),
    )
    command.artifact("run", run.path)
    if left_out := run.record.info["left_out"]:
        command.say(f"{left_out} training cuts without words were left out: --set pretrain.masked_weight=0.3 lets the encoder learn from them")
    share(command, found.workspace, run)
    return run.path


def _evaluated(command: Command, found: Found) -> tuple[bool, Path]:
    """Let a run answer and judge the answers; whether it passed, and the evaluation's folder."""
    _need_training_extra()
    from speccraft.evaluation.evaluate import evaluate as judge
    from speccraft.evaluation.evaluate import scores_of
    from speccraft.evaluation.table import wer_table
    from speccraft.locate import build_behind, scenario_of
    from speccraft.trainer.generate import hypotheses

    build = build_behind(found, command.progress)
    scenario = scenario_of(build)
    answers = hypotheses(found.artefact.path, build.path, on_progress=lambda done, total: command.progress("evaluate", done, total))
    evaluation, verdict = judge(found.artefact, build, found.workspace, scenario, answers)
    share(command, found.workspace, evaluation)
    command.artifact("evaluation", evaluation.path)
    command.artifact("acceptance", evaluation.path / "acceptance.html")
    command.findings += [clause.model_dump(mode="json") for clause in verdict.clauses]
    command.data(wer_table(scores_of(evaluation.path), pseudonyms=scenario.privacy.pseudonyms))
    for clause in verdict.clauses:
        measured = "not measured" if clause.measured is None else f"{clause.measured:.3f}"
        bound = "at least" if clause.clause == "manual" else "at most"
        command.data(f"{clause.verdict:>10}  {clause.clause}: {measured}, {bound} {clause.target:g} wanted; {clause.reason}")
    return verdict.passed, evaluation.path


def _metrics_note(metrics: Mapping[str, float]) -> str:
    return f"loss {metrics['loss']:.3f}" if "loss" in metrics else ""


def _need_training_extra() -> None:
    from importlib.util import find_spec

    from speccraft.errors import MissingExtra

    missing = [name for name in ("transformers", "trl", "accelerate", "datasets") if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"training needs {', '.join(missing)}", try_this="pip install 'speccraft[train]'")
