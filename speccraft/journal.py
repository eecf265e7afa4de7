"""Read `log.jsonl` of a workspace: what happened there when, with the clocks and paths that no digested file may hold."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any


def logged(workspace: Path, event: str) -> Iterator[dict[str, Any]]:
    """The entries of `log.jsonl` about an event, newest first; lines that were cut off by a crash are passed over."""
    try:
        # Not `splitlines`: a path may hold U+0085 or U+2028, which JSON leaves as they are.
        lines = (workspace / "log.jsonl").read_text(encoding="utf-8", errors="replace").split("\n")
    except OSError:
        return
    for line in reversed(lines):
        with contextlib.suppress(ValueError):
            entry = json.loads(line)
            if isinstance(entry, dict) and entry.get("event") == event:
                yield entry


def last_logged(workspace: Path, event: str, having: str) -> dict[str, Any] | None:
    """The newest entry of `log.jsonl` about an event that has a detail."""
    return next((entry for entry in logged(workspace, event) if having in entry), None)
