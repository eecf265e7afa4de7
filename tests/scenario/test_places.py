"""Places by name: sourced numbers, what a scenario makes of them, and what is said when nothing can reach them."""

from __future__ import annotations

import json
import re
import subprocess
import sys
from pathlib import Path
from typing import Any, get_args

import pytest
from corpus import build_here, make_corpus
from hypothesis import given
from hypothesis import strategies as st
from scenario_world import SHORTEST

from speccraft.build.banks import make_banks
from speccraft.errors import InvalidScenario
from speccraft.scenario.advice import advise
from speccraft.scenario.base import Band
from speccraft.scenario.diagnostics import Diagnostic
from speccraft.scenario.environment import Environment, NoChannel, PresetName, TelephoneChannel
from speccraft.scenario.model import Scenario
from speccraft.scenario.places import PRESETS, Preset, as_markdown, works
from speccraft.scenario.schema import schema_of
from speccraft.scenario.text import check, parse

NOISE = "  - {id: hiss, role: noise, format: folder, path: p}\n"
ROOMS = "  - {id: halls, role: rir, format: folder, path: q}\n"
NUMBERS = {
    "quiet-room": ((15, 30), (0.2, 0.6)),
    "living-room": ((-6, 15), (0.35, 0.7)),
    "office": ((5, 15), (0.2, 0.7)),
    "meeting-room": ((5, 20), (0.3, 0.7)),
    "cafe": ((-5, 15), (0.4, 1.3)),
    "street": ((-5, 12), None),
    "metro-platform": ((-5, 10), (1.5, 3.0)),
    "train": ((-5, 8), (0.25, 0.6)),
    "car": ((-5, 20), (0.06, 0.15)),
    "telephone-line": (None, None),
}
names = st.sampled_from(sorted(PRESETS))
written = st.fixed_dictionaries(
    {},
    optional={
        "place": st.sampled_from(["", "here"]),
        "sampling_rate": st.sampled_from([8000, 16000, 48000]),
        "snr_db": st.sampled_from([None, {"low": 1.0, "high": 2.0}]),
        "rt60_s": st.sampled_from([None, {"low": 0.3, "high": 0.4}]),
        "channel": st.sampled_from([{"codec": "none"}, {"codec": "telephone"}, {"codec": "mp3", "bitrate_kbps": 32}]),
        "clean_fraction": st.sampled_from([0.0, 0.7]),
    },
)


def environment(**fields: Any) -> Environment:
    """An environment as a file would give it."""
    return Environment.model_validate_json(json.dumps(fields))


def said(environment: str, sources: str = "") -> list[Diagnostic]:
    """What is said about the shortest scenario in this environment."""
    document = parse(f"{SHORTEST}{sources}environment: {environment}\n", "a.yaml")
    return list(advise(check(document, Scenario), document))


def numbers_in(band: Band | None) -> tuple[float, float] | None:
    return None if band is None else (band.low, band.high)


def test_editors_complete_the_places_of_the_table() -> None:
    preset = schema_of("scenario")["$defs"]["Environment"]["properties"]["preset"]
    assert [name for name in preset["enum"] if name is not None] == list(get_args(PresetName)) == list(PRESETS)


def test_the_numbers_of_a_name_stay_as_scenarios_out_there_mean_them() -> None:
    assert {name: (numbers_in(one.snr_db), numbers_in(one.rt60_s)) for name, one in PRESETS.items()} == NUMBERS


@pytest.mark.parametrize("name", PRESETS)
def test_every_place_says_where_its_numbers_come_from(name: str) -> None:
    place = PRESETS[name]
    assert place.sources
    assert set(place.sources) <= set(works())
    labels = {"snr_db": "SNR:", "rt60_s": "T60:", "channel": "Channel and rate:", "sampling_rate": "Channel and rate:"}
    for field, label in labels.items():
        assert getattr(place, field) is None or label in place.note, field
    if place.channel is None:
        assert [work for work in place.sources if work not in place.note] == []
        assert [work for work in works() if work in place.note and work not in place.sources] == []


