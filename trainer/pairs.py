"""Automatic pairs: the model answers training prompts several times, and rules say which of its answers is the better one."""

from __future__ import annotations

import math
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import numpy as np

from speccraft import store
from speccraft.rights.doors import scenario_of
from speccraft.scenario.contracts import Demonstration, Message, Pair, Part
from speccraft.sound.shards import ShardReader

from .answers import Draw, Question, answered
from .checkpoint import Checkpoint
from .data import Cuts, read_demonstrations
from .data import dialogues as dialogues_of
from .faults import RULES, Shown, faults
from .preferences import PAIRS_FILE, hearing
from .recipe import Answer, Automatic

ANSWERS_FILE = "answers.jsonl"


@dataclass(frozen=True)
class Prompt:
    """What is asked, and what was shown to be right."""

    id: str
    messages: tuple[Message, ...]
    seconds: float
    shown: Shown


@dataclass(frozen=True)
class Judged:
    """An answer, and what rules say of it."""

    text: str
    faults: Mapping[str, float]

    @property
    def badness(self) -> tuple[float, ...]:
        """What answers to one prompt are ordered by."""
        return tuple(self.faults[rule] for rule in RULES)


def how_many(automatic: Automatic, given: int) -> int:
    """How many automatic pairs are wanted beside given ones, for them to be the share of all that was asked for."""
    if not automatic.share:
        return 0
    wanted = automatic.prompts if automatic.share == 1 or not given else math.ceil(automatic.share / (1 - automatic.share) * given)
    return min(wanted, automatic.prompts)


def made(
    checkpoint: Checkpoint,
    build: store.Artefact,
    cuts: Cuts,
    automatic: Automatic,
    answer: Answer,
    *,
    wanted: int,
    seed: int,
    on_answered: Callable[[int, int], None],
) -> dict[str, bytes]:
    """Files of an artefact of automatic pairs: `pairs.jsonl`, and `answers.jsonl` with every answer and what rules say of it.

    Args:
        checkpoint: the model that answers, as it is when the stage begins: what it would never say need not be unlearnt.
        wanted: pairs, at most; prompts whose answers are all as good as each other give none.
        on_answered: called with prompts answered so far, and all there are.
    """
    manual, prompts = scenario_of(build).manual, some_prompts(build, cuts, automatic.prompts, seed)
    shards = ShardReader(build.path / "shards" / "train")
    by_id = {prompt.id: prompt for prompt in prompts}
    questions = [Question(prompt.id, prompt.messages, prompt.seconds, hearing(shards, prompt.messages)) for prompt in prompts]
    draw = Draw(automatic.answers, automatic.temperature, seed)
    pairs: list[Pair] = []
    rows: list[dict[str, Any]] = []
    asked = answered(checkpoint, questions, batch_audio_s=answer.batch_audio_s, max_new_tokens=answer.max_new_tokens, draw=draw)
    for number, (question, texts) in enumerate(asked, 1):
        prompt = by_id[question.id]
        judged = [Judged(text, faults(text, prompt.shown, manual)) for text in texts]
        rows += [{"prompt": prompt.id, "text": one.text, "faults": dict(one.faults)} for one in judged]
        if (pair := better_and_worse(prompt, judged)) is not None:
            pairs.append(pair)
        on_answered(number, len(questions))
    pairs = sorted(pairs, key=lambda pair: pair.id)
    kept = sorted(np.random.default_rng(seed).permutation(len(pairs))[:wanted].tolist())
    chosen = [pairs[number].model_dump(mode="json", exclude_none=True) for number in kept]
    return {PAIRS_FILE: store.json_lines(chosen), ANSWERS_FILE: store.json_lines(sorted(rows, key=lambda row: (row["prompt"], row["text"])))}


def better_and_worse(prompt: Prompt, judged: Sequence[Judged]) -> Pair | None:
    """The best and the worst of some answers, by the first rule that tells them apart; none where they are as good as each other.

    Where even the best answer is wrong, an answer that was shown stands in for it: the better of two mistakes is still one.
    """
    best, worst = min(judged, key=lambda one: one.badness), max(judged, key=lambda one: one.badness)
    if any(best.badness) and prompt.shown.answers:
        best = Judged(prompt.shown.answers[0], dict.fromkeys(RULES, 0.0))
    if best.badness == worst.badness:
        return None
    criterion = next(rule for rule in RULES if best.faults[rule] != worst.faults[rule])
    return Pair(
        id=f"automatic/{prompt.id}",
        split="train",
        prompt=prompt.messages,
        chosen=_said(best.text),
        rejected=_said(worst.text),
        criterion=criterion,
        origin="automatic",
        n_votes=0,
    )


def some_prompts(build: store.Artefact, cuts: Cuts, most: int, seed: int) -> list[Prompt]:
    """Prompts of training demonstrations that are answered in words, from everywhere and always the same ones; each with every answer shown to it."""
    same: dict[tuple[Message, ...], list[tuple[Demonstration, float]]] = {}
    lengths = dialogues_of(build.path, "train", cuts).seconds
    for demonstration, seconds in zip(read_demonstrations(build.path, "train"), lengths, strict=True):
        last = demonstration.messages[-1]
        if last.role == "assistant" and all(part.type == "text" for part in last.content):
            same.setdefault(demonstration.messages[:-1], []).append((demonstration, float(seconds)))
    prompts = list(same.values())
    order = np.random.default_rng(seed).permutation(len(prompts))[:most]
    return [_prompt(prompts[number]) for number in sorted(order.tolist())]


def _prompt(same: Sequence[tuple[Demonstration, float]]) -> Prompt:
    """The prompt of demonstrations that ask the same."""
    first, seconds = same[0]
    answers, rules = dict.fromkeys(one.messages[-1].text for one, _ in same), dict.fromkeys(one.rule for one, _ in same)
    return Prompt(first.id, first.messages[:-1], seconds, Shown(tuple(answers), tuple(rules)))


def _said(text: str) -> tuple[Message, ...]:
    return (Message(role="assistant", content=(Part(type="text", text=text),)),)
