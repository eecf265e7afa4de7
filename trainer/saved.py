"""States of a stage in training, committed and hashed: the newest whole one is gone on from, and what is damaged is said aloud."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from speccraft import store
from speccraft.errors import BadEnvironment, BrokenIntegrity, SpeccraftError, UnreadableInput

from .order import Resuming, need_same
from .state import OPTIMIZER, POSITION, RANDOM, WEIGHTS, State, read, write

ROWS, ABOUT = "metrics.jsonl", "about.json"
PARTS = {ABOUT: "step", WEIGHTS: "weights", OPTIMIZER: "optimizer", POSITION: "schedule", RANDOM: "random numbers"}
"""What a state has to hold, by how the names of its files begin."""
Say = Callable[[str], None]


@dataclass(frozen=True)
class Saved:
    """A state that training goes on from.

    Attributes:
        step: optimiser steps that were done.
        loader: where the stream of batches stood.
        rows: rows of metrics up to that step.
        best: what was measured of the best weights so far, with their step; None before the first look.
        changed: what differs, allowed, from what trained it.
    """

    step: int
    state: State
    loader: Mapping[str, int]
    rows: tuple[dict[str, Any], ...]
    best: Mapping[str, float] | None
    changed: Mapping[str, tuple[str, str]]


@dataclass(frozen=True)
class Shelf:
    """Where the states of one stage are kept.

    Attributes:
        fields: what is trained, as `Order.fields` says it.
    """

    folder: Path
    name: str
    stage: str
    parents: tuple[store.Parent, ...]
    fields: Mapping[str, str]
    keep: int
    say: Say

    def save(self, state: State, step: int, loader: Mapping[str, int], rows: Sequence[Mapping[str, Any]], best: Mapping[str, float] | None) -> bool:
        """Commit a state, then remove the oldest; a full disk is said, and training goes on with the states there are.

        Raises:
            SpeccraftError: a weight is not a number.
        """
        if not state.is_finite:
            raise SpeccraftError(f"{self.stage}: a weight is not a number at step {step}", try_this="a lower learning_rate")
        # In a file of its own and not in the commit record, which holds the digests of files and none of itself.
        about = {"step": step, "loader": dict(loader), "best": dict(best) if best else None, "fields": dict(self.fields)}
        try:
            with store.scratch_folder(self.folder) as scratch:
                write(state, scratch)
                store.write_bytes(scratch / ABOUT, store.canonical_json(about))
                store.write_bytes(scratch / ROWS, store.json_lines([dict(row) for row in rows]))
                final = self.at(step)
                if final.exists():
                    store.remove(final)
                info = {"stage": self.stage, "step": step}
                store.commit(scratch, final, kind="state", name=self.name, id=f"{self.stage}-{step}", derives_from=self.parents, info=info)
        except BadEnvironment as error:
            self.say(f"{self.stage}: the state at step {step} was not saved, training goes on: {error.message}")
            return False
        for folder in self._folders()[: -self.keep]:
            store.remove(folder)
        return True

    def newest(self, resuming: Resuming) -> Saved | None:
        """The newest whole state; None where there is none.

        Raises:
            BrokenIntegrity: one is damaged, and none may be.
            SpeccraftError: only weights are left, or the state was trained by something else.
        """
        damaged: list[tuple[Path, str]] = []
        for folder in reversed(self._folders()):
            try:
                artefact = whole(folder)
            except (BrokenIntegrity, UnreadableInput) as error:
                if resuming.strict:
                    raise
                self.say(f"{self.stage}: {folder.name} is damaged and not used: {error.message}")
                damaged.append((folder, error.message))
                continue
            return self._saved(artefact, resuming)
        return self._without(damaged, resuming) if damaged else None

    def at(self, step: int) -> Path:
        """Where the state of a step is."""
        return self.folder / f"step-{step:08}"

    def best_of(self, best: Mapping[str, float] | None) -> Mapping[str, float] | None:
        """What was measured of the best weights, if they are still whole; else they are found again as they were found before."""
        try:
            return best if best and whole(self.at(int(best["step"]))) else None
        except (BrokenIntegrity, UnreadableInput):
            return None

    def _without(self, damaged: Sequence[tuple[Path, str]], resuming: Resuming) -> Saved | None:
        """What can be done where no state is whole: weights alone, if that is wanted and they are; else the stage begins anew."""
        for folder, problem in damaged:
            if not _has_whole(folder, ABOUT, WEIGHTS):
                continue
            artefact = store.open_artefact(folder, "state")
            if not resuming.weights_only:
                what = f"{self.stage}: {folder.name} has its weights, and not all that is needed to go on exactly: {problem}"
                raise SpeccraftError(what, try_this="--weights-only goes on from the weights with a fresh optimizer; --restart begins anew")
            self.say(f"{self.stage}: going on from the weights of {folder.name} alone, with a fresh optimizer")
            return self._saved(artefact, resuming, weights_only=True)
        self.say(f"{self.stage}: no saved state is whole, so the stage begins anew")
        return None

    def _saved(self, artefact: store.Artefact, resuming: Resuming, *, weights_only: bool = False) -> Saved:
        path = artefact.path
        about = from_json((path / ABOUT).read_bytes())
        changed = need_same(about["fields"], self.fields, resuming.allowed, f"{self.stage} {path.name}")
        rows = () if weights_only else tuple(from_json(line) for line in (path / ROWS).read_bytes().splitlines())
        return Saved(about["step"], read(path, weights_only=weights_only), about["loader"], rows, about["best"], changed)

    def _folders(self) -> list[Path]:
        """States in the order of their steps, whatever the clock said when they were written."""
        return sorted(self.folder.glob("step-*"))


def whole(folder: Path) -> store.Artefact:
    """A committed state, every byte as it was written and nothing missing.

    Raises:
        BrokenIntegrity: it is damaged.
        UnreadableInput: it was never committed.
    """
    artefact = store.open_artefact(folder, "state")
    store.check_files(artefact)
    names = [entry.path for entry in artefact.record.files]
    for begin, what in PARTS.items():
        if not any(name.startswith(begin) for name in names):
            raise BrokenIntegrity(f"{folder}: holds no {what}", try_this="--weights-only, or --restart")
    return artefact


def _has_whole(folder: Path, *parts: str) -> bool:
    """Whether these parts of a state are there, as they were written."""
    try:
        artefact = store.open_artefact(folder, "state")
        for part in parts:
            store.check_files(artefact, prefix=part)
    except (BrokenIntegrity, UnreadableInput):
        return False
    return all(any(entry.path.startswith(part) for entry in artefact.record.files) for part in parts)