def test_every_work_is_used() -> None:
    assert {work for place in PRESETS.values() for work in place.sources} == set(works())


@pytest.mark.parametrize("name", PRESETS)
def test_a_band_of_a_place_is_one_that_people_live_in(name: str) -> None:
    place = PRESETS[name]
    assert place.snr_db is None or -10 <= place.snr_db.low < place.snr_db.high <= 40
    assert place.rt60_s is None or 0.05 <= place.rt60_s.low < place.rt60_s.high <= 5


@pytest.mark.parametrize("name", [name for name, one in PRESETS.items() if one.rt60_s is not None])
def test_rooms_of_a_place_can_be_simulated_where_too_few_are_recorded(name: str) -> None:
    sources = [{"id": "words", "format": "folder", "path": "a"}, {"id": "halls", "format": "folder", "path": "b", "role": "rir"}]
    fields = {"speccraft": 1, "name": "a", "job": {"task": "transcribe", "languages": ["en"]}, "sources": sources}
    scenario = Scenario.model_validate_json(json.dumps({**fields, "environment": {"preset": name, "rooms": ["halls"]}}))
    rooms = make_banks([], scenario).items
    assert len(rooms) == 6
    assert all(scenario.environment.rt60_s.contains(room.rt60_s, slack=1e-4) for room in rooms)


def test_a_named_place_fills_what_is_left_out() -> None:
    found = environment(preset="metro-platform", noise=["hiss"])
    assert (found.place, found.snr_db, found.rt60_s) == ("metro platform", Band(low=-5, high=10), Band(low=1.5, high=3.0))
    assert (found.sampling_rate, found.channel, found.noise) == (16000, NoChannel(codec="none"), ("hiss",))


def test_a_telephone_line_forces_its_channel_and_its_rate() -> None:
    found = environment(preset="telephone-line")
    assert (found.channel, found.sampling_rate) == (TelephoneChannel(codec="telephone"), 8000)


def test_a_written_null_wins_over_the_place() -> None:
    assert environment(preset="office", snr_db=None).snr_db is None


@given(names, written)
def test_what_is_written_wins_and_the_rest_is_the_place(name: str, fields: dict[str, Any]) -> None:
    found, alone, place = environment(preset=name, **fields), environment(**fields), PRESETS[name]
    for field in Environment.model_fields.keys() - {"preset"}:
        expected = getattr(alone, field) if field in fields or field not in place.values else place.values[field]
        assert getattr(found, field) == expected


@given(names, written)
def test_a_dump_of_the_numbers_means_the_same_environment(name: str, fields: dict[str, Any]) -> None:
    found = environment(preset=name, **fields)
    assert Environment.model_validate(found.model_dump()) == found
    assert Environment.model_validate(found.model_dump(exclude_unset=True)) == found
    assert found.model_fields_set == {"preset", *fields}


@pytest.mark.slow
@given(st.one_of(names, st.sampled_from(["", "Car", "offce", None, 1, True, [], {}])), written)
def test_a_preset_is_accepted_by_the_schema_and_the_model_alike(preset: Any, fields: dict[str, Any]) -> None:
    jsonschema = pytest.importorskip("jsonschema")
    data = {**parse(SHORTEST).data, "environment": {"preset": preset, **fields}}
    try:
        Scenario.model_validate_json(json.dumps(data))
        by_model = True
    except ValueError:
        by_model = False
    assert jsonschema.Draft202012Validator(schema_of("scenario")).is_valid(data) == by_model


def test_an_unknown_place_gets_the_near_one() -> None:
    with pytest.raises(InvalidScenario) as caught:
        check(parse(SHORTEST + "environment: {preset: metro_platform}\n"), Scenario)
    (finding,) = caught.value.findings
    assert (finding.code, finding.path, finding.help) == ("SC104", "environment.preset", "did you mean 'metro-platform'?")


