"""The command line: each command is one library call; what it needs is imported when it runs."""

from __future__ import annotations

import os
from enum import StrEnum
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speccraft import __version__
from speccraft.console import Command
from speccraft.errors import RefusedByRights, SpeccraftError

if TYPE_CHECKING:
    from collections.abc import Mapping, Sequence

    from speccraft.locate import Found
    from speccraft.plan import Plan
    from speccraft.scenario import LoadedScenario
    from speccraft.scenario.diagnostics import Diagnostic

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)

ScenarioFile = Annotated[Path, typer.Argument(help="The scenario, a YAML file.", metavar="SCENARIO")]
Data = Annotated[
    Path | None, typer.Option("--data", envvar="SPECCRAFT_DATA", help="Folder that source paths start from; default the scenario's.", file_okay=False)
]
Workspace = Annotated[
    Path | None, typer.Option("--workspace", help="Where builds and runs live; default speccraft-work/ beside the scenario.", file_okay=False)
]
Json = Annotated[bool, typer.Option("--json", help="Print one JSON object instead of text.")]
Quiet = Annotated[bool, typer.Option("--quiet", help="No progress and no messages.")]
Workers = Annotated[int, typer.Option("--workers", min=1, show_default=False, help="Worker processes; default one per core. The result is the same.")]
CORES = len(os.sched_getaffinity(0)) if hasattr(os, "sched_getaffinity") else os.cpu_count() or 1


class Format(StrEnum):
    """How `check` prints what it found."""

    text = "text"
    github = "github"


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"speccraft {__version__}")
        raise typer.Exit


@app.callback()
def _speccraft(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False) -> None:
    """One YAML job description for a speech assistant's data, training and acceptance."""


@app.command()
def check(
    scenario: ScenarioFile,
    form: Annotated[Format, typer.Option("--format", help="`github` prints annotations for a pull request as well.")] = Format.text,
    as_json: Json = False,
) -> None:
    """Check a scenario: every problem at once, with its place in the file.

    Example: speccraft check examples/metro-digits/scenario.yaml
    """
    with Command("check", as_json=as_json) as command:
        from speccraft.resources import recipe_file
        from speccraft.rights.licences import need_known
        from speccraft.scenario import load_scenario

        try:
            loaded = load_scenario(scenario)
        except SpeccraftError as error:
            _annotate(command, form, error.findings)
            raise
        _annotate(command, form, loaded.advice)
        command.show(loaded.advice)
        need_known(loaded.scenario.rights.accept)
        recipe_file(loaded.scenario.training.recipe)
        command.data(f"{scenario}: a valid scenario for '{loaded.scenario.name}'")
        command.say(f"next: speccraft plan {scenario}")


@app.command()
def explain(code: Annotated[str, typer.Argument(help="A code that speccraft reported.", metavar="CODE")], as_json: Json = False) -> None:
    """Explain a code: what it means, an example, why speccraft insists and what to try.

    Example: speccraft explain SC203
    """
    with Command("explain", as_json=as_json) as command:
        from speccraft.scenario.explain import explain as look_up

        found = look_up(code)
        command.findings.append(found.model_dump(by_alias=True))
        command.data(found.render())


@app.command()
def plan(scenario: ScenarioFile, data: Data = None, as_json: Json = False) -> None:
    """Show which sources enter a build, which are refused and why, without touching audio.

    Example: speccraft plan examples/metro-digits/scenario.yaml --data ../shared/data/demo
    """
    with Command("plan", as_json=as_json) as command:
        _, made = _planned(scenario, data)
        _tell_plan(command, made)
        if command.exit_code == 0:
            command.say(f"next: speccraft build-manifest {scenario}")


