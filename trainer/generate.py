"""Answers of a trained run: of any audio, and of every test cut in every condition."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING

from speccraft import store
from speccraft.errors import SpeccraftError
from speccraft.scenario.contracts import Demonstration, Hypothesis, Message, Part
from speccraft.scenario.text import read_model

from .offline import go_offline
from .recipe import Recipe

if TYPE_CHECKING:
    import numpy as np

    from .checkpoint import Checkpoint
    from .data import Cut


@dataclass(frozen=True)
class LoadedRun:
    """The last stage of a run, ready to answer."""

    checkpoint: Checkpoint
    recipe: Recipe
    stages: tuple[str, ...]


def load_run(run: Path) -> LoadedRun:
    """Load the last stage of a committed run.

    Raises:
        UnreadableInput: there is no committed run.
        BrokenIntegrity: its checkpoint is not what the commit record says.
    """
    go_offline()
    import torch

    from . import checkpoint as checkpoints

    artefact = store.open_artefact(run, "run")
    stages = tuple(artefact.record.info["stages"])
    folder = run / "checkpoints" / stages[-1]
    store.check_files(artefact, prefix="recipe.yaml")
    store.check_files(artefact, prefix=f"checkpoints/{stages[-1]}/")
    recipe, _ = read_model(run / "recipe.yaml", Recipe)
    torch.set_num_threads(recipe.threads)
    checkpoint = checkpoints.load(store.open_artefact(folder, "checkpoint"))
    checkpoint.model.eval().to("cuda" if torch.cuda.is_available() else "cpu")
    return LoadedRun(checkpoint, recipe, stages)


def answer(run: LoadedRun, samples: Sequence[np.ndarray], prompt: str | None = None, *, max_new_tokens: int | None = None) -> list[str]:
    """What the model answers to each waveform, greedily, all in one batch.

    Args:
        samples: float32 waveforms of shape (num_samples,) at the run's sampling rate.
        prompt: instruction after the audio; none after pre-training alone.
        max_new_tokens: longest answer; the recipe's, unless given.

    Raises:
        SpeccraftError: a waveform is longer than the model can hear.
    """
    return _answers(run, samples, [question(prompt or "")] * len(samples), max_new_tokens or run.recipe.answer.max_new_tokens)


def hypotheses(
    run: Path, build: Path, *, conditions: Sequence[str] | None = None, on_progress: Callable[[int, int], None] = lambda *_: None
) -> Iterator[Hypothesis]:
    """The run's answer to every test cut of a build, in each condition its shards hold or those named.

    Cuts of similar length are answered together; each is charged its share, by duration, of the batch's time.

    Args:
        on_progress: called with the answers given so far and all there will be.

    Raises:
        SpeccraftError: a condition is not held by the build, or the build's sampling rate is not the run's.
    """
    from speccraft.sound.shards import ShardReader

    from .data import read_cuts, read_demonstrations

    loaded = load_run(run)
    _check_build(build, loaded)
    # what is said in a dialogue has no transcript to compare an answer with
    shards, cuts = ShardReader(build / "shards" / "test"), {id: cut for id, cut in read_cuts(build, "test").items() if cut.text}
    if not cuts:
        raise SpeccraftError(f"{build}: the test split has no transcripts, so there is nothing to answer", try_this="splits.test above 0, or more recordings")
    wanted = shards.conditions if conditions is None else tuple(conditions)
    if missing := [condition for condition in wanted if condition not in shards.conditions]:
        raise SpeccraftError(f"{build}: holds no condition '{missing[0]}'", try_this=f"one of {', '.join(shards.conditions)}")
    asked = questions(read_demonstrations(build, "test"), cuts) if "align" in loaded.stages else dict.fromkeys(cuts, question(""))
    batches = [(condition, batch) for condition in wanted for batch in _batches(cuts, loaded.recipe.answer.batch_audio_s)]
    done, total = 0, len(wanted) * len(cuts)
    for condition, batch in batches:
        samples = [shards.samples(cut.id, condition) for cut in batch]
        began = time.perf_counter()
        texts = _answers(loaded, samples, [asked[cut.id] for cut in batch], loaded.recipe.answer.max_new_tokens)
        per_audio_s = (time.perf_counter() - began) / sum(cut.seconds for cut in batch)
        for cut, text in zip(batch, texts, strict=True):
            prompt = instruction(asked[cut.id])
            yield Hypothesis(cut=cut.id, condition=condition, prompt=prompt, text=text, reference=cut.text, seconds=cut.seconds * per_audio_s)
        done += len(batch)
        on_progress(done, total)


def question(prompt: str) -> tuple[Message, ...]:
    """What a user sends: audio, and an instruction if there is one."""
    return (Message(role="user", content=(Part(type="audio", cut=""), *([Part(type="text", text=prompt)] if prompt else []))),)


def questions(demonstrations: Sequence[Demonstration], cuts: Mapping[str, Cut]) -> dict[str, tuple[Message, ...]]:
    """What each cut is asked with: its plain-transcript demonstration up to the answer, else the commonest instruction.

    Raises:
        SpeccraftError: no demonstration asks for a plain transcript.
    """
    asked: dict[str, tuple[Message, ...]] = {}
    for demonstration in demonstrations:
        heard = [part.cut for message in demonstration.messages for part in message.content if part.type == "audio" and part.cut]
        if demonstration.rule == "transcribe" and len(heard) == 1:
            asked[heard[0]] = demonstration.messages[:-1]
    if not asked:
        raise SpeccraftError("no test demonstration asks for a plain transcript, so there is nothing to compare with what was said")
    commonest = Counter(map(instruction, asked.values())).most_common(1)[0][0]
    return {id: asked.get(id, question(commonest)) for id in cuts}


def instruction(messages: Sequence[Message]) -> str:
    """The text that the user sends with the audio."""
    return "".join(part.text or "" for message in messages if message.role == "user" for part in message.content)


def _answers(run: LoadedRun, samples: Sequence[np.ndarray], asked: Sequence[Sequence[Message]], max_new_tokens: int) -> list[str]:
    import torch

    from .batch import Audio, Example
    from .tokenizer import lay_out

    _check_lengths(run, samples)
    checkpoint = run.checkpoint
    layouts = [lay_out(messages, checkpoint.tokenizer, open_answer=True) for messages in asked]
    examples = [Example(*layout, [Audio(waveform)]) for layout, waveform in zip(layouts, samples, strict=True)]
    batch = checkpoint.collator()(examples, padding_side="left")
    del batch["labels"]
    inputs = {name: tensor.to(checkpoint.model.device) for name, tensor in batch.items()}
    with torch.inference_mode():
        out = checkpoint.model.generate(**inputs, max_new_tokens=max_new_tokens, do_sample=False, use_cache=True)
    return [checkpoint.tokenizer.decode(row, skip_special_tokens=True) for row in out[:, batch["input_ids"].shape[1] :]]


def _check_lengths(run: LoadedRun, samples: Sequence[np.ndarray]) -> None:
    limit, seconds = run.recipe.model.longest_audio_s, max(len(waveform) for waveform in samples) / run.checkpoint.sampling_rate
    if seconds > limit:
        raise SpeccraftError(f"{seconds:.1f} s of audio are longer than the {limit:g} s that this model can hear", try_this="shorter pieces of audio")


def _check_build(build: Path, run: LoadedRun) -> None:
    """The test part of a build is whole, and at the run's sampling rate."""
    artefact = store.open_artefact(build, "build")
    rate = artefact.record.info["sampling_rate"]
    if rate != run.checkpoint.sampling_rate:
        raise SpeccraftError(f"{build}: is at {rate} Hz, and the run was trained at {run.checkpoint.sampling_rate} Hz")
    for part in ("cuts.test.", "shards/test/", "demonstrations.test."):
        store.check_files(artefact, prefix=part)


def _batches(cuts: Mapping[str, Cut], batch_audio_s: float) -> Iterator[list[Cut]]:
    """Cuts of similar lengths, about so many seconds of audio at once."""
    batch: list[Cut] = []
    for cut in sorted(cuts.values(), key=lambda cut: (cut.seconds, cut.id)):
        if batch and sum(one.seconds for one in batch) + cut.seconds > batch_audio_s:
            yield batch
            batch = []
        batch.append(cut)
    if batch:
        yield batch
