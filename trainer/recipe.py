"""What a training recipe may say, and how a shipped or a user's own one is read."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path
from typing import Annotated, Any, Literal, Self

from pydantic import Field, model_validator
from ruamel.yaml import YAML

from speccraft.errors import WrongUsage
from speccraft.resources import recipe_file
from speccraft.scenario.base import FormatVersion, Fraction, Seconds, Words, measured_in, such_as
from speccraft.scenario.diagnostics import Span
from speccraft.scenario.document import Document, Where
from speccraft.scenario.job import Stage
from speccraft.scenario.text import check, parse, read_model

from .base import Base, Fresh, Lora, Parts, Source, SpeechLMBase

Count = Annotated[int, Field(ge=1)]
Positive = Annotated[float, Field(gt=0)]
Weight = Annotated[float, Field(ge=0)]
KMEANS_MEL = "kmeans-mel"
"""The codec that needs no checkpoint."""


class Features(Words):
    """How a waveform becomes frames."""

    n_mels: Annotated[Count, measured_in("bands"), such_as(40, 80)] = 40
    """Mel bands. More tell finer differences of sound and cost width in the encoder; 80 is usual for large models."""
    window_ms: Annotated[Positive, measured_in("ms"), such_as(25.0)] = 25.0
    """Length of the analysis window. Shorter ones blur pitch, longer ones blur plosives."""
    hop_ms: Annotated[Positive, measured_in("ms"), such_as(10.0)] = 10.0
    """Time from one frame to the next. It sets how many frames a second of audio costs."""


class Augment(Words):
    """How a training cut is varied beyond the place, afresh each epoch."""

    vocal_tract_warp: Annotated[float, Field(ge=0, le=0.3), measured_in("fraction"), such_as(0.1)] = 0.0
    """Stretch the frequency axis by up to this share, as a longer or shorter vocal tract would. It stands in for speakers that the data lacks."""
    tempo: Annotated[float, Field(ge=0, le=0.3), measured_in("fraction"), such_as(0.2)] = 0.0
    """Speak slower or faster by up to this share, at the same pitch. People hurry more than readers do."""
    speed: Annotated[float, Field(ge=0, le=0.3), measured_in("fraction"), such_as(0.1)] = 0.0
    """Play slower or faster by up to this share, pitch and all, before the cut is heard in its place. It makes other voices of those there are; test cuts
    are never changed, and batches are filled by the lengths from before."""


class Encoder(Words):
    """The part that hears, trained from scratch."""

    kind: Annotated[Literal["whisper", "parakeet"], such_as("whisper")]
    """Family: `whisper` (convolution and transformer, 50 frames a second) or `parakeet` (FastConformer, 25 frames a second). Fewer frames cost less
    and can miss fast speech."""
    layers: Annotated[Count, measured_in("layers"), such_as(2)]
    """Transformer or conformer layers that hear. Time and memory of the encoder grow in proportion."""
    width: Annotated[Count, measured_in("features"), such_as(80)]
    """Hidden size of the encoder. It has to be a multiple of the heads."""
    heads: Annotated[Count, measured_in("heads"), such_as(4)]
    """Attention heads of the encoder. They share its width, so many heads in a narrow encoder see little each."""
    dropout: Annotated[Fraction, such_as(0.05)] = 0.0
    """Share of activations left out in training. It keeps a small data set from being learnt by heart."""


class LanguageModel(Words):
    """The part that writes, a Llama trained from scratch."""

    layers: Annotated[Count, measured_in("layers"), such_as(2)]
    """Transformer layers that write. Each answer token passes all of them, so they set how fast answers come."""
    width: Annotated[Count, measured_in("features"), such_as(96)]
    """Hidden size of the language model. Audio is projected to it before it is read."""
    heads: Annotated[Count, measured_in("heads"), such_as(4)]
    """Attention heads of the language model. Its width has to be a multiple of them."""


class Model(Words):
    """What the model starts from, and its sizes."""

    base: Annotated[Base, such_as({"kind": "whisper", "checkpoint": {"hub": "openai/whisper-small", "licence": "Apache-2.0"}, "language": "en"})] = Fresh(
        kind="fresh"
    )
    """What training starts from: nothing, or published checkpoints. Whoever has hours instead of thousands of hours wants one that knows speech already."""
    encoder: Annotated[Encoder | None, such_as({"kind": "whisper", "layers": 2, "width": 80, "heads": 4})] = None
    """The part that hears, of a model from scratch. Its family and size decide most of the cost per second of audio."""
    language_model: Annotated[LanguageModel | None, such_as({"layers": 2, "width": 96, "heads": 4})] = None
    """The part that writes, of a model from scratch. It decides what can be said, and the cost per word."""
    stack_factor: Annotated[Count, measured_in("frames"), such_as(4)] = 4
    """Encoder frames that become one token of the language model. More make prompts shorter and the sound coarser."""
    init_std: Annotated[Positive, measured_in("weight"), such_as(0.02)] = 0.02
    """Standard deviation of the initial weights; small models need about 1/sqrt(width). Far less, and nothing is learnt for hundreds of steps."""
    longest_audio_s: Annotated[Seconds, such_as(30.0)] = 30.0
    """Longest audio that the model can hear. It bounds memory; longer recordings are refused instead of cut off."""

    @model_validator(mode="after")
    def _sizes_of_what_is_made(self) -> Self:
        given = [name for name in ("encoder", "language_model") if getattr(self, name) is not None]
        if isinstance(self.base, Fresh) and len(given) < 2:
            raise ValueError("a model from scratch needs the sizes of its encoder and of its language_model")
        if not isinstance(self.base, Fresh) and given:
            raise ValueError(f"a {self.base.kind} base has sizes of its own: leave out {' and '.join(given)}")
        return self


class StageRecipe(Words):
    """How one stage trains."""

    steps: Annotated[Count, measured_in("steps"), such_as(300)]
    """Optimiser steps. They decide how long a stage takes, whatever the size of the data."""
    learning_rate: Annotated[Positive, measured_in("per step"), such_as(0.001)]
    """Peak learning rate; rises linearly during warm-up, then falls linearly to zero. Too high diverges within a few steps, too low never gets there."""
    warmup_steps: Annotated[int, Field(ge=0), measured_in("steps"), such_as(20)] = 0
    """Steps of warm-up. The first gradients are wild, and full steps along them can spoil a model for good."""
    batch_audio_s: Annotated[Seconds, such_as(10.0)]
    """Seconds of audio in a batch, about, padding not counted. Memory is bounded by seconds rather than by a number of cuts."""
    buckets: Annotated[int, Field(ge=2), measured_in("buckets"), such_as(8)] = 8
    """Groups of similar length that batches are drawn from. More mean less padding and less mixing."""
    weight_decay: Annotated[float, Field(ge=0), measured_in("per step"), such_as(0.01)] = 0.01
    """Weight decay of AdamW. It pulls weights to zero that the data does not hold up."""
    parts: Annotated[Parts, such_as({"encoder": "frozen", "projector": "full", "language_model": "lora"})] = Parts()
    """What is trained of each part of the model. What is frozen costs no memory for gradients, and cannot be spoilt."""
    lora: Annotated[Lora, such_as({"rank": 16, "alpha": 32})] = Lora()
    """Size of the additions that `lora` parts learn. They are folded into the weights when the stage ends, so that every checkpoint is whole."""
    gradient_checkpointing: Annotated[bool, such_as(True)] = False
    """Compute activations again instead of keeping them. Memory falls several times, and a step takes about a third longer."""
    precision: Annotated[Literal["float32", "bf16"], such_as("bf16")] = "float32"
    """Numbers that products are computed in; weights stay float32. With `bf16` newer GPUs are several times faster, and most CPUs slower."""
    log_every: Annotated[Count, measured_in("steps"), such_as(25)] = 25
    """Steps from one row of `metrics.jsonl` to the next. Rows cost next to nothing, and a loss that blew up is found by them."""
    save_every: Annotated[Count, measured_in("steps"), such_as(500)] = 500
    """Steps from one saved state to the next, from which a killed training goes on. A state is about three times as large as what is trained."""
    saved: Annotated[int, Field(ge=2), measured_in("saved states"), such_as(2)] = 2
    """How many of the newest saved states are kept. A damaged one is passed over for the one before it."""
    evaluate_every: Annotated[int, Field(ge=0), measured_in("steps"), such_as(500)] = 500
    """Steps from one look at the dev split to the next; 0 never looks. It is looked at after the last step too."""
    evaluate_dialogues: Annotated[Count, measured_in("dialogues"), such_as(48)] = 48
    """How many dialogues of the dev split are answered each time, always the same ones. More tell finer differences and take longer."""
    keep: Annotated[Literal["best", "last"], such_as("best")] = "best"
    """Which weights the stage ends with: the `best` by word error rate on the dev split, then by loss, or the `last`. Where nothing is evaluated, the last."""


class PretrainRecipe(StageRecipe):
    """How the model learns to listen."""

    ctc_weight: Annotated[float, Field(ge=0), measured_in("weight"), such_as(0.5)] = 0.0
    """Weight of the auxiliary CTC loss on the encoder; 0 leaves it out. It ties frames to letters early, where small models otherwise learn to ignore sound."""
    masked_weight: Annotated[float, Field(ge=0), measured_in("weight"), such_as(0.1)] = 0.1
    """Weight of guessing hidden sounds in speech without words, which the scenario lets in by `segmentation.untranscribed`; 0 leaves that speech out. It
    teaches the encoder voices and rooms that nobody had to transcribe, and takes a share of the steps from what has words."""


class AlignRecipe(StageRecipe):
    """How the model learns the job."""

    longest_tokens: Annotated[Count | None, measured_in("tokens"), such_as(4096)] = None
    """Positions of the language model that a dialogue may fill, audio included; what comes after is cut off, never within a piece of audio, and counted in
    `metrics.jsonl`. It bounds memory where a few dialogues are very long; none leaves them whole."""


class Automatic(Words):
    """How the model answers training prompts, for pairs that automatic rules make."""

    share: Annotated[float, Field(ge=0, le=1), measured_in("fraction"), such_as(0.5)] = 0.0
    """Share of automatic pairs among all pairs, `preference.automatic_pairs` of the scenario. At 1 there are no others."""
    prompts: Annotated[Count, measured_in("prompts"), such_as(400)] = 400
    """Training prompts that are answered, at most. Answering is slow beside training, and most answers of a good model are alike."""
    answers: Annotated[int, Field(ge=2), measured_in("answers"), such_as(4)] = 4
    """Answers that are drawn for each prompt. More of them hold a better best and a worse worst."""
    temperature: Annotated[Positive, measured_in("ratio"), such_as(1.0)] = 1.0
    """Above 1 answers vary more than the model means them to, below 1 less. Where all are alike there is nothing to prefer."""


class PreferRecipe(StageRecipe):
    """How the model learns which answers are preferred."""

    method: Annotated[Literal["dpo", "kto"], such_as("kto")] = "dpo"
    """`dpo` learns from pairs, `kto` from single answers that were liked or not; `preference.method` of the scenario. Without
    pairs there is nothing for `dpo` to compare, and `kto` moves less: on real digits it made 80 % of the answers what was preferred, and `dpo` all."""
    beta: Annotated[Positive, measured_in("weight"), such_as(0.1)] = 0.1
    """How dear it is to move away from the model that the stage begins with. A small one moves far, and forgets."""
    nll_weight: Annotated[float, Field(ge=0), measured_in("weight"), such_as(0.2)] = 1.0
    """Weight of learning the preferred answers as such, beside preferring them; DPO only. Without it DPO may make both answers rarer, and say neither."""
    rehearsal_weight: Annotated[float, Field(ge=0), measured_in("weight"), such_as(1.0)] = 1.0
    """Weight of demonstrations that are practised again beside every batch (of transcripts, where there are none); 0 leaves them out. They hold on to what
    was learnt before, which preferences do not ask for: beside an `nll_weight` of 0.2 an unseen speaker of digits lost 7 points without them, and none with."""
    keep: Annotated[Literal["best", "last"], such_as("best")] = "last"
    """Which weights the stage ends with. The `best` by word error rate on the dev split are often the first ones, which prefer nothing yet."""
    automatic: Annotated[Automatic, such_as({"share": 0.5, "prompts": 400, "answers": 4})] = Automatic()
    """How pairs are made by rules. They are drawn from the model that the stage begins with."""


class Answer(Words):
    """How the trained model answers."""

    max_new_tokens: Annotated[Count, measured_in("tokens"), such_as(256)] = 256
    """Longest answer in tokens (bytes of text). It ends an answer that repeats itself for ever, and cuts off a right one that is longer."""
    batch_audio_s: Annotated[Seconds, such_as(60.0)] = 60.0
    """Seconds of audio answered at once. More answer faster until memory is full."""


class SpeechOut(Words):
    """How answers are spoken, by a model whose job has `speech` among its outputs; without it this section does nothing."""

    codec: Annotated[Literal["kmeans-mel", "published"], such_as("published")] = "kmeans-mel"
    """What makes sound of units: `kmeans-mel`, fitted on the voice's own speech in the build, or `published`, a neural codec (DAC, Mimi or EnCodec) from
    `checkpoint`. The first needs nothing else and sounds like a radio far away; the second sounds better, and somebody has to have trained it."""
    units: Annotated[int, Field(ge=2, le=65536), measured_in("units"), such_as(64)] = 256
    """Units that `kmeans-mel` tells apart. More sound clearer and are harder to predict from little speech."""
    checkpoint: Annotated[Source | None, such_as({"hub": "descript/dac_16khz", "licence": "MIT"})] = None
    """The published codec. The rights gate asks for its licence, and a copy of it goes with every checkpoint that speaks."""
    codebooks: Annotated[Count, measured_in("codebooks"), such_as(2)] = 1
    """How many of a published codec's codebooks are spoken, from the coarsest on. Each makes answers clearer, and longer by as many units as the first."""
    read_weight: Annotated[Weight, measured_in("weight"), such_as(0.5)] = 0.5
    """Texts that are read aloud in pre-training and alignment, for each transcript or demonstration. It ties units to letters, which demonstrations alone
    are too few for."""
    repeat_weight: Annotated[Weight, measured_in("weight"), such_as(0.5)] = 0.5
    """Recordings that are repeated aloud in alignment, for each demonstration, or for each recording where there are none. It ties what is heard to units."""
    longest_s: Annotated[Seconds, such_as(10.0)] = 10.0
    """Longest spoken answer. It ends one that never comes to an end, and cuts off a right one that is longer."""
    temperature: Annotated[Positive, measured_in("ratio"), such_as(0.7)] = 0.7
    """How much units vary when they are drawn. The likeliest ones alone get stuck in a hum; above 1 words are slurred."""

    @model_validator(mode="after")
    def _has_its_checkpoint(self) -> Self:
        if (self.codec == "published") != (self.checkpoint is not None):
            raise ValueError("a `published` codec needs its `checkpoint`, and `kmeans-mel` has none")
        return self


