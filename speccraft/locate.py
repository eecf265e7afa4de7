"""Find what a command means: a scenario's current build or run, or the artefact a path names."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

from speccraft import store
from speccraft.errors import SpeccraftError, UnreadableInput
from speccraft.remote.copies import Progress, bring, bring_current, copy_of, here
from speccraft.remote.url import url_of
from speccraft.rights.revocations import need_usable
from speccraft.scenario import LoadedScenario, load_scenario
from speccraft.shelf import build_called, shelf_of

WORKSPACE = "speccraft-work"


@dataclass(frozen=True)
class Found:
    """An artefact and the workspace it lives in; `revoked` says why it is not to be used, where it is used all the same."""

    artefact: store.Artefact
    workspace: Path
    revoked: str | None = None


def workspace_of(scenario: Path, workspace: Path | None) -> Path:
    """Where a scenario's builds and runs live: as named, or `speccraft-work` beside the scenario; for an address the copy of it on this machine."""
    if (url := url_of(workspace)) is not None:
        return copy_of(url)
    return workspace or scenario.resolve().parent / WORKSPACE


def find(kind: str, what: Path, workspace: Path | None, on_progress: Progress = lambda *_: None, *, despite_revocation: bool = False) -> Found:
    """The artefact a path means, to be used: its own folder, or the current one of a scenario file. What lies in a remote workspace is fetched first.

    Raises:
        UnreadableInput: there is none.
        SpeccraftError: the scenario has changed since its current build.
        RefusedByRights: it holds a voice that was revoked, and nobody said that it is to be used despite that.
    """
    found = _find(kind, what, workspace, on_progress)
    return replace(found, revoked=need_usable(found.workspace, found.artefact, despite_revocation=despite_revocation))


def _find(kind: str, what: Path, workspace: Path | None, on_progress: Progress) -> Found:
    if (what := here(what, on_progress)).is_dir():
        path = what.resolve()
        return Found(store.open_artefact(path, kind), workspace_of(what, workspace) if workspace else _home_of(path, kind))
    loaded = load_scenario(what)
    where = workspace_of(what, workspace)
    bring_current(where, kind, loaded.scenario.name, on_progress)
    artefact = store.current(where, kind, loaded.scenario.name)
    if artefact is None:
        command = {"build": "build-manifest", "run": "train", "evaluation": "evaluate"}[kind]
        raise UnreadableInput(f"{loaded.scenario.name} has no {kind} in {where}", try_this=f"speccraft {command} {what}")
    if kind == "build":
        _need_same_text(artefact, loaded)
    return Found(artefact, where)


def compared_with(found: Found, other: str) -> Path:
    """What another build is named by beside one: a path or an address, or the id or the start of the id of a build of the same workspace.

    Raises:
        UnreadableInput: no build of the workspace is called so, or several are.
    """
    if url_of(path := Path(other)) is not None or path.exists():
        return path
    return build_called(shelf_of(found.workspace), other).path


def rights_folder(what: Path, found: Found) -> Path:
    """Where consents and the consent log of what was found are looked for: beside the scenario that was named, else beside the workspace."""
    return what.resolve().parent if what.is_file() else found.workspace.parent


def build_behind(run: Found, on_progress: Progress = lambda *_: None) -> store.Artefact:
    """The build a run was trained on.

    Raises:
        UnreadableInput: it is gone from the workspace.
    """
    parent = next(parent for parent in run.artefact.record.derives_from if parent.kind == "build")
    bring(run.workspace, "build", parent.name, parent.id, on_progress)
    return store.open_artefact(run.workspace / store.KINDS["build"].folder / parent.name / parent.id, "build")


def _home_of(artefact: Path, kind: str) -> Path:
    """The workspace an artefact's folder lies in; one beside it, where it was copied out of its own."""
    shelf = artefact.parent.parent
    return shelf.parent if shelf.name == store.KINDS[kind].folder else artefact.parent / WORKSPACE


def _need_same_text(build: store.Artefact, loaded: LoadedScenario) -> None:
    if build.record.info["scenario"]["digest"] != loaded.digest:
        raise SpeccraftError(
            f"{loaded.path} is not the text that build {build.record.id} of '{loaded.scenario.name}' was made from: it changed, or another file has its `name`",
            try_this=f"speccraft build-manifest {loaded.path} (what is built already is reused), or name the build's folder",
        )
