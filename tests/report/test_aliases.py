"""What speakers are called where two builds are shown: never by name where a scenario wants pseudonyms, and as in the cuts."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from diff_world import committed
from report_world import cut_row

from speccraft import store
from speccraft.report.aliases import Aliases, aliases_of, joined
from speccraft.rights.pseudonyms import derived_key, pseudonym
from speccraft.scenario import Scenario
from speccraft.scenario.text import check, parse


def scenario_of(build: store.Artefact) -> Scenario:
    return check(parse(build.record.info["scenario"]["text"], file="x"), Scenario)


def test_people_go_by_the_pseudonyms_that_the_scenarios_own_key_gives(tmp_path: Path) -> None:
    build = committed(tmp_path, [cut_row(0)])
    called = aliases_of(build, scenario := scenario_of(build), ["anna-0"], private=True)
    assert called.of("anna-0") == pseudonym("anna-0", derived_key(scenario))
    assert called.of(None) == "not stated"


def test_where_the_key_is_somebodys_secret_the_cuts_say_what_people_are_called(tmp_path: Path) -> None:
    build = committed(tmp_path, [cut_row(0, "train"), cut_row(1, "test")], scenario={"privacy": {"pseudonym_key": "keys/secret"}})
    for split, called in (("train", "spk-00000001"), ("test", "spk-00000002")):
        path = build.path / f"cuts.{split}.jsonl"
        row = json.loads(path.read_text())
        path.write_text(json.dumps({**row, "custom": {**row["custom"], "speaker": called}}) + "\n")
    found = aliases_of(build, scenario_of(build), ["anna-0", "anna-1", "only in the scenario"], private=True)
    assert (found.of("anna-0"), found.of("anna-1")) == ("spk-00000001", "spk-00000002")
    assert found.of("only in the scenario").startswith("spk-")


def test_names_are_names_where_nobody_wants_pseudonyms(tmp_path: Path) -> None:
    build = committed(tmp_path, [cut_row(0)])
    called = aliases_of(build, scenario_of(build), ["anna-0"], private=False)
    assert called.of("anna-0") == "anna-0"
    assert called.in_text("anna-0 said") == "anna-0 said"


@pytest.mark.parametrize(("text", "shown"), [("anna-1 and anna", "B and A"), ("Susanna, hannah", "Susanna, hannah"), ("a.b/anna/x.wav", "a.b/A/x.wav")])
def test_whole_names_are_replaced_in_a_text_the_longest_first(text: str, shown: str) -> None:
    assert Aliases({"anna": "A", "anna-1": "B"}, private=True).in_text(text) == shown


def test_whoever_is_in_both_builds_is_called_as_in_the_later_one() -> None:
    called = joined(Aliases({"anna": "spk-1", "bela": "spk-2"}, private=True), Aliases({"anna": "spk-3"}, private=True))
    assert (called.of("anna"), called.of("bela")) == ("spk-3", "spk-2")
