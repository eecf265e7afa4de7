"""The crash sweep: whatever operation on the disk a build dies or fails at, there is the old build or the new one, never something between."""

from __future__ import annotations

import errno
import shutil
from collections.abc import Callable, Iterator, Sequence
from pathlib import Path
from typing import Any

import pytest
from corpus import SCENARIO, Corpus, build_here, make_corpus

from speccraft import shelf, store
from speccraft.build.units import Unit, run_unit
from speccraft.errors import BadEnvironment
from speccraft.verify import verify

FULL, BROKEN = errno.ENOSPC, errno.EIO
SAMPLED = 12
"""Operations that the quick sweep tries, evenly spread; the slow one tries every one, each in one of the ways."""


class Killed(BaseException):
    """The process is dead: nothing that it does afterwards has an effect."""


class FaultyDisk:
    """A disk on which one operation goes wrong.

    A kill ends the process at the n-th operation, in the middle of what it writes; a full disk takes nothing more from then on; a broken one
    fails once. Nothing waits for the real disk: what a machine loses that loses power is not tried here.
    """

    def __init__(self, n: int, fault: int | type[Killed] | None) -> None:
        self.n, self.fault, self.count = n, fault, 0

    def disk(self) -> store.Disk:
        plain = store.Disk()
        return store.Disk(
            open=self._open,
            sync=self._step(lambda descriptor: None),
            rename=self._step(plain.rename),
            make_folder=self._step(plain.make_folder),
            remove_file=self._step(plain.remove_file, frees=True),
            remove_folder=self._step(plain.remove_folder, frees=True),
        )

    def reached(self, *, frees: bool = False) -> None:
        self.count += 1
        if self.fault is Killed and self.count >= self.n:
            raise Killed
        if (self.fault == BROKEN and self.count == self.n and not frees) or (self.fault == FULL and self.count >= self.n and not frees):
            raise OSError(self.fault, "a fault of the disk")

    def _step(self, operation: Callable[..., Any], *, frees: bool = False) -> Callable[..., Any]:
        def step(*arguments: Any, **options: Any) -> Any:
            self.reached(frees=frees)
            return operation(*arguments, **options)

        return step

    def _open(self, path: Path, mode: str) -> FaultyFile:
        self.reached()
        return FaultyFile(self, path.open(mode, buffering=0))


