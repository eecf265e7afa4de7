"""Find the schemas, recipes and examples that ship with the package, in an installation or in a checkout."""

from __future__ import annotations

import difflib
from pathlib import Path

from speccraft.errors import UnreadableInput

PACKAGE = Path(__file__).parent


def data_folder(name: str) -> Path:
    """The folder `schemas`, `recipes` or `examples`: inside the package when installed, beside it in a checkout."""
    inside = PACKAGE / name
    return inside if inside.is_dir() else PACKAGE.parent / name


def recipe_file(name_or_path: str, start: Path | None = None) -> Path:
    """The file of a shipped recipe, or of one named by its path; a relative one starts from `start`, or from where we are.

    Raises:
        UnreadableInput: there is neither.
    """
    shipped = {path.stem: path for path in data_folder("recipes").glob("*.yaml")}
    path = shipped.get(name_or_path, (start or Path()) / name_or_path)
    if not path.is_file():
        near = difflib.get_close_matches(name_or_path, shipped, n=1) or sorted(shipped)
        raise UnreadableInput(f"'{name_or_path}': no such recipe", try_this=f"{', '.join(near)}, or the path of a recipe file")
    return path
