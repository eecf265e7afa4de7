"""Untrusted text and JSON Lines, read one bounded line at a time: a line is what it says, or a problem in words."""

from __future__ import annotations

import gzip
import json
import math
import re
import zlib
from collections import Counter
from collections.abc import Iterator
from dataclasses import dataclass, field
from io import BufferedReader
from pathlib import Path
from typing import Any

from pydantic_core import from_json

from speccraft.errors import UnreadableInput

LONGEST_LINE = 4 * 2**20
"""Bytes of a line; a cut with a thousand supervisions has about 200 kB."""
DEEPEST = 32
"""Levels of lists and objects in a record; a cut with alignments has eight."""
MOST_EXPANDED, SMALL = 200, 16 * 2**20
"""A gzip file may expand 200 times, or to 16 MiB. Manifests expand 10 to 50 times, and a bomb a thousand times."""
LONGEST_NAME = 4096
"""Characters of an id, or of a path that serves as one."""
MOST_KEYS = 10_000
"""Keys of one object: each that a model does not know costs a kilobyte to tell of."""
LONGEST_NUMBER = 400
"""Digits of a number: more say nothing that a duration or a count can mean."""
PLAIN = 1e300
"""Numbers that are less can be no infinity, and have few digits."""
_GZIP = b"\x1f\x8b"
_BRACKETS = re.compile(r'"(?:[^"\\]++|\\.)*+"?|[\[\]{}]', re.DOTALL)
"""Brackets, and whole strings so that those inside are passed over; an open string takes the rest of the line in one step."""


# Not frozen: a manifest has a million lines, and to make what is frozen takes thrice the time.
@dataclass(slots=True)
class Line:
    """One line that is not blank, counted from 1, without its end; with a problem, the text is empty."""

    number: int
    text: str = ""
    problem: str = ""


@dataclass(slots=True)
class Record:
    """The JSON object of one line; with a problem, it has no fields."""

    number: int
    fields: dict[str, Any] = field(default_factory=dict)
    problem: str = ""

    def named(self, *names: str) -> str | None:
        """The first of some fields that holds a name, whatever else is wrong with the record."""
        return next((found for name in names if (found := name_in(self.fields, name))), None)


def name_in(fields: dict[str, Any], field: str) -> str | None:
    """A field that holds a name: text, not empty, and not too long to be one."""
    value = fields.get(field)
    return value if isinstance(value, str) and len(value) <= LONGEST_NAME and value.strip() else None


def records_of(path: Path, source_id: str) -> Iterator[Record]:
    """The records of a JSON Lines file, plain or gzipped, whatever its name.

    Raises:
        UnreadableInput: the file cannot be read, expands too far, or (at its end) none of its lines is a JSON object.
    """
    first, readable = None, False
    for number, piece in _pieces(path, source_id):
        if piece is not None and (fields := _plain(piece)) is not None:
            record = Record(number, fields)
        elif line := _decoded(number, piece):
            record = record_of(line)
        else:
            continue
        first = first or record
        readable = readable or not record.problem
        yield record
    if first is None:
        raise UnreadableInput(f"source '{source_id}': {path} is empty")
    if not readable:
        what = f"source '{source_id}': {path} holds no JSON object; line {first.number} {first.problem}"
        raise UnreadableInput(what, try_this="give a file with one JSON object a line (`lhotse copy` and `jq -c '.[]'` make one of a list)")


def lines_of(path: Path, source_id: str) -> Iterator[Line]:
    """The lines of a UTF-8 text file, plain or gzipped, blank ones left out.

    Raises:
        UnreadableInput: the file cannot be read, is no regular file, is a broken gzip, or expands too far.
    """
    return (line for number, piece in _pieces(path, source_id) if (line := _decoded(number, piece)))


def _pieces(path: Path, source_id: str) -> Iterator[tuple[int, bytes | None]]:
    """The lines with their ends, counted from 1; None for one that is too long."""
    if not path.is_file():
        raise UnreadableInput(f"source '{source_id}': {path} is no file")
    number = 0
    try:
        with path.open("rb") as file:
            packed = file.read(2) == _GZIP
            most = max(SMALL, MOST_EXPANDED * file.seek(0, 2)) if packed else math.inf
            file.seek(0)
            for number, piece in enumerate(_bounded(gzip.GzipFile(fileobj=file) if packed else file, most), start=1):
                yield number, piece
    except (OSError, EOFError, zlib.error) as error:
        raise UnreadableInput(
            f"source '{source_id}': {path} cannot be read after line {number}: {error}", try_this="make it readable, or copy it again: it may be cut off"
        ) from error
    except _Bomb as error:
        what = f"source '{source_id}': {path} expands to more than {error} bytes, {MOST_EXPANDED} times its size, at line {number + 1}"
        raise UnreadableInput(what, try_this="unpack it and look at what it holds") from error