def test_a_place_without_recordings_gets_one_warning_at_its_name() -> None:
    (found,) = said("{preset: quiet-room}")
    assert (found.code, found.severity, found.path) == ("SC203", "warning", "environment.preset")
    assert found.message == "no noise to reach its SNR of 15 to 30 dB, and no rooms to reach its T60 of 0.2 to 0.6 s"
    assert found.help == "name sources under `environment.noise` and `environment.rooms`, or write `snr_db: null` and `rt60_s: null`"


@pytest.mark.parametrize(
    ("fields", "sources", "message"),
    [
        ("{preset: car, noise: [hiss]}", NOISE, "no rooms to reach its T60 of 0.06 to 0.15 s"),
        ("{preset: car, rooms: [halls]}", ROOMS, "no noise to reach its SNR of -5 to 20 dB"),
        ("{preset: street}", "", "no noise to reach its SNR of -5 to 12 dB"),
        ("{preset: car, rt60_s: null}", "", "no noise to reach its SNR of -5 to 20 dB"),
    ],
)
def test_a_place_is_told_what_it_lacks_and_no_more(fields: str, sources: str, message: str) -> None:
    assert [(one.code, one.severity, one.message) for one in said(fields, sources)] == [("SC203", "warning", message)]


@pytest.mark.parametrize(
    ("fields", "sources"),
    [
        ("{preset: car, noise: [hiss], rooms: [halls]}", NOISE + ROOMS),
        ("{preset: car, snr_db: null, rt60_s: null}", ""),
        ("{preset: telephone-line}", ""),
        ("{preset: street, noise: [hiss]}", NOISE),
    ],
)
def test_a_place_that_lacks_nothing_needs_no_advice(fields: str, sources: str) -> None:
    assert said(fields, sources) == []


def test_a_number_that_is_written_beside_a_preset_is_told_at_the_number() -> None:
    found = said("{preset: car, rt60_s: null, snr_db: {low: 0, high: 1}}")
    assert [(one.severity, one.path) for one in found] == [("error", "environment.snr_db")]


def test_noise_beside_a_place_without_an_snr_needs_one() -> None:
    found = said("{preset: telephone-line, noise: [hiss]}", NOISE)
    assert [(one.code, one.severity, one.path) for one in found] == [("SC203", "error", "environment.noise")]


@pytest.mark.slow
def test_a_build_does_not_pass_for_a_place_that_nothing_reaches(tmp_path: Path) -> None:
    corpus = make_corpus(tmp_path / "corpus")
    fields = {"sampling_rate": 8000, "preset": "office", "noise": ["hiss"]}
    corpus.write_scenario(environment=fields)
    built = build_here(corpus).artefact
    report = json.loads((built.path / "report.json").read_bytes())
    assert report["scenario"]["place"] == "open-plan office"
    blocking = [(one["code"], one["clause"]) for one in report["findings"] if one["severity"] == "block"]
    assert blocking == [("SC416", "environment.rt60_s")]
    corpus.write_scenario(environment={**fields, "rt60_s": None})
    again = json.loads((build_here(corpus).artefact.path / "report.json").read_bytes())
    assert [one["code"] for one in again["findings"] if one["severity"] == "block"] == []


def test_the_table_is_read_only_where_a_place_is_named() -> None:
    code = "import sys, speccraft.scenario; sys.exit('speccraft.scenario.places' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0


def test_the_page_shows_every_place_and_every_work() -> None:
    page = as_markdown()
    rows = re.findall(r"^\| `([a-z-]+)` \| (.+) \| (.*) \| (.*) \| (.*) \|$", page, re.MULTILINE)
    assert [row[0] for row in rows] == list(PRESETS)
    assert ("metro-platform", "metro platform", "-5 to 10", "1.5 to 3", "") in rows
    assert ("telephone-line", "telephone line", "", "", "telephone, 8000 Hz") in rows
    assert [name for name, one in PRESETS.items() if one.note not in page] == []
    assert [work for work, text in works().items() if f"- **{work}**: {text}" not in page] == []


def test_a_place_cannot_be_changed() -> None:
    with pytest.raises(ValueError, match="frozen"):
        PRESETS["car"].words = "bus"  # type: ignore[misc]
    assert isinstance(PRESETS["car"], Preset)
