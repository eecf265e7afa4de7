"""A remark: one thing to say about the meaning of a field, with the other fields that belong to it."""

from __future__ import annotations

from collections.abc import Callable, Container, Iterator
from dataclasses import dataclass
from typing import TypeAlias

from speccraft.scenario.diagnostics import Severity
from speccraft.scenario.document import Where
from speccraft.scenario.model import Scenario

Also: TypeAlias = tuple[tuple[Where, str] | tuple[Where, str, str], ...]
"""Other fields that belong to a remark: each with what it says, and with what holds where nothing is written there."""


@dataclass(frozen=True)
class Remark:
    """One thing to say about the meaning of a field."""

    code: str
    message: str
    where: Where
    help: str = ""
    severity: Severity = "error"
    also: Also = ()


Written: TypeAlias = Container[Where]
"""The fields that the file sets, as against those that have their default."""
Check: TypeAlias = Callable[[Scenario, Written], Iterator[Remark]]
"""A pure function that says what is wrong with one thing."""
