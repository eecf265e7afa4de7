"""Commands about the job manual: `manual compile` makes demonstrations from it, `manual lint` holds demonstrations against it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speccraft.cli.opened import opened
from speccraft.cli.options import AsOf, Data, Despite, Json, Quiet, ScenarioFile, Workspace
from speccraft.console import Command

if TYPE_CHECKING:
    from speccraft.manual.compile import Compiled
    from speccraft.manual.lint import Linted

manual = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Make demonstrations from the job manual, and hold demonstrations against it.")


@manual.command("compile")
def compile_(
    scenario: ScenarioFile,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to write to; default `demonstrations/` beside the scenario.", file_okay=False)] = None,
    data: Data = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Make demonstrations from the manual's rules, phrases and slots, and from recordings with an intent. Files of an earlier run are replaced.

    Example: speccraft manual compile examples/barista-orders/scenario.yaml --data ../shared/data
    """
    with Command("manual compile", as_json=as_json, quiet=quiet) as command:
        from speccraft.manual.compile import compile_manual
        from speccraft.scenario import load_scenario

        folder = out or scenario.parent / "demonstrations"
        made = compile_manual(load_scenario(scenario), folder, data=data, on_progress=command.progress)
        for file in made.files:
            command.artifact(file.stem, file)
        command.counts |= {"rules": made.by_rule, "heard": made.heard, "left_out": made.left_out}
        command.findings += [{"severity": "note", "message": note} for note in made.notes]
        command.data(_made(made))
        for note in made.notes:
            command.say(f"note: {note}")
        command.say(f"next: speccraft build-manifest {scenario}, then speccraft manual lint {scenario}")


@manual.command("lint")
def lint_(
    scenario: ScenarioFile,
    build: Annotated[Path | None, typer.Argument(help="A build, or the scenario for its current one: splits and conditions are then the build's.")] = None,
    data: Data = None,
    workspace: Workspace = None,
    as_of: AsOf = None,
    despite: Despite = False,
    as_json: Json = False,
) -> None:
    """Check every demonstration against the manual, and the manual itself. Exit code 1 when anything is found but notes.

    Example: speccraft manual lint examples/barista-orders/scenario.yaml examples/barista-orders/scenario.yaml --data ../shared/data
    """
    with Command("manual lint", as_json=as_json) as command:
        from dataclasses import asdict

        from speccraft.manual.lint import lint
        from speccraft.scenario import load_scenario

        folder = opened(command, "build", build, workspace, despite=despite).artefact.path if build is not None else None
        found = lint(load_scenario(scenario), data=data, build=folder, as_of=as_of)
        command.counts |= {"demonstrations": found.demonstrations, "findings": len(found.findings), "coverage": [asdict(row) for row in found.coverage]}
        command.data(_covered(found))
        command.show(found.findings)
        command.exit_code = 0 if found.is_clean else 1


def _made(made: Compiled) -> str:
    rows = [("rule", "train", "dev", "test"), *((rule, *map(str, splits.values())) for rule, splits in made.by_rule.items())]
    left = [f"{count} recordings left out: {why}" for why, count in made.left_out.items()]
    return "\n".join([_aligned(rows), "", ", ".join(f"{count} {how}" for how, count in made.heard.items()), *left, *map(str, made.files)])


def _covered(found: Linted) -> str:
    head = ("rule", "must", "train", "dev", "test", "voice", "text", "clean", "in place", "near misses")
    rows = [
        (
            row.rule,
            row.must,
            *(str(count) for count in row.splits.values()),
            str(row.voice),
            str(row.text),
            _count(row.clean),
            _count(row.place),
            str(row.near_misses),
        )
        for row in found.coverage
    ]
    return f"{_aligned([head, *rows])}\n\n{found.demonstrations} demonstrations, {len(found.findings)} findings"


def _count(number: int | None) -> str:
    return "-" if number is None else str(number)


def _aligned(rows: list[tuple[str, ...]]) -> str:
    widths = [max(map(len, column)) for column in zip(*rows, strict=True)]
    return "\n".join("  ".join([row[0].ljust(widths[0]), *(cell.rjust(width) for cell, width in zip(row[1:], widths[1:], strict=True))]) for row in rows)
