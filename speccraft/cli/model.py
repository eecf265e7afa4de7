"""Commands about models: evaluate, and the demo that goes the whole way."""

from __future__ import annotations

import os
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speccraft.cli.data import built, share
from speccraft.cli.opened import opened
from speccraft.cli.options import Despite, Json, Quiet, Workers, Workspace
from speccraft.cli.scenario import planned
from speccraft.cli.train import need_training_extra, trained
from speccraft.console import Command
from speccraft.machine import CORES

if TYPE_CHECKING:
    from speccraft.locate import Found


def evaluate(
    run: Annotated[Path, typer.Argument(help="A run's folder, or a scenario for its current run.")],
    workspace: Workspace = None,
    despite_revocation: Despite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Let a run answer every test cut in every condition and judge it. Exit code 1 when acceptance blocks.

    Example: speccraft evaluate examples/metro-digits/scenario.yaml
    """
    with Command("evaluate", as_json=as_json, quiet=quiet) as command:
        found = opened(command, "run", run, workspace, despite=despite_revocation)
        passed, path = _evaluated(command, run, found)
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
        need_training_extra()
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
        trained(command, scenario, find("build", scenario, None))
        command.say(f"6/6  speccraft evaluate {scenario}")
        passed, evaluation = _evaluated(command, scenario, find("run", scenario, None))
        command.data(f"\ndata report  {verdict:>5}  {build / 'report.html'}\nacceptance   {'PASS' if passed else 'BLOCK':>5}  {evaluation / 'acceptance.html'}")
        command.say(f"try next: open the two pages; change snr_db in {scenario} and build again; write a scenario for recordings of your own")
        command.exit_code = 0 if passed and verdict == "PASS" else 1


def _evaluated(command: Command, what: Path, found: Found) -> tuple[bool, Path]:
    """Let a run that was found under a path answer, and judge the answers; whether it passed, and the evaluation's folder."""
    need_training_extra()
    from speccraft import store
    from speccraft.evaluation.evaluate import evaluate as judge
    from speccraft.evaluation.evaluate import scores_of
    from speccraft.evaluation.table import wer_table
    from speccraft.locate import build_behind, rights_folder
    from speccraft.rights.doors import need_build, papers_of, scenario_of, today
    from speccraft.trainer.generate import hypotheses

    build = build_behind(found, command.progress)
    scenario = scenario_of(build)
    need_build(build, papers_of(build, rights_folder(what, found), today()))
    with store.scratch_folder(found.workspace) as spoken:
        answers = hypotheses(found.artefact.path, build.path, on_progress=lambda done, total: command.progress("evaluate", done, total), spoken=spoken)
        evaluation, verdict = judge(found.artefact, build, found.workspace, scenario, answers, spoken)
    share(command, found.workspace, evaluation)
    command.artifact("evaluation", evaluation.path)
    command.artifact("acceptance", evaluation.path / "acceptance.html")
    command.findings += [clause.model_dump(mode="json") for clause in verdict.clauses]
    command.data(wer_table(scores_of(evaluation.path)))
    for clause in verdict.clauses:
        measured = "not measured" if clause.measured is None else f"{clause.measured:.3f}"
        bound = "at least" if clause.clause == "manual" else "at most"
        command.data(f"{clause.verdict:>10}  {clause.clause}: {measured}, {bound} {clause.target:g} wanted; {clause.reason}")
    return verdict.passed, evaluation.path
