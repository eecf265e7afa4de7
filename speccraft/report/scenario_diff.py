"""What two scenarios say differently, clause by clause, whatever the order, the comments and the defaults that are written out."""

from __future__ import annotations

import json
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any, Literal

from speccraft.scenario.model import Scenario


@dataclass(frozen=True)
class Change:
    """One clause that says another thing: its path as a person would look for it, and both values as YAML's flow style has them."""

    path: str
    kind: Literal["changed", "added", "removed"]
    before: str | None
    after: str | None


def scenario_changes(before: Scenario, after: Scenario) -> list[Change]:
    """Every clause whose value differs, in the order of the fields; things with an `id` are told apart by it, and other lists by what stands in them."""
    return list(_changes("", before.model_dump(mode="json"), after.model_dump(mode="json"), _written(before), _written(after)))


def _written(scenario: Scenario) -> Any:
    """What somebody wrote: whole sections are shown without the defaults that nobody did."""
    return scenario.model_dump(mode="json", exclude_unset=True)


def _changes(path: str, before: Any, after: Any, said_before: Any, said_after: Any) -> Iterator[Change]:
    if before == after:
        return
    if (parts := _named_parts(before, after)) is not None:
        first, second, said_first, said_second = (_by_name(value) for value in (before, after, said_before, said_after))
        for name in parts:
            yield from _changes(_path(path, name, before), first.get(name), second.get(name), said_first.get(name), said_second.get(name))
    elif before is None or before == []:
        yield Change(path, "added", None, _text(after if said_after is None else said_after))
    elif after is None or after == []:
        yield Change(path, "removed", _text(before if said_before is None else said_before), None)
    else:
        yield Change(path, "changed", _text(before), _text(after))


def _named_parts(before: Any, after: Any) -> list[str] | None:
    """The names of the parts that two values have, if both are made of named parts."""
    if not (_is_named(before) and _is_named(after) and isinstance(before, dict) == isinstance(after, dict)):
        return None
    return list(dict.fromkeys([*_by_name(before), *_by_name(after)]))


def _is_named(value: Any) -> bool:
    if isinstance(value, list):
        ids = [item.get("id") for item in value if isinstance(item, dict)]
        return bool(value) and len(ids) == len(value) and all(isinstance(id, str) for id in ids) and len({*ids}) == len(ids)
    return isinstance(value, dict)


def _by_name(value: Any) -> dict[str, Any]:
    if isinstance(value, list):
        return {item["id"]: item for item in value if isinstance(item, dict) and "id" in item}
    return value if isinstance(value, dict) else {}


def _path(above: str, name: str, parent: Any) -> str:
    if isinstance(parent, list):
        return f"{above}[{name}]"
    return f"{above}.{name}" if above else name


def _text(value: Any) -> str:
    """A value on one line."""
    if isinstance(value, str):
        return value
    if isinstance(value, dict):
        return "{" + ", ".join(f"{name}: {_text(item)}" for name, item in value.items()) + "}"
    if isinstance(value, list):
        return "[" + ", ".join(map(_text, value)) + "]"
    return f"{value:g}" if isinstance(value, float) else json.dumps(value)
