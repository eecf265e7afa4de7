"""What a served run does with one request: hear it, ask the model, let the manual decide."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, replace
from functools import cached_property
from typing import TYPE_CHECKING

from speccraft.evaluation.manual import question_of
from speccraft.scenario.contracts import Message, Part

from ..generate import question
from .asked import Chat
from .engine import Ask, Engine, Said
from .guard import Verdict, judge
from .hearing import Hearing
from .limits import Limits, Rejected
from .metrics import Metrics
from .model import Model
from .standing import Standing

if TYPE_CHECKING:
    import numpy as np

    from speccraft.scenario import Scenario

    from ..generate import LoadedRun

OnText = Callable[[str], None]
IsWanted = Callable[[], bool]
ALIAS = "speccraft"
"""A name that every served run answers to."""


@dataclass(frozen=True)
class Served:
    """What is served: the run, the scenario it was made by, and the instruction that it transcribes at; None where it never learnt to."""

    run: LoadedRun
    name: str
    id: str
    scenario: Scenario
    instruction: str | None

    @property
    def title(self) -> str:
        """The run, as it is named to others."""
        return f"{self.name}/{self.id}"


@dataclass(frozen=True)
class Answered:
    """An answer as it is sent: `verdict` is the manual's, None where there is none; `heard` what is said in the audio, where it was asked for."""

    text: str
    said: Said
    verdict: Verdict | None = None
    heard: str | None = None
    audio_s: float = 0.0

    @property
    def audio(self) -> np.ndarray | None:
        """What is heard: nothing where the text is not the model's, for then the sound says something else."""
        return None if self.verdict is not None and self.verdict.replaced else self.said.audio


