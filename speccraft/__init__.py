"""Turn a written job description into rights-cleared, training-ready speech data and a judged model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from speccraft.scenario import Scenario

__version__ = "0.1.0"

__all__ = ["__version__", "load_scenario"]


def load_scenario(path: str | Path) -> Scenario:
    """Read and check a scenario file.

    Raises:
        speccraft.errors.InvalidScenario: the file breaks the schema; carries every diagnostic.
    """
    from speccraft.scenario import load_scenario as load

    return load(path).scenario
