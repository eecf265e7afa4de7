"""A model's JSON Schema in the form that editors show best, accepting exactly what pydantic's own form accepts.

What yaml-language-server 1.25 does with pydantic's form, and why this one differs: a wrong discriminator of a `oneOf` is told with only some of its
values, so the choice is written as `if` and `then`; `default: null` is what completion inserts for an optional field, so it is left out; the
description of a model hides that of the field that holds it, so the field's stands beside the reference; and plain descriptions show their
backticks with backslashes, so they come as markdown, too.
"""

from __future__ import annotations

import re
from collections.abc import Iterator
from typing import Any

from pydantic import BaseModel
from pydantic.json_schema import GenerateJsonSchema, JsonSchemaValue
from pydantic_core import core_schema


def editor_schema(model: type[BaseModel]) -> dict[str, Any]:
    """The JSON Schema of a model (draft 2020-12); each field has its unit, a title that says it, and markdown."""
    schema = model.model_json_schema(by_alias=True, schema_generator=_ForEditors)
    models = schema.get("$defs", {})
    for one in (schema, *models.values()):
        _describe(one)
        for name, field in one.get("properties", {}).items():
            _show(field, name)
    for union in list(_unions(schema)):
        _show_choices(union, models)
    return schema


def variants_of(schema: dict[str, Any]) -> list[str]:
    """The models that a discriminated union chooses from, by name and each once; empty for any other schema."""
    return list(dict.fromkeys(_name(one["then"]) for one in schema.get("allOf", ()) if "then" in one))


def model_of(schema: dict[str, Any]) -> str | None:
    """The name of the model that a schema refers to, also where it may be null."""
    reference = schema.get("$ref") or schema.get("then", {}).get("$ref")
    return None if reference is None else _name({"$ref": reference})


class _ForEditors(GenerateJsonSchema):
    """Writes optional fields and discriminated unions so that completion, hover and diagnostics fit."""

    def sort(self, value: JsonSchemaValue, parent_key: str | None = None) -> JsonSchemaValue:
        """Leave the order as it is written: `low` before `high`."""
        return value

    def nullable_schema(self, schema: core_schema.NullableSchema) -> JsonSchemaValue:
        inner = self.generate_inner(schema["schema"])
        if "type" not in inner:
            return {"type": ["object", "null"], "if": {"type": "object"}, "then": inner}
        choices = {"enum": [*inner.get("enum", [inner.get("const")]), None]} if inner.keys() & {"enum", "const"} else {}
        return {**{key: value for key, value in inner.items() if key != "const"}, **choices, "type": [inner["type"], "null"]}

    def default_schema(self, schema: core_schema.WithDefaultSchema) -> JsonSchemaValue:
        return {key: value for key, value in super().default_schema(schema).items() if key != "default" or value is not None}

    def tagged_union_schema(self, schema: core_schema.TaggedUnionSchema) -> JsonSchemaValue:
        """One `if` a choice: an editor asks for the fields of the choice that was made, and of no other."""
        tag = schema["discriminator"]
        assert isinstance(tag, str), "a union is chosen by the value of one field"
        variants = {value: self.generate_inner(variant) for value, variant in schema["choices"].items()}
        chosen = [{"if": {"type": "object", "properties": {tag: {"const": value}}, "required": [tag]}, "then": variant} for value, variant in variants.items()]
        return {"type": "object", "properties": {tag: {"enum": list(variants)}}, "required": [tag], "allOf": chosen}


def _show(field: dict[str, Any], name: str) -> None:
    unit = next(_units(field), None)
    if unit is not None:
        field["unit"] = unit
    field["title"] = name if unit is None else f"{name} ({unit})"
    _describe(field)
    described = {key: field[key] for key in ("description", "markdownDescription") if key in field}
    for holder in (field, *field.get("allOf", ())):
        if "then" in holder:
            holder["then"] = {**holder["then"], **described}


def _show_choices(union: dict[str, Any], models: dict[str, Any]) -> None:
    """Describe the field that chooses by what its values mean."""
    (tag,) = union["required"]
    choice = union["properties"][tag]
    meanings = [models[name]["properties"][tag]["description"] for name in variants_of(union)]
    choice |= {"title": tag, "description": " ".join(re.split(r"(?<=\.)\s", meaning)[0] for meaning in meanings)}
    union.setdefault("title", f"choose `{tag}`")
    _describe(choice)


def _describe(schema: dict[str, Any]) -> None:
    if "description" in schema:
        schema["description"] = schema["markdownDescription"] = " ".join(schema["description"].split())


def _units(schema: dict[str, Any]) -> Iterator[str]:
    """The units of a field: its own, and those of its items or values."""
    if "unit" in schema:
        yield schema["unit"]
    for inner in (schema.get("items"), schema.get("additionalProperties")):
        if isinstance(inner, dict):
            yield from _units(inner)


def _unions(schema: Any) -> Iterator[dict[str, Any]]:
    if isinstance(schema, dict) and any("then" in one for one in schema.get("allOf", ())):
        yield schema
    for inner in schema.values() if isinstance(schema, dict) else schema if isinstance(schema, list) else ():
        yield from _unions(inner)


def _name(schema: dict[str, Any]) -> str:
    return str(schema["$ref"]).rsplit("/", 1)[-1]
