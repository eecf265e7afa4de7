"""JSON Schemas of everything people and rooms write; `python -m speccraft.scenario.schema` writes them to `schemas/`."""

from __future__ import annotations

import difflib
import importlib
import json
import sys
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speccraft import store
from speccraft.errors import WrongUsage
from speccraft.resources import data_folder

from .editor import editor_schema

MODELS: Mapping[str, str] = {
    "scenario": "speccraft.scenario.model:Scenario",
    "recipe": "speccraft.trainer.recipe:Recipe",
    "cut": "speccraft.scenario.contracts:CutCustom",
    "demonstration": "speccraft.scenario.contracts:Demonstration",
    "pair": "speccraft.scenario.contracts:Pair",
    "hypothesis": "speccraft.scenario.contracts:Hypothesis",
    "score": "speccraft.scenario.contracts:Score",
    "consent": "speccraft.scenario.consent:Consents",
    "row": "speccraft.ingest.table:TableRow",
}
"""What has a schema, and where its model is; imported only when asked, for the rooms of tables and of training are above this one."""


def schema_of(name: str) -> dict[str, Any]:
    """The JSON Schema (draft 2020-12) of one entry of `MODELS`.

    Raises:
        WrongUsage: there is no such entry.
    """
    if name not in MODELS:
        near = difflib.get_close_matches(name, MODELS, n=1)
        raise WrongUsage(f"there is no schema '{name}'", try_this=f"did you mean '{near[0]}'?" if near else f"one of {', '.join(MODELS)}")
    module, _, model = MODELS[name].partition(":")
    described = editor_schema(getattr(importlib.import_module(module), model))
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", "$id": f"urn:speccraft:{name}:1", **described}


def schemas() -> dict[str, dict[str, Any]]:
    """Every schema by file name."""
    return {f"{name}.schema.json": schema_of(name) for name in MODELS}


def as_text(schema: Mapping[str, Any]) -> str:
    """A schema as `speccraft schema` prints it and `schemas/` holds it: fields in the order of the model, one thing a line."""
    return json.dumps(schema, indent=1, ensure_ascii=False) + "\n"


def write(folder: Path) -> list[Path]:
    """Write every schema into a folder; returns the files."""
    made = {folder / name: as_text(schema).encode() for name, schema in schemas().items()}
    for path, content in made.items():
        store.write_bytes(path, content)
    return list(made)


if __name__ == "__main__":
    for written in write(data_folder("schemas")):
        sys.stdout.write(f"{written}\n")
