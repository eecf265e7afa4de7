"""The gate fails closed: only what it understands, knows and was told to accept passes."""

from __future__ import annotations

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.rights.gate import may
from speccraft.rights.licences import USES, licence_table
from speccraft.scenario.acceptance import Rights

KNOWN = sorted(licence_table())
IDS = st.sampled_from([*KNOWN, "GPL-3.0-only", "MIT-0"])
EXPRESSIONS = st.lists(IDS, min_size=1, max_size=3).map(" AND ".join) | st.sampled_from(["", "MIT OR CC0-1.0", "unknown", "cc0-1.0"]) | st.none()
RIGHTS = st.builds(
    Rights,
    use=st.lists(st.sampled_from(USES[:5]), min_size=1, max_size=4, unique=True).map(tuple),
    accept=st.lists(st.sampled_from(KNOWN), max_size=8, unique=True).map(tuple),
    commercial=st.booleans(),
)


def restricted(rights: Rights) -> list[Rights]:
    """The same rights with one more restriction, in every way there is."""
    stricter = [{"commercial": True}, *({"use": (*rights.use, use)} for use in USES if use not in rights.use)]
    if len(rights.accept) > 1:
        stricter += [{"accept": tuple(id for id in rights.accept if id != gone)} for gone in rights.accept]
    if not rights.accept:
        stricter += [{"accept": (id,)} for id in KNOWN]
    return [rights.model_copy(update=update) for update in stricter]


@given(RIGHTS, EXPRESSIONS)
@settings(deadline=None)
def test_one_more_restriction_never_admits_more(rights: Rights, licence: str | None) -> None:
    if not may(rights, licence).allowed:
        assert not any(may(stricter, licence).allowed for stricter in restricted(rights))


@given(RIGHTS, IDS, EXPRESSIONS)
@settings(deadline=None)
def test_one_more_licence_that_must_hold_never_admits_more(rights: Rights, id: str, licence: str | None) -> None:
    if licence and may(rights, f"{licence} AND {id}").allowed:
        assert may(rights, licence).allowed
        assert may(rights, id).allowed


@given(RIGHTS, EXPRESSIONS)
@settings(deadline=None)
def test_a_decision_is_a_licence_or_a_reason(rights: Rights, licence: str | None) -> None:
    decision = may(rights, licence)
    assert decision.allowed == bool(decision.licence) == (not decision.reason)
    if decision.allowed:
        assert may(rights, decision.licence) == decision
        for id in decision.licence.split(" AND "):
            assert set(rights.use) <= licence_table()[id].uses
            assert not rights.accept or id in rights.accept
            assert licence_table()[id].commercial or not rights.commercial


@pytest.mark.parametrize("id", KNOWN)
def test_the_gate_says_what_the_table_says(id: str) -> None:
    row = licence_table()[id]
    for use in USES:
        assert may(Rights(use=(use,)), id.lower()).allowed == (use in row.uses)
    assert may(Rights(use=("evaluate",), commercial=True), id).allowed == row.commercial


WEIRD: dict[str, list[str | None]] = {
    "nothing": [None, "", " ", "\t", "unknown", "none", "NONE", "NOASSERTION", "MIT AND unknown", "A" * 5000],
    "broken": ["MIT AND", "AND MIT", "MIT MIT", "MIT,CC0-1.0", "MIT/CC0-1.0", "MIT & CC0-1.0", "MIT | CC0-1.0", "!MIT", "(MIT", "MIT)", "(AND MIT", "( ) )"],
    "no id": ["CC-BY", "CC BY 4.0", "CC-BY-4", "CC-BY-4.O", "CC0", "BSD", "MIT+", "Apache-2.0+", "https://creativecommons.org/licenses/by/4.0/"],
    "in words": ["Public Domain", "public-domain", "all rights reserved", "free"],
    "private": ["LicenseRef-mine", "DocumentRef-a:LicenseRef-b", "LicenseRef-scancode-public-domain"],
    "a choice": ["MIT OR CC0-1.0", "mit or cc0-1.0", "MIT AND (CC0-1.0 OR MIT)", "Apache-2.0 WITH LLVM-exception"],
    "lookalike": ["\u041cIT", "C\u0421-BY-4.0", "CC\u2011BY\u20114.0", "CC\u2013BY\u20134.0", "\uff2d\uff29\uff34"],
    "invisible": ["MIT\n", "MIT\0", "MIT\u200b", "\ufeffMIT", "MIT\u00a0AND\u00a0CC0-1.0"],
    "not in our table": ["GPL-3.0-only", "MIT AND GPL-3.0-only"],
}


@pytest.mark.parametrize("weird", [one for kind in WEIRD.values() for one in kind])
def test_whatever_it_does_not_understand_it_refuses(weird: str | None) -> None:
    for rights in (Rights(), Rights(accept=("MIT", "CC0-1.0", "CC-BY-4.0", weird or ""))):
        decision = may(rights, weird)
        assert not decision.allowed
        assert decision.reason.isprintable(), "a reason is shown in terminals and tables"


def test_reasons_name_the_licence_and_what_it_lacks() -> None:
    assert may(Rights(accept=("MIT",)), "CC0-1.0").reason == "CC0-1.0 is not among the accepted licences"
    assert may(Rights(use=("train", "clone")), "MIT").reason == "MIT does not permit clone"
    assert may(Rights(commercial=True), "MIT AND CC-BY-NC-4.0").reason == "CC-BY-NC-4.0 does not permit commercial use"
    assert "not in our table" in may(Rights(), "GPL-3.0-only").reason


def test_an_accepted_id_that_the_table_does_not_know_is_still_refused() -> None:
    assert not may(Rights(accept=("GPL-3.0-only",)), "GPL-3.0-only").allowed
