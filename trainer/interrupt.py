"""Ctrl-C and SIGTERM in training: the first asks to save and leave, the second leaves at once."""

from __future__ import annotations

import signal
import threading
from collections.abc import Callable
from types import FrameType, TracebackType
from typing import Any, Self

SIGNALS = (signal.SIGINT, signal.SIGTERM, signal.SIGHUP)


class Interruptible:
    """While it is open, `asked` is the number of the signal that asked to stop, or 0.

    Args:
        say: told once what was asked, from within the signal's handler.
    """

    def __init__(self, say: Callable[[str], None]) -> None:
        self.asked = 0
        self._say = say
        self._before: dict[int, Any] = {}

    def __enter__(self) -> Self:
        # Signals come to the main thread alone; a notebook that trains in another one is not interrupted this way.
        if threading.current_thread() is threading.main_thread():
            for number in SIGNALS:
                if signal.getsignal(number) != signal.SIG_IGN:
                    self._before[number] = signal.signal(number, self._ask)
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._restore()

    def _restore(self) -> None:
        for number, handler in self._before.items():
            signal.signal(number, handler)
        self._before = {}

    def _ask(self, number: int, frame: FrameType | None) -> None:
        self.asked = number
        # From here on a signal does what it did before: a second one leaves at once.
        self._restore()
        self._say(f"{signal.Signals(number).name}: saving after this step; once more leaves at once, unsaved")


def leave(number: int) -> None:
    """Leave as the signal would have made this process leave.

    Raises:
        KeyboardInterrupt: after Ctrl-C.
        SystemExit: with 128 and the signal's number after any other.
    """
    if number == signal.SIGINT:
        raise KeyboardInterrupt
    raise SystemExit(128 + number)
