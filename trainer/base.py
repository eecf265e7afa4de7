"""Which existing checkpoints a model starts from, and which of its parts a stage trains."""

from __future__ import annotations

from typing import Annotated, Literal

from pydantic import Field

from speccraft.scenario.base import Fraction, Words, measured_in, such_as

Training = Literal["frozen", "lora", "full"]
PARTS = ("encoder", "projector", "language_model")
"""What a model that hears and writes is made of, in the order in which sound passes through them."""


class Source(Words):
    """One published checkpoint: where it is, and under which licence."""

    path: Annotated[str | None, such_as("/models/whisper-small")] = None
    """Local folder with `config.json`, weights as safetensors, and tokenizer or feature extractor. It is read as it is: no pickle, no code of its own."""
    hub: Annotated[str | None, Field(pattern=r"^[\w.-]+/[\w.-]+$"), such_as("openai/whisper-small")] = None
    """Name on the Hugging Face hub, for where there is no `path`. Only `train --allow-download` fetches it; later it is found in the local cache."""
    revision: Annotated[str | None, Field(pattern=r"^[\w./-]+$"), such_as("v1.0")] = None
    """Commit, tag or branch on the hub; its main branch if left out. Whichever it is, a run records the digest of every file that it was given."""
    licence: Annotated[str | None, such_as("Apache-2.0", "CC-BY-4.0")] = None
    """SPDX expression of the checkpoint's licence. The rights gate asks for it as for any recording, and refuses a checkpoint that states none."""


class Fresh(Words):
    """Nothing: all weights are drawn at random."""

    kind: Annotated[Literal["fresh"], such_as("fresh")]
    """`fresh`: from scratch, in the sizes of `model.encoder` and `model.language_model`. It needs no download and learns only what the build holds."""


class SpeechLMBase(Words):
    """An audio encoder and a causal language model, joined by a projector that is learnt."""

    kind: Annotated[Literal["speech-lm"], such_as("speech-lm")]
    """`speech-lm`: hears with one checkpoint and writes with another. Only the projector between them knows nothing yet, so little speech goes far."""
    encoder: Annotated[Source, such_as({"hub": "openai/whisper-small", "licence": "Apache-2.0"})]
    """What hears: Whisper, Parakeet, wav2vec 2.0, WavLM, HuBERT or wav2vec2-BERT. Its own feature extractor comes with it."""
    language_model: Annotated[Source, such_as({"hub": "Qwen/Qwen3-0.6B", "licence": "Apache-2.0"})]
    """What writes: any causal language model that reads embeddings, such as Llama, Qwen, Gemma, Phi or Granite. Its tokenizer comes with it."""
    chat: Annotated[Literal["own", "ours"], such_as("own")] = "own"
    """Layout of dialogues: the tokenizer's own chat template, or ours for one that has none. An instruct model understands its own best."""


class WhisperBase(Words):
    """A Whisper checkpoint, tuned through its own class."""

    kind: Annotated[Literal["whisper"], such_as("whisper")]
    """`whisper`: transcribes, and nothing else. It hears windows of 30 s, so short utterances cost as much as long ones."""
    checkpoint: Annotated[Source, such_as({"hub": "openai/whisper-small", "licence": "Apache-2.0"})]
    """The checkpoint, with tokenizer and feature extractor. Larger ones know more words and hear more slowly."""
    language: Annotated[str | None, Field(pattern=r"^[a-z]{2,3}$"), such_as("en")] = None
    """Language that the decoder is told, by Whisper's own code; left out for checkpoints of English alone. A wrong one makes it translate."""


class CtcBase(Words):
    """An encoder with a CTC head, tuned through its own class."""

    kind: Annotated[Literal["ctc"], such_as("ctc")]
    """`ctc`: transcribes frame by frame, fast and without inventing words. It knows no instructions."""
    checkpoint: Annotated[Source, such_as({"hub": "nvidia/parakeet-ctc-1.1b", "licence": "CC-BY-4.0"})]
    """The checkpoint, such as Parakeet CTC or Wav2Vec2ForCTC. Only what its vocabulary can spell can be learnt."""


class AudioLLMBase(Words):
    """A published audio language model, tuned through its own class."""

    kind: Annotated[Literal["audio-llm"], such_as("audio-llm")]
    """`audio-llm`: Qwen2-Audio or AudioFlamingo3, which follow spoken and typed instructions already. Adapters are what one GPU can train of it."""
    checkpoint: Annotated[Source, such_as({"hub": "Qwen/Qwen2-Audio-7B-Instruct", "licence": "Apache-2.0"})]
    """The checkpoint, with tokenizer, chat template and feature extractor. Its size decides memory, whatever is trained of it."""


Base = Annotated[Fresh | SpeechLMBase | WhisperBase | CtcBase | AudioLLMBase, Field(discriminator="kind")]


def sources_of(base: Base) -> dict[str, Source]:
    """The checkpoints of a base by the field that names them."""
    return {name: value for name in type(base).model_fields if isinstance(value := getattr(base, name), Source)}


class Parts(Words):
    """What a stage does to each part of the model."""

    encoder: Annotated[Training, such_as("frozen")] = "full"
    """The part that hears. `frozen` keeps what it knows and saves memory; `lora` learns small additions to its weights; `full` learns all of them."""
    projector: Annotated[Training, such_as("full")] = "full"
    """What brings sound to the language model, or the CTC head. A new one has to be learnt in full before anything else makes sense."""
    language_model: Annotated[Training, such_as("lora")] = "full"
    """The part that writes. Trained in full on little text it forgets the rest; `lora` changes less, and is folded in when the stage ends."""

    @property
    def all_full(self) -> bool:
        """Whether nothing is held back."""
        return {self.encoder, self.projector, self.language_model} == {"full"}


class Lora(Words):
    """Size of the low-rank additions that `lora` parts learn (Hu et al. 2021, arXiv 2106.09685)."""

    rank: Annotated[int, Field(ge=1), measured_in("rank"), such_as(16)] = 16
    """Rank of each addition. More can learn more and cost more memory."""
    alpha: Annotated[int, Field(ge=1), measured_in("weight"), such_as(32)] = 32
    """Strength: an addition counts alpha over rank. Twice the rank is usual."""
    dropout: Annotated[Fraction, such_as(0.05)] = 0.0
    """Share of the additions' inputs left out in training. Additions to a big model have room enough to learn a small data set by heart."""
