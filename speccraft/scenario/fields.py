"""What a model wants at a place: its fields, the types behind them, and how to name both in words."""

from __future__ import annotations

import functools
import json
import re
import types
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Annotated, Any, Literal, Union, get_args, get_origin

from pydantic import BaseModel
from pydantic.fields import FieldInfo

from .document import Where

MAX_SNIPPET_DEPTH = 3
PLAIN_TEXT = re.compile(r"[A-Za-z/_](?:[\w ./+-]*[\w/+])?", re.ASCII)
"""Text that YAML reads as itself in any place; others would do too, and are quoted."""


@dataclass(frozen=True)
class Wanted:
    """A type without its wrapping; `discriminator` is the field that chooses between models."""

    type: Any = None
    discriminator: str | None = None

    @classmethod
    def of(cls, annotation: Any, discriminator: Any = None) -> Wanted:
        """Strip `Annotated` and `None` from an annotation."""
        while True:
            if get_origin(annotation) is Annotated:
                annotation, *metadata = get_args(annotation)
                discriminator = next((one.discriminator for one in metadata if isinstance(one, FieldInfo) and one.discriminator), discriminator)
                continue
            members = _members(annotation)
            if len(members) != 1:
                return cls(annotation, discriminator)
            annotation = members[0]

    @classmethod
    def of_field(cls, field: FieldInfo) -> Wanted:
        """The type of a field."""
        return cls.of(field.annotation, field.discriminator)

    @property
    def model(self) -> type[BaseModel] | None:
        """The model, where the type is one."""
        return self.type if isinstance(self.type, type) and issubclass(self.type, BaseModel) else None

    @property
    def members(self) -> tuple[Wanted, ...]:
        """The alternatives of a union; empty where there is only one type."""
        return tuple(Wanted.of(member) for member in _members(self.type))

    @property
    def choices(self) -> tuple[Any, ...]:
        """The values of a `Literal`."""
        return get_args(self.type) if get_origin(self.type) is Literal else ()

    @property
    def variants(self) -> dict[Any, type[BaseModel]]:
        """The models of a discriminated union by the value that chooses them."""
        if self.discriminator is None:
            return {}
        models = [member.model for member in self.members if member.model is not None]
        return {value: model for model in models for value in Wanted.of_field(fields_of(model)[self.discriminator]).choices}

    @property
    def words(self) -> str:
        """What may stand here, in words."""
        if self.choices:
            return "one of " + listed(self.choices)
        if self.discriminator is None and self.members:
            return " or ".join(dict.fromkeys(member.words for member in self.members))
        names = {str: "text", int: "a whole number", float: "a number", bool: "true or false"}
        names |= dict.fromkeys((tuple, list, set, frozenset, Sequence), "a list")
        return names.get(get_origin(self.type) or self.type, "a mapping")


@dataclass(frozen=True)
class Place:
    """Where a pydantic error points to: the path in the data, and what the model wants there.

    `owner` is the model that the last key belongs to, `sibling_of` the union it was chosen from, `union_at` the path of
    the outermost union whose alternatives were all tried, with that union in `union`.
    """

    where: Where = ()
    wanted: Wanted = Wanted()
    owner: type[BaseModel] | None = None
    sibling_of: Wanted = Wanted()
    union_at: Where | None = None
    union: Wanted = Wanted()
    on_key: bool = False


def fields_of(model: type[BaseModel]) -> dict[str, FieldInfo]:
    """The fields of a model by the name that people write."""
    return {field.alias or name: field for name, field in model.model_fields.items()}


def place_of(loc: Sequence[str | int], model: type[BaseModel], data: Any) -> Place:
    """Follow a pydantic location; parts of it that name an alternative of a union are in no YAML."""
    place = Place(wanted=Wanted(model))
    for part in loc:
        place = _step(place, part, data)
    return place


@functools.cache
def sections_by_field(model: type[BaseModel]) -> Mapping[str, tuple[Where, ...]]:
    """Which sections of a model have a field of a name; the index 0 stands for any entry of a list."""
    sections: dict[str, dict[Where, None]] = {}
    for where, section in _sections(model, ()):
        for name in fields_of(section):
            sections.setdefault(name, {})[where] = None
    return {name: tuple(where) for name, where in sections.items()}


