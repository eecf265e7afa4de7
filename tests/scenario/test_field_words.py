"""Every field that people write says what it is, why it is there, what it looks like and in which unit."""

from __future__ import annotations

import importlib
import json
import re
import types
from collections.abc import Iterator
from functools import cache
from typing import Annotated, Any, Literal, Union, get_args, get_origin

import pytest
from pydantic import BaseModel, create_model
from pydantic.fields import FieldInfo

from speccraft.scenario.base import Band, Words
from speccraft.scenario.quality import Rule
from speccraft.scenario.schema import MODELS, schema_of

REASON_WORDS = 4
"""A reason has at least so many words."""


def models_in(annotation: Any) -> Iterator[type[BaseModel]]:
    """Every model a type may hold, with the models inside."""
    if isinstance(annotation, type) and issubclass(annotation, BaseModel):
        yield annotation
        for field in annotation.model_fields.values():
            yield from models_in(field.annotation)
    for argument in get_args(annotation) if get_origin(annotation) is not Literal else ():
        yield from models_in(argument)


def owner_of(model: type[BaseModel], name: str) -> type[BaseModel]:
    """The class that declares a field."""
    return next(base for base in reversed(model.__mro__) if name in getattr(base, "__annotations__", ()))


def declared() -> dict[str, tuple[type[BaseModel], str, FieldInfo]]:
    """Every field of every model that has a schema or is part of one, by `Class.field`; inherited ones once."""
    roots = [getattr(importlib.import_module(module), model) for module, _, model in (path.partition(":") for path in MODELS.values())]
    fields = [(model, name, field) for root in roots for model in dict.fromkeys(models_in(root)) for name, field in model.model_fields.items()]
    return {f"{owner_of(model, name).__name__}.{name}": (model, name, field) for model, name, field in fields}


FIELDS = declared()
each_field = pytest.mark.parametrize("where", FIELDS)


def sentences(text: str) -> list[str]:
    return re.split(r"(?<=[.!?])\s+", text.strip())


def holds_numbers(annotation: Any) -> bool:
    """Whether a value is a number, a range of numbers, or a list or mapping of them."""
    if annotation in (int, float, Band, Rule):
        return True
    origin, arguments = get_origin(annotation), get_args(annotation)
    if origin is Literal:
        return any(isinstance(value, (int, float)) for value in arguments)
    if origin in (Annotated, dict):
        return holds_numbers(arguments[0 if origin is Annotated else 1])
    return origin in (Union, types.UnionType, tuple) and any(map(holds_numbers, arguments))


def test_the_walk_sees_the_models_of_all_sections() -> None:
    assert {"Scenario.seed", "Band.low", "CodedChannel.bitrate_kbps", "SourceBase.licence", "ManualRule.must", "Encoder.width", "Part.text"} <= FIELDS.keys()
    assert not {"FolderSource.licence", "Transcribe.style"} & FIELDS.keys()


@each_field
def test_a_field_says_what_it_is_and_why_it_is_there(where: str) -> None:
    _, name, field = FIELDS[where]
    what, *reasons = sentences(field.description or "")
    assert what.endswith("."), "the first sentence says what the field is"
    assert any(len(reason.split()) >= REASON_WORDS for reason in reasons), "a further sentence says what it decides, or what goes wrong without it"
    assert what.casefold().rstrip(".") not in {name.replace("_", " "), "the " + name.replace("_", " ")}, "the name alone says that"


def test_no_two_fields_share_their_words() -> None:
    seen: dict[str, str] = {}
    for where, (_, _, field) in FIELDS.items():
        for sentence in sentences(field.description or ""):
            assert sentence not in seen, f"{where} and {seen[sentence]}: {sentence}"
            seen[sentence] = where


@pytest.mark.slow
@each_field
def test_every_example_of_a_field_is_a_value_of_it(where: str) -> None:
    _, name, field = FIELDS[where]
    assert field.examples, "a field shows what it looks like"
    alone = create_model("Alone", __base__=Words, **{name: (field.annotation, field)})  # type: ignore[call-overload]
    for example in field.examples:
        alone.model_validate_json(json.dumps({field.alias or name: example}))


@each_field
def test_a_number_has_a_unit(where: str) -> None:
    model, name, field = FIELDS[where]
    shown = schema_of_field(model, field.alias or name)
    assert bool(shown.get("unit")) == holds_numbers(field.annotation)
    assert shown["title"] == (field.alias or name) + (f" ({shown['unit']})" if "unit" in shown else "")


published = cache(schema_of)


def schema_of_field(model: type[BaseModel], name: str) -> dict[str, Any]:
    """What the published schemas say of a field."""
    for schema in map(published, MODELS):
        for one in (schema, *schema.get("$defs", {}).values()):
            if one.get("title") == model.__name__:
                return one["properties"][name]
    raise LookupError(model.__name__)
