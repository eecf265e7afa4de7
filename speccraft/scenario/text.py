"""Read a YAML file into a model: bytes, text, plain data, model, with all problems at once."""

from __future__ import annotations

import json
import os
import re
import stat
from collections.abc import Iterator, Sequence
from pathlib import Path
from typing import TypeVar

from pydantic import BaseModel, ValidationError

from speccraft.errors import UnreadableInput

from .diagnostics import Diagnostic, Span
from .document import START, Document, diagnostic, invalid, lines_of
from .mismatch import mismatches, with_meant_choices
from .yaml_tree import read_tree

MAX_BYTES = 1 << 20
MAX_LINE = 10_000
"""Characters in a line: scanning takes quadratic time in the brackets of one line (5,000 of them 0.25 s)."""

Model = TypeVar("Model", bound=BaseModel)

_FORBIDDEN = re.compile("[^\t\x20-\x7e\xa0-\u2027\u202a-\ud7ff\ue000-\ufefe\uff00-\ufffd\U00010000-\U0010ffff]")
"""Control characters, an inner byte order mark, and NEL, LS and PS, which end a line for some readers only."""
_BIDI = re.compile("[\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")
"""Characters that let a line read differently from what it says (CVE-2021-42574)."""


def read_model(path: Path, model: type[Model]) -> tuple[Model, str]:
    """Read and check a YAML file; returns the model and the text that it came from.

    Raises:
        UnreadableInput: there is no such file, or it is not a regular file that may be read.
        InvalidScenario: its `findings` hold every problem, in the order of the text.
    """
    document = read_document(path)
    return check(document, model), document.text


def read_document(path: Path) -> Document:
    """Read a YAML file as plain data with positions.

    Raises:
        UnreadableInput: there is no such file, or it is not a regular file that may be read.
        InvalidScenario: the text is not YAML, not one mapping, or over a budget.
    """
    return parse(_decoded(_content(path), str(path)), str(path))


def parse(text: str, file: str = "<text>") -> Document:
    """Parse a YAML text as plain data with positions; problems that leave data to check are kept in the document.

    Raises:
        InvalidScenario: the text is not YAML, not one mapping, or over a budget.
    """
    lines = lines_of(text)
    if unfit := list(_unfit_lines(lines, file)):
        raise invalid(file, unfit)
    if all(not line.strip() or line.lstrip().startswith("#") for line in lines):
        raise invalid(file, [diagnostic(file, lines, "SC107", "the file is empty", START, help="write `field: value` lines")])
    return read_tree(text, file)


def check(document: Document, model: type[Model]) -> Model:
    """Validate a document: nothing is converted, nothing unknown is let through.

    Raises:
        InvalidScenario: its `findings` hold every problem, in the order of the text.
    """
    try:
        # By way of JSON: strict models take lists for tuples from JSON only.
        checked = model.model_validate_json(json.dumps(document.data))
    except ValidationError as error:
        raise invalid(document.file, [*document.problems, *mismatches(error, document, model), *_behind_choices(error, document, model)]) from error
    if document.problems:
        raise invalid(document.file, document.problems)
    return checked


def _behind_choices(error: ValidationError, document: Document, model: type[BaseModel]) -> list[Diagnostic]:
    """What else is wrong in sections whose kind is misspelt: nothing in them is checked until the kind is known."""
    meant = with_meant_choices(error, document, model)
    if meant is None:
        return []
    try:
        model.model_validate_json(json.dumps(meant.data))
    except ValidationError as more:
        return mismatches(more, meant, model)
    return []


def _content(path: Path) -> bytes:
    """Bytes of a regular file; never waits for a pipe and never reads a device."""
    try:
        descriptor = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else "no file name holds a NUL character"
        raise _unreadable(path, f"cannot be read: {reason}") from error
    try:
        mode = os.fstat(descriptor).st_mode
        if not stat.S_ISREG(mode):
            raise _unreadable(path, "is a folder, not a file" if stat.S_ISDIR(mode) else "is a pipe or device, not a file")
        with os.fdopen(descriptor, "rb", closefd=False) as file:
            return file.read(MAX_BYTES + 1)
    finally:
        os.close(descriptor)


def _unreadable(path: Path, reason: str) -> UnreadableInput:
    finding = diagnostic(str(path), [""], "SC107", reason, START, help="name a YAML file")
    return UnreadableInput(f"{path}: {reason}", try_this="name a YAML file", findings=(finding,))


def _decoded(content: bytes, file: str) -> str:
    """The text of a file; a byte order mark of UTF-8 is dropped."""
    problem = None
    if len(content) > MAX_BYTES:
        problem = diagnostic(file, [""], "SC106", f"the file is larger than {MAX_BYTES:,} bytes", START, help="put long lists into a table")
    elif content.startswith((b"\xff\xfe", b"\xfe\xff")):
        problem = diagnostic(file, [""], "SC107", "the file is UTF-16, not UTF-8", START, help="save it as UTF-8")
    if problem is not None:
        raise invalid(file, [problem])
    try:
        return content.decode("utf-8-sig")
    except UnicodeDecodeError as error:
        lines = lines_of(content[: error.start].decode("utf-8-sig", errors="replace"))
        end = Span(len(lines), len(lines[-1]) + 1, len(lines), len(lines[-1]) + 1)
        message = f"byte {error.start} (0x{content[error.start]:02x}) is not UTF-8"
        raise invalid(file, [diagnostic(file, lines, "SC107", message, end, help="save the file as UTF-8")]) from error


def _unfit_lines(lines: Sequence[str], file: str) -> Iterator[Diagnostic]:
    """What no YAML reader should be given: characters that deceive, and lines without end."""
    for number, line in enumerate(lines, 1):
        if len(line) > MAX_LINE:
            message = f"the line has {len(line):,} characters, more than {MAX_LINE:,}"
            help = "fold long text over several lines with `>`, and write long lists one item a line"
            yield diagnostic(file, lines, "SC106", message, Span(number, 1, number, 1), help=help)
        elif found := _FORBIDDEN.search(line) or _BIDI.search(line):
            why = "changes the direction of text and may hide what it says" if _BIDI.match(found[0]) else "is not allowed in YAML text"
            span = Span(number, found.start() + 1, number, found.end() + 1)
            yield diagnostic(file, lines, "SC107", f"the character U+{ord(found[0]):04X} {why}", span, help="remove it")
