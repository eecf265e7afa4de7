"""A loaded run answers batches of dialogues: text piece by piece, and speech where the run speaks."""

from __future__ import annotations

import time
from collections import defaultdict
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import partial
from typing import TYPE_CHECKING, Any

from speccraft.errors import SpeccraftError

from .engine import Ask, Said
from .limits import Rejected

if TYPE_CHECKING:
    import torch

    from ..batch import Example
    from ..generate import LoadedRun

STREAMS = ("speech-lm", "audio-llm")
"""Kinds of model that write token after token through `generate`, so that pieces can be passed on; the others answer at once."""


class Model:
    """What the engine asks: one answer for each dialogue, greedily, as `LoadedRun.generate` would give it."""

    def __init__(self, run: LoadedRun) -> None:
        self.run = run
        self._collator = run.checkpoint.collator()

    @property
    def speaks(self) -> bool:
        """Whether answers come with a waveform."""
        return self.run.speaks

    @property
    def speaking_rate(self) -> int:
        """Sampling rate of what is said, in Hz."""
        speech = self.run.checkpoint.speech
        return self.run.checkpoint.sampling_rate if speech is None else speech.codec.sampling_rate

    def __call__(self, asks: Sequence[Ask], wanted: Callable[[int], bool]) -> list[Said | Rejected]:
        """Answer a batch; in groups, for an encoder is not run on nothing, and not everybody wants sound."""
        read = {number: self._read(ask) for number, ask in enumerate(asks)}
        found: dict[int, Said | Rejected] = {number: one for number, one in read.items() if isinstance(one, Rejected)}
        groups: dict[tuple[bool, bool, int], dict[int, Example]] = defaultdict(dict)
        for number, example in read.items():
            if not isinstance(example, Rejected):
                groups[self._kind(asks[number])][number] = example
        for group in groups.values():
            said = self._together([asks[n] for n in group], list(group.values()), [partial(wanted, n) for n in group])
            found |= zip(group, said, strict=True)
        return [found[number] for number in range(len(asks))]

    def _kind(self, ask: Ask) -> tuple[bool, bool, int]:
        """What has to be alike in a group: whether something is heard, whether it is answered aloud, and the longest answer where it counts for all."""
        aloud = ask.aloud and self.speaks
        return bool(ask.heard), aloud, ask.new_tokens if aloud or self.run.checkpoint.kind not in STREAMS else 0

    def _read(self, ask: Ask) -> Example | Rejected:
        """An ask as the model takes it; here, in the model's thread, for tokenizers are not to be used by two at once."""
        from ..batch import Audio

        checkpoint = self.run.checkpoint
        try:
            example = self._collator.example(ask.messages, checkpoint.tokenizer, [Audio(one) for one in ask.heard], open_answer=True)
        except SpeccraftError as error:
            return Rejected(400, "bad_request", error.message, param="messages")
        room = getattr(checkpoint.model.config.get_text_config(), "max_position_embeddings", None)
        if room is not None and len(example.ids) + ask.new_tokens > room:
            reason = f"{len(example.ids)} tokens and an answer of {ask.new_tokens} are more than the {room} that this model reads"
            return Rejected(400, "context_length_exceeded", reason, param="messages")
        return example

    def _together(self, asks: Sequence[Ask], examples: Sequence[Example], wanted: Sequence[Callable[[], bool]]) -> list[Said]:
        import torch
        from transformers import StoppingCriteriaList

        from ..speaking import speak

        checkpoint = self.run.checkpoint
        tokenizer, model = checkpoint.tokenizer, checkpoint.model
        inputs: dict[str, Any] = checkpoint.to_answer(self._collator, examples)
        mask = inputs.get("attention_mask")
        speech, aloud = checkpoint.speech, asks[0].aloud and self.speaks
        pieces = Pieces(tokenizer, asks, None if speech is None else speech.marker)
        if checkpoint.kind in STREAMS:
            inputs |= {"streamer": pieces, "stopping_criteria": StoppingCriteriaList([Stopping(asks, wanted, counts=not aloud)])}
        longest = max(ask.new_tokens for ask in asks)
        if aloud:
            spoken = speak(checkpoint, inputs, longest_text=longest, recipe=self.run.recipe.speech_out)
            said = [replace(one, audio=sound.samples) for one, sound in zip(pieces.finished([sound.text for sound in spoken]), spoken, strict=True)]
        else:
            with torch.inference_mode():
                said = pieces.finished(checkpoint.adapter.answers(model, tokenizer, inputs, longest))
        prompts = [len(example.ids) for example in examples] if mask is None else mask.sum(1).tolist()
        return [replace(one, prompt_tokens=tokens) for one, tokens in zip(said, prompts, strict=True)]


