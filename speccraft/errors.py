"""Errors a user can answer: each knows its exit code and says where, what and what to try."""

from __future__ import annotations

from typing import TYPE_CHECKING, ClassVar

if TYPE_CHECKING:
    from collections.abc import Sequence

    from speccraft.scenario.diagnostics import Diagnostic


class SpeccraftError(Exception):
    """An expected failure: its text is shown to the user as it is, without a traceback; `details` stand on lines of their own."""

    exit_code: ClassVar[int] = 1

    def __init__(self, message: str, *, try_this: str = "", findings: Sequence[Diagnostic] = (), details: Sequence[str] = ()) -> None:
        super().__init__(message)
        self.message = message
        self.try_this = try_this
        self.findings = tuple(findings)
        self.details = tuple(details)

    def __str__(self) -> str:
        """All there is to say, for whoever sees the exception itself: the message, every finding, and what to try."""
        found = (f"{one.file}:{one.line}:{one.col}: {one.code} {one.path} {one.message}" for one in self.findings)
        return "\n".join((self.message, *found, *self.details, *([f"help: {self.try_this}"] if self.try_this else [])))


class InvalidScenario(SpeccraftError):
    """The scenario or a recipe is not what its schema asks for; `findings` holds every problem."""


class WrongUsage(SpeccraftError):
    """An option or argument has a value that means nothing."""

    exit_code = 2


class UnreadableInput(SpeccraftError):
    """A file or folder that was named cannot be read."""

    exit_code = 3


class RefusedByRights(SpeccraftError):
    """A whole source or use was refused by the rights gate; nothing was written."""

    exit_code = 4


class BrokenIntegrity(SpeccraftError):
    """An artefact is not what its commit record says."""

    exit_code = 5


class BadEnvironment(SpeccraftError):
    """The machine stands in the way: disk, permissions, a crashing worker."""

    exit_code = 6


class Locked(SpeccraftError):
    """Another speccraft process holds the workspace."""

    exit_code = 7


class MissingExtra(SpeccraftError):
    """Something optional is needed and not installed."""

    exit_code = 8
