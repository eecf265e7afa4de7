"""Rows of metrics for TensorBoard, too: whatever goes wrong there is said once, and training goes on."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any


class Board:
    """A TensorBoard folder; without one, nothing.

    Args:
        folder: where event files go. They hold clocks and are no part of a run.
        say: told when it stops working.
    """

    def __init__(self, folder: Path | None, say: Callable[[str], None]) -> None:
        self._folder, self._say = folder, say
        self._writers: dict[str, Any] = {}

    def add(self, stage: str, step: int, metrics: Mapping[str, float]) -> None:
        """Show a row of metrics."""
        if self._folder is None:
            return
        try:
            if stage not in self._writers:
                from torch.utils.tensorboard import SummaryWriter

                self._writers[stage] = SummaryWriter(str(self._folder / stage))
            for name, value in metrics.items():
                self._writers[stage].add_scalar(name, value, step)
            self._writers[stage].flush()
        # A disk that is full, a package that is missing, a thread of the writer that died: none of it is worth a training.
        except Exception as error:
            self._say(f"TensorBoard: {error}; nothing more is written for it, training goes on")
            self._folder = None