def _sections(model: type[BaseModel], above: Where, outer: tuple[type[BaseModel], ...] = ()) -> Iterator[tuple[Where, type[BaseModel]]]:
    yield above, model
    for key, field in fields_of(model).items():
        wanted, path = Wanted.of_field(field), (*above, key)
        if get_origin(wanted.type) in (tuple, list):
            wanted, path = Wanted.of(get_args(wanted.type)[0]), (*path, 0)
        for member in (wanted, *wanted.members):
            if member.model is not None and member.model not in (model, *outer):
                yield from _sections(member.model, path, (model, *outer))


def snippet(field: FieldInfo, depth: int = 0) -> str:
    """What to paste where a field is missing, as YAML on one line: an example, or its shape with the kind of value in capitals."""
    return flow(field.examples[0]) if field.examples else _shape(Wanted.of_field(field), depth)


def flow(value: Any) -> str:
    """A value as YAML in flow style, on one line; text stands in quotes only where it needs them."""
    if isinstance(value, Mapping):
        return "{" + ", ".join(f"{flow(key)}: {flow(inner)}" for key, inner in value.items()) + "}"
    if isinstance(value, (list, tuple)):
        return "[" + ", ".join(map(flow, value)) + "]"
    plain = isinstance(value, str) and PLAIN_TEXT.fullmatch(value) and value.lower() not in ("true", "false", "null")
    return str(value) if plain else json.dumps(value, ensure_ascii=False)


def listed(values: Sequence[Any]) -> str:
    """Values in a sentence: `a`, `b` or `c`."""
    quoted = [f"`{value}`" for value in values]
    return " or ".join(filter(None, (", ".join(quoted[:-1]), quoted[-1])))


def _members(annotation: Any) -> tuple[Any, ...]:
    if get_origin(annotation) not in (Union, types.UnionType):
        return ()
    return tuple(member for member in get_args(annotation) if member is not type(None))


def _step(place: Place, part: str | int, data: Any) -> Place:
    wanted = place.wanted
    below = (*place.where, part)
    origin, args = get_origin(wanted.type), get_args(wanted.type)
    if part == "[key]":
        return replace(place, on_key=True, wanted=place.sibling_of)
    if wanted.variants:
        return replace(place, wanted=Wanted(wanted.variants.get(part)), sibling_of=wanted)
    if wanted.members:
        outer = place if place.union_at is not None else replace(place, union_at=place.where, union=wanted)
        return replace(outer, wanted=_labelled(wanted, str(part)))
    if wanted.model is not None:
        field = fields_of(wanted.model).get(str(part))
        inner = Wanted() if field is None else Wanted.of_field(field)
        siblings = place.sibling_of if wanted.model in place.sibling_of.variants.values() else Wanted()
        return replace(place, where=below, wanted=inner, owner=wanted.model, sibling_of=siblings)
    if origin in (dict, Mapping):
        # The key's type waits in `sibling_of` for a part "[key]" that may follow.
        return replace(place, where=below, wanted=Wanted.of(args[1]), owner=None, sibling_of=Wanted.of(args[0]))
    if args and isinstance(part, int):
        one_for_all = len(args) == 1 or Ellipsis in args
        return replace(place, where=below, wanted=Wanted.of(args[0 if one_for_all else part]), owner=None)
    return replace(place, where=below, wanted=Wanted(), owner=None) if _holds(data, below) else place


def _labelled(union: Wanted, label: str) -> Wanted:
    """The alternative that pydantic names by a label such as `str` or `tuple[str, ...]`."""
    name = label.partition("[")[0]
    return next((member for member in union.members if getattr(get_origin(member.type) or member.type, "__name__", "") == name), Wanted())


def _holds(data: Any, where: Where) -> bool:
    for part in where:
        found = part < len(data) if isinstance(part, int) and isinstance(data, list) else isinstance(data, dict) and part in data
        if not found:
            return False
        data = data[part]
    return True


def _shape(wanted: Wanted, depth: int) -> str:
    model = wanted.model or next(iter(wanted.variants.values()), None)
    if model is not None and depth < MAX_SNIPPET_DEPTH:
        needed = [(name, field) for name, field in fields_of(model).items() if field.is_required()]
        needed.sort(key=lambda one: one[0] != wanted.discriminator)
        return "{" + ", ".join(f"{name}: {snippet(field, depth + 1)}" for name, field in needed) + "}"
    if wanted.choices:
        return str(wanted.choices[0])
    if wanted.words == "a list":
        return f"[{_shape(Wanted.of(get_args(wanted.type)[0]), depth)}]" if get_args(wanted.type) else "[]"
    return {"text": "TEXT", "a whole number": "0", "a number": "0.0", "true or false": "true"}.get(wanted.words, "{}")
