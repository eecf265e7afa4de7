"""One training from a build and a recipe to a committed run; an interrupted one goes on exactly where it was."""

from __future__ import annotations

import sys
from collections.abc import Callable, Iterator, Sequence
from contextlib import nullcontext
from dataclasses import replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, get_args

from speccraft import store
from speccraft.errors import BrokenIntegrity, SpeccraftError, UnreadableInput, WrongUsage
from speccraft.rights.doors import need_build, papers_of, scenario_of, today
from speccraft.scenario.job import Stage

from .offline import go_offline
from .order import EXACTLY, ORDER_FILE, Order, Resuming, begun, differences, note, shown, taken_over, unfinished
from .ranks import ALONE, Ranks, joined
from .recipe import Recipe
from .sources import admit, digests
from .training import BEST, STATES, Listeners, Training

if TYPE_CHECKING:
    from speccraft.rights.papers import Papers

    from .data import Cuts, Dialogues
    from .preflight import Tried
    from .stage import OnProgress, OnStep

STAGES = ("pretrain", "align", "prefer")
"""Stages that can be trained, in the only order that makes sense."""


def train(
    build: Path,
    workspace: Path,
    recipe: Recipe,
    *,
    stages: Sequence[str],
    name: str,
    seed: int = 0,
    resuming: Resuming = EXACTLY,
    on_progress: OnProgress = lambda *_: None,
    on_step: OnStep = lambda *_: None,
    say: Callable[[str], None] = lambda text: print(text, file=sys.stderr),
    board: Path | None = None,
    papers: Papers | None = None,
) -> store.Artefact:
    """Train the stages on a committed build, or return the committed run that already did; every process of a distributed training calls it alike.

    Args:
        say: told what a user should know: what is damaged, what is gone on from.
        board: folder for TensorBoard, which gets the rows of metrics too.
        papers: what is on file about rights today; None reads it beside the workspace, where the scenario is unless somebody moved it.

    Raises:
        RefusedByRights: something in the build, the assistant's voice or a base model may not serve what is intended, or not any more.
        SpeccraftError: a stage cannot be trained, the build holds nothing for it, or an earlier training of it differs in what it must not.
        BrokenIntegrity: the build is damaged, or a saved state where that is not to be passed over.
        Locked: another process trains under the same name.
        KeyboardInterrupt, SystemExit: the state was saved when asked to stop; the same call goes on from it.
    """
    ranks = joined()
    order = _ordered(build, workspace, recipe, _in_order(stages), name, seed, papers, ranks)
    listeners = Listeners(on_progress, on_step, say if ranks.leads else _silent, board)
    with store.locked(order.final.parent) if ranks.leads else nullcontext():
        order = replace(order, continues=ranks.told(_begin(order, resuming, say).continues if ranks.leads else None))
        if not ranks.told((order.final / store.KINDS["run"].record).is_file()):
            _train(order, ranks, resuming, listeners)
        run = store.open_artefact(order.final, "run")
        if ranks.leads:
            store.set_current(workspace, run)
    return run


def _ordered(build: Path, workspace: Path, recipe: Recipe, stages: tuple[str, ...], name: str, seed: int, papers: Papers | None, ranks: Ranks) -> Order:
    """The order, once rights allow it."""
    artefact, base = store.open_artefact(build, "build"), recipe.model.base
    codec = recipe.speech_out.checkpoint if "speech" in scenario_of(artefact).job.output else None
    admit(base, need_build(artefact, papers or papers_of(artefact, workspace.parent, today())), codec)
    return Order(artefact, workspace, recipe, stages, name, seed, ranks.world, bases=ranks.told(digests(base, codec) if ranks.leads else None))


def preflight(
    build: Path, workspace: Path, recipe: Recipe, *, stages: Sequence[str], name: str, seed: int = 0, papers: Papers | None = None
) -> Iterator[Tried]:
    """Check a training without beginning it: rights, whole data that fits the recipe, and memory and time of each stage by running its longest batch.

    The stage `prefer` is not tried: its pairs are answers of the model that the stages before it make.

    Raises:
        RefusedByRights: as `train`.
        SpeccraftError: a stage cannot be trained, or the build holds nothing for it.
        BrokenIntegrity: the build is damaged.
    """
    order = _ordered(build, workspace, recipe, _in_order(stages), name, seed, papers, ALONE)
    cuts, work = _looked_up(order, [stage for stage in order.stages if stage != "prefer"])
    from .preflight import try_stage

    for stage, dialogues in work.items():
        yield try_stage(order, stage, dialogues, cuts)


