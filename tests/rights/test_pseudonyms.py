"""Pseudonyms: one for each name, the same under the same key, and none without it."""

from __future__ import annotations

import json
import os
import re
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from speccraft.errors import InvalidScenario, UnreadableInput
from speccraft.rights import pseudonyms as module
from speccraft.rights.pseudonyms import RECORDING, SESSION, Names, derived_key, key_of, pseudonym, pseudonyms
from speccraft.scenario import Scenario
from speccraft.scenario.text import check, parse

KEY = b"sixteen bytes or more"


def scenario(**privacy: Any) -> Scenario:
    job = {"task": "transcribe", "languages": ["en"]}
    sources = [{"id": "digits", "format": "folder", "path": "."}]
    return check(parse(json.dumps({"speccraft": 1, "name": "n", "job": job, "sources": sources, "privacy": privacy})), Scenario)


def test_a_pseudonym_is_a_prefix_and_eight_digits_of_a_keyed_digest() -> None:
    assert pseudonym("Anna", KEY) == "spk-86da4bf5"
    assert pseudonym("Anna", b"another key") != pseudonym("Anna", KEY)


@given(st.sets(st.text(max_size=8), max_size=40), st.binary(max_size=64))
def test_everybody_has_a_pseudonym_of_their_own_that_does_not_hold_the_name(names: set[str], key: bytes) -> None:
    called = pseudonyms(names, key)
    assert called.keys() == names
    assert len({*called.values()}) == len(names)
    assert all(re.fullmatch(r"spk-([0-9a-f]{8}|[0-9a-f]{32})", one) for one in called.values())


def test_a_name_is_another_one_as_a_speaker_a_session_and_a_recording() -> None:
    names = Names.of(["Anna"], ["Anna"], KEY)
    digits = {names.speaker("Anna")[4:], names.session("Anna")[4:], names.recording("Anna")[4:]}
    assert len(digits) == 3
    assert (names.session("Anna")[:4], names.recording("Anna")[:4]) == (f"{SESSION}-", f"{RECORDING}-")


def test_names_whose_first_digits_agree_get_longer_pseudonyms_and_others_stay(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(module, "DIGITS", 1)
    monkeypatch.setattr(module, "pseudonym", lambda name, key, kind="spk", digits=1: pseudonym(name, key, kind, digits))
    names = [f"speaker {number}" for number in range(9)]
    called = pseudonyms(names, KEY)
    lengths = {name: len(one) - len("spk-") for name, one in called.items()}
    first = {name: pseudonym(name, KEY, digits=1) for name in names}
    assert {name for name, length in lengths.items() if length > 1} == {name for name in names if list(first.values()).count(first[name]) > 1}
    assert len({*called.values()}) == len(names)
    assert {*lengths.values()} == {1, 32}, "both kinds, or nothing was tested"


def test_whoever_is_not_in_the_build_is_called_as_if_they_were() -> None:
    assert Names.of([], [], KEY).speaker("Anna") == Names.of(["Anna"], [], KEY).speaker("Anna") == pseudonym("Anna", KEY)


def test_names_stay_where_no_pseudonyms_are_wanted() -> None:
    names = Names.of(["Anna"], ["Tuesday"], key_of(scenario(pseudonyms=False), Path()))
    assert (names.speaker("Anna"), names.session("Tuesday"), names.recording("a:b")) == ("Anna", "Tuesday", "a:b")


def test_without_a_file_the_key_follows_from_name_and_seed() -> None:
    plain = scenario()
    assert key_of(plain, Path("anywhere")) == derived_key(plain)
    assert derived_key(plain) != derived_key(plain.model_copy(update={"seed": 1})) != derived_key(plain.model_copy(update={"name": "m"}))


def test_the_key_of_a_file_is_its_content_without_the_line_end(tmp_path: Path) -> None:
    asked = scenario(pseudonym_key="people.key")
    found = set()
    for content in (KEY, KEY + b"\n", KEY + b"!"):
        (tmp_path / "people.key").write_bytes(content)
        found.add(key_of(asked, tmp_path))
    assert len(found) == 2
    assert derived_key(asked) not in found


@pytest.mark.parametrize("content", [None, b"", b"fifteen bytes..", b"x" * 4097])
def test_a_file_that_is_no_key_is_refused_with_a_way_to_make_one(content: bytes | None, tmp_path: Path) -> None:
    if content is not None:
        (tmp_path / "people.key").write_bytes(content)
    with pytest.raises(UnreadableInput, match=r"privacy\.pseudonym_key: people\.key") as raised:
        key_of(scenario(pseudonym_key="people.key"), tmp_path)
    assert "/dev/urandom" in raised.value.try_this
    assert content is None or not content or content.decode() not in str(raised.value)


def test_a_pipe_is_no_key_and_is_not_waited_for(tmp_path: Path) -> None:
    os.mkfifo(tmp_path / "people.key")
    with pytest.raises(UnreadableInput, match="not a plain file"):
        key_of(scenario(pseudonym_key="people.key"), tmp_path)


def test_a_key_without_pseudonyms_is_a_contradiction() -> None:
    with pytest.raises(InvalidScenario) as raised:
        scenario(pseudonyms=False, pseudonym_key="people.key")
    assert "wants none" in raised.value.findings[0].message
