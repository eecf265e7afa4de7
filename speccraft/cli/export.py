"""The command that hands data out: export."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

from speccraft.cli.data import share
from speccraft.cli.opened import opened
from speccraft.cli.options import Despite, Json, Quiet, Workspace
from speccraft.console import Command


class ExportFormat(StrEnum):
    """What `--to` takes."""

    NEMO = "nemo"
    KALDI = "kaldi"
    HF = "hf"
    WEBDATASET = "webdataset"
    POINTERS = "pointers"


def export(
    build: Annotated[Path, typer.Argument(help="A build's folder, or a scenario for its current build.")],
    to: Annotated[ExportFormat, typer.Option("--to", help="The format; pointers hold no audio.")],
    workspace: Workspace = None,
    out: Annotated[Path | None, typer.Option("--out", help="Folder to export into; default exports/ in the workspace.", file_okay=False)] = None,
    split: Annotated[list[str] | None, typer.Option("--split", metavar="SPLIT", help="Export only these splits; repeatable.")] = None,
    condition: Annotated[
        list[str] | None, typer.Option("--condition", metavar="CONDITION", help="clean (default), place, snr_10 and so on, where a split has them; repeatable.")
    ] = None,
    internal: Annotated[bool, typer.Option("--internal", help="The export stays with you: do not ask whether licences permit passing it on.")] = False,
    despite_revocation: Despite = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Write a build's cuts in another tool's format. Exit code 4 when a licence does not permit passing them on.

    Example: speccraft export examples/metro-digits/scenario.yaml --to nemo --split test --condition clean --condition place
    """
    with Command("export", as_json=as_json, quiet=quiet) as command:
        from speccraft.export.run import export as export_build
        from speccraft.locate import rights_folder
        from speccraft.rights.doors import papers_of, scenario_of, today
        from speccraft.store import log

        found = opened(command, "build", build, workspace, despite=despite_revocation)
        made = export_build(
            found.artefact,
            scenario_of(found.artefact),
            to=to.value,
            workspace=found.workspace,
            out=out,
            splits=tuple(split or ()),
            conditions=tuple(condition or ("clean",)),
            internal=internal,
            papers=None if internal else papers_of(found.artefact, rights_folder(build, found), today()),
            on_progress=command.progress,
        )
        if out is None:
            share(command, found.workspace, made)
        else:
            # Nothing else in the workspace knows of it, and `revoke` has to say where the voice went.
            log(found.workspace, "export", id=made.record.id, build=found.artefact.record.id, path=str(made.path.resolve()))
        command.artifact("export", made.path)
        command.counts = {**made.record.info["counts"], "files": len(made.record.files), "bytes": sum(file.bytes for file in made.record.files)}
        command.data(f"exported  {made.path}")
        command.say(", ".join(f"{name}: {count} cuts" for name, count in made.record.info["counts"].items()))
        if found.artefact.record.info["verdict"] != "PASS":
            command.say("the build does not pass its own report; the card says so")