def _silent(text: str) -> None:
    """The leader speaks for all."""


def _begin(order: Order, resuming: Resuming, say: Callable[[str], None]) -> Order:
    """Take over the run that was named, or say which others were begun."""
    if resuming.run:
        return taken_over(order, resuming.run, resuming.allowed)
    if resuming.restart and order.partial.exists():
        store.remove(order.partial)
    for other in unfinished(order) if not (order.partial.exists() or order.final.exists()) else ():
        id = other.name.removesuffix(".partial")
        say("\n".join([f"run {id} was begun and never finished; it differs from this new one:", *(f"  {line}" for line in shown(_difference(order, other)))]))
        say(f"to go on with it instead: --resume {id}, with --allow-change FIELD for what may differ")
    return order


def _difference(order: Order, other: Path) -> dict[str, tuple[str, str]]:
    return differences(begun(other)["fields"], order.fields())


def _in_order(stages: Sequence[str]) -> tuple[str, ...]:
    unknown = [stage for stage in stages if stage not in STAGES]
    if unknown:
        if unknown[0] not in get_args(Stage):
            raise WrongUsage(f"there is no stage '{unknown[0]}'", try_this=f"one of {', '.join(STAGES)}")
        raise SpeccraftError(f"stage '{unknown[0]}' cannot be trained by this version", try_this=f"training.stages: [{', '.join(STAGES)}]")
    if not stages or tuple(stages) != tuple(stage for stage in STAGES if stage in stages):
        raise SpeccraftError(f"stages [{', '.join(stages)}] cannot be trained in this order", try_this=f"training.stages: [{', '.join(STAGES)}]")
    return tuple(stages)


def _train(order: Order, ranks: Ranks, resuming: Resuming, listeners: Listeners) -> None:
    from .interrupt import Interruptible, leave

    cuts, work = _looked_up(order, order.stages, checked=ranks.leads)
    if ranks.leads:
        _tidy(order, resuming, listeners)
    ranks.told()
    done = _committed(order)
    with Interruptible(listeners.say) as interruptible:
        training = Training(order, ranks, resuming, listeners, interruptible, cuts)
        for stage in order.stages[len(done) :]:
            if asked := int(ranks.highest(interruptible.asked)):
                leave(asked)
            done.append(_stage(training, stage, work[stage], done[-1] if done else None))
    if ranks.leads:
        _commit(order, done, _left_out(order, cuts))
    ranks.told()


def _looked_up(order: Order, stages: Sequence[str], *, checked: bool = True) -> tuple[Cuts, dict[str, Dialogues]]:
    """The training cuts, and what each stage learns from.

    Args:
        checked: whether the build's bytes are read and compared; of several processes one does that.
    """
    go_offline()
    import torch

    from .data import read_cuts

    torch.set_num_threads(order.recipe.threads)
    if checked:
        store.check_files(order.build)
    cuts = read_cuts(order.build.path, "train")
    _check_lengths(cuts, order.recipe)
    return cuts, {stage: _dialogues(order, stage, cuts) for stage in stages}


def _stage(training: Training, stage: str, work: Dialogues, before: store.Artefact | None) -> store.Artefact:
    """Train a stage; a batch whose loss is not a number is written down beside the states that are left as they are."""
    from .losses import BadLoss

    try:
        return training.stage(stage, work, before)
    except BadLoss as error:
        if training.ranks.leads:
            store.write_bytes(training.order.partial / "bad-batch.json", store.canonical_json(error.batch))
            error.details = (*error.details, f"all of it: {training.order.partial / 'bad-batch.json'}")
        raise


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
    from .data import dialogues, learns_untranscribed, transcripts

    if stage == "prefer":
        from .preferring import work

        return work(order, cuts)
    from .voice import practised

    found = transcripts(cuts, untranscribed=learns_untranscribed(order.recipe, cuts)) if stage == "pretrain" else dialogues(order.build.path, "train", cuts)
    if order.speaks:
        found = practised(order, stage, cuts, found)
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
    from .data import learns_untranscribed

    is_there = "pretrain" in order.stages and not learns_untranscribed(order.recipe, cuts)
    return int((cuts.is_for_pretraining & ~cuts.is_transcribed).sum()) if is_there else 0


