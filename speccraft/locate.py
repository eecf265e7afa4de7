"""Find what a command means: a scenario's current build or run, or the artefact a path names."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from speccraft import store
from speccraft.errors import SpeccraftError, UnreadableInput
from speccraft.remote.copies import Progress, bring, bring_current, copy_of, here
from speccraft.remote.url import url_of
from speccraft.scenario import LoadedScenario, Scenario, load_scenario

WORKSPACE = "speccraft-work"


@dataclass(frozen=True)
class Found:
    """An artefact and the workspace it lives in."""

    artefact: store.Artefact
    workspace: Path


def workspace_of(scenario: Path, workspace: Path | None) -> Path:
    """Where a scenario's builds and runs live: as named, or `speccraft-work` beside the scenario; for an address the copy of it on this machine."""
    if (url := url_of(workspace)) is not None:
        return copy_of(url)
    return workspace or scenario.resolve().parent / WORKSPACE


def find(kind: str, what: Path, workspace: Path | None, on_progress: Progress = lambda *_: None) -> Found:
    """The artefact a path means: its own folder, or the current one of a scenario file. What lies in a remote workspace is fetched first.

    Raises:
        UnreadableInput: there is none.
        SpeccraftError: the scenario has changed since its current build.
    """
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


def scenario_of(build: store.Artefact) -> Scenario:
    """The scenario a build was made from, out of its own record."""
    from speccraft.scenario.text import check, parse

    return check(parse(build.record.info["scenario"]["text"], file=str(build.path / store.KINDS["build"].record)), Scenario)


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
