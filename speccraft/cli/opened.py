"""Open a build or a run for a command, unless a revocation marks it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from speccraft.console import Command

if TYPE_CHECKING:
    from speccraft.locate import Found


def opened(command: Command, kind: str, what: Path, workspace: Path | None, *, despite: bool) -> Found:
    """The artefact a path means; where it is used despite a revocation, the command says why it is marked.

    Raises:
        RefusedByRights: it holds a voice that was revoked, and nobody said that it is to be used despite that.
    """
    from speccraft.locate import find

    found = find(kind, what, workspace, command.progress, despite_revocation=despite)
    if found.revoked is not None:
        command.findings.append({"severity": "warn", "message": found.revoked})
        command.say(f"used despite a revocation: {found.revoked}")
    return found