def _tidy(order: Order, resuming: Resuming, listeners: Listeners) -> None:
    """Make the unfinished run's folder what the training goes on from: whole checkpoints of finished stages, and states of the one after them."""
    done: list[store.Artefact] = []
    for stage in order.stages:
        checkpoint = _whole_stage(order, stage, resuming, listeners)
        if checkpoint is None:
            break
        done.append(checkpoint)
    kept = {artefact.path for artefact in done} | {order.partial / folder / stage for folder in (STATES, BEST) for stage in order.stages[len(done) :][:1]}
    kept |= {order.partial / name for name in ("checkpoints", store.KINDS["pairs"].folder, STATES, BEST, ORDER_FILE)}
    for path in [*order.partial.glob("*"), *(path for folder in ("checkpoints", STATES, BEST) for path in (order.partial / folder).glob("*"))]:
        if path not in kept:
            store.remove(path)
    for folder in order.partial.glob(f"*/*/{store.SCRATCH}*"):
        store.remove(folder)
    note(order, {})
    store.write_bytes(order.partial / "recipe.yaml", order.recipe_yaml())
    store.write_bytes(order.partial / "metrics.jsonl", _rows_of(done))


def _whole_stage(order: Order, stage: str, resuming: Resuming, listeners: Listeners) -> store.Artefact | None:
    """The stage's checkpoint; a damaged one does not count, since training it again gives the same bytes."""
    folder = order.partial / "checkpoints" / stage
    if not folder.exists():
        return None
    try:
        checkpoint = store.open_artefact(folder, "checkpoint")
        store.check_files(checkpoint)
    except (BrokenIntegrity, UnreadableInput) as error:
        if resuming.strict:
            raise
        store.log(order.workspace, "a damaged checkpoint is trained again", run=order.id, stage=stage, problem=error.message)
        listeners.say(f"{stage}: its checkpoint is damaged and not used, the stage is trained again: {error.message}")
        return None
    return checkpoint


def _committed(order: Order) -> list[store.Artefact]:
    """Checkpoints of the stages that are finished, after damaged ones were removed."""
    folders = [order.partial / "checkpoints" / stage for stage in order.stages]
    return [store.open_artefact(folder, "checkpoint") for folder in folders if folder.exists()]


def _rows_of(done: Sequence[store.Artefact]) -> bytes:
    """Rows of metrics of finished stages; those that a killed training left for a stage it never finished are not among them."""
    return b"".join((checkpoint.path / "metrics.jsonl").read_bytes() for checkpoint in done)


def _commit(order: Order, done: Sequence[store.Artefact], left_out: int) -> store.Artefact:
    metrics, changed = _rows_of(done), begun(order.partial)["changed"]
    store.write_bytes(order.partial / "metrics.jsonl", metrics)
    for name in (STATES, BEST, ORDER_FILE):
        if (order.partial / name).exists():
            store.remove(order.partial / name)
    info: dict[str, Any] = {
        "stages": list(order.stages),
        "seed": order.seed,
        "sampling_rate": order.sampling_rate,
        # Its digest alone: the text may name people, and a run is passed on.
        "scenario": {"digest": order.build.record.info["scenario"]["digest"]},
        "consent_head": order.build.record.info.get("consent_head", ""),
        "left_out": left_out,
        "processes": order.world,
    }
    # A run that went on although something differed is not the run of its order alone, and says so.
    info |= {name: value for name, value in (("continues", dict(order.continues)), ("changed", changed), ("bases", dict(order.bases))) if value}
    info |= {name: done[-1].record.info[name] for name in ("pairs", "alignment_tax") if name in done[-1].record.info}
    counts = {"metrics.jsonl": metrics.count(b"\n")}
    parents = [order.build.as_parent]
    return store.commit(order.partial, order.final, kind="run", name=order.name, id=order.id, derives_from=parents, info=info, counts=counts)
