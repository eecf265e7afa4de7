"""Where data and model disagree, as diagnostics: at the place in the YAML, in our words, with the near miss."""

from __future__ import annotations

import copy
import difflib
import re
from collections.abc import Callable, Iterable, Iterator, Mapping
from dataclasses import dataclass, replace
from functools import lru_cache
from typing import Any

from pydantic import BaseModel, ValidationError

from .diagnostics import Diagnostic, Span
from .document import Document, Where, dotted
from .fields import Place, fields_of, listed, place_of, sections_by_field, snippet
from .yaml_tree import kind_of

LIMITS: Mapping[str, str] = {
    "greater_than_equal": "has to be at least {ge}",
    "greater_than": "has to be above {gt}",
    "less_than_equal": "has to be at most {le}",
    "less_than": "has to be below {lt}",
    "multiple_of": "has to be a multiple of {multiple_of}",
    "too_short": "has {actual_length} items, and needs at least {min_length}",
    "too_long": "has {actual_length} items, and takes at most {max_length}",
    "string_too_short": "needs at least {min_length} characters",
    "string_too_long": "takes at most {max_length} characters",
    "finite_number": "has to be a finite number",
    "value_error": "{error}",
    "assertion_error": "{error}",
}
"""What pydantic calls a limit, and what we say."""


@dataclass(frozen=True)
class _Mismatch:
    """One error of pydantic: its name, the value it is about, the numbers in it, and the place."""

    type: str
    value: Any
    context: Mapping[str, Any]
    message: str
    place: Place

    @property
    def where(self) -> Where:
        return self.place.where


def mismatches(error: ValidationError, document: Document, model: type[BaseModel]) -> list[Diagnostic]:
    """The diagnostics of a validation error; what only follows from another problem is left out."""
    found = [
        _Mismatch(one["type"], one["input"], one.get("ctx", {}), one["msg"], place_of(one["loc"], model, document.data))
        for one in error.errors(include_url=False)
    ]
    return [_DIAGNOSE.get(one.type, _other)(one, document, model) for one in _without_echoes(found, document)]


def with_meant_choices(error: ValidationError, document: Document, model: type[BaseModel]) -> Document | None:
    """The document as if every misspelt choice between models were the near one, or None where none is near."""
    data, is_changed = copy.deepcopy(document.data), False
    for one in error.errors(include_url=False):
        if one["type"] != "union_tag_invalid":
            continue
        place = place_of(one["loc"], model, document.data)
        name = place.wanted.discriminator or ""
        if near := _near(str(one["input"].get(name)), map(str, place.wanted.variants)):
            section = data
            for part in place.where:
                section = section[part]
            section[name], is_changed = near, True
    return replace(document, data=data) if is_changed else None


def _without_echoes(found: list[_Mismatch], document: Document) -> Iterator[_Mismatch]:
    misspelt = {(one.where[:-1], _near(str(one.where[-1]), fields_of(one.place.owner))) for one in found if one.type == "extra_forbidden" and one.place.owner}
    followed = {one.place.union_at for one in found if one.place.union_at is not None and len(one.where) > len(one.place.union_at)}
    told: set[Where] = set()
    for one in found:
        if any(one.where[:length] in document.broken for length in range(len(one.where) + 1)):
            continue
        if one.type == "missing" and (one.where[:-1], one.where[-1]) in misspelt:
            continue
        if one.type == "too_short" and len(one.value) >= one.context["min_length"]:
            continue  # its items are at fault, and have been told
        if one.where == one.place.union_at:
            if one.where in followed or one.where in told:
                continue  # an alternative that was not meant, or the second of two
            told.add(one.where)
        yield one


