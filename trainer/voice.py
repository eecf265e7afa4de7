"""The one voice that answers are spoken in: its recordings in a build, what is learnt from them, and answers with their units."""

from __future__ import annotations

import re
from collections import defaultdict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING, Any

import numpy as np

from speccraft.errors import SpeccraftError
from speccraft.rights.pseudonyms import Names as People
from speccraft.rights.pseudonyms import key_of
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import Message, Part
from speccraft.sound.place import generator_for
from speccraft.sound.shards import ShardReader

from .batch import Audio, Example
from .data import Cuts, Dialogues, text_of
from .lines import Lines, Names
from .recipe import SpeechOut

if TYPE_CHECKING:
    from .adapters import Collate
    from .order import Order
    from .speaking import Speech
    from .speech_tokens import SpeechCodec

READ, REPEAT = "Say: ", "Say it again."
"""Instructions of what every voice practises, before a text and after a recording."""


@dataclass(frozen=True)
class Voice:
    """Training cuts with words of the voice that answers: text and seconds of each by id, in the order of their file."""

    speaker: str
    cuts: Mapping[str, tuple[str, float]]

    @cached_property
    def by_text(self) -> Mapping[str, tuple[str, ...]]:
        """Cuts that say a text, by the text without case and signs."""
        found = defaultdict(list)
        for id, (text, _) in self.cuts.items():
            found[plain(text)].append(id)
        return {text: tuple(ids) for text, ids in found.items()}

    def spoken(self, messages: Sequence[Message], rng: np.random.Generator | None = None) -> tuple[Message, ...]:
        """A dialogue whose answers are text and then sound: the voice's recordings that are there or else, with `rng`, one of the same text if there is one.

        What the assistant says in another voice is left out, whoever recorded it: nobody is imitated who was not asked.
        """
        return tuple(message if message.role != "assistant" else self._aloud(message, rng) for message in messages)

    def _aloud(self, message: Message, rng: np.random.Generator | None) -> Message:
        own = [part for part in message.content if part.type == "audio" and part.cut in self.cuts]
        text = message.text or " ".join(self.cuts[part.cut][0] for part in own if part.cut)
        same = self.by_text.get(plain(text), ())
        if not own and same and rng is not None:
            own = [Part(type="audio", cut=same[int(rng.integers(len(same)))])]
        return Message(role="assistant", content=(*([Part(type="text", text=text)] if text else []), *own))


def plain(text: str) -> str:
    """The words of a text, without case and signs."""
    return " ".join(re.findall(r"\w+", text.casefold()))


def voice_of(scenario: Scenario, build: Path, folder: Path) -> Voice:
    """The voice of a scenario in a build: the licensed speaker, or of the build's synthetic speakers the one with most speech.

    That it may be used was asked for before any training began; a stock voice is one that a rule made, never a recording of somebody.

    Raises:
        SpeccraftError: the build holds no speech with words of such a voice.
    """
    found = _speech_by(build / "cuts.train.jsonl", _belongs(scenario, folder))
    if not found:
        if scenario.voice.kind == "licensed":
            raise SpeccraftError(f"no training cut with words is of the voice '{scenario.voice.speaker}'", try_this="recordings of that speaker in `sources:`")
        raise SpeccraftError("no training cut with words is of a synthetic voice, so nobody can answer", try_this="a source of `format: synthesis`")
    speaker = max(sorted(found), key=lambda speaker: round(sum(seconds for _, seconds in found[speaker].values()), 3))
    return Voice(speaker, found[speaker])


def _belongs(scenario: Scenario, folder: Path) -> Callable[[str, str | None], bool]:
    """Whether speech of a source and speaker is in a voice that may answer."""
    voice = scenario.voice
    if voice.kind == "licensed":
        called = People.of([voice.speaker], [], key_of(scenario, folder)).speaker(voice.speaker)
        return lambda source, speaker: speaker == called
    synthetic = {source.id for source in scenario.sources if source.format == "synthesis"} if voice.kind == "stock" else set()
    return lambda source, speaker: source in synthetic and speaker is not None


def _speech_by(file: Path, belongs: Callable[[str, str | None], bool]) -> dict[str, dict[str, tuple[str, float]]]:
    """Text and seconds of cuts with words, by speaker and id."""
    found: dict[str, dict[str, tuple[str, float]]] = defaultdict(dict)

    def see(row: dict[str, Any]) -> None:
        source, speaker = row["custom"]["source"], row["custom"]["speaker"]
        text = text_of(row)
        if text and belongs(source, speaker):
            found[speaker][row["id"]] = (text, row["duration"])

    Lines.of(file, see)
    return dict(found)


def codec_of(order: Order, voice: Voice) -> SpeechCodec:
    """The codec that the recipe asks for; `kmeans-mel` is fitted on the voice.

    Raises:
        SpeccraftError: there is too little speech to fit it.
        UnreadableInput: the published codec cannot be opened.
    """
    from .speech_tokens import KMeansMel

    recipe = order.recipe.speech_out
    if recipe.checkpoint is not None:
        from .published_codec import PublishedCodec
        from .sources import CODEC, located

        return PublishedCodec.at(located(CODEC, recipe.checkpoint), recipe.codebooks)
    shards = ShardReader(order.build.path / "shards" / "train")
    return KMeansMel.fitted((shards.samples(cut) for cut in voice.cuts), order.sampling_rate, recipe.units, order.seed)