class FaultyFile:
    """An open file on a faulty disk, without buffers: what was written before a death is in it."""

    def __init__(self, faulty: FaultyDisk, file: Any) -> None:
        self._faulty, self._file = faulty, file

    def write(self, content: bytes) -> int:
        content = bytes(content)
        try:
            self._faulty.reached()
        except BaseException:
            self._file.write(content[: len(content) // 2])
            raise
        self._file.write(content)
        return len(content)

    def __getattr__(self, name: str) -> Any:
        return getattr(self._file, name)

    def __enter__(self) -> FaultyFile:
        return self

    def __exit__(self, *_: object) -> None:
        self._file.close()


def in_process(units: Sequence[Unit], cache: Path, *, on_done: Callable[[Unit], None], **_: object) -> dict[str, Path]:
    """The engine without worker processes, so that units are written to the faulty disk as well."""
    done = {}
    for unit in units:
        done[unit.name] = run_unit(unit, cache, lambda _input: None)
        on_done(unit)
    return done


@pytest.fixture(autouse=True)
def _one_process(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("speccraft.build.run.run_local", in_process)
    # The page is one file of many; compiling its template takes four fifths of a small build.
    monkeypatch.setattr("speccraft.report.page.render_report", lambda report: f"<p>{len(report)}</p>\n")
    monkeypatch.setattr("speccraft.store.disk", FaultyDisk(0, None).disk())


@pytest.fixture(scope="module")
def small(tmp_path_factory: pytest.TempPathFactory) -> Corpus:
    """A corpus whose build writes little."""
    corpus = make_corpus(tmp_path_factory.mktemp("small"), environment={"place": "studio", "sampling_rate": 8000}, sources=SCENARIO["sources"][:1])
    corpus.write_rows([row for row in corpus.rows if row["text"] in ("ba", "di")])
    return corpus


OLD, NEW = "2026-01-01", "2026-01-02"
Start = Callable[[Corpus, Path], None]


def nothing(corpus: Corpus, workspace: Path) -> None:
    """The first build of a workspace."""


def an_old_build(corpus: Corpus, workspace: Path) -> None:
    """The build of another day is there, with its cached work."""
    build_here(corpus, workspace, as_of=OLD)


def operations(corpus: Corpus, start: Start, folder: Path, monkeypatch: pytest.MonkeyPatch) -> int:
    """How many operations an undisturbed build takes."""
    start(corpus, folder)
    counting = FaultyDisk(0, None)
    with monkeypatch.context() as patch:
        patch.setattr("speccraft.store.disk", counting.disk())
        build_here(corpus, folder, as_of=NEW)
    return counting.count


def need_old_or_new(workspace: Path, ids: dict[str, str]) -> None:
    """Everything that can be seen is whole, and the current build is one of the two."""
    current = store.current(workspace, "build", "tiny")
    assert current is None or current.record.id in ids.values()
    seen = shelf.shelf_of(workspace) if (workspace / "builds").exists() or (workspace / "cache/units").exists() else None
    for artefact in seen.artefacts if seen else ():
        assert verify(artefact.path).problems == []
        assert artefact.record.kind == "unit" or artefact.record.id in ids.values()
    assert seen is None or seen.damaged == ()
    for folder in visible(workspace / "builds/tiny") + visible(workspace / "cache/units"):
        assert {(folder / kind.record).exists() for kind in store.KINDS.values()} == {True, False}, f"{folder} is half an artefact"


def visible(folder: Path) -> list[Path]:
    return [path for path in folder.iterdir() if path.is_dir() and not path.name.startswith(".")] if folder.exists() else []


def hidden(workspace: Path) -> Iterator[Path]:
    return (path for path in workspace.rglob(".*") if path.name != ".lock")


def sweep(corpus: Corpus, start: Start, fault: int | type[Killed], steps: Sequence[int], tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    ids = {day: build_here(corpus, tmp_path / f"whole-{day}", as_of=day).artefact.record.id for day in (OLD, NEW)}
    begun = tmp_path / "begun"
    begun.mkdir()
    start(corpus, begun)
    stopped = 0
    for step in steps:
        workspace = Path(shutil.copytree(begun, tmp_path / f"at-{step}"))
        with monkeypatch.context() as patch:
            patch.setattr("speccraft.store.disk", FaultyDisk(step, fault).disk())
            try:
                build_here(corpus, workspace, as_of=NEW)
            except (Killed, BadEnvironment):
                stopped += 1
        need_old_or_new(workspace, ids)
        again = build_here(corpus, workspace, as_of=NEW).artefact
        assert again.record.id == ids[NEW]
        assert verify(again.path).problems == []
        need_old_or_new(workspace, ids)
        assert not list(workspace.glob("*/*/.scratch-*")), "the next build sweeps scratch folders away"
        found = shelf.shelf_of(workspace)
        shelf.remove(shelf.collect(found))
        assert list(hidden(workspace)) == []
        assert verify(again.path).problems == []
        shutil.rmtree(workspace)
    # A removal that fails loses nothing, so not every fault stops a build.
    assert stopped == len(steps) if fault is Killed else stopped > len(steps) / 2


CASES = [
    pytest.param(start, fault, id=f"{name} after {start.__name__}")
    for start in (nothing, an_old_build)
    for name, fault in (("killed", Killed), ("disk full", FULL), ("disk broken", BROKEN))
]


@pytest.mark.slow
@pytest.mark.parametrize(("start", "fault"), CASES)
def test_a_build_that_dies_or_fails_leaves_the_old_one_or_the_new_one(
    small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, start: Start, fault: int | type[Killed]
) -> None:
    last = operations(small, start, tmp_path / "counted", monkeypatch)
    steps = sorted({round(1 + (last - 1) * part / (SAMPLED - 1)) for part in range(SAMPLED)})
    sweep(small, start, fault, steps, tmp_path, monkeypatch)


@pytest.mark.slow
@pytest.mark.parametrize("number", range(len(CASES)))
def test_every_operation_goes_wrong_in_one_of_the_ways_and_leaves_nothing_between(
    small: Corpus, tmp_path: Path, monkeypatch: pytest.MonkeyPatch, number: int
) -> None:
    """All cases together try every operation once; every operation in every way takes five minutes, and passed on 2026-11-23."""
    start, fault = CASES[number].values
    last = operations(small, start, tmp_path / "counted", monkeypatch)
    assert last > 50
    sweep(small, start, fault, range(1 + number, last + 1, len(CASES)), tmp_path, monkeypatch)
