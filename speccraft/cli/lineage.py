"""Commands about where things went: trace, revoke."""

from __future__ import annotations

from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from speccraft.cli.options import Json, Quiet, Workspace
from speccraft.cli.shelf import Where, workspace_meant
from speccraft.console import Command

if TYPE_CHECKING:
    from speccraft.lineage.revoke import Revoked


def trace(
    what: Annotated[str, typer.Argument(metavar="ID|FILE|SPEAKER", help="A speaker, an input, a cut, an audio file, or the id or folder of a build or run.")],
    where: Where = None,
    workspace: Workspace = None,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Tell where a voice, a file or a cut went: cuts, mixes, shards, reports, runs, exports; of a build or run also what it derives from.

    Example: speccraft trace theo examples/metro-digits/scenario.yaml
    """
    with Command("trace", as_json=as_json, quiet=quiet) as command:
        from speccraft.lineage.traces import trace as look_up
        from speccraft.scenario.diagnostics import printable

        home, _ = workspace_meant(where, workspace)
        for node in look_up(home, what):
            command.findings.append({"severity": "info", **node.as_data()})
            for line in node.lines():
                command.data(printable(line))


def revoke(
    speaker: Annotated[str, typer.Argument(help="The speaker, as the scenario's sources name them.")],
    reason: Annotated[str, typer.Option("--reason", help="Why; stands in the consent log and in whatever is refused for it.")],
    scenario: Annotated[Path, typer.Argument(metavar="SCENARIO", help="The scenario in which the speaker is called so.")] = Path("scenario.yaml"),
    workspace: Workspace = None,
    yes: Annotated[bool, typer.Option("--yes", help="Do it; without this the command only tells what it would do.")] = False,
    quiet: Quiet = False,
    as_json: Json = False,
) -> None:
    """Take a voice out: list what contains it; with `--yes` mark that, empty the cache of it, and keep it out of every later build.

    Example: speccraft revoke theo examples/metro-digits/scenario.yaml --reason "consent withdrawn"
    """
    with Command("revoke", as_json=as_json, quiet=quiet) as command:
        from speccraft.lineage import revoke as revocations
        from speccraft.locate import workspace_of
        from speccraft.plan import day
        from speccraft.rights.log import log_path
        from speccraft.scenario import load_scenario

        loaded = load_scenario(scenario)
        home, name = workspace_of(scenario, workspace), loaded.scenario.name
        if not yes:
            _tell(command, revocations.look(home, name, speaker, command.progress))
            command.say("nothing was done; --yes does it")
            return
        log = log_path(loaded.scenario, loaded.path.parent)
        done = revocations.revoke(home, name, speaker, reason=reason, day=day(None), consent_log=log, on_progress=command.progress)
        assert done.revocation is not None, "it was done"
        _tell(command, done)
        command.artifact("revocation", done.revocation.path)
        command.artifact("erasure", report := done.revocation.path / "ERASURE.md")
        command.artifact("consent log", log)
        command.data(f"{'revoked' if done.is_new else 'was revoked already'}  {report}")
        command.say(f"next: delete the recordings themselves, then speccraft build-manifest {scenario}")
        command.say("where the voice is all of a source, that source needs `on_refusal: exclude`, or goes from the scenario")


def _tell(command: Command, found: Revoked) -> None:
    erasure = found.erasure
    command.counts = dict(erasure.counts)
    command.findings.append({"severity": "info", **erasure.as_data()})
    for name, count in erasure.counts.items():
        command.data(f"{count:>8}  {name}")
    tell = partial(_list, command)
    tell("will be removed" if found.revocation is None else "removed", erasure.removed)
    tell("will be marked, and not be used any more" if found.revocation is None else "marked, not to be used any more", erasure.marked)
    tell("to be trained again", erasure.retrain)
    tell("not reachable from here", erasure.unreachable)


def _list(command: Command, title: str, rows: tuple[str, ...]) -> None:
    from speccraft.scenario.diagnostics import printable

    if rows:
        command.data(f"{title}:")
    for row in rows:
        command.data(printable(f"  {row}"))
