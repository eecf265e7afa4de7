"""A look at the dev split in the middle of training: the loss on a few dialogues, and how their answers differ from what was wanted."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cached_property, partial
from pathlib import Path
from typing import Any

import numpy as np
import torch
from torch import nn

from speccraft.scenario.contracts import Message
from speccraft.sound.shards import ShardReader

from .adapters import SPEECH_LM, Adapter, Collate
from .batch import Audio, Example, by_length
from .data import Dialogue, Dialogues, heard_in
from .model import IGNORED
from .voice import Aloud

PLACED = "place"
"""The condition of held-out audio that is heard in the place, where there is one."""


@dataclass(frozen=True)
class HeldOut:
    """Audio of a held-out split, the same every time."""

    build: Path
    split: str

    @cached_property
    def _shards(self) -> ShardReader:
        return ShardReader(self.build / "shards" / self.split)

    def hear(self, cut: str, epoch: int) -> Audio:
        """A cut as the shards hold it, in its place if they have it so."""
        return Audio(self._shards.samples(cut, PLACED if PLACED in self._shards.conditions else "clean"))


@dataclass(frozen=True)
class Dev:
    """Dialogues of the dev split, and how they are answered.

    Attributes:
        dialogues: each ends with the answer that is wanted.
        batch_audio_s: seconds of audio answered at once.
        aloud: how answers are learnt that are spoken; their words alone are looked at.
    """

    dialogues: tuple[Dialogue, ...]
    audio: HeldOut
    tokenizer: Any
    collator: Collate
    batch_audio_s: float
    max_new_tokens: int
    adapter: Adapter = SPEECH_LM
    aloud: Aloud | None = None

    def look(self, model: nn.Module) -> dict[str, float]:
        """`dev_loss` per learnt token, `dev_wer` (case and spacing apart) and `dev_accuracy`, the share of answers without an error."""
        import jiwer

        was_training, device = model.training, next(model.parameters()).device
        loss = tokens = 0.0
        wanted, given = [], []
        model.eval()
        try:
            with torch.no_grad():
                for batch in by_length(self.dialogues, self.batch_audio_s):
                    inputs = self._on(device, self.collator([self._example(one, one.messages) for one in batch]))
                    count = int((inputs["labels"] != IGNORED).sum())
                    loss, tokens = loss + float(self.adapter.loss(model, inputs)) * count, tokens + count
                    given += self._answers(model, batch, device)
                    wanted += [_plain(one.messages[-1].text) for one in batch]
        finally:
            model.train(was_training)
        found = [jiwer.process_words(want, give) for want, give in zip(wanted, given, strict=True) if want]
        errors = sum(one.substitutions + one.deletions + one.insertions for one in found)
        words = sum(one.hits + one.substitutions + one.deletions for one in found)
        right = np.mean([want == give for want, give in zip(wanted, given, strict=True)])
        return {"dev_loss": loss / max(tokens, 1), "dev_wer": errors / max(words, 1), "dev_accuracy": float(right)}

    def _answers(self, model: Any, batch: Sequence[Dialogue], device: torch.device) -> list[str]:
        examples = [self._example(one, one.messages[:-1], open_answer=True) for one in batch]
        inputs = self._on(device, self.collator(examples, padding_side="left"))
        del inputs["labels"]
        return [_plain(text) for text in self.adapter.answers(model, self.tokenizer, inputs, self.max_new_tokens)]

    def _example(self, one: Dialogue, messages: Sequence[Message], *, open_answer: bool = False) -> Example:
        if self.aloud is not None:
            hear = partial(self.audio.hear, epoch=0)
            return self.aloud.example(messages, self.collator, self.tokenizer, hear, id=one.id, epoch=0, open_answer=open_answer)
        heard = [self.audio.hear(cut, 0) for cut in heard_in(messages)]
        return self.collator.example(messages, self.tokenizer, heard, open_answer=open_answer)

    def _on(self, device: torch.device, batch: dict[str, torch.Tensor]) -> dict[str, torch.Tensor]:
        return {name: tensor.to(device) for name, tensor in batch.items()}


def some(dialogues: Dialogues, count: int, seed: int) -> tuple[Dialogue, ...]:
    """A few dialogues from everywhere that end with an answer, always the same for a seed."""
    order = np.random.default_rng(seed).permutation(len(dialogues))
    found: list[Dialogue] = []
    for number in order.tolist():
        if len(found) == count:
            break
        one = dialogues[dialogues.names[number]]
        if one.messages[-1].role == "assistant":
            found.append(one)
    return tuple(found)


def better(now: dict[str, float], best: Any) -> bool:
    """Whether a look is at least as good as the best one: fewer word errors, then a smaller loss."""
    return best is None or (now["dev_wer"], now["dev_loss"]) <= (best["dev_wer"], best["dev_loss"])


def _plain(text: str) -> str:
    return " ".join(text.casefold().split())
