"""Answers of a trained run: of any audio, and of every test cut in every condition."""

from __future__ import annotations

import time
from collections import Counter
from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeAlias

from speccraft import store
from speccraft.errors import SpeccraftError, UnreadableInput
from speccraft.scenario.contracts import Demonstration, Hypothesis, Message, Part
from speccraft.scenario.text import read_model

from .offline import go_offline
from .recipe import Recipe

if TYPE_CHECKING:
    import numpy as np

    from .checkpoint import Checkpoint
    from .data import Cut
    from .speaking import Spoken

Asked: TypeAlias = "Path | np.ndarray | str"
"""What a run can be asked: a recording, a waveform, or a text."""


@dataclass(frozen=True)
class LoadedRun:
    """The last stage of a run, ready to answer."""

    checkpoint: Checkpoint
    recipe: Recipe
    stages: tuple[str, ...]

    @property
    def speaks(self) -> bool:
        """Whether answers have sound as well as words."""
        return self.checkpoint.speech is not None

    def generate(self, asked: Asked | Sequence[Asked], prompt: str | None = None, *, max_new_tokens: int | None = None) -> Any:
        """What the model answers: one text, or a list of them where a list is asked; of a run that speaks, `Spoken` answers of a text and its sound.

        Texts are the likeliest; units of sound are drawn, always alike.

        Args:
            asked: a recording (a path), a waveform (float32 of shape (num_samples,) at the run's sampling rate), or a text.
            prompt: instruction after the audio; none after pre-training alone.
            max_new_tokens: longest answer; the recipe's, unless given.

        Raises:
            SpeccraftError: a waveform is longer than the model can hear, or this kind of model takes no text.
            UnreadableInput: a file is no recording.
        """
        many: Sequence[Any] = asked if isinstance(asked, (list, tuple)) else [asked]
        longest, rate = max_new_tokens or self.recipe.answer.max_new_tokens, self.checkpoint.sampling_rate
        texts = [one if isinstance(one, str) else None for one in many]
        heard = [_heard(one, rate) for one in many]
        questions = [question(prompt or "") if text is None else (Message(role="user", content=(Part(type="text", text=text),)),) for text in texts]
        # texts apart from audio: an encoder is not run on nothing
        found: dict[int, str | Spoken] = {}
        for group in ([n for n, one in enumerate(heard) if one], [n for n, one in enumerate(heard) if not one]):
            if group:
                heard_by, asked_by = [heard[n] for n in group], [questions[n] for n in group]
                answered = _spoken(self, heard_by, asked_by, longest) if self.speaks else _answers(self, heard_by, asked_by, longest)
                found |= zip(group, answered, strict=True)
        answers: list[Any] = [found[number] for number in range(len(many))]
        return answers if isinstance(asked, (list, tuple)) else answers[0]


def _heard(asked: Asked, sampling_rate: int) -> list[np.ndarray]:
    """What is to be heard of what was asked: nothing of a text, a recording mono and at the model's sampling rate."""
    if not isinstance(asked, Path):
        return [] if isinstance(asked, str) else [asked]
    import numpy as np

    from speccraft.sound.decode import Undecodable, decode

    try:
        return [decode(asked, sampling_rate).samples / np.float32(32768)]
    except Undecodable as error:
        raise UnreadableInput(f"{asked}: {error}", try_this="a recording that plays elsewhere") from error


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
    return _answers(run, [[one] for one in samples], [question(prompt or "")] * len(samples), max_new_tokens or run.recipe.answer.max_new_tokens)


