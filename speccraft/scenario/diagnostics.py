"""Diagnostics: what is wrong in a file, at which line and column, and what to write instead."""

from __future__ import annotations

import unicodedata
from collections.abc import Iterable, Mapping
from dataclasses import asdict, dataclass
from typing import Any, Literal, TypeAlias

Severity: TypeAlias = Literal["error", "warning", "note"]

CODES: Mapping[str, str] = {
    "SC100": "The file is not YAML: the parser stopped at this place.",
    "SC101": "No such field here; fields are never ignored, so a misspelt one is an error.",
    "SC102": "A field that has no default is missing.",
    "SC103": 'The value is of another type; nothing is converted, so `"16000"` is text and `16000` a number.',
    "SC104": "The value is of the right type, but not one that is allowed here.",
    "SC105": "A key stands twice in one mapping.",
    "SC106": "A tag, merge key or recursive alias, or a file that is too deep or too large.",
    "SC107": "The file is not one UTF-8 text with one YAML mapping in it.",
    "SC108": "The file is written in another version of the format.",
    "SC201": "Two sources have the same id.",
    "SC202": "A noise or room id has no source of that role.",
    "SC203": "SNR and noise sources belong together: one is declared without the other.",
    "SC204": "No source has speech to learn from.",
    "SC205": "The job and the voice contradict each other.",
    "SC206": "A manual that no answer can follow: the job only transcribes.",
    "SC207": "A target about unseen speakers or sessions, and none are declared unseen.",
    "SC208": "A target about the place, and nothing is declared about the place.",
    "SC209": "Official splits are a column of a table, and no speech source is a table.",
    "SC210": "A training stage lacks what it trains on.",
    "SC211": "A target about a stage that does not run.",
    "SC212": "Something is declared and used by nothing.",
    "SC213": "A person's voice is to speak, and the rights do not provide for it.",
    "SC214": "Models are trained, and training is not among the intended uses.",
    "SC215": "A target about the job manual, and the manual holds nothing that can be checked.",
    "SC216": "A target that is measured on test recordings, and nothing goes to test.",
    "SC217": "A target that the declared sources cannot reach.",
    "SC218": "A quality rule that no utterance can pass.",
    "SC219": "A source is in a language that the job does not speak.",
    "SC220": "The job hears another style of speech than all recordings hold.",
    "SC221": "A language is not written as a BCP 47 tag.",
    "SC222": "An entry stands in a list twice.",
    "SC223": "The training stages are not in the order in which they build on each other.",
    "SC224": "Two sources hold the same recordings.",
    "SC225": "MP3 does not have this bit rate at this sampling rate.",
    "SC226": "One column is to hold two things that it cannot both be.",
    "SC227": "A pattern of the manual is no regular expression, or too costly a one.",
    "SC228": "No speech is heard or spoken, and a stage learns to listen.",
    "SC229": "Speakers or sessions are kept out of training, and no source says who they are.",
    "SC230": "A path begins with something that is not expanded.",
    "SC231": "A target that every model meets.",
    "SC232": "An address that is not read.",
    "SC233": "A phrase, schema or list of the manual that cannot be read or means nothing.",
    "SC290": "A field that this version reads and does not use yet.",
}
"""Every code this room can report, with one line for `explain`."""

MAX_SHOWN = 20
LINE_WIDTH = 120
GITHUB_LEVELS: Mapping[Severity, str] = {"error": "error", "warning": "warning", "note": "notice"}


@dataclass(frozen=True, order=True)
class Span:
    """A stretch of a text; lines and columns count from 1, the end column is the first one after it."""

    line: int
    col: int
    end_line: int
    end_col: int


@dataclass(frozen=True)
class Diagnostic:
    """One problem, where it stands and what to try.

    `path` names the field (`sources[0].licence`), `source_line` is the line of text that is underlined, and `related`
    holds (line, column, text) of other places that belong to the problem.
    """

    code: str
    severity: Severity
    message: str
    file: str
    line: int
    col: int
    end_line: int
    end_col: int
    path: str = ""
    help: str = ""
    related: tuple[tuple[int, int, str], ...] = ()
    source_line: str = ""

    def to_json(self) -> dict[str, Any]:
        """The diagnostic as plain data for `--json`."""
        return asdict(self) | {"related": [list(place) for place in self.related]}


