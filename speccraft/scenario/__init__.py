"""The words of a scenario: what people write, as models, and how a file becomes one."""

from __future__ import annotations

import hashlib
from dataclasses import dataclass
from pathlib import Path

from .advice import advise
from .diagnostics import Diagnostic
from .document import invalid
from .model import Scenario
from .text import check, read_document
from .versions import version_problem

__all__ = ["LoadedScenario", "Scenario", "load_scenario"]


@dataclass(frozen=True)
class LoadedScenario:
    """A valid scenario with the exact text it came from and what there is to say about it.

    `digest` is the SHA-256 of the text in UTF-8, `advice` the warnings and notes.
    """

    scenario: Scenario
    path: Path
    text: str
    digest: str
    advice: tuple[Diagnostic, ...]


def load_scenario(path: str | Path) -> LoadedScenario:
    """Read and check a scenario, its form and its meaning.

    Raises:
        UnreadableInput: there is no such file, or it is not a regular file that may be read.
        InvalidScenario: its `findings` hold every problem, in the order of the text.
    """
    path = Path(path)
    document = read_document(path)
    if problem := version_problem(document):
        raise invalid(document.file, [problem])  # alone: what another version calls its fields is not known here
    scenario = check(document, Scenario)
    advice = advise(scenario, document)
    if any(one.severity == "error" for one in advice):
        raise invalid(document.file, advice)
    return LoadedScenario(scenario, path, document.text, hashlib.sha256(document.text.encode()).hexdigest(), advice)
