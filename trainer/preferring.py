"""What the stage `prefer` learns from: given pairs, automatic ones in an artefact of their own, and what is rehearsed beside them."""

from __future__ import annotations

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING, Any

from speccraft import store
from speccraft.errors import SpeccraftError
from speccraft.scenario.contracts import Pair, Split

from .data import Cuts, Dialogues, PlacedAudio, SpeechDialogues, dialogues, transcripts
from .order import Order
from .pairs import ANSWERS_FILE, how_many, made
from .preferences import PAIRS_FILE, Rehearsal, SpeechPreferences, can_be_learnt, prompts, read_pairs
from .recipe import PreferRecipe
from .speaking import aloud_of
from .tax import alignment_tax, rows, told
from .voice import practised

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .training import Training

TAX_FILE = "tax.json"
FOLDER = store.KINDS["pairs"].folder
KINDS = ("fresh", "speech-lm")
"""Kinds of base whose models hear the audio of a prompt once for two answers."""


def settings(order: Order) -> PreferRecipe:
    """How the stage trains.

    Raises:
        SpeccraftError: the recipe does not say, or starts from a model that cannot learn so.
    """
    recipe = order.recipe
    if recipe.prefer is None:
        raise SpeccraftError("the recipe has no section `prefer`", try_this="--set 'prefer={steps: 60, learning_rate: 0.0003, batch_audio_s: 10.0}'")
    if recipe.model.base.kind not in KINDS:
        what = f"a model of kind {recipe.model.base.kind} cannot be trained by preferences in this version"
        raise SpeccraftError(what, try_this="a recipe of kind speech-lm, or `training.stages` without prefer")
    if order.stages[0] == "prefer" and recipe.model.base.kind == "fresh":
        raise SpeccraftError("stage 'prefer' cannot begin with random weights", try_this="training.stages: [pretrain, align, prefer]")
    return recipe.prefer


def given(order: Order) -> tuple[list[Pair], int]:
    """The build's pairs that the stage can learn from, and how many are left out.

    Raises:
        SpeccraftError: there are none, and none are to be made.
    """
    recipe = settings(order)
    there = order.given_pairs
    usable = [pair for pair in there if can_be_learnt(pair, recipe.method)] if recipe.automatic.share < 1 else []
    if not usable and not recipe.automatic.share:
        raise SpeccraftError(
            f"{order.build.path}: holds no pair for training that {recipe.method} can learn from, so stage 'prefer' cannot be trained",
            try_this="a source of `format: preferences`, or automatic pairs: --set prefer.automatic.share=1",
        )
    return usable, len(there) - len(usable)


def work(order: Order, cuts: Cuts) -> Dialogues:
    """The prompts of given pairs."""
    return prompts(given(order)[0], cuts)


def make_pairs(training: Training, checkpoint: Checkpoint, parents: Sequence[store.Parent]) -> None:
    """Let the model that the stage begins with answer, and commit the pairs that rules make of its answers, unless they are there already.

    They lie in the run's folder, like checkpoints: they come of that run's own model and seed, and a training that goes on finds them there.
    """
    order, recipe = training.order, settings(training.order)
    wanted, folder = how_many(recipe.automatic, len(given(order)[0])), order.partial / FOLDER
    if training.ranks.leads and wanted and not store.is_whole(folder, "pairs"):

        def answered(done: int, total: int) -> None:
            training.listeners.on_step("prefer: answers", done, total)

        answer, seed = order.recipe.answer, order.seed
        files = made(checkpoint, order.build, training.cuts, recipe.automatic, answer, wanted=wanted, seed=seed, on_answered=answered)
        with store.scratch_folder(order.partial) as scratch:
            for name, content in files.items():
                store.write_bytes(scratch / name, content)
            counts = {name: content.count(b"\n") for name, content in files.items()}
            store.commit(scratch, folder, kind="pairs", name=order.name, id=f"{order.id}-pairs", derives_from=parents, counts=counts)
        training.listeners.say(f"prefer: {counts[PAIRS_FILE]} pairs made by rules, of {counts[ANSWERS_FILE]} answers")
    training.ranks.told()


def automatic(order: Order) -> list[Pair]:
    """The pairs that were made for an unfinished run."""
    return read_pairs(order.partial / FOLDER, "train")


def dataset(training: Training, checkpoint: Checkpoint) -> SpeechPreferences:
    """Batches of all pairs, with what is rehearsed beside them.

    Raises:
        SpeccraftError: there are no pairs: all answers were as good as each other.
    """
    order, recipe, cuts = training.order, settings(training.order), training.cuts
    pairs = [*given(order)[0], *automatic(order)]
    if not pairs:
        what = "the model's answers to each prompt are all as good as each other, so there is nothing to prefer"
        raise SpeccraftError(what, try_this="more prompts or answers: --set prefer.automatic.prompts=2000; or `training.stages` without prefer")
    audio = PlacedAudio(order.build.path, cuts, order.sampling_rate, order.recipe.augment, order.seed)
    collator: Any = checkpoint.collator(order.recipe.augment.vocal_tract_warp)
    rehearsal = None
    if recipe.rehearsal_weight:
        rehearsal = Rehearsal(SpeechDialogues(_rehearsed(order, cuts), audio, checkpoint.tokenizer, collator, aloud_of(order, checkpoint, "align")), order.seed)
    return SpeechPreferences(pairs, cuts, audio, checkpoint.tokenizer, collator, recipe.method, rehearsal, goes_on=checkpoint.speech is not None)


def _rehearsed(order: Order, cuts: Cuts) -> Dialogues:
    """Demonstrations, with what a voice practised beside them, or transcripts where there are none."""
    shown = dialogues(order.build.path, "train", cuts)
    shown = practised(order, "align", cuts, shown) if order.speaks else shown
    return shown if len(shown) else transcripts(cuts)


def wanted(build: Path, split: Split, cuts: Cuts) -> Dialogues:
    """The pairs of a split as dialogues that end with the preferred answer; demonstrations where there are none."""
    pairs = [pair for pair in read_pairs(build, split) if can_be_learnt(pair, "kto") and pair.chosen]
    asked = prompts(pairs, cuts)
    return Dialogues(asked.names, asked.seconds, lambda number: (*pairs[number].prompt, *pairs[number].chosen)) if pairs else dialogues(build, split, cuts)


def counts(order: Order) -> dict[str, int]:
    """How many pairs were learnt from, by origin, and how many were left out: answers that are heard, or one of two."""
    usable, left_out = given(order)
    return {**_by_origin([*usable, *automatic(order)]), "left_out": left_out}


def _by_origin(pairs: Sequence[Pair]) -> dict[str, int]:
    origins = [pair.origin for pair in pairs]
    return {origin: origins.count(origin) for origin in sorted(set(origins))}


def outcome(training: Training, before: Checkpoint, after: Checkpoint) -> tuple[dict[str, Any], dict[str, bytes]]:
    """What the stage's checkpoint says of itself, and `tax.json` with what was lost, by split, condition and speaker; the user is told."""
    order = training.order

    def answered(done: int, total: int) -> None:
        training.listeners.on_step("prefer: held-out answers", done, total)

    taxes = alignment_tax(order.build.path, before, after, order.recipe.answer, answered)
    training.listeners.say(told(taxes) if taxes else "no demonstration or pair is held out for dev or test, so what preferences cost is not known")
    short = [row for row in rows(taxes) if row["group"] in ("all", "seen", "unseen")]
    return {"pairs": counts(order), "alignment_tax": short}, {TAX_FILE: store.canonical_json(rows(taxes))}