class Expectation(Words):
    """What training by a recipe took where it was measured."""

    device: Annotated[Literal["cpu", "gpu"], such_as("cpu")]
    """What trains: a CPU, or one GPU. Plans hold GPU hours against the budget."""
    measured_on: Annotated[str, such_as("two cores of an x86-64 server")]
    """The machine that these numbers were measured on, in words. A plan repeats it, so that nobody takes them for a promise."""
    audio_s_per_s: Annotated[dict[Stage, Positive], measured_in("seconds of audio per second"), such_as({"pretrain": 100.0})]
    """Seconds of audio that a stage trains on in a second. Plans divide by it."""
    memory_gb: Annotated[Positive, measured_in("GB"), such_as(1.5)]
    """Peak memory. A machine with less will not train by this recipe."""


class Recipe(Words):
    """How every stage trains; saved with the run as it was resolved."""

    recipe: Annotated[FormatVersion, such_as(1)]
    """Version of the recipe format. A recipe of another version is refused instead of being read by the wrong rules."""
    threads: Annotated[Count, measured_in("threads"), such_as(2)] = 2
    """CPU threads of torch. Small layers gain nothing from many, and lose where others use the machine."""
    loader_workers: Annotated[int, Field(ge=0), measured_in("processes"), such_as(2)] = 0
    """Processes that prepare batches; 0 prepares them in the training process. A GPU that waits for audio wants more of them."""
    sharded: Annotated[bool, such_as(True)] = False
    """Whether processes that train together share the model out among themselves (FSDP2), each holding a part of weights, gradients and optimizer. For
    models that do not fit into one GPU; every dialogue has to hold audio then."""
    features: Annotated[Features, such_as({"n_mels": 40, "window_ms": 25.0, "hop_ms": 10.0})] = Features()
    """How a waveform becomes frames. A checkpoint hears only through the features that it was trained with."""
    augment: Annotated[Augment, such_as({"vocal_tract_warp": 0.1, "tempo": 0.2})] = Augment()
    """How training cuts are varied. It makes little data go further, and too much of it keeps a small model at chance."""
    model: Annotated[
        Model,
        such_as({"encoder": {"kind": "whisper", "layers": 2, "width": 80, "heads": 4}, "language_model": {"layers": 2, "width": 96, "heads": 4}}),
    ]
    """Sizes of the model. They decide memory, time and how much can be learnt."""
    pretrain: Annotated[PretrainRecipe, such_as({"steps": 1200, "learning_rate": 0.003, "warmup_steps": 30, "batch_audio_s": 10.0, "ctc_weight": 0.5})]
    """Stage 2: listening. A model that does not hear yet cannot learn from demonstrations what to answer."""
    align: Annotated[AlignRecipe, such_as({"steps": 300, "learning_rate": 0.001, "warmup_steps": 20, "batch_audio_s": 10.0})]
    """Stage 3: the job. Shorter and gentler than listening, or it forgets what it heard."""
    prefer: Annotated[PreferRecipe | None, such_as({"steps": 60, "learning_rate": 0.0003, "warmup_steps": 5, "batch_audio_s": 10.0, "beta": 0.1})] = None
    """Stage 4: which answers people prefer. Few and small steps: it is to change how things are said, and what is heard suffers from every one."""
    answer: Annotated[Answer, such_as({"max_new_tokens": 96, "batch_audio_s": 60.0})] = Answer()
    """How the trained model answers in evaluation. It limits length and memory, and changes no weight."""
    speech_out: Annotated[SpeechOut, such_as({"codec": "kmeans-mel", "units": 128})] = SpeechOut()
    """How answers are spoken, where the job has `speech` among its outputs. It adds units to the vocabulary, and to the steps it takes to learn."""
    expect: Annotated[Expectation | None, such_as({"device": "cpu", "measured_on": "a laptop", "audio_s_per_s": {"pretrain": 100.0}, "memory_gb": 1.5})] = None
    """What training took where it was measured. Left out, plans do not estimate how long it takes."""

    @model_validator(mode="after")
    def _heard_as_the_base_was(self) -> Self:
        if isinstance(self.model.base, Fresh):
            return self
        if self.features != Features():
            raise ValueError("features: a base brings its own extractor, so leave them out")
        if self.augment.vocal_tract_warp or self.augment.tempo:
            raise ValueError("augment: a base's own extractor can neither warp nor stretch: use augment.speed, and leave vocal_tract_warp and tempo out")
        if self.pretrain.ctc_weight or self.pretrain.masked_weight:
            raise ValueError("pretrain: a base hears already: set ctc_weight and masked_weight to 0")
        if self.prefer is not None and not isinstance(self.model.base, SpeechLMBase):
            raise ValueError(f"prefer: a {self.model.base.kind} base does not learn preferences: leave it out, or take a speech-lm")
        return self

    def as_yaml(self) -> bytes:
        """The whole recipe with every default written out."""
        buffer = io.BytesIO()
        YAML(typ="safe", pure=True).dump(self.model_dump(mode="json"), buffer)
        return buffer.getvalue()


def load_recipe(name_or_path: str, overrides: Sequence[str] = (), start: Path | None = None) -> Recipe:
    """Read a shipped recipe by name, or any recipe by path from `start` on, and apply overrides such as `pretrain.steps=300`.

    Raises:
        UnreadableInput: there is no such recipe.
        InvalidScenario: the recipe or an override is not what the schema asks for; its `findings` hold every problem.
    """
    recipe, _ = read_model(recipe_file(name_or_path, start), Recipe)
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
