"""One training from a build and a recipe to a committed run; a killed one goes on after its last committed stage."""

from __future__ import annotations

import shutil
import tempfile
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from speccraft import __version__, store
from speccraft.errors import BrokenIntegrity, SpeccraftError, WrongUsage
from speccraft.scenario.job import Stage

from .offline import go_offline
from .recipe import Recipe, StageRecipe

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .data import Cuts, Dialogues
    from .stage import OnProgress

STAGES = ("pretrain", "align")
"""Stages that can be trained, in the only order that makes sense."""


@dataclass(frozen=True)
class Order:
    """What was asked for, and where it goes."""

    build: store.Artefact
    workspace: Path
    recipe: Recipe
    stages: tuple[str, ...]
    name: str
    seed: int

    @property
    def id(self) -> str:
        """Digest of everything that decides what the run becomes."""
        decisive = {"build": self.build.digest, "recipe": self.recipe.model_dump(mode="json"), "stages": self.stages, "seed": self.seed, "version": __version__}
        return store.digest_of(decisive)[:16]

    @property
    def final(self) -> Path:
        """Where the committed run stands."""
        return self.workspace / store.KINDS["run"].folder / self.name / self.id

    @property
    def partial(self) -> Path:
        """Where the run grows until it is committed."""
        return self.final.with_name(f"{self.id}.partial")

    @property
    def sampling_rate(self) -> int:
        """Of the build, in Hz."""
        return int(self.build.record.info["sampling_rate"])


def train(
    build: Path, workspace: Path, recipe: Recipe, *, stages: Sequence[str], name: str, seed: int = 0, on_progress: OnProgress = lambda *_: None
) -> store.Artefact:
    """Train the stages on a committed build, or return the committed run that already did.

    Raises:
        SpeccraftError: a stage cannot be trained, or the build holds nothing for it.
        BrokenIntegrity: the build is damaged.
        Locked: another process trains under the same name.
    """
    order = Order(store.open_artefact(build, "build"), workspace, recipe, _in_order(stages), name, seed)
    with store.locked(order.final.parent):
        if not (order.final / store.KINDS["run"].record).is_file():
            store.check_files(order.build)
            _train(order, on_progress)
        run = store.open_artefact(order.final, "run")
    store.set_current(workspace, run)
    return run


def _in_order(stages: Sequence[str]) -> tuple[str, ...]:
    unknown = [stage for stage in stages if stage not in STAGES]
    if unknown:
        if unknown[0] not in get_args(Stage):
            raise WrongUsage(f"there is no stage '{unknown[0]}'", try_this=f"one of {', '.join(STAGES)}")
        raise SpeccraftError(f"stage '{unknown[0]}' cannot be trained by this version", try_this=f"training.stages: [{', '.join(STAGES)}]")
    if not stages or tuple(stages) != tuple(stage for stage in STAGES if stage in stages):
        raise SpeccraftError(f"stages [{', '.join(stages)}] cannot be trained in this order", try_this=f"training.stages: [{', '.join(STAGES)}]")
    return tuple(stages)


def _train(order: Order, on_progress: OnProgress) -> None:
    go_offline()
    import torch

    from .data import read_cuts

    torch.set_num_threads(order.recipe.threads)
    cuts = read_cuts(order.build.path, "train")
    _check_lengths(cuts, order.recipe)
    work = {stage: _dialogues(order, stage, cuts) for stage in order.stages}
    done = _take_up(order)
    for stage in order.stages[len(done) :]:
        done.append(_train_stage(order, stage, work[stage], cuts, done[-1] if done else None, on_progress))
    _commit(order, done, _left_out(order, cuts))


def _check_lengths(cuts: Cuts, recipe: Recipe) -> None:
    """Nothing is cut short silently: what the model cannot hear whole is refused before training."""
    slowest = (1 - recipe.augment.tempo) * (1 - recipe.augment.speed)
    limit = recipe.model.longest_audio_s * slowest
    too_long = int((cuts.seconds > limit).sum())
    if too_long:
        worst, seconds = cuts.names[int(cuts.seconds.argmax())], float(cuts.seconds.max())
        raise SpeccraftError(
            f"{too_long} training cuts are longer than the {limit:g} s that this recipe's model can hear; {worst} has {seconds:.1f} s",
            try_this=f"a shorter job.longest_utterance_s in the scenario, or --set model.longest_audio_s={seconds / slowest + 1:.0f}.0",
        )


def _dialogues(order: Order, stage: str, cuts: Cuts) -> Dialogues:
    """What a stage learns from."""
    from .data import dialogues, transcripts

    found = transcripts(cuts, untranscribed=_learns_untranscribed(order, cuts)) if stage == "pretrain" else dialogues(order.build.path, "train", cuts)
    if not len(found) or (stage == "pretrain" and not bool((cuts.is_for_pretraining & cuts.is_transcribed).any())):
        missing = "training cut with a transcript" if stage == "pretrain" else "demonstration for training"
        alone = len(found) and "speech without words teaches the encoder alone: add some with transcripts"
        raise SpeccraftError(
            f"{order.build.path}: holds no {missing}, so stage '{stage}' cannot be trained",
            try_this=alone or f"a speech source with `stages: [{stage}]`, or `training.stages` without it",
        )
    return found


