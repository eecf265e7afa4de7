"""Our table of licences names real SPDX ids, and grants nothing it does not say."""

from __future__ import annotations

import contextlib
import csv
from pathlib import Path

import pytest
from hypothesis import example, given, settings
from hypothesis import strategies as st
from license_expression import get_spdx_licensing

from speccraft.rights import licences
from speccraft.rights.licences import TABLE_VERSION, USES, NotALicence, aliases, licence_ids, licence_table, table_digest

SPDX = get_spdx_licensing()
CSV = Path(licences.__file__).with_name("licences.csv")


def test_every_id_of_the_table_is_a_real_spdx_id() -> None:
    for id in licence_table():
        assert SPDX.validate(id).errors == []
        assert str(SPDX.parse(id, validate=True, strict=True)) == id
        assert not id.startswith("LicenseRef")


def test_every_row_of_the_file_is_complete_and_says_yes_or_no() -> None:
    with CSV.open(newline="") as file:
        rows = list(csv.DictReader(file))
    assert len(rows) == len(licence_table()) == len({row["id"].lower() for row in rows})
    for row in rows:
        assert set(row) == {"id", *USES, "consent", "commercial", "attribution", "share-alike", "source"}
        assert {*row["consent"].split()} <= {use for use in USES if row[use] == "no"}, "a use is permitted, or left to the speaker, or neither"
        assert {row[column] for column in (*USES, "commercial", "attribution", "share-alike")} <= {"yes", "no"}, row["id"]
        assert row["source"].startswith("https://")


@pytest.mark.parametrize(("marker", "uses"), [("-NC", None), ("-ND", frozenset({"evaluate"}))])
def test_names_of_creative_commons_licences_agree_with_their_rows(marker: str, uses: frozenset[str] | None) -> None:
    found = [row for id, row in licence_table().items() if id.startswith("CC-BY") and marker in id]
    assert found
    for row in found:
        assert uses is None or row.uses == uses
        assert row.commercial == ("-NC" not in row.id)
        assert row.share_alike == ("-SA" in row.id)
        assert row.attribution


def test_no_licence_alone_lets_a_voice_be_cloned() -> None:
    assert not any("clone" in row.uses for row in licence_table().values())


@pytest.mark.parametrize(
    ("written", "ids"),
    [
        ("MIT", ("MIT",)),
        ("mit", ("MIT",)),
        ("cc-by-SA-4.0", ("CC-BY-SA-4.0",)),
        (" CC0-1.0 ", ("CC0-1.0",)),
        ("(MIT)", ("MIT",)),
        ("MIT AND CC0-1.0", ("MIT", "CC0-1.0")),
        ("CC0-1.0 and MIT AND (CC0-1.0)", ("CC0-1.0", "MIT")),
        ("GPL-3.0-or-later", ("GPL-3.0-or-later",)),
        ("apache-2.0 with llvm-exception", ("Apache-2.0 WITH LLVM-exception",)),
        ("MIT OR MIT", ("MIT",)),
        ("CC BY 4.0", ("CC-BY-4.0",)),
        ("cc by 4.0", ("CC-BY-4.0",)),
        ("https://creativecommons.org/licenses/by/4.0/", ("CC-BY-4.0",)),
        ("Apache 2.0", ("Apache-2.0",)),
    ],
)
def test_ids_joined_by_and_are_normalised_in_order(written: str, ids: tuple[str, ...]) -> None:
    assert licence_ids(written) == ids


