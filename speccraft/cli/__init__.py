"""The command line: each command is one library call; what it needs is imported when it runs."""

from __future__ import annotations

from typing import Annotated

import typer

from speccraft import __version__
from speccraft.cli.consent import consent
from speccraft.cli.data import build_manifest, report, verify
from speccraft.cli.doctor import doctor
from speccraft.cli.export import export
from speccraft.cli.init import init
from speccraft.cli.lineage import revoke, trace
from speccraft.cli.manual import manual
from speccraft.cli.measure import measure
from speccraft.cli.model import demo, evaluate
from speccraft.cli.scenario import check, explain, plan, schema
from speccraft.cli.serve import serve
from speccraft.cli.shelf import builds, gc
from speccraft.cli.train import train
from speccraft.console import open_streams

app = typer.Typer(
    no_args_is_help=True,
    add_completion=False,
    rich_markup_mode=None,
    pretty_exceptions_enable=False,
)
for command in (
    init,
    check,
    explain,
    plan,
    build_manifest,
    report,
    measure,
    train,
    evaluate,
    serve,
    export,
    verify,
    builds,
    gc,
    trace,
    revoke,
    schema,
    doctor,
    demo,
):
    app.command(command.__name__.replace("_", "-"))(command)
app.add_typer(consent, name="consent")
app.add_typer(manual, name="manual")


def _version(wanted: bool) -> None:
    if wanted:
        typer.echo(f"speccraft {__version__}")
        raise typer.Exit


@app.callback()
def _speccraft(version: Annotated[bool, typer.Option("--version", callback=_version, is_eager=True, help="Print the version.")] = False) -> None:
    """One YAML job description for a speech assistant's data, training and acceptance."""


def main() -> None:
    """Entry point of the `speccraft` command."""
    open_streams()
    app()
