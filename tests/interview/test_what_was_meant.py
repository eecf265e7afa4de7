"""What was probably meant: proposed where it is near, and not where it is far."""

from __future__ import annotations

from pathlib import Path

import pytest

from speccraft.interview.near import near_licences, near_path, slug
from speccraft.rights.licences import licence_table


@pytest.mark.parametrize(
    ("text", "name"),
    [("Mein Assistent für Zürich", "Mein-Assistent-fur-Zurich"), ("Straße", "Strasse"), ("Łódź", "Lodz"), ("  a/b  ", "a-b"), ("東京", ""), ("ﬁne", "fine")],
)
def test_a_name_keeps_its_letters(text: str, name: str):
    assert slug(text) == name


@pytest.mark.parametrize(
    ("text", "first"),
    [("cc-by", "CC-BY-4.0"), ("CC BY-SA", "CC-BY-SA-4.0"), ("cc_by_nc", "CC-BY-NC-4.0"), ("public domain", "CC0-1.0"), ("CC0", "CC0-1.0"), ("pddl", "PDDL-1.0"),
     ("Apache License 2.0", "Apache-2.0"), ("cc by v4.0", "CC-BY-4.0"), ("BSD", "BSD-3-Clause"), ("ODC-By", "ODC-By-1.0"), ("mit licence", "MIT")],
)  # fmt: skip
def test_a_licence_has_the_near_id_first(text: str, first: str):
    assert near_licences(text)[0] == first
    assert set(near_licences(text)) <= set(licence_table())


@pytest.mark.parametrize("text", ["", "frob", "all rights reserved", "AND"])
def test_what_is_no_licence_has_no_near_id(text: str):
    assert near_licences(text) == ()


def test_the_first_part_of_a_path_that_is_missing_is_the_one_that_is_corrected(tmp_path: Path):
    (tmp_path / "data" / "speech").mkdir(parents=True)
    (tmp_path / "data" / "speech.txt").touch()
    assert near_path(tmp_path, "daat/speech") == "data/speech"
    assert near_path(tmp_path, "data/spech") == "data/speech"
    assert near_path(tmp_path, str(tmp_path / "data" / "spech")) == str(tmp_path / "data" / "speech")
    assert near_path(tmp_path, "data/speech") is None
    assert near_path(tmp_path, "data/music") is None
    assert near_path(tmp_path, "x" * 5000) is None
