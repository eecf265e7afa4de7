"""One stage of a run: trained from the checkpoint before it, gone on with where it was interrupted, and committed."""

from __future__ import annotations

import tempfile
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speccraft import store
from speccraft.errors import SpeccraftError

from .board import Board
from .order import Order, Resuming, begun, note, shown
from .ranks import Ranks
from .recipe import StageRecipe

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .data import Cuts, Dialogues
    from .dev import Dev
    from .interrupt import Interruptible
    from .saved import Saved, Shelf
    from .stage import Keeping, OnProgress, OnStep

STATES, BEST = "states", "best"
"""Folders of an unfinished run: states to go on from, and the best weights so far."""


@dataclass(frozen=True)
class Listeners:
    """Who hears what of a training.

    Attributes:
        board: folder for TensorBoard; None for none.
    """

    on_progress: OnProgress
    on_step: OnStep
    say: Callable[[str], None]
    board: Path | None = None


@dataclass(frozen=True)
class Training:
    """What all stages of a run share while it trains."""

    order: Order
    ranks: Ranks
    resuming: Resuming
    listeners: Listeners
    interruptible: Interruptible
    cuts: Cuts

    def stage(self, stage: str, work: Dialogues, before: store.Artefact | None) -> store.Artefact:
        """Train one stage, and commit what it became."""
        from . import checkpoint as checkpoints
        from .opening import begin
        from .speaking import voiced

        order, recipe = self.order, getattr(self.order.recipe, stage)

        # always from the committed bytes, so that an undisturbed run and a continued one are the same
        def beginning() -> Checkpoint:
            return checkpoints.load(before) if before else begin(order.recipe, order.sampling_rate, order.seed)

        start = voiced(order, beginning())
        parents = (order.build.as_parent,) if before is None else (order.build.as_parent, before.as_parent)
        keeping = self._keeping(stage, recipe, start, parents)
        if stage == "prefer":
            from .preferring import make_pairs

            make_pairs(self, start, parents)
        fit(self, stage, start, work, keeping, self._report(keeping.rows))
        if self.ranks.leads:
            info: dict[str, Any] = {"dialogues": len(work)}
            files: dict[str, bytes] = {}
            if stage == "prefer":
                from .preferring import outcome

                info, files = outcome(self, beginning(), start)
            self._commit(stage, start, info, files, parents, keeping)
        self.ranks.told()
        return store.open_artefact(order.partial / "checkpoints" / stage, "checkpoint")

    def _keeping(self, stage: str, recipe: StageRecipe, start: Checkpoint, parents: tuple[store.Parent, ...]) -> Keeping:
        from .saved import Shelf
        from .stage import Keeping

        order = self.order
        fields = order.fields() | {"tokenizer": store.digest_of(start.tokenizer.get_vocab())}
        shelf = Shelf(order.partial / STATES / stage, order.name, stage, parents, fields, recipe.saved, self.listeners.say)
        best = replace(shelf, folder=order.partial / BEST / stage, keep=1)
        resumed = self._resumed(shelf, recipe)
        rows = list(resumed.rows) if resumed else []
        return Keeping(shelf, best, resumed, _dev(self, stage, start, recipe), self.interruptible, rows)

    def _resumed(self, shelf: Shelf, recipe: StageRecipe) -> Saved | None:
        """What this stage goes on from; what differs was allowed, and is written down."""
        before = begun(self.order.partial)["changed"]
        resumed = shelf.newest(replace(self.resuming, allowed=(*self.resuming.allowed, *before)))
        self.ranks.told()
        if resumed is None:
            return None
        self.listeners.say(f"{shelf.stage}: going on from step {resumed.step} of {recipe.steps}")
        if self.ranks.leads and (new := {name: values for name, values in resumed.changed.items() if name not in before}):
            note(self.order, new)
            self.listeners.say("\n".join(["going on with what differs, as allowed:", *(f"  {line}" for line in shown(new))]))
        return resumed

    def _report(self, rows: list[dict[str, Any]]) -> OnProgress:
        board = Board(self.listeners.board if self.ranks.leads else None, self.listeners.say)

        def report(stage: str, step: int, total_steps: int, metrics: Mapping[str, float]) -> None:
            rows.append({"stage": stage, "step": step, **metrics})
            if self.ranks.leads:
                store.append_line(self.order.partial / "metrics.jsonl", rows[-1])
                board.add(stage, step, metrics)
                self.listeners.on_progress(stage, step, total_steps, metrics)

        return report

    def _commit(
        self, stage: str, trained: Checkpoint, said: dict[str, Any], files: dict[str, bytes], parents: tuple[store.Parent, ...], keeping: Keeping
    ) -> None:
        from . import checkpoint as checkpoints

        order, final = self.order, self.order.partial / "checkpoints" / stage
        final.parent.mkdir(parents=True, exist_ok=True)
        with store.scratch_folder(order.partial) as scratch:
            checkpoints.save(trained, scratch)
            store.write_bytes(scratch / "metrics.jsonl", store.json_lines(keeping.rows))
            for name, content in files.items():
                store.write_bytes(scratch / name, content)
            info = {"stage": stage, **said, **keeping.outcome}
            store.commit(scratch, final, kind="checkpoint", name=order.name, id=f"{order.id}-{stage}", derives_from=parents, info=info)
        for folder in (keeping.shelf.folder, keeping.best.folder):
            if folder.exists():
                store.remove(folder)


