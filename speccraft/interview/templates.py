"""Shipped examples as templates: their scenario and the small texts that it refers to, without audio."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path

from speccraft.errors import WrongUsage
from speccraft.interview.compose import MODELINE
from speccraft.resources import data_folder

SCENARIO = "scenario.yaml"
ENDINGS = (".yaml", ".yml", ".txt", ".md", ".jsonl")
"""Of what lies beside the scenario this is copied, README.md excepted; the package ships no more (pyproject.toml)."""


@dataclass(frozen=True)
class Template:
    """A shipped example and one line about it."""

    name: str
    folder: Path
    about: str


def templates() -> Mapping[str, Template]:
    """The shipped examples by name."""
    folders = sorted(path.parent for path in data_folder("examples").glob(f"*/{SCENARIO}"))
    return {folder.name: Template(folder.name, folder, _about(folder)) for folder in folders}


def listing() -> str:
    """The names of the templates, a line each."""
    known = templates()
    width = max(map(len, known), default=0)
    return "\n".join(f"{name:<{width}}  {one.about}" for name, one in known.items())


def find(name: str) -> Template:
    """The template of a name.

    Raises:
        WrongUsage: there is none.
    """
    known = templates()
    if name in known:
        return known[name]
    near = difflib.get_close_matches(name, known, n=1)
    raise WrongUsage(
        f"--template {name}: no such template" + (f"; did you mean {near[0]}?" if near else ""),
        try_this="name one of these",
        details=listing().splitlines(),
    )


def copies(template: Template, file: Path) -> dict[Path, bytes]:
    """What a copy consists of, by the path that it goes to: the scenario to `file`, the rest beside it."""
    content = {file.parent / path.name: path.read_bytes() for path in _texts(template.folder)}
    if file in content:
        raise WrongUsage(f"{file.name} is a file of the template {template.name} itself", try_this="name the scenario otherwise, such as scenario.yaml")
    scenario = (template.folder / SCENARIO).read_text(encoding="utf-8")
    lines = [line for line in scenario.splitlines() if not line.startswith("# yaml-language-server:")]
    return content | {file: "\n".join([MODELINE, *lines, ""]).encode()}


def _texts(folder: Path) -> Iterator[Path]:
    for path in sorted(folder.iterdir()):
        if path.suffix in ENDINGS and path.name not in (SCENARIO, "README.md") and path.is_file():
            yield path


def _about(folder: Path) -> str:
    """What an example is, in a line: its scenario's caption, the comment `# NAME: ...`."""
    caption = f"# {folder.name}: "
    lines = (folder / SCENARIO).read_text(encoding="utf-8").splitlines()
    return next((line.removeprefix(caption) for line in lines if line.startswith(caption)), "")