def in_order(diagnostics: Iterable[Diagnostic]) -> tuple[Diagnostic, ...]:
    """The diagnostics by place, without repetitions."""
    return tuple(sorted(dict.fromkeys(diagnostics), key=lambda one: (one.file, one.line, one.col, one.code, one.path, one.message)))


def render(diagnostic: Diagnostic) -> str:
    """A diagnostic as plain text, harmless in a terminal: place, message, underlined line, help."""
    one = diagnostic
    field = f"{printable(one.path)}: " if one.path else ""
    parts = [f"{printable(one.file)}:{one.line}:{one.col}: {one.severity}[{one.code}]: {field}{printable(one.message)}"]
    if one.source_line.strip():
        parts += _underlined(one)
    parts += [f"  {printable(one.file)}:{line}:{col}: {printable(text)}" for line, col, text in one.related]
    if one.help:
        parts.append(_help(one.help))
    return "\n".join(parts)


def render_all(diagnostics: Iterable[Diagnostic], limit: int = MAX_SHOWN) -> str:
    """All diagnostics in the order of the file; after `limit` of them only their number."""
    ordered = in_order(diagnostics)
    blocks = [render(one) for one in ordered[:limit]]
    if len(ordered) > limit:
        blocks.append(f"{len(ordered) - limit} more (--json has all of them)")
    return "\n\n".join(blocks)


def render_github(diagnostics: Iterable[Diagnostic]) -> str:
    """All diagnostics as GitHub annotations, one workflow command a line.

    The form and its escapes: docs.github.com/actions/reference/workflow-commands-for-github-actions and actions/toolkit, core/src/command.ts.
    """
    return "\n".join(_annotation(one) for one in in_order(diagnostics))


def printable(text: str) -> str:
    """Text with control, bidirectional and other invisible characters written as escapes."""
    return "".join(_escape(char) for char in text)


def _annotation(one: Diagnostic) -> str:
    place = {"file": printable(one.file), "line": one.line, "endLine": one.end_line}
    if one.line == one.end_line:  # GitHub takes columns within one line only
        place |= {"col": one.col, "endColumn": one.end_col}
    properties = ",".join(f"{name}={_property(str(value))}" for name, value in {**place, "title": one.code}.items())
    said = [f"{one.path}: {one.message}" if one.path else one.message, *(f"{line}:{col}: {text}" for line, col, text in one.related)]
    helped = f"help: {one.help}".split("\n") if one.help else []
    message = "\n".join(printable(line) for line in [*said, *helped])
    return f"::{GITHUB_LEVELS[one.severity]} {properties}::{_data(message)}"


def _data(text: str) -> str:
    return text.replace("%", "%25").replace("\r", "%0D").replace("\n", "%0A")


def _property(text: str) -> str:
    return _data(text).replace(":", "%3A").replace(",", "%2C")


def _escape(char: str) -> str:
    if char == "\t":
        return " "
    invisible = unicodedata.category(char) in {"Cc", "Cf", "Cs", "Co", "Cn", "Zl", "Zp"} or (char.isspace() and char != " ")
    return f"<U+{ord(char):04X}>" if invisible else char


def _underlined(one: Diagnostic) -> list[str]:
    """The source line and the marks below it; a long line is cut to a window around the place."""
    start = one.col - 1
    end = one.end_col - 1 if one.end_line == one.line else len(one.source_line)
    first = max(0, start - LINE_WIDTH // 2) if len(one.source_line) > LINE_WIDTH else 0
    last = first + LINE_WIDTH
    before = printable(one.source_line[first:start])
    marked = printable(one.source_line[start : min(end, last)])
    after = printable(one.source_line[max(start, min(end, last)) : last])
    gutter = f"{one.line:>4} | "
    margin = " " * (len(gutter) - 2) + "| "
    return [(gutter + before + marked + after).rstrip(), margin + " " * _columns(before) + "^" * max(1, _columns(marked.rstrip()))]


def _columns(text: str) -> int:
    """How many terminal columns a text takes."""
    return sum(0 if unicodedata.combining(char) else 2 if unicodedata.east_asian_width(char) in "WF" else 1 for char in text)


def _help(text: str) -> str:
    lines = [printable(line) for line in text.split("\n")]
    return "\n".join(["help: " + lines[0], *("      " + line for line in lines[1:])])