def fit(
    training: Training,
    stage: str,
    checkpoint: Checkpoint,
    work: Dialogues,
    keeping: Keeping | None,
    report: OnProgress,
    *,
    longest_first: bool = False,
) -> None:
    """Train a stage's steps, or what is left of them, in place."""
    from .parts import prepared
    from .stage import Session

    order, recipe, said = training.order, getattr(training.order.recipe, stage), training.listeners
    with ExitStack() as stack:
        folder = stack.enter_context(tempfile.TemporaryDirectory())
        stack.enter_context(prepared(checkpoint.model, checkpoint.parts(), recipe, seed=order.seed))
        if order.recipe.sharded and training.ranks.world > 1:
            from .sharded import shared_out

            checkpoint = stack.enter_context(shared_out(checkpoint, training.ranks))
        loader = loader_of(training, stage, checkpoint, work)
        loader.longest_first = longest_first
        if keeping is not None and keeping.resumed is not None:
            loader.load_state_dict(dict(keeping.resumed.loader))
        session = Session(stage, checkpoint, loader, recipe, order.seed, folder, report, said.on_step, training.ranks, keeping)
        if checkpoint.kind != "speech-lm":
            from .adapted import train_adapted

            train_adapted(session)
        elif stage == "pretrain":
            from .data import learns_untranscribed
            from .pretrain import pretrain

            pretrain(session, order.recipe.pretrain, untranscribed=learns_untranscribed(order.recipe, training.cuts))
        elif stage == "prefer":
            from .prefer import prefer
            from .preferring import settings

            prefer(session, settings(order))
        else:
            from .align import align

            align(session)


def loader_of(training: Training, stage: str, checkpoint: Checkpoint, work: Dialogues) -> Any:
    """The batches of a stage."""
    from .data import PlacedAudio, SpeechDialogues
    from .loader import EndlessLoader
    from .speaking import aloud_of

    order, recipe = training.order, getattr(training.order.recipe, stage)
    dataset: Any
    if stage == "prefer":
        from .preferring import dataset as preferences

        dataset = preferences(training, checkpoint)
    else:
        audio = PlacedAudio(order.build.path, training.cuts, order.sampling_rate, order.recipe.augment, order.seed)
        collator: Any = checkpoint.collator(order.recipe.augment.vocal_tract_warp)
        if stage == "align" and order.recipe.align.longest_tokens is not None:
            if checkpoint.kind != "speech-lm":
                raise SpeccraftError(f"a model of kind {checkpoint.kind} takes no dialogues that could be cut off", try_this="leave out align.longest_tokens")
            collator = replace(collator, longest_tokens=order.recipe.align.longest_tokens)
        dataset = SpeechDialogues(work, audio, checkpoint.tokenizer, collator, aloud_of(order, checkpoint, stage))
    return EndlessLoader(dataset, recipe.batch_audio_s, recipe.buckets, order.seed, order.recipe.loader_workers, ranks=training.ranks)


def _dev(training: Training, stage: str, checkpoint: Checkpoint, recipe: StageRecipe) -> Dev | None:
    """What is looked at in the middle of a stage; None where nothing is, or the dev split holds nothing for it."""
    from .data import dialogues, read_cuts, transcripts
    from .dev import Dev, HeldOut, some
    from .speaking import aloud_of

    if not recipe.evaluate_every:
        return None
    build, answer = training.order.build.path, training.order.recipe.answer
    cuts = read_cuts(build, "dev")
    if stage == "prefer":
        from .preferring import wanted

        held_out = wanted(build, "dev", cuts)
    else:
        held_out = transcripts(cuts) if stage == "pretrain" else dialogues(build, "dev", cuts)
    aloud = aloud_of(training.order, checkpoint, stage)
    if aloud is not None and not len(held_out):
        from .voice import repeated

        held_out = repeated(aloud.voice, cuts, None, training.order.seed)
    found = some(held_out, recipe.evaluate_dialogues, training.order.seed)
    if not found:
        return None
    collator, adapter = checkpoint.collator(), checkpoint.adapter
    return Dev(found, HeldOut(build, "dev"), checkpoint.tokenizer, collator, answer.batch_audio_s, answer.max_new_tokens, adapter, aloud)
