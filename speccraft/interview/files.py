"""The files that `init` writes: the scenario, and beside it the schema that makes an editor complete its fields."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path

from speccraft import store
from speccraft.errors import WrongUsage
from speccraft.interview.compose import SCHEMA
from speccraft.resources import data_folder


def need_yaml(file: Path) -> None:
    """Check that a scenario can be called like this.

    Raises:
        WrongUsage: it is a folder, or does not end like YAML.
    """
    if file.is_dir():
        raise WrongUsage(f"{file}: is a folder", try_this=f"name a file: {file / 'scenario.yaml'}")
    if file.suffix not in (".yaml", ".yml"):
        raise WrongUsage(f"{file}: a scenario's file ends in .yaml", try_this=f"{file}.yaml, or --template {file.name} for a shipped example")
    if file.name == SCHEMA:
        raise WrongUsage(f"{file}: is the name of the schema", try_this="scenario.yaml")


def schema_beside(file: Path) -> dict[Path, bytes]:
    """The schema that an editor reads beside a scenario, offline and for everyone who gets the folder."""
    return {file.parent / SCHEMA: (data_folder("schemas") / SCHEMA).read_bytes()}


def existing(files: Mapping[Path, bytes | None]) -> list[Path]:
    """The files that are there already and would change; None stands for content that is not known yet."""
    return [path for path, content in files.items() if path.exists() and (content is None or not path.is_file() or path.read_bytes() != content)]


def write(files: Mapping[Path, bytes]) -> None:
    """Write what is not there already, in order: the scenario comes last, when all that it names is there."""
    for path, content in files.items():
        if not path.is_file() or path.read_bytes() != content:
            store.write_bytes(path, content)
