"""One thread holds the model: requests wait in a bounded queue, and those that wait together are answered in one batch."""

from __future__ import annotations

import threading
import time
from collections import deque
from collections.abc import Callable, Sequence
from concurrent.futures import Future
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING, Protocol

from .limits import Limits, Rejected

if TYPE_CHECKING:
    import numpy as np

    from speccraft.scenario.contracts import Message


@dataclass(frozen=True)
class Ask:
    """A dialogue up to the answer and what is heard in it, float32 waveforms of shape (num_samples,) in order.

    Args:
        new_tokens: longest answer.
        deadline: of `time.monotonic()`, after which nobody wants the answer.
        on_text: told each piece of text as it is made, in the engine's thread.
        is_wanted: whether somebody still waits for the answer.
        aloud: whether the answer is to be spoken, where the run can.
    """

    messages: Sequence[Message]
    heard: Sequence[np.ndarray]
    new_tokens: int
    deadline: float
    on_text: Callable[[str], None] = lambda text: None
    is_wanted: Callable[[], bool] = lambda: True
    aloud: bool = False


@dataclass(frozen=True)
class Said:
    """An answer: its text, and the waveform where the run speaks; seconds it waited, and until its first piece and its last were there.

    `finished` is false where it was cut off at the longest answer; `prompt_tokens` and `new_tokens` count what the model read and wrote.
    """

    text: str
    audio: np.ndarray | None = None
    finished: bool = True
    prompt_tokens: int = 0
    new_tokens: int = 0
    waited_s: float = 0.0
    first_s: float = 0.0
    total_s: float = 0.0


class Answers(Protocol):
    """What answers a batch: one answer for each ask, `wanted(n)` says whether anybody still waits for the nth."""

    def __call__(self, asks: Sequence[Ask], wanted: Callable[[int], bool]) -> Sequence[Said | Rejected]:
        """Answer a batch; an ask that the model does not take is rejected alone."""


@dataclass
class _Waiting:
    ask: Ask
    since: float
    future: Future[Said] = field(default_factory=Future)

    @property
    def is_wanted(self) -> bool:
        return not self.future.cancelled() and self.ask.is_wanted() and time.monotonic() < self.ask.deadline


class Engine:
    """Answers asks in the order they came, several at once.

    Args:
        answers: the model.
        on_batch: told how many asks each batch held.
    """

    def __init__(self, answers: Answers, limits: Limits, on_batch: Callable[[int], None] = lambda size: None) -> None:
        self._answers, self._limits, self._on_batch = answers, limits, on_batch
        self._queue: deque[_Waiting] = deque()
        self._changed = threading.Condition()
        self._closed = False
        self._thread = threading.Thread(target=self._work, name="speccraft-model", daemon=True)
        self._thread.start()

    @property
    def waiting(self) -> int:
        """Asks in the queue."""
        return len(self._queue)

    @property
    def alive(self) -> bool:
        """Whether the model's thread runs."""
        return self._thread.is_alive()

    def submit(self, *asks: Ask) -> list[Future[Said]]:
        """Put asks into the queue, all or none.

        Raises:
            Rejected: the queue is full, or the server is being stopped.
        """
        with self._changed:
            if self._closed:
                raise Rejected(503, "stopping", "the server is being stopped")
            while self._queue and not self._queue[0].is_wanted:
                _expire(self._queue.popleft())
            if len(self._queue) + len(asks) > self._limits.queue:
                raise Rejected(429, "queue_full", f"{len(self._queue)} requests wait already, and {self._limits.queue} may; try again in a moment")
            waiting = [_Waiting(ask, time.monotonic()) for ask in asks]
            self._queue.extend(waiting)
            self._changed.notify()
        return [one.future for one in waiting]

    def close(self, patience_s: float = 5.0) -> None:
        """Take nothing more, drop what waits, and let the batch under way finish."""
        with self._changed:
            self._closed = True
            while self._queue:
                self._queue.popleft().future.set_exception(Rejected(503, "stopping", "the server is being stopped"))
            self._changed.notify()
        self._thread.join(patience_s)

    def _work(self) -> None:
        while batch := self._next():
            began = time.monotonic()
            self._on_batch(len(batch))
            try:
                said = self._answers([one.ask for one in batch], lambda n, batch=batch: batch[n].is_wanted)  # type: ignore[misc]
            except Exception as error:  # a request that the model cannot answer must not end the server; it is told to whoever asked
                for one in batch:
                    _settle(one, error)
                continue
            for one, answer in zip(batch, said, strict=True):
                _settle(one, _timed(answer, began - one.since, time.monotonic() - one.since))

    def _next(self) -> list[_Waiting]:
        """The asks that are answered next, at least one; none once the engine is closed."""
        with self._changed:
            while True:
                batch: list[_Waiting] = []
                while self._queue and len(batch) < self._limits.batch:
                    one = self._queue.popleft()
                    if not one.is_wanted:
                        _expire(one)
                    elif one.future.set_running_or_notify_cancel():
                        batch.append(one)
                if batch or self._closed:
                    return batch
                self._changed.wait()


def _timed(answer: Said | Rejected, waited_s: float, total_s: float) -> Said | Rejected:
    """An answer with its times counted from when it was asked for."""
    if isinstance(answer, Rejected):
        return answer
    return replace(answer, waited_s=waited_s, first_s=waited_s + answer.first_s, total_s=total_s)


def _expire(one: _Waiting) -> None:
    if one.future.set_running_or_notify_cancel():
        one.future.set_exception(Rejected(504, "timeout", "no answer in time"))


def _settle(one: _Waiting, result: Said | Exception) -> None:
    if isinstance(result, Exception):
        one.future.set_exception(result)
    elif time.monotonic() >= one.ask.deadline:
        one.future.set_exception(Rejected(504, "timeout", "no answer in time"))
    else:
        one.future.set_result(result)