@app.command("build-manifest")
def build_manifest(
    scenario: ScenarioFile,
    data: Data = None,
    workspace: Workspace = None,
    workers: Workers = CORES,
    as_of: Annotated[str | None, typer.Option("--as-of", help="Day (YYYY-MM-DD) that rights are judged at; default today, UTC.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan only; write nothing.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Build: decode, cut, measure, split, place and judge the sources, and commit Lhotse cuts and shards.

    Example: speccraft build-manifest examples/metro-digits/scenario.yaml --data ../shared/data/demo
    """
    with Command("build-manifest", as_json=as_json, quiet=quiet) as command:
        if dry_run:
            _, made = _planned(scenario, data)
            _tell_plan(command, made)
            return
        verdict, path = _built(command, scenario, data, workspace, workers, as_of)
        command.data(f"{verdict}  {path}")
        command.say(f"next: speccraft report {scenario}" + (f", then speccraft train {scenario}" if verdict == "PASS" else " says what blocks"))


@app.command()
def report(
    build: Annotated[Path, typer.Argument(help="A build's folder, or a scenario for its current build.")],
    workspace: Workspace = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    as_json: Json = False,
) -> None:
    """Tell what a build's report says, and where the page is. Exit code 1 when it blocks.

    Example: speccraft report examples/metro-digits/scenario.yaml --open
    """
    with Command("report", as_json=as_json) as command:
        import json

        from speccraft.locate import find
        from speccraft.report.page import verdict_of
        from speccraft.store import check_files

        found = find("build", build, workspace)
        check_files(found.artefact, prefix="report.")
        verdict = verdict_of(json.loads((found.artefact.path / "report.json").read_bytes()))
        command.findings += [finding.as_row() for finding in verdict.findings]
        command.artifact("report", page := found.artefact.path / "report.html")
        for finding in verdict.findings:
            command.data(f"{finding.severity:>5}  {finding.clause}: {finding.message}")
        command.data(f"{verdict.word}  {page}")
        command.exit_code = 0 if verdict.passed else 1
        if show:
            typer.launch(page.as_uri())


@app.command()
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

        path = _trained(command, find("build", scenario, workspace), tuple(stage or ()), recipe, override or (), seed)
        command.data(f"trained  {path}")
        command.say(f"next: speccraft evaluate {scenario}")


@app.command()
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

        passed, path = _evaluated(command, find("run", run, workspace))
        command.data(f"{'PASS' if passed else 'BLOCK'}  {path / 'acceptance.html'}")
        command.exit_code = 0 if passed else 1


@app.command()
def verify(path: Annotated[Path, typer.Argument(help="The folder of any committed artefact.")], as_json: Json = False) -> None:
    """Check an artefact byte for byte against its commit record. Exit code 5 when it is broken.

    Example: speccraft verify speccraft-work/builds/metro-digits/0123456789abcdef
    """
    with Command("verify", as_json=as_json) as command:
        from dataclasses import asdict

        from speccraft.verify import verify as fsck

        result = fsck(path)
        for problem in result.problems:
            command.findings.append(asdict(problem))
            command.data(f"{problem.code}  {problem.file}: {problem.what}")
        command.exit_code = result.exit_code
        command.counts = {"files": result.files, "bytes": result.bytes, "problems": len(result.problems)}
        if result.unreadable is not None:
            command.say(f"error: {result.unreadable}\nhelp: name the folder of one build, run or evaluation")
        elif not result.problems:
            command.data(f"{path}: {result.files} files, every byte as its commit record says")


@app.command()
def schema(name: Annotated[str, typer.Argument(help="scenario, recipe, demonstration, pair, cut, hypothesis or score.")] = "scenario") -> None:
    """Print a JSON Schema, for editors and other tools.

    Example: speccraft schema recipe
    """
    with Command("schema", as_json=False) as command:
        import json

        from speccraft.scenario.schema import schema_of

        command.data(json.dumps(schema_of(name), indent=1, ensure_ascii=False))


@app.command()
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
        from speccraft.locate import find
        from speccraft.plan import describe

        command.say(f"1/6  a scenario, four noises and four rooms in {folder}{os.sep}")
        scenario = write_demo(folder)
        command.say(f"2/6  speccraft check {scenario}; speccraft plan {scenario}")
        command.say(describe(_planned(scenario, None)[1]))
        command.say(f"3/6  speccraft build-manifest {scenario}")
        verdict, build = _built(command, scenario, None, None, workers, None)
        command.say(f"4/6  speccraft report {scenario}: {verdict}")
        command.say(f"5/6  speccraft train {scenario}")
        _trained(command, find("build", scenario, None), (), None, (), None)
        command.say(f"6/6  speccraft evaluate {scenario}")
        passed, evaluation = _evaluated(command, find("run", scenario, None))
        command.data(f"\ndata report  {verdict:>5}  {build / 'report.html'}\nacceptance   {'PASS' if passed else 'BLOCK':>5}  {evaluation / 'acceptance.html'}")
        command.say(f"try next: open the two pages; change snr_db in {scenario} and build again; write a scenario for recordings of your own")
        command.exit_code = 0 if passed and verdict == "PASS" else 1


def _annotate(command: Command, form: Format, diagnostics: Sequence[Diagnostic]) -> None:
    if form is Format.github and diagnostics:
        from speccraft.scenario.diagnostics import render_github

        command.data(render_github(diagnostics))


def _planned(scenario: Path, data: Path | None) -> tuple[LoadedScenario, Plan]:
    from speccraft.ingest import reach_of, read_sources
    from speccraft.plan import plan as decide
    from speccraft.scenario import load_scenario

    loaded = load_scenario(scenario)
    reach = reach_of(scenario, loaded.scenario, data)
    return loaded, decide(loaded.scenario, read_sources(loaded.scenario, reach))


def _tell_plan(command: Command, made: Plan) -> None:
    """Print a plan; exit code 4 when rights stop the build, 1 when no speech enters."""
    from speccraft.plan import describe

    command.data(describe(made))
    command.counts = {"admitted": len(made.admitted), "turned_away": len(made.turned_away)}
    command.findings += [{"severity": "refused", "source": source, "message": reason, "rows": rows} for source, reason, rows in made.refusals]
    if made.stopped_by:
        command.exit_code = RefusedByRights.exit_code
    elif not any(item.source.role == "speech" for item in made.admitted):
        command.say("no speech enters: there is nothing to build")
        command.exit_code = 1


def _built(command: Command, scenario: Path, data: Path | None, workspace: Path | None, workers: int, as_of: str | None) -> tuple[str, Path]:
    """Build a scenario, or find it built; the verdict and the build's folder."""
    from speccraft.build.run import build, day
    from speccraft.locate import workspace_of

    loaded, made = _planned(scenario, data)
    built = build(loaded, made, workspace=workspace_of(scenario, workspace), workers=workers, as_of=day(as_of), on_progress=command.progress)
    path, info = built.artefact.path, built.artefact.record.info
    command.artifact("build", path)
    command.artifact("report", path / "report.html")
    command.counts |= info["counts"]
    command.say("nothing has changed: the build is reused" if built.reused else f"{info['counts']['cuts']} cuts, {info['counts']['seconds']:.0f} s of speech")
    return info["verdict"], path


def _trained(command: Command, found: Found, stages: tuple[str, ...], recipe: str | None, overrides: Sequence[str], seed: int | None) -> Path:
    """Train on a build, or find it trained; the run's folder."""
    _need_training_extra()
    from speccraft.locate import scenario_of
    from speccraft.trainer.recipe import load_recipe
    from speccraft.trainer.run import train as train_run

    wanted = scenario_of(found.artefact)
    run = train_run(
        found.artefact.path,
        found.workspace,
        load_recipe(recipe or wanted.training.recipe, overrides),
        stages=stages or wanted.training.stages,
        name=wanted.name,
        seed=wanted.seed if seed is None else seed,
        on_progress=lambda name, step, total, metrics: command.progress(f"train {name}", step, total, _metrics_note(metrics)),
    )
    command.artifact("run", run.path)
    return run.path


def _evaluated(command: Command, found: Found) -> tuple[bool, Path]:
    """Let a run answer and judge the answers; whether it passed, and the evaluation's folder."""
    _need_training_extra()
    from speccraft.evaluation.evaluate import evaluate as judge
    from speccraft.evaluation.evaluate import scores_of
    from speccraft.evaluation.table import wer_table
    from speccraft.locate import build_behind, scenario_of
    from speccraft.trainer.generate import hypotheses

    build = build_behind(found)
    scenario = scenario_of(build)
    answers = hypotheses(found.artefact.path, build.path, on_progress=lambda done, total: command.progress("evaluate", done, total))
    evaluation, verdict = judge(found.artefact, build, found.workspace, scenario, answers)
    command.artifact("evaluation", evaluation.path)
    command.artifact("acceptance", evaluation.path / "acceptance.html")
    command.findings += [clause.model_dump(mode="json") for clause in verdict.clauses]
    command.data(wer_table(scores_of(evaluation.path), pseudonyms=scenario.privacy.pseudonyms))
    for clause in verdict.clauses:
        measured = "not measured" if clause.measured is None else f"{clause.measured:.3f}"
        command.data(f"{clause.verdict:>10}  {clause.clause}: {measured}, at most {clause.target:g} wanted; {clause.reason}")
    return verdict.passed, evaluation.path


def _metrics_note(metrics: Mapping[str, float]) -> str:
    return f"loss {metrics['loss']:.3f}" if "loss" in metrics else ""


def _need_training_extra() -> None:
    from importlib.util import find_spec

    from speccraft.errors import MissingExtra

    missing = [name for name in ("transformers", "trl", "accelerate", "datasets") if find_spec(name) is None]
    if missing:
        raise MissingExtra(f"training needs {', '.join(missing)}", try_this="pip install 'speccraft[train]'")


def main() -> None:
    """Entry point of the `speccraft` command."""
    app()