def _unknown(one: _Mismatch, document: Document, model: type[BaseModel]) -> Diagnostic:
    name = str(one.where[-1])
    names = list(fields_of(one.place.owner)) if one.place.owner else []
    near = _near(name, names)
    elsewhere = [section for section in sections_by_field(model).get(name, ()) if section != one.where[:-1]]
    variants = [value for value, variant in one.place.sibling_of.variants.items() if name in fields_of(variant)]
    if variants:
        help = f"it goes with `{one.place.sibling_of.discriminator}: {variants[0]}`"
    elif elsewhere and _likeness(name, near) < 0.8:
        help = f"it belongs {_section(elsewhere[0])}"
    else:
        help = f"did you mean '{near}'?" if near else f"fields here: {', '.join(names)}"
    return document.diagnostic("SC101", "no such field", one.where, span=document.key(one.where), help=help)


def _section(where: Where) -> str:
    if not where:
        return "at the top level"
    return f"into an entry of `{dotted(where[:-1])}`" if isinstance(where[-1], int) else f"under `{dotted(where)}:`"


def _missing(one: _Mismatch, document: Document, model: type[BaseModel]) -> Diagnostic:
    assert one.place.owner is not None
    name = str(one.where[-1])
    field = fields_of(one.place.owner)[name]
    promise = re.split(r"[.:;](?:\s|$)", field.description or "", maxsplit=1)[0]
    about = f" ({promise})" if promise else ""
    return document.diagnostic("SC102", "is missing", one.where, span=document.key(one.where[:-1]), help=f"add `{name}: {snippet(field)}`{about}")


def _no_choice(one: _Mismatch, document: Document, model: type[BaseModel]) -> Diagnostic:
    name = one.place.wanted.discriminator or ""
    near = _near(name, one.value)
    help = f"write '{name}' for '{near}'" if near else f"add `{name}:` with one of {listed(list(one.place.wanted.variants))}"
    return document.diagnostic("SC102", "is missing", (*one.where, name), span=document.key(one.where), help=help)


def _bad_choice(one: _Mismatch, document: Document, model: type[BaseModel]) -> Diagnostic:
    name = one.place.wanted.discriminator or ""
    choices = list(one.place.wanted.variants)
    return _not_allowed(document, (*one.where, name), one.value[name], choices, document.shown((*one.where, name)))


def _bad_value(one: _Mismatch, document: Document, model: type[BaseModel]) -> Diagnostic:
    span = document.key(one.where) if one.place.on_key else document.shown(one.where)
    return _not_allowed(document, one.where, one.value, one.place.wanted.choices, span)


def _not_allowed(document: Document, where: Where, value: Any, choices: Iterable[Any], span: Span) -> Diagnostic:
    by_text = {str(choice): choice for choice in choices}
    near = _near(_shown(value), by_text)
    same = isinstance(value, str) and value in by_text
    help = f"write {value} without quotes" if same else f"did you mean '{near}'?" if near and isinstance(value, str) else ""
    if isinstance(value, int | float) and value * 1000 in by_text.values():
        help = f"did you mean {value * 1000:.0f}?"
    what = "the value is empty" if value is None else f"`{_shown(value)}` is not allowed"
    return document.diagnostic("SC104", f"{what}; allowed: {listed(list(by_text))}", where, span=span, help=help)


def _wrong_type(one: _Mismatch, document: Document, model: type[BaseModel]) -> Diagnostic:
    wanted = one.place.union if one.where == one.place.union_at else one.place.wanted
    what = "this" if one.value is None or isinstance(one.value, (dict, list)) else f"`{_shown(one.value)}`"
    field = fields_of(one.place.owner).get(str(one.where[-1])) if one.place.owner and one.where else None
    help = _how_to_write(one.value, wanted.words)
    if one.value is None and field is not None and not field.is_required():
        help += ", or remove the line"
    if not help and field is not None and wanted.words == "a mapping":
        help = f"such as {snippet(field)}"
    return document.diagnostic("SC103", f"wants {wanted.words}, and {what} is {kind_of(one.value)}", one.where, help=help)


