"""JSON Schemas of everything people and rooms write; `python -m speccraft.scenario.schema` writes them to `schemas/`."""

from __future__ import annotations

import difflib
import importlib
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speccraft import store
from speccraft.errors import WrongUsage
from speccraft.resources import data_folder

MODELS: Mapping[str, str] = {
    "scenario": "speccraft.scenario.model:Scenario",
    "recipe": "speccraft.trainer.recipe:Recipe",
    "cut": "speccraft.scenario.contracts:CutCustom",
    "demonstration": "speccraft.scenario.contracts:Demonstration",
    "pair": "speccraft.scenario.contracts:Pair",
    "hypothesis": "speccraft.scenario.contracts:Hypothesis",
    "score": "speccraft.scenario.contracts:Score",
}
"""What has a schema, and where its model is; imported only when asked, for the trainer's room is above this one."""


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one entry of `MODELS`.

    Raises:
        WrongUsage: there is no such entry.
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=1)
        raise WrongUsage(f"there is no schema '{name}'", try_this=f"did you mean '{near[0]}'?" if near else f"one of {', '.join(MODELS)}")
    module, _, model = MODELS[name].partition(":")
    described = getattr(importlib.import_module(module), model).model_json_schema(by_alias=True)
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:speccraft:{name}:1", **described}


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by file name."""
    return {f"{name}.schema.json": schema_of(name) for name in MODELS}


def write(folder: Path) -> list[Path]:
    """Write every schema into a folder; returns the files."""
    made = {folder / name: store.canonical_json(schema) for name, schema in schemas().items()}
    for path, content in made.items():
        store.write_bytes(path, content)
    return list(made)


if __name__ == "__main__":
    for written in write(data_folder("schemas")):
        sys.stdout.write(f"{written}\n")
