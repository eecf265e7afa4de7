"""Turn a written job description into rights-cleared, training-ready speech data and a judged model."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    from pathlib import Path

    from speccraft.notebook import Build, OpenScenario

__version__ = "0.1.0"

__all__ = ["__version__", "load_scenario", "open_build"]


def load_scenario(path: str | Path) -> OpenScenario:
    """Read and check a scenario file; `.plan()` of what it returns says what a build would do.

    Raises:
        speccraft.errors.UnreadableInput: there is no such file.
        speccraft.errors.InvalidScenario: the file breaks the schema or contradicts itself; carries every diagnostic.
    """
    from speccraft.notebook import load_scenario as load

    return load(path)


def open_build(what: str | Path, workspace: str | Path | None = None) -> Build:
    """Open a committed build, by its folder or by a scenario for its current one, to look into: `.report()`, `.measures`, `.cuts(split)`, `.diff(other)` ...

    Raises:
        speccraft.errors.UnreadableInput: there is none.
        speccraft.errors.RefusedByRights: it holds a voice that was revoked.
    """
    from speccraft.notebook import open_build as open_it

    return open_it(what, workspace)
