"""Command about this machine: doctor."""

from __future__ import annotations

from pathlib import Path

from speccraft.cli.options import Json, Workspace
from speccraft.console import Command
from speccraft.errors import BadEnvironment

SIGNS = {"ok": "ok   ", "note": "note ", "error": "ERROR"}


def doctor(workspace: Workspace = None, as_json: Json = False) -> None:
    """Try what speccraft needs on this machine: packages, audio, voices, memory, disk, locks, GPU. Exit code 6 where it cannot work.

    Example: speccraft doctor --workspace speccraft-work
    """
    with Command("doctor", as_json=as_json) as command:
        from speccraft.doctor import examine

        found = []
        for condition in examine(workspace or Path("speccraft-work")):
            found.append(condition)
            command.data(f"{SIGNS[condition.state]} {condition.what:12} {condition.message}")
            if condition.try_this:
                command.data(f"      try: {condition.try_this}")
        command.findings += [{"severity": one.state, "what": one.what, "message": one.message, "try": one.try_this} for one in found]
        broken = [one.what for one in found if one.state == "error"]
        command.counts = {"checks": len(found), "errors": len(broken)}
        if broken:
            command.exit_code = BadEnvironment.exit_code
            command.say(f"not ready: {', '.join(broken)}")
        else:
            command.say("ready")
