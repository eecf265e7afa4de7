"""What stands on the shelves of a workspace: its builds with what was made from them, and what nothing refers to any more."""

from __future__ import annotations

import contextlib
import difflib
import os
import re
from collections import defaultdict
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

from pydantic import BaseModel, ValidationError

from speccraft import store
from speccraft.errors import BrokenIntegrity, UnreadableInput

CURRENT = "current"
LEFT_OVER = re.compile(r"\.(?:scratch-)?(\d+)(?:-.+|\.tmp)?")
"""Names that the store gives to what is not finished; the number is the process that was at it."""


class Counts(BaseModel):
    """How much a build holds, as its record says."""

    cuts: int
    seconds: float


class BuildFacts(BaseModel):
    """What a build's record says about it, as far as a list of builds shows it."""

    verdict: str
    as_of: str
    counts: Counts


@dataclass(frozen=True)
class Shelf:
    """Every committed artefact of a workspace, oldest build first; `current` holds their paths, `damaged` what cannot be read as one."""

    workspace: Path
    artefacts: tuple[store.Artefact, ...]
    current: frozenset[Path]
    damaged: tuple[str, ...]

    @property
    def builds(self) -> list[store.Artefact]:
        """The builds, in the order they were made."""
        return [one for one in self.artefacts if one.record.kind == "build"]

    def made_from(self, parent: store.Artefact) -> list[store.Artefact]:
        """What derives from an artefact directly."""
        return [one for one in self.artefacts if any(_is(parent, named) for named in one.record.derives_from)]


@dataclass(frozen=True)
class Waste:
    """One file or folder that nothing refers to, and why it is not needed."""

    path: Path
    why: str
    bytes: int


@dataclass(frozen=True)
class Collection:
    """What a collection would remove, and what it leaves alone although it cannot tell what it is for."""

    waste: tuple[Waste, ...]
    notes: tuple[str, ...]

    @property
    def bytes(self) -> int:
        """What removing all of it frees."""
        return sum(one.bytes for one in self.waste)


def shelf_of(workspace: Path) -> Shelf:
    """Walk a workspace's shelves; folders that are links are not followed.

    Raises:
        UnreadableInput: this is no workspace.
    """
    if not any((workspace / home.folder).is_dir() for home in store.KINDS.values()):
        raise UnreadableInput(f"{workspace}: is not a workspace", try_this="name the folder that holds builds/ and runs/, or a scenario that was built")
    artefacts: list[store.Artefact] = []
    damaged: list[str] = []
    current: set[Path] = set()
    for kind, home in store.KINDS.items():
        for folder in folders_of(workspace, kind):
            if not (folder / home.record).is_file():
                continue
            try:
                found = store.open_artefact(folder, kind)
                if kind == "build":
                    facts_of(found)
                artefacts.append(found)
            except (BrokenIntegrity, UnreadableInput) as error:
                damaged.append(error.message)
        for name in _folders_in(workspace / home.folder):
            with contextlib.suppress(OSError, UnicodeDecodeError):
                current.add(name / (name / CURRENT).read_text().strip())
    order = _build_order(workspace)
    artefacts.sort(key=lambda one: (one.record.kind, one.record.name, order.get(one.record.id, -1), one.record.id))
    return Shelf(workspace, tuple(artefacts), frozenset(current), tuple(damaged))


def facts_of(build: store.Artefact) -> BuildFacts:
    """What a build says about itself.

    Raises:
        BrokenIntegrity: it does not say it.
    """
    try:
        return BuildFacts.model_validate(build.record.info)
    except ValidationError as error:
        raise BrokenIntegrity(f"{build.path}: the record lacks facts about the build (problems: {error.error_count()})") from error


def build_called(shelf: Shelf, id: str, name: str | None = None) -> store.Artefact:
    """The one build whose id starts so.

    Raises:
        UnreadableInput: there is none, or more than one.
    """
    builds = [build for build in shelf.builds if name in (None, build.record.name)]
    found = [build for build in builds if id and build.record.id.startswith(id)]
    if len(found) == 1:
        return found[0]
    ids = [build.record.id for build in builds]
    near = [build.record.id for build in found] or difflib.get_close_matches(id, ids, n=1, cutoff=0.5) or ids
    what = f"{len(found)} builds begin with '{id}'" if found else f"no build is called '{id}'"
    raise UnreadableInput(f"{shelf.workspace}: {what}", try_this=f"one of {', '.join(near)}" if near else "speccraft build-manifest SCENARIO")