def _left_out(order: Order, cuts: Cuts) -> int:
    """How many training cuts without words the recipe does not learn from."""
    is_there = "pretrain" in order.stages and not _learns_untranscribed(order, cuts)
    return int((cuts.is_for_pretraining & ~cuts.is_transcribed).sum()) if is_there else 0


def _learns_untranscribed(order: Order, cuts: Cuts) -> bool:
    """Whether there is speech without words, and the recipe learns from it."""
    return order.recipe.pretrain.masked_weight > 0 and bool((cuts.is_for_pretraining & ~cuts.is_transcribed).any())


def _take_up(order: Order) -> list[store.Artefact]:
    """Checkpoints that an earlier, killed training of the same run committed whole; everything else it left is removed."""
    done: list[store.Artefact] = []
    for stage in order.stages:
        checkpoint = _committed_stage(order, stage)
        if checkpoint is None:
            break
        done.append(checkpoint)
    kept = {artefact.path for artefact in done}
    for path in [*order.partial.glob("*"), *(order.partial / "checkpoints").glob("*")]:
        if path not in kept and path.name != "checkpoints":
            shutil.rmtree(path) if path.is_dir() else path.unlink()
    return done


def _committed_stage(order: Order, stage: str) -> store.Artefact | None:
    """The stage's checkpoint; a damaged one does not count, since training it again gives the same bytes."""
    folder = order.partial / "checkpoints" / stage
    if not (folder / store.KINDS["checkpoint"].record).is_file():
        return None
    try:
        checkpoint = store.open_artefact(folder, "checkpoint")
        store.check_files(checkpoint)
    except BrokenIntegrity as error:
        store.log(order.workspace, "a damaged checkpoint is trained again", run=order.id, stage=stage, problem=error.message)
        return None
    return checkpoint


def _train_stage(order: Order, stage: str, work: Dialogues, cuts: Cuts, before: store.Artefact | None, on_progress: OnProgress) -> store.Artefact:
    """Train one stage from the checkpoint before it, and commit what it became."""
    from . import checkpoint as checkpoints

    rows: list[dict[str, Any]] = []

    def report(stage: str, step: int, total_steps: int, metrics: Mapping[str, float]) -> None:
        rows.append({"stage": stage, "step": step, **metrics})
        store.append_line(order.partial / "metrics.jsonl", rows[-1])
        on_progress(stage, step, total_steps, metrics)

    # always from the committed bytes, so that an undisturbed run and a continued one are the same
    start = checkpoints.load(before) if before else checkpoints.fresh(order.recipe, order.sampling_rate, order.seed)
    _fit(order, stage, start, work, cuts, report)
    final = order.partial / "checkpoints" / stage
    final.parent.mkdir(parents=True, exist_ok=True)
    with store.scratch_folder(order.partial) as scratch:
        checkpoints.save(start, scratch)
        store.write_bytes(scratch / "metrics.jsonl", store.json_lines(rows))
        parents = [order.build.as_parent] if before is None else [order.build.as_parent, before.as_parent]
        info = {"stage": stage, "dialogues": len(work)}
        return store.commit(scratch, final, kind="checkpoint", name=order.name, id=f"{order.id}-{stage}", derives_from=parents, info=info)


def _fit(order: Order, stage: str, checkpoint: Checkpoint, work: Dialogues, cuts: Cuts, report: OnProgress) -> None:
    from .data import PlacedAudio, SpeechDialogues
    from .loader import EndlessLoader
    from .stage import Session

    recipe: StageRecipe = getattr(order.recipe, stage)
    audio = PlacedAudio(order.build.path, cuts, order.sampling_rate, order.recipe.augment, order.seed)
    dataset = SpeechDialogues(work, audio, checkpoint.tokenizer, checkpoint.collator(order.recipe.augment.vocal_tract_warp))
    loader = EndlessLoader(dataset, recipe.batch_audio_s, recipe.buckets, order.seed, order.recipe.loader_workers)
    with tempfile.TemporaryDirectory() as folder:
        session = Session(stage, checkpoint, loader, recipe, order.seed, folder, report)
        if stage == "pretrain":
            from .pretrain import pretrain

            pretrain(session, order.recipe.pretrain, untranscribed=_learns_untranscribed(order, cuts))
        else:
            from .align import align

            align(session)


def _commit(order: Order, done: Sequence[store.Artefact], left_out: int) -> store.Artefact:
    store.write_bytes(order.partial / "recipe.yaml", order.recipe.as_yaml())
    # rows that a killed training left for a stage it never committed are not rows of this run
    metrics = b"".join((checkpoint.path / "metrics.jsonl").read_bytes() for checkpoint in done)
    store.write_bytes(order.partial / "metrics.jsonl", metrics)
    info = {
        "stages": list(order.stages),
        "seed": order.seed,
        "sampling_rate": order.sampling_rate,
        "scenario": order.build.record.info["scenario"],
        "left_out": left_out,
    }
    counts = {"metrics.jsonl": metrics.count(b"\n")}
    parents = [order.build.as_parent]
    return store.commit(order.partial, order.final, kind="run", name=order.name, id=order.id, derives_from=parents, info=info, counts=counts)
