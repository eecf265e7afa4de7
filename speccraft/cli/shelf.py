"""Commands about what a workspace holds: builds, gc."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speccraft.cli.options import Json, Workspace
from speccraft.console import Command
from speccraft.errors import UnreadableInput

if TYPE_CHECKING:
    from speccraft import store
    from speccraft.rights.revocations import Revocation
    from speccraft.shelf import Shelf

Where = Annotated[
    Path | None, typer.Argument(metavar="[SCENARIO|WORKSPACE]", help="A workspace, or a scenario for the one beside it.", show_default="speccraft-work")
]
KEEP = "Also remove builds: of each name, all but the newest N, the current one and those that something was made from."
Keep = Annotated[int | None, typer.Option("--keep", min=1, metavar="N", help=KEEP, show_default="all")]


def builds(
    where: Where = None,
    workspace: Workspace = None,
    use: Annotated[str | None, typer.Option("--use", metavar="ID", help="Make this build the current one of its name; the start of an id is enough.")] = None,
    as_json: Json = False,
) -> None:
    """List committed builds, oldest first, with what was made from each; `*` marks the current ones.

    Example: speccraft builds examples/metro-digits/scenario.yaml
    """
    with Command("builds", as_json=as_json) as command:
        from speccraft import shelf as shelves
        from speccraft.rights.revocations import revocations_of

        home, name = workspace_meant(where, workspace)
        shelf = shelves.shelf_of(home)
        if use is not None:
            shelves.use(home, shelves.build_called(shelf, use, name))
            shelf = shelves.shelf_of(home)
        shown = [build for build in shelf.builds if name in (None, build.record.name)]
        known = revocations_of(home) if shown else ()
        rows = [_row(shelf, build, known) for build in shown]
        command.counts = {"builds": len(rows), "damaged": len(shelf.damaged)}
        command.findings += [{"severity": "info", **row} for row in rows]
        command.findings += [{"severity": "error", "message": message} for message in shelf.damaged]
        for row in rows:
            command.data(_line(row))
        for message in shelf.damaged:
            command.say(f"damaged: {message}")
        if not rows:
            command.say(f"{home} holds no build" + (f" of {name}" if name else ""))


def gc(
    where: Where = None,
    workspace: Workspace = None,
    keep: Keep = None,
    revoked: Annotated[bool, typer.Option("--revoked", help="Also remove builds, runs and what was made of them that hold a revoked voice.")] = False,
    yes: Annotated[bool, typer.Option("--yes", help="Remove it; without this the command only tells what it would remove.")] = False,
    as_json: Json = False,
) -> None:
    """Tell what nothing refers to: scratch folders of dead processes, cached work that no build was made of; `--yes` removes it.

    Example: speccraft gc speccraft-work --keep 2
    """
    with Command("gc", as_json=as_json) as command:
        from speccraft import shelf as shelves
        from speccraft.lineage.traces import marked_in

        home, _ = workspace_meant(where, workspace)
        shelves.shelf_of(home)  # before anything is locked: a folder that is no workspace gets no lock file
        with shelves.held(home):
            shelf = shelves.shelf_of(home)
            collection = shelves.collect(shelf, keep, marked_in(home) if revoked else ())
            if yes:
                shelves.remove(collection)
        command.counts = {"items": len(collection.waste), "bytes": collection.bytes, "removed": yes}
        command.findings += [{"severity": "info", "path": str(one.path), "why": one.why, "bytes": one.bytes} for one in collection.waste]
        command.findings += [{"severity": "warn", "message": note} for note in collection.notes]
        for one in collection.waste:
            command.data(f"{size(one.bytes):>9}  {one.path.relative_to(home)}: {one.why}")
        for note in collection.notes:
            command.say(f"note: {note}")
        command.data(f"{size(collection.bytes):>9}  {'removed' if yes else 'would be removed'}: {len(collection.waste)} files and folders")
        if collection.waste and not yes:
            command.say("nothing was removed; --yes removes it")


def size(bytes: int) -> str:
    """Bytes as people read them."""
    value = float(bytes)
    for unit in ("B", "kB", "MB", "GB"):
        if value < 1000:
            return f"{value:.0f} {unit}" if unit == "B" else f"{value:.1f} {unit}"
        value /= 1000
    return f"{value:.1f} TB"


def workspace_meant(where: Path | None, workspace: Path | None) -> tuple[Path, str | None]:
    """The workspace that is meant, and the name of the scenario when one was given."""
    from speccraft.locate import WORKSPACE, workspace_of
    from speccraft.remote.copies import copy_of
    from speccraft.remote.url import url_of

    if (url := url_of(where or workspace)) is not None:
        raise UnreadableInput(f"{url}: only workspaces on this machine are listed and cleaned", try_this=f"its copy here, {copy_of(url)}")
    if where is None or where.is_dir():
        home, name = where or workspace or Path(WORKSPACE), None
    else:
        from speccraft.scenario import load_scenario

        home, name = workspace_of(where, workspace), load_scenario(where).scenario.name
    return home, name


def _row(shelf: Shelf, build: store.Artefact, known: Sequence[Revocation]) -> dict[str, Any]:
    from speccraft.rights.revocations import marked
    from speccraft.shelf import bytes_in, facts_of

    facts = facts_of(build)
    return {
        "name": build.record.name,
        "id": build.record.id,
        "current": build.path in shelf.current,
        "verdict": facts.verdict,
        "as_of": facts.as_of,
        "cuts": facts.counts.cuts,
        "hours": round(facts.counts.seconds / 3600, 3),
        "bytes": bytes_in(build.path),
        "path": str(build.path),
        "revoked": marked(shelf.workspace, build, known),
        "derived": [f"{one.record.kind} {one.record.name}/{one.record.id}" for one in shelf.made_from(build)],
    }


def _line(row: dict[str, Any]) -> str:
    mark = "*" if row["current"] else " "
    derived = f"  -> {', '.join(row['derived'])}" if row["derived"] else ""
    amount = f"{row['cuts']:>8} cuts  {row['hours']:>8.2f} h  {size(row['bytes']):>9}"
    revoked = "  REVOKED" if row["revoked"] else ""
    return f"{mark} {row['name']}/{row['id']}  {row['verdict']:<5}  {row['as_of']}  {amount}{revoked}{derived}"
