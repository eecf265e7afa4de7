"""Commands about data: build-manifest, report, verify."""

from __future__ import annotations

from dataclasses import replace
from enum import StrEnum
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speccraft.cli.opened import opened
from speccraft.cli.options import AsOf, Data, Despite, Json, Quiet, ScenarioFile, Workers, Workspace
from speccraft.cli.scenario import planned, tell_plan
from speccraft.console import Command
from speccraft.errors import WrongUsage
from speccraft.machine import CORES

if TYPE_CHECKING:
    from speccraft.build.engine import Engine
    from speccraft.locate import Found
    from speccraft.plan import Plan
    from speccraft.scenario import LoadedScenario
    from speccraft.store import Artefact


class EngineName(StrEnum):
    """What `--engine` takes."""

    LOCAL = "local"
    RAY = "ray"


def build_manifest(
    scenario: ScenarioFile,
    data: Data = None,
    workspace: Workspace = None,
    workers: Workers = CORES,
    as_of: AsOf = None,
    saved: Annotated[Path | None, typer.Option("--plan", help="Build only what this saved plan says; exit code 5 when the world changed since.")] = None,
    dry_run: Annotated[bool, typer.Option("--dry-run", help="Plan only; write nothing.")] = False,
    engine: Annotated[
        EngineName, typer.Option("--engine", help="Who does the work: processes of this machine, or the nodes of a Ray cluster. The result is the same.")
    ] = EngineName.LOCAL,
    address: Annotated[
        str | None,
        typer.Option(
            "--address",
            metavar="HOST:PORT",
            help="With --engine ray: the cluster, or auto for this machine's. Default RAY_ADDRESS, else a Ray of --workers CPUs.",
        ),
    ] = None,
    rehash: Annotated[
        bool, typer.Option("--rehash", help="Trust no size or time of a file: hash every source, and decode again what is not what the cache was made of.")
    ] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Build: decode, cut, measure, split, place and judge the sources, and commit Lhotse cuts and shards.

    Exit code 1 when the report blocks: the build is committed all the same.

    Example: speccraft build-manifest examples/metro-digits/scenario.yaml --data ../shared/data/demo

    Example: speccraft build-manifest examples/metro-digits/scenario.yaml --data ../shared/data/demo --engine ray --address 10.0.0.1:6379
    """
    with Command("build-manifest", as_json=as_json, quiet=quiet) as command:
        if dry_run:
            from speccraft.locate import workspace_of

            _, made = promised(command, scenario, data, as_of, saved, lengths=True)
            tell_plan(command, made, workspace_of(scenario, workspace), workers, scenario.parent)
            return
        verdict, path = built(command, scenario, data, workspace, workers, as_of, saved, _engine(engine, workers, address), rehash=rehash)
        command.data(f"{verdict}  {path}")
        command.exit_code = 0 if verdict == "PASS" else 1
        command.say(f"next: speccraft report {scenario}" + (f", then speccraft train {scenario}" if verdict == "PASS" else " says what blocks"))


def report(
    build: Annotated[Path, typer.Argument(help="A build's folder, or a scenario for its current build.")],
    workspace: Workspace = None,
    show: Annotated[bool, typer.Option("--open", help="Open the page in the browser.")] = False,
    reason: Annotated[
        str | None, typer.Option("--why", metavar="ID", help="Tell the fate of one input instead: its name, a cut's id, or a part of one.")
    ] = None,
    other: Annotated[
        str | None,
        typer.Option("--diff", metavar="OTHER", help="Tell what changed since another build instead: its folder, its id or the start of it, or a scenario."),
    ] = None,
    despite_revocation: Despite = False,
    as_json: Json = False,
) -> None:
    """Tell what a build's report says, and where the page is. Exit code 1 when it blocks; with --diff 0, whatever changed.

    Example: speccraft report examples/metro-digits/scenario.yaml --open

    Example: speccraft report examples/metro-digits/scenario.yaml --diff 0123abcd
    """
    with Command("report", as_json=as_json) as command:
        import json

        from speccraft.report.page import verdict_of
        from speccraft.store import check_files

        found = opened(command, "build", build, workspace, despite=despite_revocation)
        if reason is not None:
            from dataclasses import asdict

            from speccraft.report.why import told, why
            from speccraft.scenario.diagnostics import printable

            fate = why(found.artefact, reason)
            command.findings.append({"severity": "info", **asdict(fate)})
            for line in told(fate):
                command.data(printable(line))
            return
        if other is not None:
            _tell_difference(command, found, other, workspace, despite=despite_revocation, show=show)
            return
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


def _tell_difference(command: Command, found: Found, other: str, workspace: Path | None, *, despite: bool, show: bool) -> None:
    """Compare a build with an earlier one and commit the page."""
    from speccraft.locate import compared_with
    from speccraft.report.diff import compare, page_name, write_comparison
    from speccraft.report.diff_words import told
    from speccraft.scenario.diagnostics import printable

    before, after = opened(command, "build", compared_with(found, other), workspace, despite=despite).artefact, found.artefact
    content = compare(before, after, command.progress)
    comparison = write_comparison(found.workspace, before, after, content)
    command.artifact("comparison", comparison.path)
    command.artifact("report", page := comparison.path / page_name(before, after))
    cuts = content["cuts"]
    command.counts = {"entered": cuts["entered"]["cuts"], "left": cuts["left"]["cuts"], "stayed": cuts["stayed"]}
    command.findings.append({"severity": "info", **content})
    for line in told(content):
        command.data(printable(line))
    command.data(f"page      {page}")
    share(command, found.workspace, comparison)
    if show:
        typer.launch(page.as_uri())


def verify(
    path: Annotated[Path, typer.Argument(help="The folder of any committed artefact, or its address in a remote workspace.")],
    deep: Annotated[bool, typer.Option("--deep", help="Prove a build again from its tables and audio: counts, conservation, splits, rights, banks.")] = False,
    sample: Annotated[
        int | None, typer.Option("--sample", min=1, metavar="N", help="With --deep: decode N cuts of each tar, evenly spread.", show_default="all")
    ] = None,
    as_json: Json = False,
) -> None:
    """Check an artefact byte for byte against its commit record. Exit code 5 when it is broken.

    Example: speccraft verify speccraft-work/builds/metro-digits/0123456789abcdef
    """
    with Command("verify", as_json=as_json) as command:
        from dataclasses import asdict

        from speccraft.remote.copies import here
        from speccraft.scenario.diagnostics import printable

        path = here(path, command.progress)
        if sample is not None and not deep:
            raise WrongUsage("--sample says how much of the audio --deep decodes", try_this="--deep --sample N")
        if deep:
            from speccraft.verify_deep import verify_deep

            result = verify_deep(path, sample=sample)
        else:
            from speccraft.verify import verify as fsck

            result = fsck(path)
        for problem in result.problems:
            command.findings.append(asdict(problem))
            command.data(printable(f"{problem.code}  {problem.file}: {problem.what}"))
        command.exit_code = result.exit_code
        command.counts = {"files": result.files, "bytes": result.bytes, "problems": len(result.problems)}
        for note in result.notes:
            command.say(printable(f"note: {note}"))
        if result.unreadable is not None:
            command.say(f"error: {result.unreadable}\nhelp: name the folder of one build, run or evaluation")
        elif not result.problems:
            proved = ", and its tables and audio prove each other" if deep and result.kind == "build" else ""
            command.data(f"{path}: {result.files} files, every byte as its commit record says{proved}")


def built(
    command: Command,
    scenario: Path,
    data: Path | None,
    workspace: Path | None,
    workers: int,
    as_of: str | None = None,
    saved: Path | None = None,
    engine: Engine | None = None,
    *,
    rehash: bool = False,
) -> tuple[str, Path]:
    """Build a scenario, or find it built; the verdict and the build's folder."""
    from speccraft.build.run import build
    from speccraft.locate import workspace_of

    home = workspace_of(scenario, workspace)
    loaded, made = promised(command, scenario, data, as_of, saved)
    built = build(loaded, made, workspace=home, workers=workers, engine=engine, rehash=rehash, on_progress=command.progress)
    path, info = built.artefact.path, built.artefact.record.info
    command.artifact("build", path)
    command.artifact("report", path / "report.html")
    command.counts |= {**info["counts"], **built.counts}
    if rehash:
        command.say(f"{built.counts['rehashed']} recordings hashed, {built.counts['differed']} not what the cache was made of")
    command.say("nothing has changed: the build is reused" if built.reused else f"{info['counts']['cuts']} cuts, {info['counts']['seconds']:.0f} s of speech")
    share(command, home, built.artefact)
    return info["verdict"], path


def share(command: Command, workspace: Path, artefact: Artefact) -> None:
    """Send an artefact to where its workspace comes from, if that is in object storage."""
    from speccraft.remote.copies import send

    if (target := send(workspace, artefact, command.progress)) is not None:
        command.say(f"sent to {target}")


def _engine(name: EngineName, workers: int, address: str | None) -> Engine | None:
    if name == EngineName.LOCAL:
        if address is not None:
            raise WrongUsage("--address names a Ray cluster", try_this="--engine ray --address HOST:PORT")
        return None
    from speccraft.build.ray_engine import run_ray

    return partial(run_ray, workers=workers, address=address)


def promised(
    command: Command, scenario: Path, data: Path | None, as_of: str | None, saved: Path | None, *, lengths: bool = False
) -> tuple[LoadedScenario, Plan]:
    """The plan as things stand, which has to be the saved one where one is named; rows and voice have to be allowed today as well as on its day."""
    from speccraft.plan import day
    from speccraft.plan.saved import need_same_world, need_still_allowed, read
    from speccraft.rights.doors import voice_decision
    from speccraft.rights.papers import read_papers

    if saved is None:
        return planned(command, scenario, data, as_of, lengths=lengths)
    then = read(saved)
    loaded, made = planned(command, scenario, data, as_of or then.as_of, lengths=lengths)
    need_same_world(then, made, loaded)
    papers = read_papers(loaded.scenario, loaded.path.parent, as_of or day(None))
    need_still_allowed(made, papers)
    today = voice_decision(loaded.scenario, papers)
    return loaded, replace(made, voice=today) if today.refusal else made