@dataclass(frozen=True)
class Aloud:
    """Answers as they are learnt by a model that speaks: the words, the marker, and the units of one recording of the voice.

    Attributes:
        sampling_rate: of the build, in Hz.
        finds: whether an answer that nobody recorded is spoken as in another recording of its text; transcripts are not.
    """

    voice: Voice
    speech: Speech
    build: Path
    sampling_rate: int
    seed: int
    finds: bool = True

    @cached_property
    def _shards(self) -> ShardReader:
        return ShardReader(self.build / "shards" / "train")

    @cached_property
    def _codes(self) -> dict[str, list[int]]:
        return {}

    def codes(self, cut: str) -> list[int]:
        """The units of a recording of the voice, which is heard clean."""
        if cut not in self._codes:
            import soxr

            samples = self._shards.samples(cut)
            if self.speech.codec.sampling_rate != self.sampling_rate:
                samples = np.asarray(soxr.resample(samples, self.sampling_rate, self.speech.codec.sampling_rate), np.float32)
            self._codes[cut] = self.speech.codec.encode(samples).tolist()
        return self._codes[cut]

    def example(
        self, messages: Sequence[Message], collator: Collate, tokenizer: Any, hear: Callable[[str], Audio], *, id: str, epoch: int, open_answer: bool = False
    ) -> Example:
        """A dialogue as ids, the assistant's sound as units and all else that is heard as `hear` gives it.

        Args:
            id: of the dialogue; which recording answers is drawn from it, the seed and the epoch.
        """
        told = self.voice.spoken(messages, generator_for(self.seed, f"{id}|voice", epoch) if self.finds else None)
        heard = [hear(part.cut) for message in told for part in message.content if part.cut is not None and message.role != "assistant"]
        laid = collator.example(told, tokenizer, heard, open_answer=open_answer)
        return self._with_units(laid, told, collator.config.audio_token_id)  # type: ignore[attr-defined]  # only our own collator gets here

    def _with_units(self, laid: Example, told: Sequence[Message], audio_token_id: int) -> Example:
        """Units in the places of the assistant's sound, all of them learnt."""
        parts = iter([(message.role, part.cut) for message in told for part in message.content if part.type == "audio"])
        ids: list[int] = []
        learnt: list[bool] = []
        for id, learn in zip(laid.ids, laid.learnt, strict=True):
            role, cut = next(parts) if id == audio_token_id else ("", None)
            units = self.speech.ids(self.codes(cut)) if role == "assistant" and cut is not None else None
            # a second recording of an answer goes on where the first one ended
            units = units[1:] if units and ids and ids[-1] > self.speech.marker else units
            ids += [id] if units is None else units
            learnt += [learn] if units is None else [True] * len(units)
        return Example(ids, learnt, laid.audio)


def read_aloud(voice: Voice, count: int, seed: int) -> Dialogues:
    """So many texts of the voice, from everywhere, each read aloud as in one of its recordings."""
    ids = list(voice.cuts)
    cuts = [ids[number] for number in np.random.default_rng(seed).permutation(len(ids))]

    def messages(number: int) -> tuple[Message, ...]:
        cut = cuts[number % len(cuts)]
        return _exchange([Part(type="text", text=READ + voice.cuts[cut][0])], voice.cuts[cut][0], cut)

    return _practised("read", [(cuts[number % len(cuts)], voice.cuts[cuts[number % len(cuts)]][1]) for number in range(count)], messages)


def repeated(voice: Voice, cuts: Cuts, count: int | None, seed: int) -> Dialogues:
    """So many recordings of anybody, from everywhere, that are repeated in the voice; of texts that it says, each as often as any other.

    Args:
        count: None for every recording once.
    """
    sayable = [id for id, cut in cuts.items() if "align" in cut.custom.stages and plain(cut.text) in voice.by_text]
    order = [sayable[number] for number in np.random.default_rng(seed).permutation(len(sayable))]
    count = (len(order) if count is None else count) if order else 0
    seconds = cuts.seconds[cuts.names.numbers(order)]

    def messages(number: int) -> tuple[Message, ...]:
        cut = cuts[order[number % len(order)]]
        return _exchange([Part(type="audio", cut=cut.id), Part(type="text", text=REPEAT)], cut.text, None)

    return _practised("repeat", [(order[number % len(order)], float(seconds[number % len(order)])) for number in range(count)], messages)


def _practised(what: str, found: Sequence[tuple[str, float]], messages: Callable[[int], tuple[Message, ...]]) -> Dialogues:
    return Dialogues(Names(f"{what}/{number}/{cut}" for number, (cut, _) in enumerate(found)), np.array([seconds for _, seconds in found]), messages)


def _exchange(asked: Sequence[Part], text: str, cut: str | None) -> tuple[Message, ...]:
    answer = (Part(type="text", text=text), *([Part(type="audio", cut=cut)] if cut else []))
    return (Message(role="user", content=tuple(asked)), Message(role="assistant", content=answer))


def practised(order: Order, stage: str, cuts: Cuts, found: Dialogues) -> Dialogues:
    """What a stage learns from, with what a voice practises beside it, by the recipe's weights."""
    recipe: SpeechOut = order.recipe.speech_out
    voice, base = order.voice, len(found)
    if stage == "align":
        again = repeated(voice, cuts, round(recipe.repeat_weight * base) if base else None, order.seed)
        base, found = base or len(again), found + again
    return found + read_aloud(voice, round(recipe.read_weight * base), order.seed)
