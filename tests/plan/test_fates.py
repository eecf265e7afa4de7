"""The plan: every row is admitted or turned away, decided without touching audio."""

from __future__ import annotations

import json
from collections import Counter
from pathlib import Path
from typing import Any

import pytest
from corpus import SCENARIO, Corpus, plan_of
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.ingest.rows import Row
from speccraft.plan import Plan, conditions, language_of
from speccraft.plan import plan as decide
from speccraft.rights.doors import VoiceDecision
from speccraft.scenario import Scenario

LICENCES = st.sampled_from([None, "CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0", "cc0", "", "unknown", "CC0-1.0 AND CC-BY-4.0", "CC0-1.0 OR MIT", "CC0\u20111.0"])
ROWS = st.lists(
    st.builds(
        Row,
        input=st.text(min_size=1),
        text=st.sampled_from([None, "ba"]),
        language=st.sampled_from([None, "en", "en-GB", "de"]),
        licence=LICENCES,
        problem=st.sampled_from(["", "broken"]),
    ),
    max_size=12,
)


def scenario(**changes: Any) -> Scenario:
    return Scenario.model_validate_json(json.dumps(SCENARIO | changes))


def plan(scenario: Scenario, rows: dict[str, Any]) -> Plan:
    return decide(scenario, rows, as_of="2026-01-01")


def one_row(row: Row, role: str = "words", **changes: Any) -> tuple[str, str]:
    """(fate, rule) of one row of a source."""
    wanted = scenario(**changes)
    made = plan(wanted, {source.id: (row,) if source.id == role else () for source in wanted.sources})
    return ("admitted", "") if made.admitted else (made.turned_away[0].fate, made.turned_away[0].rule)


@given(words=ROWS, hiss=ROWS, halls=ROWS)
@settings(deadline=None, max_examples=15)
def test_every_row_is_decided_once_and_nothing_is_admitted_without_a_licence(words: list[Row], hiss: list[Row], halls: list[Row]) -> None:
    rows = {"words": words, "hiss": hiss, "halls": halls}
    made = plan(scenario(), rows)
    decided = Counter((item.source.id, item.row) for item in (*made.admitted, *made.turned_away))
    assert decided == Counter((source, row) for source, some in rows.items() for row in some)
    assert all(item.reason and item.rule for item in made.turned_away)
    for item in made.admitted:
        assert item.licence in ("CC0-1.0", "CC-BY-4.0", "CC-BY-NC-4.0", "CC0-1.0 AND CC-BY-4.0")
        assert not item.row.problem
    assert sum(count for _, _, count in made.refusals) == sum(item.fate == "refused" for item in made.turned_away)
    assert set(made.refused_sources) == {source for source, some in rows.items() if some and all(fate_of(made, source, row) == "refused" for row in some)}


def fate_of(made: Plan, source: str, row: Row) -> str:
    return next((item.fate for item in made.turned_away if item.source.id == source and item.row is row), "admitted")


@pytest.mark.parametrize(
    ("row", "fate"),
    [
        (Row("a", text="ba"), ("admitted", "")),
        (Row("a", text="ba", licence="LicenseRef-x"), ("refused", "rights")),
        (Row("a", text="ba", licence="LicenseRef-x", problem="broken"), ("refused", "rights")),
        (Row("a", text="ba", problem="broken"), ("failed", "row")),
        (Row("a", text="ba", language="de"), ("dropped", "job.languages")),
        (Row("a", text="ba", language="EN-gb"), ("admitted", "")),
        (Row("a"), ("dropped", "transcript")),
    ],
)
def test_a_row_is_judged_by_rights_then_by_its_own_problem_then_by_the_job(row: Row, fate: tuple[str, str]) -> None:
    assert one_row(row) == fate


@pytest.mark.parametrize(("role", "field", "rule"), [("hiss", "noise", "environment.noise"), ("halls", "rooms", "environment.rooms")])
def test_noise_and_rooms_that_the_environment_does_not_name_are_dropped(role: str, field: str, rule: str) -> None:
    assert one_row(Row("a"), role) == ("admitted", "")
    environment = {**SCENARIO["environment"], field: []}
    assert one_row(Row("a"), role, environment=environment) == ("dropped", rule)


def test_a_source_that_lost_every_row_to_rights_stops_the_build_unless_it_may_be_left_out() -> None:
    bad, good = Row("a", text="ba", licence="nonsense"), Row("b", text="ba")
    rows: dict[str, tuple[Row, ...]] = {"words": (bad,), "hiss": (), "halls": ()}
    assert list(plan(scenario(), rows).stopped_by) == ["source 'words'"]
    assert plan(scenario(), rows | {"words": (bad, good)}).stopped_by == {}
    sources = [{**SCENARIO["sources"][0], "on_refusal": "exclude"}, *SCENARIO["sources"][1:]]
    excluded = plan(scenario(sources=sources), rows)
    assert excluded.stopped_by == {}
    assert list(excluded.refused_sources) == ["words"]


def test_a_source_whose_rows_are_broken_is_not_refused() -> None:
    assert plan(scenario(), {"words": (Row("a", problem="broken"),), "hiss": (), "halls": ()}).refused_sources == {}


def test_the_language_of_a_row_comes_before_its_source_and_that_before_the_job() -> None:
    german = scenario(sources=[{**SCENARIO["sources"][0], "language": "de"}, *SCENARIO["sources"][1:]])
    assert language_of(german, german.sources[0], Row("a", language="fr")) == "fr"
    assert language_of(german, german.sources[0], Row("a")) == "de"
    assert language_of(scenario(), scenario().sources[0], Row("a")) == "en"


@pytest.mark.parametrize(
    ("environment", "wanted"),
    [
        ({}, ("clean",)),
        ({"noise": ["hiss"], "snr_db": {"low": 0.0, "high": 9.0}}, ("clean", "place", "snr_20", "snr_10", "snr_5", "snr_0")),
        ({"noise": ["hiss"]}, ("clean",)),
        ({"rooms": ["halls"]}, ("clean", "place")),
        ({"channel": {"codec": "telephone"}}, ("clean", "place")),
    ],
)
def test_conditions_follow_the_environment(environment: dict[str, Any], wanted: tuple[str, ...]) -> None:
    assert conditions(scenario(environment=environment)) == wanted


def test_planning_opens_no_audio(corpus: Corpus) -> None:
    for path in Path(corpus.folder).rglob("*.wav"):
        path.write_bytes(b"")
    assert len(plan_of(corpus).admitted) == 36


def test_a_voice_that_may_not_be_used_stops_the_build_and_the_way_out_is_about_the_voice() -> None:
    rows: dict[str, tuple[Row, ...]] = {"words": (Row("a", text="ba"),), "hiss": (), "halls": ()}
    made = decide(scenario(), rows, as_of="2026-01-01", voice=VoiceDecision("consent `anna` held until 2025-12-31"))
    assert made.stopped_by == {"the voice": "consent `anna` held until 2025-12-31"}
    assert "consent record" in made.way_out
    assert "on_refusal" in plan(scenario(), rows | {"words": (Row("a", text="ba", licence="nonsense"),)}).way_out
