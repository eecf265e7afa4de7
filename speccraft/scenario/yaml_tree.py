"""YAML 1.2 to plain data with positions: no tags, no merge keys, bounded in depth and size."""

from __future__ import annotations

import math
import re
import unicodedata
from collections.abc import Iterator
from dataclasses import dataclass, field
from typing import Any

from ruamel.yaml import YAML
from ruamel.yaml.error import MarkedYAMLError, YAMLError
from ruamel.yaml.events import AliasEvent, CollectionEndEvent, DocumentStartEvent, Event, NodeEvent, ScalarEvent, SequenceStartEvent

from .diagnostics import Diagnostic, Span
from .document import START, Document, Related, Where, diagnostic, dotted, invalid, lines_of

MAX_DEPTH = 64
MAX_NODES = 10_000
MAX_DIGITS = 18

# The core schema of YAML 1.2 (section 10.3.2), so dates, `yes`, `no` and 12:30 are text.
NULL = re.compile(r"null|Null|NULL|~|")
TRUTH = {"true": True, "True": True, "TRUE": True, "false": False, "False": False, "FALSE": False}
INTEGER = re.compile(r"[-+]?[0-9]+|0o[0-7]+|0x[0-9a-fA-F]+")
NUMBER = re.compile(r"[-+]?(?:\.[0-9]+|[0-9]+(?:\.[0-9]*)?)(?:[eE][-+]?[0-9]+)?")
NOT_FINITE = re.compile(r"[-+]?\.(?:inf|Inf|INF)|\.(?:nan|NaN|NAN)")

_UNSPEAKABLE = re.compile("[\x00-\x08\x0b-\x1f\x7f-\x9f\ud800-\udfff]")
"""Control characters and lone surrogates, which escapes in double quotes can make."""
_SURROGATE_PAIR = re.compile("[\ud800-\udbff][\udc00-\udfff]")
"""How JSON escapes characters beyond U+FFFF, and ruamel leaves them."""

_IN_OUR_WORDS = (
    ("found character '\\t'", "a tab cannot indent YAML", "indent with spaces"),
    ("cannot start any token", "a plain value cannot begin with this character", "put the value into quotes"),
    ("mapping values are not allowed", "`:` is not expected here", "put a value that holds `: ` into quotes, and line up the keys of one mapping"),
    ("expected ',' or ']'", "the list opened with `[` is not closed", "close it with `]`; items are separated by commas"),
    ("expected ',' or '}'", "the mapping opened with `{` is not closed", "close it with `}`; entries are separated by commas"),
    ("unexpected end of stream", "the quotation mark opened here is not closed", "close it; inside single quotes write '' for one '"),
    ("unexpected document separator", "the quotation mark opened here is not closed", "close it before `---`"),
    ("could not find expected ':'", "a key without `:`", "write `key: value`"),
    ("unknown escape", "a backslash in double quotes begins an escape, and this is none", "write two backslashes, or use single quotes"),
    ("escape sequence", "an escape with too few hexadecimal digits", "write two backslashes, or use single quotes"),
    ("expected <block end>", "the indentation does not match the lines above", "line up the keys of one mapping, and the dashes of one list"),
    ("but found '<document end>'", "the file is empty", "write `field: value` lines"),
    ("expected '<document start>'", "the indentation does not match the lines above", "line up the keys of one mapping"),
)
"""What ruamel says, what it means, what to try."""


@dataclass(frozen=True)
class _Node:
    """A scalar (its event), a list (nodes) or a mapping (pairs of nodes)."""

    span: Span
    tag: str | None
    scalar: ScalarEvent | None = None
    items: tuple[_Node, ...] | None = None
    pairs: tuple[tuple[_Node, _Node], ...] = ()

    @property
    def kind(self) -> str:
        return "a single value" if self.scalar is not None else "a list" if self.items is not None else "a mapping"


class _Stop(Exception):
    """The text cannot be read further."""

    def __init__(self, code: str, message: str, span: Span, help: str = "", related: Related = ()) -> None:
        super().__init__(message)
        self.code, self.message, self.span, self.help, self.related = code, message, span, help, related