def hypotheses(
    run: Path,
    build: Path,
    *,
    conditions: Sequence[str] | None = None,
    on_progress: Callable[[int, int], None] = lambda *_: None,
    spoken: Path | None = None,
) -> Iterator[Hypothesis]:
    """The run's answer to every test cut of a build, in each condition its shards hold or those named.

    Cuts of similar length are answered together; each is charged its share, by duration, of the batch's time.

    Args:
        on_progress: called with the answers given so far and all there will be.
        spoken: folder, not committed yet, that answers of a run that speaks are written into as FLAC, under the names that their `audio` gives; None lets
            them write.

    Raises:
        SpeccraftError: a condition is not held by the build, or the build's sampling rate is not the run's.
    """
    from speccraft.sound.shards import ShardReader

    from .batch import by_length
    from .data import read_cuts

    loaded = load_run(run)
    _check_build(build, loaded)
    # what is said in a dialogue has no transcript to compare an answer with
    shards, cuts = ShardReader(build / "shards" / "test"), {id: cut for id, cut in read_cuts(build, "test").items() if cut.text}
    if not cuts:
        raise SpeccraftError(f"{build}: the test split has no transcripts, so there is nothing to answer", try_this="splits.test above 0, or more recordings")
    wanted = shards.conditions if conditions is None else tuple(conditions)
    if missing := [condition for condition in wanted if condition not in shards.conditions]:
        raise SpeccraftError(f"{build}: holds no condition '{missing[0]}'", try_this=f"one of {', '.join(shards.conditions)}")
    asked = _asked(loaded, build, cuts)
    batches = [(condition, batch) for condition in wanted for batch in by_length(cuts.values(), loaded.recipe.answer.batch_audio_s)]
    done, total = 0, len(wanted) * len(cuts)
    for condition, batch in batches:
        samples = [shards.samples(cut.id, condition) for cut in batch]
        began = time.perf_counter()
        heard, prompts, longest = [[one] for one in samples], [asked[cut.id] for cut in batch], loaded.recipe.answer.max_new_tokens
        aloud = _spoken(loaded, heard, prompts, longest) if spoken is not None and loaded.speaks else None
        texts = _answers(loaded, heard, prompts, longest) if aloud is None else [one.text for one in aloud]
        per_audio_s = (time.perf_counter() - began) / sum(cut.seconds for cut in batch)
        audio = [None] * len(batch) if aloud is None or spoken is None else _written(spoken, aloud, done)
        for cut, text, file in zip(batch, texts, audio, strict=True):
            prompt, seconds = instruction(asked[cut.id]), cut.seconds * per_audio_s
            yield Hypothesis(cut=cut.id, condition=condition, prompt=prompt, text=text, audio=file, reference=cut.text, seconds=seconds)
        done += len(batch)
        on_progress(done, total)


def _asked(run: LoadedRun, build: Path, cuts: Mapping[str, Cut]) -> dict[str, tuple[Message, ...]]:
    """What each test cut is asked with; a run that speaks and was shown no transcript repeats what it hears."""
    if "align" not in run.stages:
        return dict.fromkeys(cuts, question(""))
    from .data import read_demonstrations

    shown = read_demonstrations(build, "test")
    if run.speaks and not len(shown):
        from .voice import REPEAT

        return dict.fromkeys(cuts, question(REPEAT))
    return questions(shown, cuts)


def _written(folder: Path, answers: Sequence[Spoken], first: int) -> list[str | None]:
    """Answers as files in a folder, and their names; None of one that says nothing aloud."""
    from speccraft.sound.shards import encode_flac

    names = [f"answers/{first + number:06d}.flac" if len(one.samples) else None for number, one in enumerate(answers)]
    store.write_many(folder, [(name, encode_flac(one.samples, one.sampling_rate)) for name, one in zip(names, answers, strict=True) if name])
    return names


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
    return "".join(message.text for message in messages if message.role == "user")


def _answers(run: LoadedRun, heard: Sequence[Sequence[np.ndarray]], asked: Sequence[Sequence[Message]], max_new_tokens: int) -> list[str]:
    import torch

    checkpoint = run.checkpoint
    with torch.inference_mode():
        return checkpoint.adapter.answers(checkpoint.model, checkpoint.tokenizer, _batch(run, heard, asked), max_new_tokens)


def _spoken(run: LoadedRun, heard: Sequence[Sequence[np.ndarray]], asked: Sequence[Sequence[Message]], longest_text: int) -> list[Spoken]:
    from .speaking import speak

    return speak(run.checkpoint, _batch(run, heard, asked), longest_text=longest_text, recipe=run.recipe.speech_out)


def _batch(run: LoadedRun, heard: Sequence[Sequence[np.ndarray]], asked: Sequence[Sequence[Message]]) -> dict[str, Any]:
    """What is heard and asked, as a model takes it, on its device."""
    from .batch import Audio

    _check_lengths(run, [waveform for pieces in heard for waveform in pieces])
    checkpoint = run.checkpoint
    collator, tokenizer = checkpoint.collator(), checkpoint.tokenizer
    pairs = zip(asked, heard, strict=True)
    examples = [collator.example(messages, tokenizer, [Audio(one) for one in pieces], open_answer=True) for messages, pieces in pairs]
    return checkpoint.to_answer(collator, examples)


def _check_lengths(run: LoadedRun, samples: Sequence[np.ndarray]) -> None:
    limit = run.recipe.model.longest_audio_s
    seconds = max((len(waveform) for waveform in samples), default=0) / run.checkpoint.sampling_rate
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
