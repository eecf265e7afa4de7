from __future__ import annotations

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.report.numerals import duration, number, percent, plural, quantity, sentence


@pytest.mark.parametrize(
    ("value", "text"),
    [(None, "–"), (0, "0"), (0.0, "0"), (12.0, "12"), (0.12345, "0.123"), (-3.456, "−3.46"), (1234567.0, "1\u202f234\u202f567"), (1e-9, "0")],  # noqa: RUF001
)
def test_numbers_read_well(value: float | None, text: str) -> None:
    assert number(value) == text


@given(st.floats(-1e12, 1e12).filter(lambda value: abs(value) > 1e-4))
def test_a_shown_number_is_within_one_percent_of_the_real_one(value: float) -> None:
    shown = float(number(value).replace("−", "-").replace("\u202f", ""))  # noqa: RUF001
    assert shown == pytest.approx(value, rel=0.01)


@pytest.mark.parametrize(("seconds", "text"), [(None, "–"), (0, "0 s"), (59.4, "59.4 s"), (90.0, "1.5 min"), (5400.0, "1.5 h")])  # noqa: RUF001
def test_durations_take_the_unit_that_fits(seconds: float | None, text: str) -> None:
    assert duration(seconds) == text


def test_clause_quantities_carry_their_unit_and_sign() -> None:
    assert quantity(0.95, "share") == "95 %"
    assert quantity(0.05, "share", signed=True) == "+5 %"
    assert quantity(-0.5, "h", signed=True) == "−30 min"  # noqa: RUF001
    assert quantity(24.0, "h", signed=True) == "+24 h"
    assert quantity(3, "") == "3"
    assert quantity(None, "h") == "not measured"


def test_words_agree() -> None:
    assert (plural(1, "cut"), plural(0, "cut"), plural(12345, "cut")) == ("1 cut", "0 cuts", "12\u202f345 cuts")
    assert (sentence("source a"), sentence("why?"), sentence("environment.snr_db is")) == ("Source a.", "Why?", "environment.snr_db is.")
    assert percent(1 / 3) == "33.3 %"
