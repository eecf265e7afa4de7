"""Diagnostics as text: readable, in order, and harmless in a terminal."""

from __future__ import annotations

import json
import re
from dataclasses import replace

from hypothesis import given
from hypothesis import strategies as st

from speccraft.scenario.diagnostics import CODES, Diagnostic, in_order, printable, render, render_all, render_github

ONE = Diagnostic("SC101", "error", "no such field", "a.yaml", 14, 3, 14, 9, "environment.snr_dB", "did you mean 'snr_db'?")
ONE = replace(ONE, related=((3, 1, "opened here"),), source_line="  snr_dB: 3")


def test_a_diagnostic_says_where_what_and_what_to_try() -> None:
    assert render(ONE) == (
        "a.yaml:14:3: error[SC101]: environment.snr_dB: no such field\n"
        "  14 |   snr_dB: 3\n"
        "     |   ^^^^^^\n"
        "  a.yaml:3:1: opened here\n"
        "help: did you mean 'snr_db'?"
    )


def test_the_mark_stands_below_wide_characters() -> None:
    shown = render(replace(ONE, source_line="名前: x", col=5, end_col=6)).splitlines()
    assert shown[2] == "     |       ^"


def test_a_value_of_several_lines_is_marked_to_the_end_of_its_first() -> None:
    assert render(replace(ONE, source_line="a: [1,  ", col=4, end_line=15, end_col=2)).splitlines()[2] == "     |    ^^^"


def test_a_long_line_is_cut_to_what_surrounds_the_place() -> None:
    shown = render(replace(ONE, source_line="x" * 5000 + "HERE" + "y" * 5000, col=5001, end_col=5005)).splitlines()
    assert "HERE" in shown[1]
    assert len(shown[1]) < 140
    assert shown[1].index("HERE") == shown[2].index("^^^^")


def test_after_twenty_only_the_number_is_shown() -> None:
    many = [replace(ONE, line=line, end_line=line) for line in range(500)]
    text = render_all(many)
    assert text.count("error[SC101]") == 20
    assert text.endswith("480 more (--json has all of them)")


def test_diagnostics_stand_in_the_order_of_the_file_and_once() -> None:
    later = replace(ONE, line=20, end_line=20)
    assert in_order([later, ONE, later]) == (ONE, later)


def test_a_diagnostic_is_plain_json() -> None:
    plain = ONE.to_json()
    assert json.loads(json.dumps(plain)) == plain
    assert plain["related"] == [[3, 1, "opened here"]]


def test_characters_that_deceive_are_written_out() -> None:
    assert printable("a\x1b[2J\u202e\u200b\u00a0\ud800é名") == "a<U+001B>[2J<U+202E><U+200B><U+00A0><U+D800>é名"


@given(st.text(), st.text(), st.text(), st.integers(1, 200), st.integers(1, 200))
def test_no_text_reaches_the_terminal_unescaped(message: str, path: str, line: str, col: int, end_col: int) -> None:
    shown = render(replace(ONE, message=message, path=path, help=message, source_line=line, col=col, end_col=end_col, related=((1, 1, path),)))
    assert all(char == "\n" or printable(char) == char for char in shown)


def annotation(line: str) -> tuple[str, dict[str, str], str]:
    """A workflow command as GitHub's runner reads it: level, properties, message."""
    found = re.fullmatch(r"::(\w+) (.*?)::(.*)", line)
    assert found is not None

    def plain(text: str, *marks: str) -> str:
        for mark in (*marks, "\r", "\n", "%"):
            text = text.replace(f"%{ord(mark):02X}", mark)
        return text

    properties = dict(one.split("=", 1) for one in found[2].split(","))
    return found[1], {name: plain(value, ":", ",") for name, value in properties.items()}, plain(found[3])


def test_an_annotation_says_the_same_to_github() -> None:
    assert render_github([ONE]) == (
        "::error file=a.yaml,line=14,endLine=14,col=3,endColumn=9,title=SC101::"
        "environment.snr_dB: no such field%0A3:1: opened here%0Ahelp: did you mean 'snr_db'?"
    )


def test_what_would_end_a_property_or_a_command_is_escaped() -> None:
    (line,) = render_github([replace(ONE, file="50%,a:b.yaml", path="", message="100%: a, b", related=(), help="")]).splitlines()
    assert line == "::error file=50%25%2Ca%3Ab.yaml,line=14,endLine=14,col=3,endColumn=9,title=SC101::100%25: a, b"


def test_a_note_is_a_notice_and_the_order_is_that_of_the_file() -> None:
    three = [replace(ONE, line=line, end_line=line, severity=severity) for line, severity in ((3, "note"), (2, "warning"), (1, "error"))]
    assert [annotation(line)[0] for line in render_github(three).splitlines()] == ["error", "warning", "notice"]


def test_columns_are_told_within_one_line_only() -> None:
    _, properties, _ = annotation(render_github([replace(ONE, end_line=15)]))
    assert properties == {"file": "a.yaml", "line": "14", "endLine": "15", "title": "SC101"}


@given(st.text(), st.text(min_size=1), st.text())
def test_github_reads_what_was_written_and_one_command_a_diagnostic(file: str, message: str, help: str) -> None:
    shown = render_github([replace(ONE, file=file, message=message, path="", help=help, related=())])
    _, properties, said = annotation(shown)
    assert properties["file"] == printable(file)
    assert said.split("\n") == [printable(message), *([printable(line) for line in f"help: {help}".split("\n")] if help else [])]


def test_no_diagnostics_are_no_annotations() -> None:
    assert render_github([]) == ""


def test_every_code_has_a_line_of_its_own() -> None:
    assert all(code.startswith("SC") and code[2:].isdigit() and line.endswith(".") for code, line in CODES.items())
    assert len(set(CODES.values())) == len(CODES)
