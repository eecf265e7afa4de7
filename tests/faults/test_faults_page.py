"""The page of faults has every case once, and every test that it names is there."""

from __future__ import annotations

import ast
import re
from functools import cache
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
ROWS = [line.split("|")[1:-1] for line in (ROOT / "docs/faults.md").read_text().splitlines() if re.match(r"\| [A-Z]\d\d \|", line)]
CASES = [f"{letter}{number:02d}" for letter, last in (("A", 24), ("M", 16), ("C", 13), ("F", 11), ("K", 13)) for number in range(1, last + 1)]


@cache
def names_of_tests(path: Path) -> set[str]:
    """The names of the tests of a file, read and not run."""
    return {node.name for node in ast.walk(ast.parse(path.read_text())) if isinstance(node, ast.FunctionDef) and node.name.startswith("test_")}


def test_every_case_stands_on_the_page_once_and_in_order() -> None:
    assert [row[0].strip() for row in ROWS] == CASES


@pytest.mark.parametrize("row", ROWS, ids=lambda row: row[0].strip())
def test_a_case_is_proved_by_tests_that_are_there_or_is_not_promised(row: list[str]) -> None:
    *_, outcome, proof = row
    named = re.findall(r"`([^`]+)`", proof)
    assert named or "not promised" in outcome
    for file, _, test in (one.partition("::") for one in named):
        assert test in names_of_tests(ROOT / "tests" / file), f"{file} has no {test}"


def test_what_is_not_promised_is_listed_in_the_security_page() -> None:
    _, _, listed = (ROOT / "SECURITY.md").read_text().partition("Not promised")
    assert set(re.findall(r"\b[A-Z]\d\d\b", listed)) == {row[0].strip() for row in ROWS if "not promised" in row[2]}
