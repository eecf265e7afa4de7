"""JSON Schema for answers: the keywords of draft 2020-12 that a value can be held against in bounded time, and no others."""

from __future__ import annotations

import json
from collections.abc import Callable, Iterator, Mapping
from typing import Any, NoReturn

from .pattern import BadPattern, matcher

DEEPEST, LONGEST_ANSWER = 32, 100_000
"""Schemas in each other, and characters of an answer that is read as JSON."""
REMARKS = ("$schema", "$id", "title", "description", "examples", "default")
_KINDS: Mapping[str, Callable[[Any], bool]] = {
    "object": lambda value: isinstance(value, dict),
    "array": lambda value: isinstance(value, list),
    "string": lambda value: isinstance(value, str),
    "boolean": lambda value: isinstance(value, bool),
    "null": lambda value: value is None,
    "number": lambda value: isinstance(value, int | float) and not isinstance(value, bool),
    "integer": lambda value: not isinstance(value, bool) and (isinstance(value, int) or (isinstance(value, float) and value.is_integer())),
}
_SIZES: Mapping[str, tuple[str, Callable[[Any, Any], bool], str]] = {
    "minLength": ("string", lambda value, limit: len(value) >= limit, "is shorter than"),
    "maxLength": ("string", lambda value, limit: len(value) <= limit, "is longer than"),
    "minItems": ("array", lambda value, limit: len(value) >= limit, "has fewer items than"),
    "maxItems": ("array", lambda value, limit: len(value) <= limit, "has more items than"),
    "minimum": ("number", lambda value, limit: value >= limit, "is below"),
    "maximum": ("number", lambda value, limit: value <= limit, "is above"),
}
_OTHERS = ("type", "enum", "const", "properties", "required", "additionalProperties", "items", "pattern")


class NotJson(ValueError):
    """A text that is no JSON value."""


def json_value(text: str) -> Any:
    """The value that a text is in JSON.

    Raises:
        NotJson: it is none, is too long or too deep, or holds what JSON does not know, such as NaN.
    """
    if len(text) > LONGEST_ANSWER:
        raise NotJson(f"has more than {LONGEST_ANSWER} characters")
    try:
        return json.loads(text, parse_constant=_no_constant)
    except (ValueError, RecursionError) as error:
        raise NotJson("is no JSON") from error


def faults_in(schema: Any, where: str = "schema", depth: int = 0) -> Iterator[str]:
    """What of a schema is not understood here: a keyword that were passed over would promise a check that nobody makes."""
    if not isinstance(schema, dict) or depth > DEEPEST:
        yield f"{where} is no schema" if depth <= DEEPEST else f"{where} is deeper than {DEEPEST} schemas"
        return
    for word, value in schema.items():
        here = f"{where}.{word}"
        if word not in (*REMARKS, *_OTHERS, *_SIZES):
            yield f"{here} is a keyword that is not checked; known are {', '.join((*_OTHERS, *_SIZES))}"
        elif word == "type" and any(not isinstance(kind, str) or kind not in _KINDS for kind in _kinds(value)):
            yield f"{here} is {value!r}; known are {', '.join(_KINDS)}"
        elif word == "properties":
            inner = value.items() if isinstance(value, dict) else [("", None)]
            yield from (fault for name, one in inner for fault in faults_in(one, f"{here}.{name}", depth + 1))
        elif word == "items" or (word == "additionalProperties" and not isinstance(value, bool)):
            yield from faults_in(value, here, depth + 1)
        elif word in ("enum", "required") and not (isinstance(value, list) and value and (word == "enum" or all(isinstance(one, str) for one in value))):
            yield f"{here} is no list" if word == "enum" else f"{here} is no list of names"
        elif word in _SIZES and (isinstance(value, bool) or not isinstance(value, int | float)):
            yield f"{here} is no number"
        elif word == "pattern":
            yield from _pattern_faults(value, here)


def mismatch(value: Any, schema: Mapping[str, Any], where: str = "the answer") -> str:
    """The first way in which a value does not fit a schema without faults, in words; nothing where it fits."""
    return next(_mismatches(value, schema, where), "")


def _mismatches(value: Any, schema: Mapping[str, Any], where: str) -> Iterator[str]:
    if "type" in schema and not any(_KINDS[kind](value) for kind in _kinds(schema["type"])):
        yield f"{where} is not of the type {' or '.join(_kinds(schema['type']))}"
        return
    if "enum" in schema and not any(_same(value, one) for one in schema["enum"]):
        yield f"{where} is none of the {len(schema['enum'])} allowed values"
    if "const" in schema and not _same(value, schema["const"]):
        yield f"{where} is not {schema['const']!r}"
    for word, (kind, fits, said) in _SIZES.items():
        if word in schema and _KINDS[kind](value) and not fits(value, schema[word]):
            yield f"{where} {said} {schema[word]:g}"
    if isinstance(value, str) and "pattern" in schema and not matcher(schema["pattern"])(value):
        yield f"{where} does not match its pattern"
    if isinstance(value, list) and "items" in schema:
        for number, one in enumerate(value):
            yield from _mismatches(one, schema["items"], f"{where}[{number}]")
    if isinstance(value, dict):
        yield from _of_object(value, schema, where)


def _of_object(value: Mapping[str, Any], schema: Mapping[str, Any], where: str) -> Iterator[str]:
    yield from (f"{where} lacks `{name}`" for name in schema.get("required", ()) if name not in value)
    known, others = schema.get("properties", {}), schema.get("additionalProperties", True)
    for name, one in value.items():
        if name in known:
            yield from _mismatches(one, known[name], f"{where}.{name[:40]}")
        elif others is False:
            yield f"{where} holds `{name[:40]}`, which is not asked for"
        elif isinstance(others, dict):
            yield from _mismatches(one, others, f"{where}.{name[:40]}")


def _pattern_faults(value: Any, here: str) -> Iterator[str]:
    if not isinstance(value, str):
        yield f"{here} is no text"
        return
    try:
        matcher(value)
    except BadPattern as error:
        yield f"{here} is no regular expression: {error}"


def _kinds(value: Any) -> list[Any]:
    return value if isinstance(value, list) else [value]


def _same(one: Any, other: Any) -> bool:
    """Equal as JSON has it: `true` is not 1."""
    return isinstance(one, bool) == isinstance(other, bool) and one == other


def _no_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is no JSON number")