class Service:
    """Answers requests about one run.

    Args:
        standing: knows whether the run may be used.
    """

    def __init__(self, served: Served, limits: Limits, standing: Standing) -> None:
        self.served, self.limits, self.standing, self.metrics = served, limits, standing, Metrics()
        self.model = Model(served.run)
        self.longest_audio_s = min(limits.audio_s, served.run.recipe.model.longest_audio_s)
        self._hearing = Hearing(served.run.checkpoint.sampling_rate, self.longest_audio_s)
        self.engine = Engine(self.model, limits, self._note_batch)

    def close(self) -> None:
        """End the model's thread and the decoder."""
        self.engine.close()
        self._hearing.close()

    def need_model(self, name: str) -> None:
        """Check that a client means this run.

        Raises:
            Rejected: it does not.
        """
        if name not in self.names:
            raise Rejected(404, "model_not_found", f"no model '{name}' here; {' or '.join(self.names)} is", param="model")

    @cached_property
    def names(self) -> tuple[str, ...]:
        """What clients may call the model."""
        return self.served.name, self.served.title, ALIAS

    @cached_property
    def is_judged(self) -> bool:
        """Whether answers are held back until the manual has seen them."""
        return self.served.scenario.job.task == "converse"

    async def transcribed(self, content: bytes, on_text: OnText, is_wanted: IsWanted) -> Answered:
        """What is said in an audio file.

        Raises:
            Rejected: the audio cannot be used, the run does not transcribe, or there is no room or no time.
        """
        deadline = self._deadline()
        instruction = self._instruction()
        (samples,) = await self._heard([content])
        (said,) = await self._said(self._ask(question(instruction), [samples], None, deadline, on_text, is_wanted))
        return Answered(said.text, said, heard=said.text, audio_s=len(samples) / self.served.run.checkpoint.sampling_rate)

    async def answered(self, chat: Chat, on_text: OnText, is_wanted: IsWanted) -> Answered:
        """The answer to a dialogue; what is said in its last turn is transcribed beside it where the manual has to know.

        Raises:
            Rejected: something in it cannot be used, or there is no room or no time.
        """
        self._need_modalities(chat)
        deadline = self._deadline()
        waves = await self._heard(chat.files)
        wanted = chat.sent.max_completion_tokens or chat.sent.max_tokens
        asks = [self._ask(self._dialogue(chat.messages), waves, wanted, deadline, _mute if self.is_judged else on_text, is_wanted)]
        asks[0] = replace(asks[0], aloud="audio" in chat.sent.modalities)
        last = [int(part.cut or 0) for part in chat.messages[-1].content if part.type == "audio"]
        transcribes = bool(last) and self.served.instruction is not None and (self.is_judged or chat.sent.speccraft.transcript)
        if transcribes:
            asks += [self._ask(question(self._instruction()), [waves[number]], None, deadline, _mute, is_wanted) for number in last]
        said, *transcripts = await self._said(*asks)
        heard = {str(number): one.text for number, one in zip(last, transcripts, strict=True)} if transcribes or not last else None
        verdict = judge(self.served.scenario.manual, chat.messages, heard, said.text) if self.is_judged else None
        if verdict is not None:
            self.metrics.count("speccraft_decisions_total", decided=verdict.decided)
            on_text(verdict.text)
        text = said.text if verdict is None else verdict.text
        told = question_of(chat.messages, heard) if heard else None
        return Answered(text, said, verdict, told, sum(map(len, waves)) / self.served.run.checkpoint.sampling_rate)

    def _dialogue(self, messages: Sequence[Message]) -> tuple[Message, ...]:
        """The dialogue as the model learnt it: opened by the persona, and audio to a transcriber with its instruction."""
        manual = self.served.scenario.manual
        if self.is_judged and manual.persona and messages[0].role != "system":
            return (Message(role="system", content=(Part(type="text", text=manual.persona),)), *messages)
        if not self.is_judged and self.served.instruction and all(part.type == "audio" for part in messages[-1].content):
            instructed = (*messages[-1].content, Part(type="text", text=self.served.instruction))
            return (*messages[:-1], Message(role=messages[-1].role, content=instructed))
        return tuple(messages)

    def _need_modalities(self, chat: Chat) -> None:
        if "audio" in chat.sent.modalities and not self.model.speaks:
            raise Rejected(400, "bad_request", "this run does not speak: ask for the modality `text` alone", param="modalities")

    def _instruction(self) -> str:
        if self.served.instruction is None:
            raise Rejected(400, "bad_request", "this run has not learnt to transcribe: none of its demonstrations asks for a plain transcript")
        return self.served.instruction

    def _deadline(self) -> float:
        return time.monotonic() + self.limits.timeout_s

    def _ask(self, messages: Sequence[Message], heard: Sequence[np.ndarray], wanted: int | None, deadline: float, on_text: OnText, is_wanted: IsWanted) -> Ask:
        longest = min(wanted or self.served.run.recipe.answer.max_new_tokens, self.limits.new_tokens)
        return Ask(messages, heard, longest, deadline, on_text, is_wanted)

    async def _heard(self, files: Sequence[bytes]) -> list[np.ndarray]:
        waves = [await asyncio.to_thread(self._hearing.hear, content) for content in files]
        seconds = sum(map(len, waves)) / self.served.run.checkpoint.sampling_rate
        if seconds > self.limits.audio_s:
            raise Rejected(413, "audio_too_long", f"{seconds:.1f} s of audio in all are more than the {self.limits.audio_s:g} s that are taken")
        self.metrics.count("speccraft_audio_seconds_total", by=seconds)
        return waves

    async def _said(self, *asks: Ask) -> list[Said]:
        futures: list[Future[Said]] = self.engine.submit(*asks)
        # a second more than the engine's own deadline: it answers first, unless the model hangs
        left = asks[0].deadline - time.monotonic() + 1.0
        try:
            said = await asyncio.wait_for(asyncio.gather(*map(asyncio.wrap_future, futures)), left)
        except TimeoutError:
            raise Rejected(504, "timeout", f"no answer within {self.limits.timeout_s:g} s") from None
        self.metrics.observe("speccraft_first_token_seconds", said[0].first_s)
        self.metrics.observe("speccraft_answer_seconds", max(one.total_s for one in said))
        return said

    def _note_batch(self, size: int) -> None:
        self.metrics.count("speccraft_batches_total")
        self.metrics.count("speccraft_batched_total", by=size)


def _mute(text: str) -> None:
    """Tell nobody."""
