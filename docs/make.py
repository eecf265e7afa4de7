"""Write what documents can be made from code: the README's map, docs/commands.md, docs/scenario.md and docs/places.md. Run by `make docs`."""

from __future__ import annotations

import ast
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

ROOT = Path(__file__).parent.parent
MAP_HEADING = "## Map of the code\n"
COMMANDS_HEADING = """# Commands

Made from the code by `make docs`. Data goes to stdout, messages to stderr; exit codes: 0 done, 1 findings, 2 usage, 3 unreadable input, 4 refused
by rights, 5 integrity, 6 environment, 7 locked, 8 something optional is missing, 70 our bug, 130 and 143 interrupted.
"""


def documents() -> dict[Path, str]:
    """Every generated document with its text."""
    return {
        ROOT / "README.md": (ROOT / "README.md").read_text().split(MAP_HEADING)[0] + MAP_HEADING + "\n" + code_map(),
        ROOT / "docs" / "commands.md": commands(),
        ROOT / "docs" / "scenario.md": scenario_fields(),
        ROOT / "docs" / "places.md": places(),
    }


def code_map() -> str:
    """One line a module: its path and the first line of its docstring."""
    files = sorted([*ROOT.glob("speccraft/**/*.py"), *ROOT.glob("trainer/**/*.py")], key=_map_order)
    names = [str(path.relative_to(ROOT)) for path in files]
    width = max(map(len, names))
    lines = [f"{name:<{width}}  {(ast.get_docstring(ast.parse(path.read_text())) or '').splitlines()[0]}" for name, path in zip(names, files, strict=True)]
    return "\n".join(
        ["```text", *lines, "```", "", "`schemas/` and `recipes/` ship as data of the package; `examples/` holds scenarios; `tests/` mirrors the modules.", ""]
    )


def _map_order(path: Path) -> tuple[bool, bool, str]:
    parts = path.relative_to(ROOT).parts
    return parts[0] != "speccraft", len(parts) > 2, str(path)


def commands() -> str:
    """The help of every command, as it is printed."""
    from typer.main import get_command
    from typer.testing import CliRunner

    from speccraft.cli import app

    names = [" ".join(path) for path in _paths(get_command(app))]
    shown = [CliRunner().invoke(app, [*name.split(), "--help"], env={"COLUMNS": "120"}, prog_name="speccraft").output.strip() for name in names]
    sections = [f"## {name}\n\n```text\n{text}\n```\n" for name, text in zip(names, shown, strict=True)]
    return "\n".join([COMMANDS_HEADING, *sections])


def _paths(command: Any) -> Iterator[tuple[str, ...]]:
    """The words of every command, those of groups included."""
    for name, one in command.commands.items():
        yield from ((name, *path) for path in _paths(one)) if hasattr(one, "commands") else [(name,)]


def places() -> str:
    """The places that a scenario can name, with their numbers and sources."""
    from speccraft.scenario.places import as_markdown

    return as_markdown()


def scenario_fields() -> str:
    """Every section of a scenario with its fields, types, units, defaults, examples and meanings."""
    from speccraft.scenario.schema import schema_of

    schema = schema_of("scenario")
    lines = ["# The scenario, field by field", "", "Made from the models by `make docs`; `speccraft schema scenario` prints the same for tools.", ""]
    for name, model in {"Scenario": schema, **schema["$defs"]}.items():
        if "properties" in model:
            rows = _rows(model)
            lines += [
                f"## {name}",
                "",
                model.get("description", ""),
                "",
                "| field | type (unit) | default | example | meaning |",
                "|---|---|---|---|---|",
                *rows,
                "",
            ]
    return "\n".join(lines)


def _rows(model: dict[str, Any]) -> Iterator[str]:
    from speccraft.scenario.fields import flow

    for name, field in model["properties"].items():
        default = "required" if name in model.get("required", ()) else f"`{_plain(field['default'])}`" if "default" in field else ""
        unit = f" ({field['unit']})" if "unit" in field else ""
        yield f"| `{name}` | {_type_of(field)}{unit} | {default} | {_code(flow(field['examples'][0]))} | {field['description']} |"


def _code(text: str) -> str:
    return f"`{text}`".replace("|", "\\|")


def _plain(default: Any) -> str:
    from speccraft.scenario.fields import flow

    return "..." if isinstance(default, dict) and default else flow(default)


def _type_of(field: dict[str, Any]) -> str:
    """A field's type in words, with its bounds; that an optional field may be null goes without saying."""
    from speccraft.scenario.editor import model_of, variants_of

    models = variants_of(field) or [name for name in (model_of(field),) if name]
    if models:
        return " or ".join(f"[{name}](#{name.lower()})" for name in models)
    if "anyOf" in field:
        return " or ".join(_type_of(option) for option in field["anyOf"])
    if "const" in field or "enum" in field:
        return ", ".join(f"`{value}`" for value in field.get("enum", [field.get("const")]) if value is not None)
    types = field.get("type", "any")
    type = types[0] if isinstance(types, list) else types
    if type == "array":
        return f"list of {_type_of(field.get('items', {}))}"
    if type == "object":
        return f"mapping to {_type_of(field['additionalProperties'])}" if isinstance(field.get("additionalProperties"), dict) else "mapping"
    signs = {"minimum": "≥", "maximum": "≤", "exclusiveMinimum": ">", "exclusiveMaximum": "<"}
    return " ".join([type, *(f"{sign} {field[key]}" for key, sign in signs.items() if key in field)])


if __name__ == "__main__":
    for path, text in documents().items():
        path.write_text(text)
        print(path.relative_to(ROOT), file=sys.stderr)
