"""Consent records: what is not said exactly is not consented to."""

from __future__ import annotations

from datetime import date, timedelta

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.errors import InvalidScenario
from speccraft.scenario.consent import Consent, Consents
from speccraft.scenario.text import check, parse

NORA = {
    "id": "nora-2026",
    "speaker": "nora",
    "uses": "[train, clone]",
    "from": "2026-01-01",
    "until": "2026-12-31",
    "territory": "[CH, DE]",
    "adult": "true",
    "terms": "'2026-01'",
    "evidence": "nora.txt",
    "evidence_sha256": "ab" * 32,
}
"""A record as it is written, field by field."""


def text_of(*records: dict[str, str]) -> str:
    return "consents:\n" + "".join("  - {" + ", ".join(f"{field}: {value}" for field, value in record.items()) + "}\n" for record in records)


def read(*records: dict[str, str]) -> tuple[Consent, ...]:
    return check(parse(text_of(*records), "consents.yaml"), Consents).consents


def problems(*records: dict[str, str]) -> list[str]:
    """What is wrong, with the help for it."""
    with pytest.raises(InvalidScenario) as caught:
        read(*records)
    return [f"{one.path}: {one.message} {one.help}" for one in caught.value.findings]


def test_a_record_is_read_under_the_names_that_people_write() -> None:
    [record] = read(NORA)
    assert record.model_dump(by_alias=True) == NORA | {"uses": ("train", "clone"), "territory": ("CH", "DE"), "adult": True, "terms": "2026-01"}


def test_an_end_and_a_territory_may_be_left_out_and_nothing_else_may() -> None:
    [record] = read({field: value for field, value in NORA.items() if field not in ("until", "territory")})
    assert (record.until, record.territory) == (None, ())
    for field in NORA.keys() - {"until", "territory"}:
        [problem] = problems({name: value for name, value in NORA.items() if name != field})
        assert problem.startswith(f"consents[0].{field}: is missing add `{field}:")


@pytest.mark.parametrize(
    ("field", "value", "said"),
    [
        ("uses", "[]", "at least 1"),
        ("uses", "[tarin]", "did you mean 'train'?"),
        ("uses", "train", "write [train]"),
        ("from", "2026-02-30", "there is no day 2026-02-30"),
        ("until", "2026-02-29", "there is no day 2026-02-29"),
        ("until", "2025-12-31", "until (2025-12-31) is before from (2026-01-01)"),
        ("from", "01.02.2026", "does not fit"),
        ("from", "2026-1-1", "does not fit"),
        ("from", "2026-01-01T00:00", "does not fit"),
        ("from", "20260101", "put it into quotes"),
        ("from", "'\uff12026-01-01'", "does not fit"),
        ("from", "", "empty"),
        ("territory", "[Germany]", "does not fit"),
        ("territory", "[de]", "does not fit"),
        ("speaker", "Nora Smith", "does not fit"),
        ("evidence", "''", "at least 1"),
        ("evidence_sha256", "AB" * 32, "does not fit"),
        ("evidence_sha256", "ab" * 31, "does not fit"),
        ("form", "2026-01-01", "did you mean 'from'?"),
    ],
)
def test_a_field_that_is_not_exact_is_a_problem_in_words(field: str, value: str, said: str) -> None:
    [problem] = problems(NORA | {field: value})
    assert said in problem
    assert "consents[0]" in problem


def test_every_problem_of_every_record_is_told_at_once() -> None:
    told = problems(NORA | {"uses": "[]", "territory": "[de]"}, NORA | {"id": "ben", "from": "soon"})
    assert [one.split(":")[0] for one in told] == ["consents[0].uses", "consents[0].territory[0]", "consents[1].from"]


def test_two_records_may_not_share_an_id_though_one_speaker_may_have_several() -> None:
    assert len(read(NORA, NORA | {"id": "nora-2027"})) == 2
    [problem] = problems(NORA, NORA | {"id": "ben"}, NORA, NORA | {"id": "ben"})
    assert "two of the consents are called ben, nora-2026" in problem


def test_a_file_may_hold_no_record_and_then_nobody_consents() -> None:
    assert check(parse("consents: []\n"), Consents).consents == ()


@given(st.dates(min_value=date(1000, 1, 1)), st.integers(-800, 800))
def test_days_are_those_of_the_calendar_and_the_last_is_not_before_the_first(since: date, days: int) -> None:
    try:
        until = since + timedelta(days)
    except OverflowError:
        return
    record = NORA | {"from": since.isoformat(), "until": until.isoformat()}
    if days < 0:
        assert "is before from" in problems(record)[0]
    else:
        assert (read(record)[0].since, read(record)[0].until) == (record["from"], record["until"])
