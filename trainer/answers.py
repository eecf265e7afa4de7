"""Answers of a model to dialogues, in batches: the likeliest, or drawn at random."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass

import numpy as np
import torch

from speccraft.scenario.contracts import Message

from .batch import Audio, by_length
from .checkpoint import Checkpoint


@dataclass(frozen=True)
class Question:
    """A dialogue up to the answer, and what is heard in it: float32 waveforms of shape (num_samples,), in order. `seconds` is how long it counts."""

    id: str
    messages: tuple[Message, ...]
    seconds: float
    hear: Callable[[], Sequence[np.ndarray]]


@dataclass(frozen=True)
class Draw:
    """How answers are drawn: so many for each question, from a seed."""

    answers: int
    temperature: float
    seed: int


def answered(
    checkpoint: Checkpoint, questions: Sequence[Question], *, batch_audio_s: float, max_new_tokens: int, draw: Draw | None = None
) -> Iterator[tuple[Question, list[str]]]:
    """Each question with its answers: the likeliest one, or as many as are drawn. Questions of similar length are answered together.

    The same draw of the same model gives the same answers, and leaves torch's own random numbers as they were.
    """
    was_training = checkpoint.model.training
    checkpoint.model.eval()
    for number, batch in enumerate(by_length(questions, batch_audio_s)):
        inputs = _inputs(checkpoint, batch)
        with torch.inference_mode(), torch.random.fork_rng():
            if draw is not None:
                torch.manual_seed(draw.seed + number)
            texts = [_texts(checkpoint, inputs, max_new_tokens, draw) for _ in range(draw.answers if draw else 1)]
        yield from zip(batch, map(list, zip(*texts, strict=True)), strict=True)
    checkpoint.model.train(was_training)


def _texts(checkpoint: Checkpoint, inputs: dict[str, torch.Tensor], max_new_tokens: int, draw: Draw | None) -> list[str]:
    # all of the vocabulary may be drawn, where transformers would take the likeliest fifty
    how = {"do_sample": True, "temperature": draw.temperature, "top_k": 0, "top_p": 1.0} if draw else {"do_sample": False}
    out = checkpoint.model.generate(**inputs, max_new_tokens=max_new_tokens, use_cache=True, **how)
    return [checkpoint.tokenizer.decode(row, skip_special_tokens=True) for row in out[:, inputs["input_ids"].shape[1] :]]


def _inputs(checkpoint: Checkpoint, batch: Sequence[Question]) -> dict[str, torch.Tensor]:
    collate = checkpoint.collator()
    examples = [collate.example(one.messages, checkpoint.tokenizer, [Audio(heard) for heard in one.hear()], open_answer=True) for one in batch]
    return checkpoint.to_answer(collate, examples)