def _how_to_write(value: Any, words: str) -> str:
    """How to write what was probably meant."""
    if value is None:
        return "write a value"
    if isinstance(value, (dict, list)):
        return ""
    if words.startswith("text"):
        return f'put it into quotes: "{_shown(value)}"'
    if words == "a list":
        return f"write [{_shown(value)}]"
    if words == "true or false" and str(value).lower() in {"yes", "on", "y", "no", "off", "n", "true", "false"}:
        return f"write {str(str(value).lower() in {'yes', 'on', 'y', 'true'}).lower()}"
    if words == "a whole number" and isinstance(value, float) and value.is_integer():
        return f"write {value:.0f}"
    return _number_in(value) if words in {"a number", "a whole number"} and isinstance(value, str) else ""


def _number_in(text: str) -> str:
    """The number that a text was probably meant to be."""
    if re.fullmatch(r"[-+]?\d+(\.\d+)?", text):
        return f"write {text} without quotes"
    if re.fullmatch(r"[-+]?\d+,\d+", text):
        return f"decimals take a dot: {text.replace(',', '.')}"
    if found := re.fullmatch(r"(\d+(?:\.\d+)?) ?%", text):
        return f"write a share: {float(found[1]) / 100:g}"
    if found := re.fullmatch(r"([-+]?\d+(?:\.\d+)?) ?([A-Za-z/]{1,8})", text):
        return f"write the number alone: {float(found[1]) * (1000 if found[2].lower() in ('k', 'khz') else 1):.12g}"
    return ""


def _pattern(one: _Mismatch, document: Document, model: type[BaseModel]) -> Diagnostic:
    pattern = one.context["pattern"]
    slug = re.sub(r"[^A-Za-z0-9._-]+", "-", one.value).strip("-._")
    help = f"did you mean '{slug}'?" if re.search(pattern, slug) else ""
    return document.diagnostic("SC104", f"`{_shown(one.value)}` does not fit the pattern {pattern}", one.where, help=help)


def _other(one: _Mismatch, document: Document, model: type[BaseModel]) -> Diagnostic:
    said = LIMITS.get(one.type, one.message.replace("{", "{{").replace("}", "}}"))
    context = {name: f"{value:g}" if isinstance(value, float) else value for name, value in one.context.items()}
    message = said.format(**context)
    if not isinstance(one.value, dict):
        is_percent = one.context.get("le") == 1 and isinstance(one.value, int | float) and 1 < one.value <= 100
        return document.diagnostic("SC104", message, one.where, help=f"write a share, not per cent: {one.value / 100:g}" if is_percent else "")
    # A model's own check is about several of its fields: show those that its message names.
    words = re.findall(r"\w+", message)
    related = tuple((document.shown((*one.where, key)), f"`{key}` is set here") for key in one.value if key in words)
    return document.diagnostic("SC104", message, one.where, span=document.key(one.where), related=related)


_TYPES = "string int float bool tuple list set frozen_set dict mapping model model_attributes"
_DIAGNOSE: Mapping[str, Callable[[_Mismatch, Document, type[BaseModel]], Diagnostic]] = {
    "extra_forbidden": _unknown,
    "missing": _missing,
    "union_tag_not_found": _no_choice,
    "union_tag_invalid": _bad_choice,
    "literal_error": _bad_value,
    "string_pattern_mismatch": _pattern,
    "int_from_float": _wrong_type,
} | dict.fromkeys((f"{name}_type" for name in _TYPES.split()), _wrong_type)


def _near(name: str, names: Iterable[str]) -> str:
    """The name that was probably meant, or nothing."""
    return _nearest(name.lower()[:100], tuple(names))


@lru_cache(maxsize=1 << 14)
def _nearest(name: str, names: tuple[str, ...]) -> str:
    by_lower = {one.lower(): one for one in names}
    return next((by_lower[match] for match in difflib.get_close_matches(name, by_lower, 1)), "")


def _likeness(name: str, other: str) -> float:
    return difflib.SequenceMatcher(None, name.lower(), other.lower()).ratio()


def _shown(value: Any) -> str:
    text = str(value).lower() if isinstance(value, bool) else str(value)
    return text if len(text) <= 40 else text[:37] + "..."