def read_tree(text: str, file: str) -> Document:
    """Parse a YAML text; problems that leave data to check are kept in the document.

    Raises:
        InvalidScenario: the text is not YAML, not one mapping, or over a budget.
    """
    lines = lines_of(text)
    placing = _Placing(file, lines)
    try:
        root = _root(text)
        if root.scalar is not None or root.items is not None:
            kind = "nothing" if root.scalar is not None and not root.scalar.value else root.kind
            raise _Stop("SC107", f"the file holds {kind}, not fields", root.span, "write `field: value` lines")
        data = placing.plain(root, ())
    except _Stop as stop:
        problem = diagnostic(file, lines, stop.code, stop.message, stop.span, help=stop.help, related=stop.related)
        raise invalid(file, [*placing.problems, problem]) from stop
    return Document(file, text, data, placing.keys, placing.values, tuple(placing.problems), frozenset(placing.broken))


def kind_of(value: Any) -> str:
    """What a plain value is, in words."""
    names = {str: "text", bool: "true or false", int: "a whole number", float: "a decimal number", list: "a list", dict: "a mapping", type(None): "empty"}
    return names[type(value)]


def _root(text: str) -> _Node:
    """The node of the only document."""
    events = _events(text)
    composing = _Composing(events)
    for event in events:
        if isinstance(event, DocumentStartEvent) and event.version not in (None, (1, 2)):
            raise _Stop("SC106", "only YAML 1.2 is read", _span(event), "remove the `%YAML` line")
        if isinstance(event, NodeEvent):
            break
    root = composing.node(event, 1)
    for event in events:
        if isinstance(event, DocumentStartEvent):
            raise _Stop("SC107", "a second document begins here; a file is one document", _span(event), "split the file, or remove the `---` or `...` line")
    return root


def _events(text: str) -> Iterator[Event]:
    """The parser's events; what it cannot read stops in our words."""
    reached = START
    try:
        for event in YAML(typ="safe", pure=True).parse(text):
            reached = _at(event.end_mark)
            yield event
    except MarkedYAMLError as error:
        raise _in_our_words(error) from error
    except (YAMLError, ValueError, OverflowError) as error:
        # ruamel hands "\UFFFFFFFF" to chr() unchecked, and then no mark says where.
        raise _Stop("SC100", f"not YAML after this place: {error}", reached) from error


def _in_our_words(error: MarkedYAMLError) -> _Stop:
    problem = error.problem or error.context or ""
    message, help = next(((said, tip) for sign, said, tip in _IN_OUR_WORDS if sign in problem), (f"not YAML: {problem}", ""))
    place, opened = error.problem_mark or error.context_mark, error.context_mark
    if "opened here" in message and opened is not None:
        place = opened
    related = ((_at(opened), "opened here"),) if "opened with" in message and opened is not None else ()
    return _Stop("SC100", message, START if place is None else _at(place), help, related)


@dataclass
class _Composing:
    """Events become nodes; an alias becomes the node that it names."""

    events: Iterator[Event]
    anchors: dict[str, _Node | None] = field(default_factory=dict)
    count: int = 0

    def node(self, event: Any, depth: int) -> _Node:
        self.count += 1
        _within_budget(depth, self.count, _span(event))
        if isinstance(event, AliasEvent):
            return self.named_by(event)
        if event.anchor:
            self.anchors[event.anchor] = None
        node = _Node(_span(event), event.tag, scalar=event) if isinstance(event, ScalarEvent) else self.collection(event, depth)
        if event.anchor:
            self.anchors[event.anchor] = node
        return node

    def collection(self, start: Any, depth: int) -> _Node:
        children: list[_Node] = []
        for event in self.events:
            if isinstance(event, CollectionEndEvent):
                break
            children.append(self.node(event, depth + 1))
        span = _span(start, event)
        if isinstance(start, SequenceStartEvent):
            return _Node(span, start.tag, items=tuple(children))
        return _Node(span, start.tag, pairs=tuple(zip(children[::2], children[1::2], strict=True)))

    def named_by(self, alias: AliasEvent) -> _Node:
        if alias.anchor not in self.anchors:
            raise _Stop("SC106", f"no anchor `&{alias.anchor}` stands before this alias", _span(alias), "put text that begins with `*` into quotes")
        node = self.anchors[alias.anchor]
        if node is None:
            raise _Stop("SC106", f"the alias `*{alias.anchor}` stands inside what it names", _span(alias), "write the value out")
        return node


