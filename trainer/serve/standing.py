"""May this run still be used today: consent of a licensed voice, and revocations, asked at the start and again while serving."""

from __future__ import annotations

import threading
import time
from collections.abc import Callable

from speccraft.errors import SpeccraftError

from .limits import Rejected

EVERY_S = 3600.0
"""Rights are read anew after so long: more often than once a day, for a consent ends at midnight, and a revocation at any time."""


class Standing:
    """Asks `ask`, which raises a SpeccraftError where the run may not be used, when it was not asked for a while.

    Args:
        ask: reads rights as they are on file now.
        clock: seconds.
    """

    def __init__(self, ask: Callable[[], None], *, every_s: float = EVERY_S, clock: Callable[[], float] = time.monotonic) -> None:
        self._ask, self._every_s, self._clock = ask, every_s, clock
        self._lock = threading.Lock()
        ask()
        self._asked, self._refusal = clock(), ""

    def need(self) -> None:
        """Check that the run may be used.

        Raises:
            Rejected: it may not any more; the reason is told.
        """
        with self._lock:
            if self._clock() - self._asked >= self._every_s:
                try:
                    self._ask()
                    self._refusal = ""
                except SpeccraftError as error:  # a consent log that cannot be read refuses, too
                    self._refusal = error.message
                self._asked = self._clock()
            if self._refusal:
                raise Rejected(403, "refused_by_rights", self._refusal)
