"""What licences ask of whoever passes something on."""

from __future__ import annotations

from speccraft.report.obligations import asks_for_attribution, attribution_lines, share_alike_lines, waiver_lines, with_links

BY, ZERO = "CC-BY-4.0", "CC0-1.0"


def test_an_expression_asks_for_attribution_where_one_of_its_licences_does_or_nobody_knows_it() -> None:
    assert [asks_for_attribution(one) for one in (ZERO, BY, f"{ZERO} AND {BY}", "LicenseRef-ours")] == [False, True, True, True]


def test_every_author_of_what_is_used_is_named_once_with_licence_link_and_change() -> None:
    rows = [{"source": "a", "licence": BY, "whom": whom} for whom in ("Zoe", "Anna", "Anna")] + [{"source": "b", "licence": BY, "whom": "Nobody here"}]
    lines = attribution_lines([("a", BY)], rows)
    assert [line.split(",")[0] for line in lines] == ["a: Anna", "a: Zoe"]
    assert all(f"under {with_links(BY)}; changed" in line for line in lines)


def test_whoever_may_be_named_without_being_asked_for_is_named_too() -> None:
    assert attribution_lines([("a", ZERO)], [{"source": "a", "licence": ZERO, "whom": "Anna"}])[0].startswith("a: Anna, under CC0-1.0 (https://")


def test_a_source_that_names_nobody_although_its_licence_asks_is_told() -> None:
    (line,) = attribution_lines([("a", BY), ("b", ZERO)], [])
    assert line.startswith("a: CC-BY-4.0 (https://")
    assert "names nobody" in line


def test_share_alike_is_told_once_for_each_licence() -> None:
    assert share_alike_lines(["CC-BY-SA-4.0 AND CC-BY-4.0", "CC-BY-SA-4.0", ZERO]) == [
        "what is made of recordings under CC-BY-SA-4.0 and passed on is to be under CC-BY-SA-4.0"
    ]


def test_a_waiver_says_who_decided_why_and_until_when() -> None:
    waiver = {"source": "a", "decided_by": "J. Doe", "reason": "ours", "until": "2027-01-01"}
    assert list(waiver_lines([waiver, waiver | {"until": None}])) == [
        "a was let in by a waiver, until 2027-01-01: decided by J. Doe, because ours",
        "a was let in by a waiver: decided by J. Doe, because ours",
    ]