@contextlib.contextmanager
def held(workspace: Path) -> Iterator[None]:
    """Hold a workspace against builds, and each of its runs against training.

    Raises:
        Locked: something is being built or trained.
    """
    with contextlib.ExitStack() as stack:
        stack.enter_context(store.locked(workspace))
        for folder in _folders_in(workspace / store.KINDS["run"].folder):
            stack.enter_context(store.locked(folder))
        yield


def use(workspace: Path, build: store.Artefact) -> None:
    """Make a build the current one of its name.

    Raises:
        Locked: something is being built.
    """
    with store.locked(workspace):
        store.set_current(workspace, build)


def collect(shelf: Shelf, keep: int | None = None, revoked: Sequence[store.Artefact] = ()) -> Collection:
    """What nothing refers to; only for the holder of the workspace.

    Runs and evaluations are kept, with the builds they derive from.

    Args:
        keep: builds of each name that stay, the newest ones, with those that are current or that something derives from; None: all.
        revoked: artefacts that go although something refers to them, for they hold a revoked voice.
    """
    held = {one.path for one in revoked}
    unwanted = [] if keep is None else [one for one in _unwanted_builds(shelf, keep) if one.path not in held]
    gone = held | {one.path for one in unwanted}
    compared = sorted({one.path for build in unwanted for one in shelf.made_from(build)} - held)
    kept = [one for one in shelf.builds if one.path not in gone]
    units, notes = _unwanted_units(shelf.workspace, kept)
    waste = [
        *(_waste(path, "left behind by a process that died") for path in _left_over(shelf.workspace)),
        *(_waste(one.path, f"a {one.record.kind} that holds a revoked voice") for one in revoked),
        *(_waste(one.path.parent / CURRENT, "names what holds a revoked voice") for one in revoked if one.path in shelf.current),
        *(_waste(one.path, f"an older build of {one.record.name} that nothing derives from") for one in unwanted),
        *(_waste(path, "a comparison with a build that is removed too") for path in compared),
        *(_waste(path, "work that no build that is kept was made of") for path in units),
        *(_waste(path, "a note about a build that is gone") for path in _unwanted_notes(shelf.workspace, kept)),
    ]
    return Collection(tuple(waste), (*shelf.damaged, *notes))


def remove(collection: Collection) -> None:
    """Remove what a collection names; only for the holder of the workspace. A death in the middle leaves whole artefacts and scratch folders.

    Raises:
        BadEnvironment: something cannot be removed.
    """
    for one in collection.waste:
        store.remove(one.path)


# What is wanted


def _unwanted_builds(shelf: Shelf, keep: int) -> list[store.Artefact]:
    by_name: dict[str, list[store.Artefact]] = defaultdict(list)
    for one in shelf.builds:
        by_name[one.record.name].append(one)
    older = [one for builds in by_name.values() for one in builds[: max(0, len(builds) - keep)]]
    return [one for one in older if one.path not in shelf.current and not _holds(shelf, one) and not _grows_on(shelf.workspace, one)]


def _holds(shelf: Shelf, build: store.Artefact) -> bool:
    """Whether something was made from a build that would lose its origin with it; a comparison goes with the builds it is about."""
    return any(one.record.kind != "comparison" for one in shelf.made_from(build))


def _grows_on(workspace: Path, build: store.Artefact) -> bool:
    """Whether a training that was interrupted has begun on a build."""
    home = store.KINDS["checkpoint"]
    for folder in folders_of(workspace, "run"):
        for stage in _folders_in(folder / home.folder):
            if (stage / home.record).is_file() and any(_is(build, named) for named in _parents(stage)):
                return True
    return False


def _parents(checkpoint: Path) -> Sequence[store.Parent]:
    """What a checkpoint derives from; nothing, where training will not go on from it because it is damaged."""
    try:
        return store.open_artefact(checkpoint, "checkpoint").record.derives_from
    except BrokenIntegrity:
        return ()


