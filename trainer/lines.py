"""A JSON Lines file of any length by number and by name: where each line begins is held in memory, the lines are not."""

from __future__ import annotations

import os
from collections.abc import Callable, Iterable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np
from pydantic_core import from_json


@dataclass(frozen=True)
class Lines:
    """The lines of a file. `starts`: int64 of shape (num_lines + 1,), where each begins and the last ends."""

    path: Path
    starts: np.ndarray

    @classmethod
    def of(cls, path: Path, see: Callable[[dict[str, Any]], object]) -> Lines:
        """Read a file once, and show every row of it."""
        starts = [0]
        with path.open("rb") as file:
            for line in file:
                see(from_json(line))
                starts.append(starts[-1] + len(line))
        return cls(path, np.array(starts, np.int64))

    def __getitem__(self, number: int) -> bytes:
        """One line."""
        start, end = int(self.starts[number]), int(self.starts[number + 1])
        file = os.open(self.path, os.O_RDONLY)
        try:
            return os.pread(file, end - start, start)
        finally:
            os.close(file)


class Names:
    """Names by number and numbers by name, in arrays: of a million they take 40 MB, where a dict takes 150."""

    def __init__(self, names: Iterable[str]) -> None:
        self._names = np.array([name.encode() for name in names], np.bytes_)
        self._order = np.argsort(self._names, kind="stable")
        self._sorted = self._names[self._order]

    def __len__(self) -> int:
        return len(self._names)

    def __getitem__(self, number: int) -> str:
        return str(self._names[number].decode())

    def __iter__(self) -> Iterator[str]:
        return (name.decode() for name in self._names)

    def number(self, name: str) -> int:
        """The number of a name; KeyError where there is none."""
        number = int(self.numbers([name])[0])
        if number < 0:
            raise KeyError(name)
        return number

    def numbers(self, names: Iterable[str]) -> np.ndarray:
        """The numbers of some names, -1 where there is none."""
        wanted = np.array([name.encode() for name in names], np.bytes_)
        if not len(self._sorted):
            return np.full(len(wanted), -1)
        places = np.minimum(np.searchsorted(self._sorted, wanted), len(self._sorted) - 1)
        return np.where(self._sorted[places] == wanted, self._order[places], -1)