class _Bomb(Exception):
    """A small file holds more than any manifest would."""


def _bounded(text: gzip.GzipFile | BufferedReader, most: float) -> Iterator[bytes | None]:
    """Lines with their ends, None for one that is too long; no more than one piece is held."""
    read, inside_long = 0, False
    while piece := text.readline(LONGEST_LINE + 1):
        read += len(piece)
        if read > most:
            raise _Bomb(most)
        ends = piece.endswith(b"\n")
        if inside_long:
            inside_long = not ends
            continue
        inside_long = len(piece) > LONGEST_LINE and not ends
        yield None if inside_long else piece


def _decoded(number: int, line: bytes | None) -> Line | None:
    if line is None:
        return Line(number, problem=f"is longer than {LONGEST_LINE} bytes")
    try:
        text = line.decode("utf-8-sig" if number == 1 else "utf-8")
        return Line(number, text.rstrip("\r\n")) if text.strip() else None
    except UnicodeDecodeError as error:
        return Line(number, problem=f"is not UTF-8 at byte {error.start + 1}")


def record_of(line: Line) -> Record:
    """A line as a JSON object that every reader understands in one way: no key twice, no NaN, nothing too deep or too large."""
    if line.problem:
        return Record(line.number, problem=line.problem)
    try:
        return Record(line.number, _parsed(line.text))
    except json.JSONDecodeError as error:
        return Record(line.number, problem=f"is no JSON: {error.msg} at character {error.pos + 1}")
    except UnicodeEncodeError:
        return Record(line.number, problem="holds half a character (a lone surrogate)")
    except _NotStrict as error:
        return Record(line.number, problem=str(error))


class _NotStrict(ValueError):
    """JSON that readers understand in different ways, or that would cost too much to read."""


def _parsed(text: str) -> dict[str, Any]:
    if text.count("[") + text.count("{") > DEEPEST and _depth(text) > DEEPEST:
        raise _NotStrict(f"nests lists and objects more than {DEEPEST} deep")
    value = json.loads(text, object_pairs_hook=_object, parse_constant=_no_constant, parse_float=_finite, parse_int=_int)
    if not isinstance(value, dict):
        raise _NotStrict("is no JSON object")
    if "\\u" in text:
        json.dumps(value, ensure_ascii=False).encode()
    return value


def _plain(line: bytes) -> dict[str, Any] | None:
    """The object of a line in which `_parsed` would find no fault, in a fifth of its time; None where that takes a closer look."""
    if line.count(b"[") + line.count(b"{") > DEEPEST or b"\\u" in line:
        return None
    try:
        value = from_json(line, allow_inf_nan=False)
    except ValueError:
        return None
    # Each key has its colon: where there are no more colons, no key stands twice.
    return value if isinstance(value, dict) and _keys(value) == line.count(b":") <= MOST_KEYS else None


def _keys(value: Any) -> float:
    """Keys of all objects in a value; NaN where a number in it needs a closer look."""
    keys: float = 0
    if isinstance(value, dict):
        keys, value = len(value), value.values()
    for one in value:
        kind = type(one)
        if kind is dict or kind is list:
            keys += _keys(one)
        elif (kind is float or kind is int) and not -PLAIN < one < PLAIN:
            return math.nan
    return keys


def _depth(text: str) -> int:
    depth = deepest = 0
    for match in _BRACKETS.finditer(text):
        depth += (match[0] in "[{") - (match[0] in "]}")
        deepest = max(deepest, depth)
    return deepest


def _object(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    if len(pairs) > MOST_KEYS:
        raise _NotStrict(f"holds an object of {len(pairs)} keys")
    made = dict(pairs)
    if len(made) < len(pairs):
        [(twice, _)] = Counter(name for name, _ in pairs).most_common(1)
        raise _NotStrict(f"holds the key {twice[:60]!r} twice")
    return made


def _no_constant(name: str) -> None:
    raise _NotStrict(f"holds {name}, which is no JSON number")


def _finite(digits: str) -> float:
    if not math.isfinite(number := float(digits)):
        raise _NotStrict(f"holds the number {digits[:40]}, which is too large")
    return number


def _int(digits: str) -> int:
    if len(digits) > LONGEST_NUMBER:
        raise _NotStrict(f"holds a number of {len(digits)} digits")
    return int(digits)
