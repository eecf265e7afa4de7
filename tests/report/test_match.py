from __future__ import annotations

import math
from typing import Any

import polars as pl
from hypothesis import given
from hypothesis import strategies as st
from report_world import cut_row, facts_of

from speccraft.report.match import Match, environment_match, wilson
from speccraft.report.tables import MEASURES
from speccraft.scenario.contracts import PLACE_MEASURES


def test_the_match_allows_the_snr_one_db_and_the_room_what_nobody_hears() -> None:
    cuts = [
        cut_row(0, "test", delivered_snr_db=20.9, delivered_rt60_s=1.25),
        cut_row(1, "test", delivered_snr_db=21.1),
        cut_row(2, "test", delivered_rt60_s=1.27),
        cut_row(3, "dev", delivered_snr_db=99.0),
    ]
    match = environment_match(facts_of().scenario.environment, pl.DataFrame(cuts, schema=MEASURES))
    assert (match.inside, match.n) == (1, 3)


def match_in(environment: dict[str, Any], *cuts: dict[str, Any]) -> Match:
    """The match of test cuts with an environment."""
    return environment_match(facts_of({"environment": environment}).scenario.environment, pl.DataFrame(list(cuts), schema=MEASURES))


def test_a_level_and_the_band_of_a_channel_are_axes_of_their_own() -> None:
    levels = [cut_row(number, "test", delivered_level_dbfs=level) for number, level in enumerate((-40.05, -30.0, -19.8, None))]
    match = match_in({"level_dbfs": {"low": -40.0, "high": -20.0}}, *levels)
    assert (match.inside, match.n, dict(match.measured)) == (2, 4, {"environment.level_dbfs": 3})
    bands = [cut_row(number, "test", delivered_bandwidth_hz=hertz) for number, hertz in enumerate((2000.0, 3880.0, 3920.0, None))]
    match = match_in({"channel": {"codec": "telephone"}}, *bands)
    assert (match.inside, match.n, dict(match.measured)) == (2, 4, {"environment.channel": 3})
    assert match_in({"channel": {"codec": "opus", "bitrate_kbps": 64}}, *bands).measured == {}, "it passes all that 16 kHz hold"


def test_a_cut_that_only_went_through_a_channel_is_in_the_place() -> None:
    through = cut_row(0, "test", **dict.fromkeys(PLACE_MEASURES) | {"delivered_bandwidth_hz": 3400.0})
    assert match_in({"channel": {"codec": "telephone"}}, through).n == 1


def test_a_test_cut_left_as_recorded_is_not_in_place() -> None:
    clean = cut_row(0, "test", **dict.fromkeys(PLACE_MEASURES))
    assert environment_match(facts_of().scenario.environment, pl.DataFrame([clean, cut_row(1, "test")], schema=MEASURES)).n == 1


@given(st.integers(1, 500).flatmap(lambda n: st.tuples(st.integers(0, n), st.just(n))))
def test_the_interval_holds_the_share_and_stays_between_nothing_and_everything(counted: tuple[int, int]) -> None:
    hits, n = counted
    low, high = wilson(hits, n)
    assert 0 <= low <= hits / n + 1e-12
    assert hits / n - 1e-12 <= high <= 1


def test_the_interval_is_the_published_one() -> None:
    # Brown, Cai, DasGupta (2001): 0 of 10 gives 0 to 0.2775.
    low, high = wilson(0, 10)
    assert math.isclose(high, 0.2775, abs_tol=5e-4)
    assert low == 0
