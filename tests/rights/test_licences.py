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
from speccraft.rights.licences import USES, NotALicence, licence_ids, licence_table

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
        assert set(row) == {"id", *USES, "commercial", "attribution", "share-alike", "source"}
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
        ("MIT OR CC0-1.0", "choice"),
        ("Apache-2.0 WITH LLVM-exception", "exception"),
        ("CC\u2011BY\u20114.0", "U+2011"),
        ("M\u0406T", "U+0406"),
        ("MIT\u200b", "U+200B"),
        ("MIT\n", "U+000A"),
    ],
)
def test_a_refusal_tells_what_is_wrong(written: str | None, words: str) -> None:
    with pytest.raises(NotALicence, match=words.replace("+", r"\+")):
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
        assert not {"OR", "WITH"} & set(text.upper().split())
