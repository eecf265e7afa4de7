"""What a format writes into: the folder of an export, with its counts and its progress."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speccraft import store
from speccraft.export.contents import Row

_SEPARATORS = {char: f"\\u{ord(char):04x}" for char in "\x85\u2028\u2029"}
"""What some readers take for the end of a line, and JSON does not: in JSON they stand in texts alone, and may be written as escapes."""


@dataclass(frozen=True)
class Output:
    """The scratch folder of one export; `on_row` is told after every cut."""

    folder: Path
    on_row: Callable[[], None]
    counts: dict[str, int] = field(default_factory=dict)

    def whole(self, name: str, content: bytes) -> None:
        """Write a whole file."""
        store.write_bytes(self.folder / name, content)

    def files(self, files: Iterable[tuple[str, bytes]]) -> None:
        """Write many small files."""
        store.write_many(self.folder, files)

    def lines(self, name: str, rows: Iterable[Mapping[str, Any]]) -> None:
        """Write and count JSON Lines, one row after another."""
        count = 0
        with store.new_file(self.folder / name) as file:
            for row in rows:
                file.write(_line(row))
                count += 1
        self.counts[name] = count

    def told(self, rows: Iterable[Row]) -> Iterator[Row]:
        """The same rows; each is told as done when the next one is asked for."""
        for row in rows:
            yield row
            self.on_row()


def _line(row: Mapping[str, Any]) -> bytes:
    line = json.dumps(row, ensure_ascii=False, allow_nan=False, separators=(",", ":"))
    for char, escape in _SEPARATORS.items():
        line = line.replace(char, escape)
    return (line + "\n").encode()
