"""Commands about data: build-manifest, report, verify."""

from __future__ import annotations

from pathlib import Path
from typing import Annotated

import typer

from speccraft.cli.options import AsOf, Data, Json, Quiet, ScenarioFile, Workers, Workspace
from speccraft.cli.scenario import planned, tell_plan
from speccraft.console import Command
from speccraft.machine import CORES


def build_manifest(
    scenario: ScenarioFile,
    data: Data = None,
    workspace: Workspace = None,
    workers: Workers = CORES,
    as_of: AsOf = None,
    saved: Annotated[Path | None, typer.Option("--plan", help="Build only what this saved plan says; exit code 5 when the world changed since.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan only; write nothing.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Build: decode, cut, measure, split, place and judge the sources, and commit Lhotse cuts and shards.

    Example: speccraft build-manifest examples/metro-digits/scenario.yaml --data ../shared/data/demo
    """
    with Command("build-manifest", as_json=as_json, quiet=quiet) as command:
        if dry_run:
            from speccraft.locate import workspace_of

            _, made = planned(command, scenario, data, as_of, lengths=True)
            tell_plan(command, made, workspace_of(scenario, workspace), workers)
            return
        verdict, path = built(command, scenario, data, workspace, workers, as_of, saved)
        command.data(f"{verdict}  {path}")
        command.say(f"next: speccraft report {scenario}" + (f", then speccraft train {scenario}" if verdict == "PASS" else " says what blocks"))


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


def built(
    command: Command, scenario: Path, data: Path | None, workspace: Path | None, workers: int, as_of: str | None = None, saved: Path | None = None
) -> tuple[str, Path]:
    """Build a scenario, or find it built; the verdict and the build's folder."""
    from speccraft.build.run import build
    from speccraft.locate import workspace_of
    from speccraft.plan import saved as plans

    promised = None if saved is None else plans.read(saved)
    loaded, made = planned(command, scenario, data, as_of if promised is None else as_of or promised.as_of)
    if promised is not None:
        plans.need_same_world(promised, made, loaded)
    built = build(loaded, made, workspace=workspace_of(scenario, workspace), workers=workers, on_progress=command.progress)
    path, info = built.artefact.path, built.artefact.record.info
    command.artifact("build", path)
    command.artifact("report", path / "report.html")
    command.counts |= info["counts"]
    command.say("nothing has changed: the build is reused" if built.reused else f"{info['counts']['cuts']} cuts, {info['counts']['seconds']:.0f} s of speech")
    return info["verdict"], path