@pytest.mark.parametrize(
    ("written", "words"),
    [
        (None, "no licence is stated"),
        ("  ", "no licence is stated"),
        ("CC-BY 4.0", "nearest id is CC-BY-4.0"),
        ("Apache 2", "nearest id is Apache-2.0"),
        ("LicenseRef-mine", "rights.licences"),
        ("MIT OR CC0-1.0", "choice \\('MIT', 'CC0-1.0'\\): state the one that is taken in `licence_choice`"),
        ("MIT WITH frob", "not an SPDX expression"),
        ("CC\u2011BY\u20114.0", "U+2011"),
        ("M\u0406T", "U+0406"),
        ("MIT\u200b", "U+200B"),
        ("MIT\n", "U+000A"),
    ],
)
def test_a_refusal_tells_what_is_wrong(written: str | None, words: str) -> None:
    with pytest.raises(NotALicence, match=words.replace("U+", r"U\+")):
        licence_ids(written)


@given(st.text(max_size=30) | st.lists(st.sampled_from(["MIT", "CC0-1.0", "AND", "OR", "WITH", "(", ")", "+", ":", "0"]), max_size=6).map(" ".join))
@settings(deadline=None, max_examples=500)
@example("( ) )")
@example("(AND MIT")
@example("MIT AND " * 2000 + "MIT")
@example("(" * 2000 + "MIT" + ")" * 2000)
def test_any_text_is_known_ids_or_not_a_licence(text: str) -> None:
    with contextlib.suppress(NotALicence):
        ids = licence_ids(text)
        assert ids
        assert all(SPDX.validate(id).errors == [] for id in ids)
        assert "OR" not in " ".join(ids).split()


ALTERNATIVES = "(MIT OR CC0-1.0) AND (CC-BY-4.0 OR PDDL-1.0)"


@pytest.mark.parametrize(
    ("expression", "choice", "ids"),
    [
        ("MIT OR CC0-1.0", "cc0-1.0", ("CC0-1.0",)),
        ("MIT OR CC0-1.0 OR PDDL-1.0", "PDDL-1.0", ("PDDL-1.0",)),
        (ALTERNATIVES, "CC-BY-4.0 AND MIT", ("MIT", "CC-BY-4.0")),
        ("MIT AND CC0-1.0", "PDDL-1.0", ("MIT", "CC0-1.0")),
    ],
)
def test_a_choice_takes_one_alternative_and_says_nothing_where_there_is_none(expression: str, choice: str, ids: tuple[str, ...]) -> None:
    assert licence_ids(expression, choice=choice) == ids


@pytest.mark.parametrize("choice", [None, "MIT", "MIT AND PDDL-1.0 AND CC-BY-4.0", "MIT OR PDDL-1.0", "", "frob", ALTERNATIVES])
def test_what_is_no_alternative_is_no_choice(choice: str | None) -> None:
    with pytest.raises(NotALicence):
        licence_ids(ALTERNATIVES, choice=choice)


def test_more_alternatives_than_anybody_can_have_read_are_refused() -> None:
    with pytest.raises(NotALicence):
        licence_ids(
            " AND ".join(["(MIT OR CC0-1.0)", "(PDDL-1.0 OR MIT-0)"] + [f"(MIT OR CC-BY-{n}.0)" for n in (1, 2, 3, 4)] + ["(ISC OR 0BSD)"]), choice="MIT"
        )


def test_a_licence_of_ones_own_is_known_letter_for_letter() -> None:
    own = ("LicenseRef-callers",)
    assert licence_ids("MIT AND LicenseRef-callers", own=own) == ("MIT", "LicenseRef-callers")
    for other in ("licenseref-callers", "LicenseRef-Callers", "LicenseRef-caller", "DocumentRef-a:LicenseRef-callers"):
        with pytest.raises(NotALicence, match=r"rights\.licences"):
            licence_ids(other, own=own)


def test_an_alias_stands_in_the_list_for_an_id_of_the_table() -> None:
    assert set(aliases().values()) <= set(licence_table())
    assert all(alias == alias.lower() and alias not in {id.lower() for id in licence_table()} for alias in aliases())


def test_a_changed_table_is_another_version() -> None:
    """Whoever changes a row or an alias gives the tables a new version, and this digest with it."""
    assert (TABLE_VERSION, table_digest()[:16]) == ("2026-11-23", "1450d2bbcf9891be")