@dataclass
class _Placing:
    """Nodes become plain data, and the place of each key and value is noted under its path."""

    file: str
    lines: list[str]
    problems: list[Diagnostic] = field(default_factory=list)
    keys: dict[Where, Span] = field(default_factory=dict)
    values: dict[Where, Span] = field(default_factory=dict)
    broken: set[Where] = field(default_factory=set)

    def plain(self, node: _Node, where: Where) -> Any:
        self.values[where] = node.span
        _within_budget(len(where) + 1, len(self.values), node.span)
        self.refuse_tag(node, where)
        if node.scalar is not None:
            return self.scalar(node.scalar, node.span, where)
        if node.items is not None:
            return [self.plain(child, (*where, index)) for index, child in enumerate(node.items)]
        return self.mapping(node, where)

    def refuse_tag(self, node: _Node, where: Where) -> None:
        if node.tag is not None:
            self.broken.add(where)
            self.report("SC106", f"tags such as `{node.tag}` are not read", node.span, where, "remove the tag; put text that begins with `!` into quotes")

    def mapping(self, node: _Node, where: Where) -> dict[str, Any]:
        data: dict[str, Any] = {}
        seen: dict[str, Span] = {}
        for key_node, value_node in node.pairs:
            key = self.key(key_node, where)
            if key is None:
                continue
            alike = unicodedata.normalize("NFC", key)
            if alike in seen:
                self.report("SC105", f"`{key}` stands here twice", key_node.span, (*where, key), "keep one of them", ((seen[alike], "first written here"),))
                continue
            seen[alike] = self.keys[*where, key] = key_node.span
            data[key] = self.plain(value_node, (*where, key))
            if data[key] is None and value_node.span.col == value_node.span.end_col:
                self.values[*where, key] = key_node.span  # nothing is written there: the key stands for it
        return data

    def key(self, node: _Node, where: Where) -> str | None:
        """A key as text, or None after reporting why it is none."""
        self.refuse_tag(node, where)
        if node.scalar is None:
            self.report("SC103", f"a key has to be text, and this is {node.kind}", node.span, where)
            return None
        key = self.scalar(node.scalar, node.span, where)
        if key == "<<":
            self.report("SC106", "merge keys (`<<`) are not read", node.span, where, "write the fields out")
            return None
        if not isinstance(key, str):
            self.report("SC103", f"a key has to be text, and this is {kind_of(key)}", node.span, where, _key_help(node.scalar.value))
            return None
        return key

    def scalar(self, event: ScalarEvent, span: Span, where: Where) -> Any:
        """The value of a scalar by the core schema; what cannot be a value is reported."""
        text = _SURROGATE_PAIR.sub(lambda pair: pair[0].encode("utf-16", "surrogatepass").decode("utf-16"), event.value)
        if found := _UNSPEAKABLE.search(text):
            return self.no_value(f"the text holds the character U+{ord(found[0]):04X}", span, where, "")
        if event.style or not event.implicit[0]:
            return text
        if text in TRUTH:
            return TRUTH[text]
        if NULL.fullmatch(text):
            return None
        if INTEGER.fullmatch(text):
            if len(text.lstrip("+-")) > MAX_DIGITS:
                return self.no_value(f"the number has more than {MAX_DIGITS} digits", span, where, 0)
            return int(text, 0) if text.startswith(("0o", "0x")) else int(text)
        if NOT_FINITE.fullmatch(text) or (NUMBER.fullmatch(text) and math.isinf(float(text))):
            return self.no_value("numbers have to be finite", span, where, 0.0)
        return float(text) if NUMBER.fullmatch(text) else text

    def no_value(self, message: str, span: Span, where: Where, instead: Any) -> Any:
        self.broken.add(where)
        self.report("SC104", message, span, where)
        return instead

    def report(self, code: str, message: str, span: Span, where: Where, help: str = "", related: Related = ()) -> None:
        self.problems.append(diagnostic(self.file, self.lines, code, message, span, path=dotted(where), help=help, related=related))


def _within_budget(depth: int, count: int, span: Span) -> None:
    if depth > MAX_DEPTH:
        raise _Stop("SC106", f"nested deeper than {MAX_DEPTH} levels", span)
    if count > MAX_NODES:
        raise _Stop("SC106", f"more than {MAX_NODES:,} values, with aliases written out", span, "put long lists into a table")


def _at(mark: Any) -> Span:
    return Span(mark.line + 1, mark.column + 1, mark.line + 1, mark.column + 2)


def _span(start: Event, end: Event | None = None) -> Span:
    last = (end or start).end_mark
    return Span(start.start_mark.line + 1, start.start_mark.column + 1, last.line + 1, last.column + 1)


def _key_help(written: str) -> str:
    """What to write for a key that is a number or another value: `{low: 5,5}` reads as `low: 5` and a key 5."""
    return f'decimals take a dot; a key would be written "{written}"' if written.isdigit() else f'write "{written}"'
