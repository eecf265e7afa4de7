"""The table of members: there and back, strata by name, and what stands in two splits."""

from __future__ import annotations

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from speccraft.plan.bridges import Member
from speccraft.plan.members import AXES, MEMBERS, members_of, shared_values, stratum_of, table_of
from speccraft.scenario.contracts import SPLITS

WORDS = st.none() | st.text(max_size=4)


@given(
    st.lists(
        st.builds(Member, st.text(max_size=4), st.floats(0, 99), st.fixed_dictionaries(dict.fromkeys(AXES, WORDS)), given=WORDS, stratum=WORDS), max_size=6
    )
)
def test_members_come_back_from_their_table(members: list[Member]) -> None:
    assert members_of(table_of(members)) == members


def test_a_member_says_nothing_about_axes_that_it_has_no_value_on() -> None:
    table = table_of([Member("a", 1.0, {"speaker": "anna"})])
    assert table.columns == list(MEMBERS)
    assert {axis: table[axis][0] for axis in AXES} == {**dict.fromkeys(AXES), "speaker": "anna"}


def test_a_stratum_names_every_group_that_is_asked_for_in_that_order() -> None:
    groups = (("gender", "female"), ("accent", "scots"), ("age", "40s"))
    assert stratum_of(groups, ("accent", "gender")) == "accent=scots, gender=female"
    assert stratum_of(groups, ("device",)) == "device=not stated"
    assert stratum_of(groups, ()) == ""


@given(st.lists(st.tuples(st.none() | st.sampled_from("abc"), st.none() | st.sampled_from(SPLITS)), max_size=12))
def test_values_are_counted_where_they_stand(rows: list[tuple[str | None, str | None]]) -> None:
    counts, shared = shared_values(pl.DataFrame(rows, schema={"speaker": pl.String, "split": pl.String}, orient="row"), "speaker")
    where = {value: {split for one, split in rows if one == value and split} for value, _ in rows if value}
    assert counts == {split: sum(split in places for places in where.values()) for split in SPLITS}
    assert shared == sorted(value for value, places in where.items() if len(places) > 1)
