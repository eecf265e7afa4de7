"""Rows of revoked voices leave a plan with the dialogues they are parts of, and what was refused is known again by its file."""

from __future__ import annotations

import os
from dataclasses import replace
from pathlib import Path

import pytest
from corpus import Corpus, plan_of
from hypothesis import given
from hypothesis import strategies as st

from speccraft.build import revoked
from speccraft.build.run import Built, units_of
from speccraft.ingest.rows import Dialogue
from speccraft.plan import Plan
from speccraft.scenario.contracts import Message, Part


class Revocation:
    """A revocation of somebody in the scenario `tiny`, by name, by samples and by keys."""

    def __init__(self, speaker: str = "anna", samples: str = "", keys: frozenset[int] = frozenset()) -> None:
        self.id, self._speaker, self._samples, self._keys = "r1", speaker, samples, keys
        self.artefact = type("Artefact", (), {"record": type("Record", (), {"name": "tiny"})})

    def names(self, speaker: str) -> bool:
        return speaker == self._speaker

    def holds_samples(self, pcm_sha256: str) -> bool:
        return pcm_sha256 == self._samples

    def holds_copy(self, keys: list[int]) -> bool:
        return bool(self._keys & set(keys))


def counts(plan: Plan) -> tuple[int, int]:
    return len(plan.admitted), len(plan.turned_away)


def test_rows_of_a_revoked_speaker_are_refused_by_name_in_the_scenario_of_that_name_alone(corpus: Corpus) -> None:
    plan, anna = plan_of(corpus), [Revocation()]
    refused = revoked.without(plan, revoked.called(plan, anna))  # type: ignore[arg-type]
    assert counts(refused) == (len(plan.admitted) - 6, len(plan.turned_away) + 6)
    assert {(away.fate, away.rule) for away in refused.turned_away} == {("refused", "revoked")}
    assert all("r1" in away.reason for away in refused.turned_away)
    corpus.write_scenario(name="other")
    assert revoked.called(plan_of(corpus), anna) == {}  # type: ignore[arg-type]


@pytest.fixture(scope="module")
def tiny_plan(tiny_build: tuple[Corpus, Built]) -> Plan:
    return plan_of(tiny_build[0])


@given(st.data())
def test_no_row_is_lost_whatever_is_refused(tiny_plan: Plan, data: st.DataObject) -> None:
    plan = tiny_plan
    keys = [(item.source.id, item.row.input) for item in plan.admitted]
    refusals = dict.fromkeys(data.draw(st.sets(st.sampled_from(keys))), "because")
    left = revoked.without(plan, refusals)
    assert counts(left) == (len(keys) - len(refusals), len(plan.turned_away) + len(refusals))
    assert {(item.source.id, item.row.input) for item in left.admitted} == set(keys) - refusals.keys()


def test_a_dialogue_goes_with_the_part_that_is_refused(corpus: Corpus) -> None:
    plan = plan_of(corpus)
    turn = Message(role="user", content=(Part(type="audio", cut="0.0"), Part(type="audio", cut="0.1")))
    dialogue = Dialogue("d1", (turn,), "given")
    first, second = plan.admitted[:2]
    told = [replace(item, row=item.row.having(dialogue=dialogue, part=part)) for item, part in ((first, "0.0"), (second, "0.1"))]
    with_dialogue = replace(plan, admitted=(*told, *plan.admitted[2:]))
    left = revoked.without(with_dialogue, {(first.source.id, first.row.input): "because"})
    fates = {away.row.input: away.fate for away in left.turned_away}
    assert fates == {first.row.input: "refused", second.row.input: "dropped"}


def test_what_was_refused_is_known_until_its_file_changes_or_the_revocation_is_gone(corpus: Corpus, tmp_path: Path) -> None:
    units, revocation = units_of(plan_of(corpus)), Revocation()
    sources = {unit.name: unit.identities() for unit in units}
    held = {("words", "words/anna-ba.wav"): revocation}
    said = revoked.remember(held, units, sources, tmp_path)  # type: ignore[arg-type]
    assert revoked.known(units, [revocation], tmp_path) == said  # type: ignore[list-item]
    assert list(said) == list(held)
    assert revoked.known(units, [], tmp_path) == {}
    os.utime(corpus.folder / "words/anna-ba.wav", ns=(1, 1))
    assert revoked.known(units, [revocation], tmp_path) == {}  # type: ignore[list-item]


def test_rooms_and_what_is_spoken_for_the_build_need_no_fingerprint(corpus: Corpus) -> None:
    corpus.write_scenario(quality={"duplicates": "exact"})
    plan = plan_of(corpus)
    units = revoked.with_fingerprints(units_of(plan), plan)
    assert not any(unit.with_fingerprints for unit in units_of(plan))
    assert {unit.source for unit in units if unit.with_fingerprints} == {"words", "hiss"}
