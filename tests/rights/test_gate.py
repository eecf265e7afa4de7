"""The gate fails closed: only what it understands, knows and was told to accept passes."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path
from typing import Any, get_args

import pytest
from consented import RECORD
from hypothesis import given, settings
from hypothesis import strategies as st

from speccraft.rights import gate
from speccraft.rights.gate import Decision, Door
from speccraft.rights.licences import USES, Licence, licence_table
from speccraft.rights.log import ConsentLog
from speccraft.rights.papers import Papers, Record
from speccraft.rights.waivers import PREFIX, Waiver, WaiverBody
from speccraft.scenario.acceptance import Rights
from speccraft.scenario.consent import Consent

DAY = "2026-06-15"
KNOWN = sorted(licence_table())
OWN = "LicenseRef-callers"
CALLERS = Licence(OWN, frozenset({"evaluate"}), frozenset({"train", "clone"}), commercial=True, attribution=False, share_alike=False, source="callers.txt")
IDS = st.sampled_from([*KNOWN, "GPL-3.0-only", "MIT-0", OWN])
EXPRESSIONS = st.lists(IDS, min_size=1, max_size=3).map(" AND ".join) | st.sampled_from(["", "MIT OR CC0-1.0", "unknown", "cc0-1.0", "CC BY 4.0"]) | st.none()
RIGHTS = st.builds(
    Rights,
    use=st.lists(st.sampled_from(USES), min_size=1, max_size=4, unique=True).map(tuple),
    accept=st.lists(st.sampled_from([*KNOWN, OWN]), max_size=8, unique=True).map(tuple),
    commercial=st.booleans(),
    consents=st.just("consents.yaml"),
    terms=st.sampled_from([(), ("2026-01",), ("2026-01", "2025-07")]),
    territory=st.sampled_from([(), ("CH",), ("CH", "FR")]),
)
CONSENTS = st.builds(
    lambda **said: Record(Consent.model_validate(RECORD | said, strict=False), problem=""),
    id=st.sampled_from(["a", "b"]),
    speaker=st.sampled_from(["nora", "ben"]),
    uses=st.lists(st.sampled_from(USES), min_size=1, max_size=6, unique=True),
    until=st.sampled_from([None, DAY, "2026-06-14"]),
    adult=st.sampled_from([True, True, False]),
    terms=st.sampled_from(["2026-01", "2025-07"]),
    territory=st.sampled_from([[], ["CH"], ["CH", "FR"]]),
)
WAIVERS = st.builds(
    lambda source, licence, uses: Waiver(WaiverBody(source=source, licence=licence, uses=tuple(uses), reason="r", decided_by="d"), DAY, f"{PREFIX}{'0' * 12}"),
    st.sampled_from(["s", "t"]),
    EXPRESSIONS,
    st.lists(st.sampled_from(USES[:5]), min_size=1, unique=True),
)
PAPERS = st.builds(
    lambda rights, records, waivers, withdrawn: Papers(rights, DAY, {OWN: CALLERS}, {}, tuple(records), "", withdrawn, tuple(waivers)),
    RIGHTS,
    st.lists(CONSENTS, max_size=2),
    st.lists(WAIVERS, max_size=1),
    st.sampled_from([{}, {"ben": DAY}]),
)
DOORS = st.sampled_from(get_args(Door))
SPEAKERS = st.sampled_from([None, "nora", "ben", "unknown", "Nora"])


def may(papers: Papers, licence: str | None, **asked: Any) -> Decision:
    return gate.may(papers, **({"door": "speech", "source": "s"} | asked), licence=licence)


def on_file(**changes: Any) -> Papers:
    return Papers(Rights(**changes), DAY)


def restricted(papers: Papers) -> list[Papers]:
    """The same papers with one more restriction, in every way there is."""
    rights = papers.rights
    stricter: list[dict[str, Any]] = [{"commercial": True}, *({"use": (*rights.use, use)} for use in USES if use not in rights.use)]
    stricter += [{"territory": (*rights.territory, "AT")}]
    if len(rights.accept) > 1:
        stricter += [{"accept": tuple(id for id in rights.accept if id != gone)} for gone in rights.accept]
    if not rights.accept:
        stricter += [{"accept": (id,)} for id in KNOWN]
    stricter += [{"terms": rights.terms[:1]}] if rights.terms else [{"terms": ("2026-01",)}]
    less: list[dict[str, Any]] = [{"records": papers.records[1:]}, {"waivers": ()}, {"own": {}}, {"withdrawn": {"nora": DAY, **papers.withdrawn}}]
    less += [{"shut": "closed"}]
    return [*(replace(papers, rights=rights.model_copy(update=update)) for update in stricter), *(replace(papers, **update) for update in less)]


@given(PAPERS, EXPRESSIONS, DOORS, SPEAKERS)
@settings(deadline=None, max_examples=200)
def test_one_more_restriction_never_admits_more(papers: Papers, licence: str | None, door: Door, speaker: str | None) -> None:
    asked: dict[str, Any] = {"door": door, "speaker": speaker, "consent": "a"}
    if not may(papers, licence, **asked).allowed:
        assert not any(may(stricter, licence, **asked).allowed for stricter in restricted(papers))


@given(PAPERS, IDS, EXPRESSIONS, SPEAKERS)
@settings(deadline=None)
def test_one_more_licence_that_must_hold_never_admits_more(papers: Papers, id: str, licence: str | None, speaker: str | None) -> None:
    papers = replace(papers, waivers=())
    if licence and may(papers, f"{licence} AND {id}", speaker=speaker).allowed:
        assert may(papers, licence, speaker=speaker).allowed
        assert may(papers, id, speaker=speaker).allowed


@given(PAPERS, EXPRESSIONS, DOORS, SPEAKERS)
@settings(deadline=None)
def test_a_decision_is_a_licence_or_a_reason_and_what_was_let_in_is_let_in_again(papers: Papers, licence: str | None, door: Door, speaker: str | None) -> None:
    decision = may(papers, licence, door=door, speaker=speaker)
    assert decision.allowed == (not decision.reason)
    if decision.allowed and door != "voice":
        assert may(papers, decision.licence, door=door, speaker=speaker) == decision
        for id in decision.licence.split(" AND ") if decision.waiver is None else ():
            row = {OWN: CALLERS, **licence_table()}[id]
            assert {*papers.rights.use} - {"clone"} <= row.uses | row.consent
            assert not papers.rights.accept or id in papers.rights.accept
            assert row.commercial or not papers.rights.commercial


ANYTHING: st.SearchStrategy[Any] = st.recursive(st.none() | st.text() | st.integers() | st.binary() | st.floats(), lambda one: st.lists(one) | st.tuples(one))


@given(st.just(on_file()) | ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING, ANYTHING)
@settings(deadline=None, max_examples=300)
def test_the_gate_never_raises_and_what_makes_no_sense_is_refused(papers: Any, door: Any, licence: Any, source: Any, speaker: Any, uses: Any) -> None:
    decision = gate.may(papers, door=door, licence=licence, source=source, speaker=speaker, uses=uses)
    assert isinstance(decision, Decision)
    assert not decision.allowed
    assert decision.reason


@pytest.mark.parametrize("error", [RecursionError, MemoryError, KeyError, AttributeError])
def test_whatever_breaks_inside_the_answer_is_no(monkeypatch: pytest.MonkeyPatch, error: type[Exception]) -> None:
    def broken(*_: Any, **__: Any) -> None:
        raise error

    monkeypatch.setattr(gate, "licence_ids", broken)
    assert may(on_file(), "MIT") == Decision(False, reason=f"the gate cannot judge this ({error.__name__})")


@pytest.mark.parametrize("id", KNOWN)
def test_the_gate_says_what_the_table_says(id: str) -> None:
    row = licence_table()[id]
    for use in USES:
        assert may(on_file(use=(use,)), id.lower()).allowed == (use in row.uses)
    assert may(on_file(use=("evaluate",), commercial=True), id).allowed == row.commercial


WEIRD: dict[str, list[str | None]] = {
    "nothing": [None, "", " ", "\t", "unknown", "none", "NONE", "NOASSERTION", "?", "N/A", "null", "MIT AND unknown", "A" * 5000],
    "broken": ["MIT AND", "AND MIT", "MIT MIT", "MIT,CC0-1.0", "MIT/CC0-1.0", "MIT & CC0-1.0", "MIT | CC0-1.0", "!MIT", "(MIT", "MIT)", "(AND MIT", "( ) )"],
    "no id": ["CC-BY", "CC BY", "CC-BY-4", "CC-BY-4.O", "CC0", "BSD", "MIT+", "Apache-2.0+", "Apache", "https://creativecommons.org/licenses/by/"],
    "in words": ["Public Domain", "public-domain", "all rights reserved", "free"],
    "private": ["LicenseRef-mine", "DocumentRef-a:LicenseRef-b", "LicenseRef-scancode-public-domain", f"{PREFIX}0123456789ab"],
    "a choice": ["MIT OR CC0-1.0", "mit or cc0-1.0", "MIT AND (CC0-1.0 OR MIT-0)", "(MIT OR MIT-0) AND (CC0-1.0 OR PDDL-1.0)"],
    "an exception": ["MIT WITH LLVM-exception", "Apache-2.0 WITH frob", "LLVM-exception", "GPL-2.0-only WITH Classpath-exception-2.0"],
    "lookalike": ["\u041cIT", "C\u0421-BY-4.0", "CC\u2011BY\u20114.0", "CC\u2013BY\u20134.0", "\uff2d\uff29\uff34", "CC0-1\u202e.0"],
    "invisible": ["MIT\n", "MIT\0", "MIT\u200b", "\ufeffMIT", "MIT\u00a0AND\u00a0CC0-1.0"],
    "not in our table": ["GPL-3.0-only", "MIT AND GPL-3.0-only"],
}


@pytest.mark.parametrize("weird", [one for kind in WEIRD.values() for one in kind])
def test_whatever_it_does_not_understand_it_refuses(weird: str | None) -> None:
    """L01, L03, L04, L07."""
    for papers in (on_file(), on_file(accept=("MIT", "CC0-1.0", "CC-BY-4.0", weird or ""))):
        decision = may(papers, weird)
        assert not decision.allowed
        assert decision.reason.isprintable(), "a reason is shown in terminals and tables"


def test_reasons_name_the_licence_and_what_it_lacks() -> None:
    """L05."""
    assert may(on_file(accept=("MIT",)), "CC0-1.0").reason == "CC0-1.0 is not among the accepted licences"
    assert may(on_file(), "CC-BY-ND-4.0").reason == "CC-BY-ND-4.0 does not permit train"
    assert may(on_file(commercial=True), "MIT AND CC-BY-NC-4.0").reason == "CC-BY-NC-4.0 does not permit commercial use"
    assert "not in our table" in may(on_file(), "GPL-3.0-only").reason


def test_an_accepted_id_that_the_table_does_not_know_is_still_refused() -> None:
    assert not may(on_file(accept=("GPL-3.0-only",)), "GPL-3.0-only").allowed


def test_a_choice_that_is_recorded_is_the_licence_from_then_on() -> None:
    """L04."""
    assert may(on_file(), "CC-BY-NC-4.0 OR CC-BY-4.0", choice="CC-BY-4.0").licence == "CC-BY-4.0"
    assert not may(on_file(commercial=True), "CC-BY-NC-4.0 OR CC-BY-4.0", choice="CC-BY-NC-4.0").allowed
    assert "does not offer 'MIT'" in may(on_file(), "CC-BY-NC-4.0 OR CC-BY-4.0", choice="MIT").reason


CLONING = on_file(use=("train", "clone"), consents="consents.yaml")
NORAS = Record(Consent.model_validate(RECORD, strict=False))


@pytest.mark.parametrize("speaker", [None, "unknown", "Unknown ", "N/A", "?", ""])
def test_who_is_not_known_can_consent_to_nothing(speaker: str | None) -> None:
    """L09: a null or `unknown` speaker enters only where the licence needs no consent for the declared uses."""
    assert may(on_file(), "MIT", speaker=speaker).allowed
    told = may(replace(CLONING, records=(NORAS,), missing=""), "MIT", speaker=speaker)
    assert told.reason == "MIT leaves clone to whoever is heard, and nobody knows who that is"


def test_what_a_licence_leaves_to_the_speaker_takes_a_record_of_that_very_speaker() -> None:
    """L08, L09."""
    papers = replace(CLONING, records=(NORAS,), missing="")
    assert may(papers, "MIT", speaker="nora").consent == "nora-2026"
    assert may(papers, "MIT", speaker="ben").reason == "MIT leaves clone to whoever is heard, and no consent record is about its speaker"
    for alias in ("Nora", "NORA", "nora ", "n\u043era"):
        assert "letter for letter" in may(papers, "MIT", speaker=alias).reason
    assert "no consents file" in may(CLONING, "MIT", speaker="nora").reason


def test_nobody_is_imitated_by_noise_a_room_a_rule_or_a_base_model() -> None:
    allowed = {door for door in get_args(Door) if may(CLONING, "MIT", door=door).allowed}
    assert allowed == {"noise", "rir", "synthesis", "base-model"}


def test_a_licence_of_our_own_is_judged_by_its_entry_and_asks_whoever_is_heard() -> None:
    """L07."""
    papers = Papers(Rights(consents="consents.yaml"), DAY, own={OWN: CALLERS}, records=(NORAS,), missing="")
    assert may(papers, OWN, speaker="nora").licence == OWN
    assert "leaves train to whoever is heard" in may(papers, OWN, speaker="ben").reason
    assert "leaves train to whoever is heard" in may(papers, OWN, door="noise").reason
    assert may(replace(papers, rights=Rights(use=("evaluate",))), OWN, speaker="ben").allowed
    assert may(replace(papers, rights=Rights(use=("evaluate", "synthesise"))), OWN).reason == f"{OWN} does not permit synthesise"
    unread = Papers(Rights(), DAY, unread={OWN: f"the text of {OWN}, callers.txt, is missing"})
    assert may(unread, OWN, speaker="nora").reason == f"the text of {OWN}, callers.txt, is missing"


@pytest.mark.parametrize("alias", ["ben", "Ben", "BEN ", "b\u0435n", "b.e.n", "B\u00e9n"])
def test_who_has_withdrawn_enters_under_no_name_that_looks_the_same(alias: str) -> None:
    """L09: whatever the licence."""
    papers = Papers(Rights(), DAY, withdrawn={"ben": "2026-05-01"})
    for door in get_args(Door):
        if door != "voice":
            assert may(papers, "CC0-1.0", door=door, speaker=alias).reason == "its speaker withdrew on 2026-05-01"
    assert may(papers, "CC0-1.0", speaker="benno").allowed


def waiver(**said: Any) -> Waiver:
    body = {"source": "s", "licence": "CC-BY", "uses": ("train", "evaluate"), "reason": "r", "decided_by": "d"}
    return Waiver(WaiverBody(**(body | said)), "2026-01-01", f"{PREFIX}0123456789ab")


def test_a_waiver_stands_in_for_what_a_licence_lacks_and_marks_what_it_lets_in() -> None:
    """L12."""
    papers = Papers(Rights(), DAY, waivers=(waiver(),))
    let_in = may(papers, "CC-BY")
    assert (let_in.allowed, let_in.licence, let_in.waiver) == (True, f"{PREFIX}0123456789ab", papers.waivers[0])
    business = Papers(Rights(commercial=True), DAY, waivers=(waiver(licence="CC-BY-NC-4.0"),))
    assert may(business, "CC-BY-NC-4.0").licence == f"CC-BY-NC-4.0 AND {PREFIX}0123456789ab"
    assert not gate.may_be_passed_on(let_in.licence).allowed, "what was waived for our own work is not ours to give away"


@pytest.mark.parametrize(
    ("said", "asked"),
    [
        ({}, {"source": "t"}),
        ({}, {"licence": "CC-BY-SA"}),
        ({"uses": ("train",)}, {}),
        ({"until": "2026-06-14"}, {}),
        ({"licence": None}, {}),
        ({"licence": "MIT"}, {"licence": "MIT", "uses": ("train", "clone"), "speaker": "nora"}),
    ],
)
def test_a_waiver_covers_what_it_says_and_nothing_else(said: dict[str, Any], asked: dict[str, Any]) -> None:
    assert not may(Papers(Rights(), DAY, waivers=(waiver(**said),)), **({"licence": "CC-BY"} | asked)).allowed


def test_no_waiver_stands_in_for_a_person() -> None:
    """L12: neither for a consent that is missing nor against one that was withdrawn."""
    waived = (waiver(licence=OWN), waiver(licence="CC-BY"))
    papers = Papers(Rights(consents="consents.yaml"), DAY, own={OWN: CALLERS}, missing="", waivers=waived, withdrawn={"ben": "2026-05-01"})
    assert "to whoever is heard" in may(papers, OWN, speaker="nora").reason
    assert may(papers, "CC-BY", speaker="ben").reason == "its speaker withdrew on 2026-05-01"
    with pytest.raises(ValueError, match="nobody but the speaker"):
        waiver(uses=("clone",))


def test_where_nothing_can_be_decided_nothing_enters() -> None:
    shut = Papers(Rights(), DAY, shut="the log lies elsewhere", log=ConsentLog(Path()))
    assert {may(shut, "CC0-1.0", door=door).reason for door in get_args(Door)} == {"the log lies elsewhere"}