def _unwanted_units(workspace: Path, kept: Sequence[store.Artefact]) -> tuple[list[Path], list[str]]:
    if not _is_plain_folder(workspace / store.KINDS["build"].folder, workspace):
        return [], [
            f"all of {store.KINDS['unit'].folder} is kept: {workspace / store.KINDS['build'].folder} is a link or not there, so what is needed cannot be told"
        ]
    needed: set[str] = set()
    for build in kept:
        note = workspace / store.NEEDS / build.record.id
        if not note.is_file():
            return [], [f"all of {store.KINDS['unit'].folder} is kept: build {build.record.id} does not say which units it was made of; build it again"]
        needed |= set(note.read_text().split())
    return [folder for folder in folders_of(workspace, "unit") if folder.name not in needed and not folder.name.startswith(".")], []


def _unwanted_notes(workspace: Path, kept: Sequence[store.Artefact]) -> list[Path]:
    """Notes about builds that are not there; without one, the work is only done again."""
    ids = {build.record.id for build in kept}
    about = [(path, path.name) for path in _notes(workspace, store.NEEDS)]
    about += [(path, path.read_text(errors="replace").strip()) for path in _notes(workspace, store.KEYS)]
    return [path for path, id in about if id not in ids]


def _left_over(workspace: Path) -> Iterator[Path]:
    """Scratch files and folders of processes that are no more. Evaluations take no lock, so a live process may still be at its own."""
    homes = [workspace / store.KEYS, workspace / store.NEEDS]
    for kind, home in store.KINDS.items():
        homes += [workspace / home.folder, *_folders_in(workspace / home.folder)] if kind != "unit" else [workspace / home.folder]
    homes += [folder for folder in folders_of(workspace, "run") if folder.name.endswith(".partial")]
    for folder in homes:
        if not _is_plain_folder(folder, workspace):
            continue
        for path in sorted(folder.iterdir()):
            if (found := LEFT_OVER.fullmatch(path.name)) and not _alive(int(found[1])):
                yield path


def _alive(process: int) -> bool:
    """Whether another process of this machine has that number; our own scratch is always finished with."""
    if process == os.getpid():
        return False
    try:
        os.kill(process, 0)
    except ProcessLookupError:
        return False
    except (PermissionError, OverflowError):
        return True
    return True


# Walking


def _is(artefact: store.Artefact, named: store.Parent) -> bool:
    record = artefact.record
    return (record.kind, record.name, record.id) == (named.kind, named.name, named.id)


def folders_of(workspace: Path, kind: str) -> Iterator[Path]:
    """The folders in which artefacts of a kind lie: under their names, but for units."""
    home = workspace / store.KINDS[kind].folder
    if not _is_plain_folder(home, workspace):
        return
    for folder in _folders_in(home):
        if kind == "unit":
            yield folder
        else:
            yield from (one for one in _folders_in(folder) if not one.name.startswith("."))


def _folders_in(folder: Path) -> list[Path]:
    if not folder.is_dir():
        return []
    return sorted(path for path in folder.iterdir() if path.is_dir() and not path.is_symlink())


def _notes(workspace: Path, folder: str) -> list[Path]:
    home = workspace / folder
    if not (_is_plain_folder(home, workspace) and _is_plain_folder(workspace / store.KINDS["build"].folder, workspace)):
        return []
    return sorted(path for path in home.iterdir() if path.is_file() and not path.is_symlink() and not path.name.startswith("."))


def _is_plain_folder(folder: Path, workspace: Path) -> bool:
    """Whether a folder lies in the workspace without a link on the way."""
    return folder.is_dir() and folder.resolve() == workspace.resolve() / folder.relative_to(workspace)


def _build_order(workspace: Path) -> dict[str, int]:
    """When each build was made last, as its place in the log: file times and clocks can go back."""
    made = [entry["id"] for entry in store.logged(workspace, "build") if isinstance(entry.get("id"), str)]
    return {id: number for number, id in enumerate(reversed(made))}


def _waste(path: Path, why: str) -> Waste:
    return Waste(path, why, bytes_in(path))


def bytes_in(path: Path) -> int:
    """Bytes of a file, or of the files below a folder; links count for nothing."""
    if path.is_symlink() or not path.is_dir():
        return 0 if path.is_symlink() else path.lstat().st_size
    return sum(bytes_in(Path(entry)) for entry in os.scandir(path))
