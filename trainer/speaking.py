"""A model that speaks: ids for units after its vocabulary, and answers of text, a marker and units."""

from __future__ import annotations

import json
from collections.abc import Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

import numpy as np
import torch
from transformers import LogitsProcessor, LogitsProcessorList

from speccraft import store
from speccraft.errors import SpeccraftError

from .recipe import SpeechOut
from .speech_tokens import FOLDER, SpeechCodec, open_codec, save_codec
from .voice import Aloud, codec_of

if TYPE_CHECKING:
    from .checkpoint import Checkpoint
    from .order import Order

FILE = f"{FOLDER}/ids.json"
MOST_LIKELY = 20
"""So many of the likeliest units are drawn from: the long rest of a vocabulary is wrong more often than it is fresh."""


@dataclass(frozen=True)
class Speech:
    """What a model speaks by.

    `marker` is the id that ends the text of an answer and begins its units; that of code 0 comes next.
    """

    codec: SpeechCodec
    marker: int

    def ids(self, codes: Sequence[int]) -> list[int]:
        """The marker and the units of codes, as ids."""
        return [self.marker, *(self.marker + 1 + int(code) for code in codes)]

    def codes(self, ids: Sequence[int]) -> list[int]:
        """The codes of all units among some ids."""
        return [id - self.marker - 1 for id in ids if id > self.marker]


class Spoken(NamedTuple):
    """An answer: its text, and its sound as float32 of shape (num_samples,), empty where nothing was said aloud."""

    text: str
    samples: np.ndarray
    sampling_rate: int


def with_speech(checkpoint: Checkpoint, codec: SpeechCodec, seed: int) -> Checkpoint:
    """A checkpoint whose model has ids for a codec's units; all that it knew stays as it was, and what it writes ends where it begins to speak."""
    model = checkpoint.model
    marker = model.get_input_embeddings().weight.shape[0]
    model.resize_token_embeddings(marker + 1 + codec.num_codes, mean_resizing=False)
    generator = torch.Generator().manual_seed(seed)
    tables = {id(table.weight): table.weight for table in (model.get_input_embeddings(), model.get_output_embeddings())}
    with torch.no_grad():
        for weight in tables.values():
            old = weight[:marker]
            weight[marker:] = old.mean(0) + old.std(0) * torch.randn(weight[marker:].shape, generator=generator)
    ends = model.generation_config.eos_token_id
    model.generation_config.eos_token_id = [*(ends if isinstance(ends, list) else [ends]), marker]
    return replace(checkpoint, speech=Speech(codec, marker))


def voiced(order: Order, checkpoint: Checkpoint) -> Checkpoint:
    """A checkpoint that can learn to speak, where the job answers in speech; any other as it is.

    Raises:
        SpeccraftError: it is of a kind that cannot, or its language model is not trained in full, so that units would mean nothing.
    """
    if checkpoint.speech is not None or not order.speaks:
        return checkpoint
    if checkpoint.kind != "speech-lm":
        raise SpeccraftError(f"a model of kind {checkpoint.kind} only writes", try_this="`job.output: [text]`, or a recipe from scratch or of kind speech-lm")
    stages = [stage for stage in order.stages if stage != "prefer"]
    if not any(getattr(order.recipe, stage).parts.language_model == "full" for stage in stages):
        raise SpeccraftError("units are new to the language model, and it is trained in full in no stage", try_this="--set align.parts.language_model=full")
    return with_speech(checkpoint, codec_of(order, order.voice), order.seed)


def aloud_of(order: Order, checkpoint: Checkpoint, stage: str) -> Aloud | None:
    """How the answers of a stage are learnt that are spoken; None for a model that only writes."""
    if checkpoint.speech is None:
        return None
    return Aloud(order.voice, checkpoint.speech, order.build.path, order.sampling_rate, order.seed, finds=stage != "pretrain")


def save_speech(speech: Speech, folder: Path) -> None:
    """Write what a model speaks by beside it."""
    save_codec(speech.codec, folder)
    store.write_bytes(folder / FILE, store.canonical_json({"marker": speech.marker}))


def open_speech(folder: Path) -> Speech | None:
    """What the model in a folder speaks by; None where it does not."""
    return Speech(open_codec(folder), json.loads((folder / FILE).read_bytes())["marker"]) if (folder / FILE).is_file() else None


