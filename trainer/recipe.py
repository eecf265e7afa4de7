"""What a training recipe may say, and how a shipped or a user's own one is read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from typing import Annotated, Any, Literal

from pydantic import Field
from ruamel.yaml import YAML

from speccraft.errors import WrongUsage
from speccraft.resources import recipe_file
from speccraft.scenario.base import Fraction, Seconds, Words
from speccraft.scenario.diagnostics import Span
from speccraft.scenario.document import Document, Where
from speccraft.scenario.text import check, parse, read_model

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]


class Features(Words):
    """How a waveform becomes frames."""

    n_mels: Count = 40
    """Mel bands."""
    window_ms: Positive = 25.0
    """Length of the analysis window in milliseconds."""
    hop_ms: Positive = 10.0
    """Time from one frame to the next in milliseconds."""


class Augment(Words):
    """How a training cut is varied beyond the place, afresh each epoch."""

    vocal_tract_warp: Annotated[float, Field(ge=0, le=0.3)] = 0.0
    """Stretch the frequency axis by up to this share, as a longer or shorter vocal tract would."""
    tempo: Annotated[float, Field(ge=0, le=0.3)] = 0.0
    """Speak slower or faster by up to this share, at the same pitch."""


class Encoder(Words):
    """The part that hears, trained from scratch."""

    kind: Literal["whisper", "parakeet"]
    """Family: `whisper` (convolution and transformer, 50 frames a second) or `parakeet` (FastConformer, 25 frames a second)."""
    layers: Count
    """Transformer or conformer layers."""
    width: Count
    """Hidden size."""
    heads: Count
    """Attention heads."""
    dropout: Fraction = 0.0
    """Dropout in training."""


class LanguageModel(Words):
    """The part that writes, a Llama trained from scratch."""

    layers: Count
    """Transformer layers."""
    width: Count
    """Hidden size."""
    heads: Count
    """Attention heads."""


class Model(Words):
    """Sizes of the speech language model."""

    encoder: Encoder
    """The part that hears."""
    language_model: LanguageModel
    """The part that writes."""
    stack_factor: Count = 4
    """Encoder frames that become one token of the language model."""
    init_std: Positive = 0.02
    """Standard deviation of the initial weights; small models need about 1/sqrt(width)."""
    longest_audio_s: Seconds = 30.0
    """Longest audio that the model can hear, in seconds."""


class StageRecipe(Words):
    """How one stage trains."""

    steps: Count
    """Optimiser steps."""
    learning_rate: Positive
    """Peak learning rate; rises linearly during warm-up, then falls linearly to zero."""
    warmup_steps: Annotated[int, Field(ge=0)] = 0
    """Steps of warm-up."""
    batch_audio_s: Seconds
    """Seconds of audio in a batch, about, padding not counted."""
    buckets: Annotated[int, Field(ge=2)] = 8
    """Groups of similar length that batches are drawn from."""
    weight_decay: Annotated[float, Field(ge=0)] = 0.01
    """Weight decay of AdamW."""
    log_every: Count = 25
    """Steps from one row of `metrics.jsonl` to the next."""


class PretrainRecipe(StageRecipe):
    """How the model learns to listen."""

    ctc_weight: Annotated[float, Field(ge=0)] = 0.0
    """Weight of the auxiliary CTC loss on the encoder; 0 leaves it out."""


class Answer(Words):
    """How the trained model answers."""

    max_new_tokens: Count = 256
    """Longest answer in tokens (bytes of text)."""
    batch_audio_s: Seconds = 60.0
    """Seconds of audio answered at once."""


class Recipe(Words):
    """How every stage trains; saved with the run as it was resolved."""

    recipe: Literal[1]
    """Version of this format."""
    threads: Count = 2
    """CPU threads of torch."""
    loader_workers: Annotated[int, Field(ge=0)] = 0
    """Processes that prepare batches; 0 prepares them in the training process."""
    features: Features = Features()
    """How a waveform becomes frames."""
    augment: Augment = Augment()
    """How training cuts are varied."""
    model: Model
    """Sizes of the model."""
    pretrain: PretrainRecipe
    """Stage 2: listening."""
    align: StageRecipe
    """Stage 3: the job."""
    answer: Answer = Answer()
    """How the trained model answers."""

    def as_yaml(self) -> bytes:
        """The whole recipe with every default written out."""
        buffer = io.BytesIO()
        YAML(typ="safe", pure=True).dump(self.model_dump(mode="json"), buffer)
        return buffer.getvalue()


def load_recipe(name_or_path: str, overrides: Sequence[str] = ()) -> Recipe:
    """Read a shipped recipe by name, or any recipe by path, and apply overrides such as `pretrain.steps=300`.

    Raises:
        UnreadableInput: there is no such recipe.
        InvalidScenario: the recipe or an override is not what the schema asks for; its `findings` hold every problem.
    """
    recipe, _ = read_model(recipe_file(name_or_path), Recipe)
    return check(_overridden(recipe, overrides), Recipe) if overrides else recipe


def _overridden(recipe: Recipe, overrides: Sequence[str]) -> Document:
    """The recipe with overrides as one more document, so that their problems are shown like those of a file."""
    data = recipe.model_dump(mode="json")
    places: dict[Where, Span] = {}
    for line, override in enumerate(overrides, 1):
        key, _, value = override.partition("=")
        where = tuple(key.split("."))
        _put(data, where, parse(f"value: {value}", "--set").data["value"], override)
        places[where] = Span(line, 1, line, len(override) + 1)
    return Document("--set", "\n".join(overrides), data, keys=places, values=places)


def _put(data: dict[str, Any], where: Where, value: Any, override: str) -> None:
    """Set one value; whether its key exists and the value fits is for the model to say."""
    for key in where[:-1]:
        data = data.get(key)  # type: ignore[assignment, arg-type]
        if not isinstance(data, dict):
            raise WrongUsage(f"--set {override}: there is no section '{key}'", try_this="--set pretrain.steps=300")
    if "=" not in override:
        raise WrongUsage(f"--set {override}: is not key=value", try_this="--set pretrain.steps=300")
    data[str(where[-1])] = value
