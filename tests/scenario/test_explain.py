"""Explanations that cannot rot: every code has one, and every example is what it says it is."""

from __future__ import annotations

import re
from pathlib import Path

import pytest
from scenario_world import SHORTEST

from speccraft.errors import InvalidScenario, SpeccraftError
from speccraft.scenario import load_scenario
from speccraft.scenario.diagnostics import CODES, Diagnostic
from speccraft.scenario.explain import explain, explanation, explanations

ROOT = Path(__file__).parents[2]
SOURCES = [*ROOT.glob("speccraft/**/*.py"), *ROOT.glob("trainer/**/*.py")]
SHORTEST_PARTS = re.findall(r"^\w.*\n(?: .*\n)*", SHORTEST, re.MULTILINE)


def completed(part: str) -> str:
    """A part of a scenario, with the sections of the shortest one that it leaves out before it."""
    written = set(re.findall(r"^\w+:", part, re.MULTILINE))
    return "".join(one for one in SHORTEST_PARTS if one.split()[0] not in written) + part


def told(part: str, folder: Path) -> tuple[Diagnostic, ...]:
    """Everything that `load_scenario` says about a completed part."""
    path = folder / "scenario.yaml"
    path.write_text(completed(part))
    try:
        return load_scenario(path).advice
    except InvalidScenario as error:
        return error.findings


def examples(side: str) -> list[object]:
    return [pytest.param(code, getattr(one, side), id=code) for code, one in explanations().items() if getattr(one, side)]


def test_the_completion_of_nothing_is_the_shortest_scenario(tmp_path: Path) -> None:
    assert completed("") == SHORTEST
    assert told("", tmp_path) == ()


def test_every_code_of_the_sources_is_explained_and_no_other() -> None:
    used = {code for path in SOURCES for code in re.findall(r"\bSC[1-5]\d\d\b", path.read_text())}
    assert set(explanations()) == used
    assert used > set(CODES)


def test_explanations_stand_in_the_order_of_their_codes() -> None:
    assert list(explanations()) == sorted(explanations())


def test_every_code_about_a_scenario_has_a_wrong_example() -> None:
    assert {code for code, one in explanations().items() if one.wrong} == set(CODES)


def test_every_wrong_example_of_what_can_be_put_right_has_a_right_one() -> None:
    assert {code for code, one in explanations().items() if one.wrong and not one.right} == {"SC290"}


@pytest.mark.parametrize(("code", "wrong"), examples("wrong"))
def test_a_wrong_example_is_told_by_its_code(code: str, wrong: str, tmp_path: Path) -> None:
    assert code in {one.code for one in told(wrong, tmp_path)}


@pytest.mark.parametrize(("code", "right"), examples("right"))
def test_a_right_example_is_a_valid_scenario_without_warnings(code: str, right: str, tmp_path: Path) -> None:
    found = told(right, tmp_path)
    assert code not in {one.code for one in found}
    assert {one.severity for one in found} <= {"note"}


def test_the_line_of_a_scenario_code_has_one_home() -> None:
    for code, line in CODES.items():
        assert explain(code).means == line
    assert not re.search(r"^SC[12]\d\d:\n(?:  .*\n)*?  means:", (ROOT / "speccraft/scenario/codes.yaml").read_text(), re.MULTILINE)


def test_an_explanation_says_what_why_and_what_to_try_with_both_examples() -> None:
    text = explanation("SC103")
    assert text.startswith(f"SC103: {CODES['SC103'][:40]}")
    assert '\nwrong:\n\n    seed: "7"\n\nright:\n\n    seed: 7\n\nWhy: ' in text
    assert "\n\nTry: " in text


def test_an_explanation_without_examples_shows_none() -> None:
    assert re.fullmatch(r"SC506: .+\n\nWhy: .+\n\nTry: .+", explanation("SC506"), re.DOTALL)
    assert "wrong:" not in explanation("SC506")


def test_a_code_is_found_in_any_case() -> None:
    assert explanation(" sc101 ") == explanation("SC101")


@pytest.mark.parametrize(("code", "help"), [("SC1O1", "did you mean 'SC101'?"), ("nonsense", "codes: SC100, SC101, ")])
def test_an_unknown_code_is_an_error_with_the_near_miss(code: str, help: str) -> None:
    with pytest.raises(SpeccraftError, match=f"no such code: {code}") as caught:
        explanation(code)
    assert caught.value.try_this.startswith(help)


ABOUT_ONE_FIELD = {"SC221", "SC227", "SC230", "SC231", "SC232", "SC233", "SC290"}
ABOUT_MEANING = [pytest.param(code, one.wrong, id=code) for code, one in explanations().items() if code.startswith("SC2") and code not in ABOUT_ONE_FIELD]


@pytest.mark.parametrize(("code", "wrong"), ABOUT_MEANING)
def test_a_contradiction_between_two_fields_shows_both(code: str, wrong: str, tmp_path: Path) -> None:
    found = next(one for one in told(wrong, tmp_path) if one.code == code)
    assert found.related
    assert all((line, col) != (found.line, found.col) and text for line, col, text in found.related)