class Pieces:
    """A streamer of transformers for a whole batch: decodes each row as it grows, and tells whole characters only.

    Args:
        marker: the id that ends the text of an answer that is spoken.
    """

    def __init__(self, tokenizer: Any, asks: Sequence[Ask], marker: int | None = None) -> None:
        self._tokenizer, self._asks, self._marker = tokenizer, asks, marker
        self._ended = [False for _ in asks]
        self._ids: list[list[int]] = [[] for _ in asks]
        self._told = ["" for _ in asks]
        self._began, self._first = time.monotonic(), [0.0 for _ in asks]
        self._prompt_seen = False

    def put(self, value: torch.Tensor) -> None:
        """The prompt first, then one token of each row."""
        if not self._prompt_seen:
            self._prompt_seen = True
            return
        for row, id in enumerate(value.flatten().tolist()):
            self._ended[row] |= id == self._marker
            if not self._ended[row] and len(self._ids[row]) < self._asks[row].new_tokens:
                self._ids[row].append(id)
                text = self._tokenizer.decode(self._ids[row], skip_special_tokens=True)
                # a character whose bytes are not all there yet
                if not text.endswith("\ufffd"):
                    self._tell(row, text)

    def end(self) -> None:
        """Nothing: the answers are finished by their texts."""

    def finished(self, texts: Sequence[str]) -> list[Said]:
        """The answers, once the rest of each is told; an answer whose ask wanted fewer tokens than its batch is cut to them."""
        said = []
        for row, text in enumerate(texts):
            ids = self._ids[row]
            whole = self._tokenizer.decode(ids, skip_special_tokens=True) if self._prompt_seen else text
            self._tell(row, whole)
            # what follows the end of an answer that ended before others of its batch is padding
            written = len(self._tokenizer(whole, add_special_tokens=False).input_ids)
            finished = not self._prompt_seen or written < self._asks[row].new_tokens
            said.append(Said(whole, finished=finished, new_tokens=written, first_s=self._first[row] or time.monotonic() - self._began))
        return said

    def _tell(self, row: int, text: str) -> None:
        if text == self._told[row] or not text.startswith(self._told[row]):
            return
        self._first[row] = self._first[row] or time.monotonic() - self._began
        new, self._told[row] = text[len(self._told[row]) :], text
        self._asks[row].on_text(new)


class Stopping:
    """A stopping criterion of transformers: a row ends when it has all the tokens that were asked for, or when nobody waits for it any more.

    Args:
        counts: whether tokens are counted here; where units of sound follow the text they are not.
    """

    def __init__(self, asks: Sequence[Ask], wanted: Sequence[Callable[[], bool]], *, counts: bool) -> None:
        self._asks, self._wanted, self._counts = asks, wanted, counts
        self._made = 0

    def __call__(self, input_ids: torch.Tensor, scores: Any, **options: Any) -> torch.Tensor:
        """Which rows are done, a bool of shape (rows,)."""
        import torch

        self._made += 1
        done = [(self._counts and self._made >= ask.new_tokens) or not wanted() for ask, wanted in zip(self._asks, self._wanted, strict=True)]
        return torch.tensor(done, device=input_ids.device)