def speak(checkpoint: Checkpoint, batch: dict[str, torch.Tensor], *, longest_text: int, recipe: SpeechOut, seed: int = 0) -> list[Spoken]:
    """Answers to a batch: their text is the likeliest, their units are drawn; the same for the same seed, whatever else is in the batch."""
    speech, model, tokenizer = checkpoint.speech, checkpoint.model, checkpoint.tokenizer
    assert speech is not None
    prompt, longest_units = batch["input_ids"].shape[1], max(1, round(recipe.longest_s * speech.codec.units_per_s))
    ends = [end for end in model.generation_config.eos_token_id if end != speech.marker]
    order = _Order(speech, ends, prompt, longest_text, longest_units, recipe.temperature, seed)
    with torch.inference_mode():
        out = model.generate(
            **batch,
            max_new_tokens=longest_text + longest_units + 2,
            do_sample=False,
            use_cache=True,
            eos_token_id=ends,
            logits_processor=LogitsProcessorList([order]),
        )
    return [_answer(row, speech, tokenizer) for row in out[:, prompt:].tolist()]


def _answer(ids: list[int], speech: Speech, tokenizer: Any) -> Spoken:
    text = ids[: ids.index(speech.marker)] if speech.marker in ids else ids
    codes = speech.codes(ids)
    return Spoken(tokenizer.decode(text, skip_special_tokens=True), speech.codec.decode(codes), speech.codec.sampling_rate)


class _Order(LogitsProcessor):
    """Text first, then the marker, then units, then the end.

    Units are drawn by the Gumbel-max trick (Maddison et al. 2014, arXiv 1411.0030), with noise that depends on the seed and on how many units there are
    alone: rows of a batch do not disturb each other.
    """

    def __init__(self, speech: Speech, ends: Sequence[int], prompt: int, longest_text: int, longest_units: int, temperature: float, seed: int) -> None:
        self._marker, self._ends, self._prompt = speech.marker, list(ends), prompt
        self._longest_text, self._longest_units, self._temperature = longest_text, longest_units, temperature
        uniform = torch.rand(longest_units + 1, speech.codec.num_codes + len(self._ends), generator=torch.Generator().manual_seed(seed))
        self._noise = -(-uniform.clamp(1e-9, 1 - 1e-7).log()).log()

    def __call__(self, input_ids: torch.LongTensor, scores: torch.FloatTensor) -> torch.FloatTensor:
        written = input_ids[:, self._prompt :]
        is_marker = written == self._marker
        aloud = is_marker.any(1)
        # units that were said after the marker
        said = torch.where(aloud, written.shape[1] - 1 - is_marker.int().argmax(1), 0) if written.shape[1] else torch.zeros_like(aloud, dtype=torch.long)
        return torch.where(aloud[:, None], self._units(scores, said), self._text(scores, written.shape[1]))

    def _text(self, scores: torch.Tensor, written: int) -> torch.Tensor:
        if written >= self._longest_text:
            return self._only(scores, self._ends)
        text = scores.clone()
        text[:, self._marker + 1 :] = -torch.inf
        return text

    def _units(self, scores: torch.Tensor, said: torch.Tensor) -> torch.Tensor:
        spoken = torch.full_like(scores, -torch.inf)
        places = torch.tensor([*range(self._marker + 1, scores.shape[1]), *self._ends], device=scores.device)
        said = said.clamp(max=self._longest_units)
        likely = scores[:, places].float()
        likely[:, -len(self._ends) :] = torch.where((said > 0)[:, None], likely[:, -len(self._ends) :], -torch.inf)
        likely = likely.masked_fill(likely < likely.topk(min(MOST_LIKELY, likely.shape[1])).values[:, -1:], -torch.inf)
        spoken[:, places] = (likely / self._temperature + self._noise.to(scores.device)[said]).to(scores.dtype)
        return torch.where((said >= self._longest_units)[:, None], self._only(scores, self._ends), spoken)

    def _only(self, scores: torch.Tensor, ids: Sequence[int]) -> torch.Tensor:
        only = torch.full_like(scores, -torch.inf)
        only[:, ids] = 0.0
        return only
