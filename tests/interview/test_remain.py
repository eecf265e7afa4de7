"""What the answers leave open is said, and nothing else is."""

from __future__ import annotations

from pathlib import Path

from interview_world import composed, defaults, record, recordings

from speccraft.interview.answers import Facts
from speccraft.interview.remain import remaining


def left(folder: Path, **given: str) -> str:
    facts = Facts(folder)
    return "\n".join(remaining(defaults(facts, **given), facts))


def test_nothing_is_left_when_everything_is_there(tmp_path: Path):
    recordings(tmp_path / "recordings", takes=1)
    record(tmp_path / "hum" / "a.wav")
    assert left(tmp_path, licence="CC0-1.0", place="cafe", noise="hum", noise_licence="CC0-1.0") == ""
    assert left(tmp_path, licence="CC0-1.0") == ""
    assert left(tmp_path, licence="CC0-1.0", place="telephone-line") == ""


def test_a_path_where_nothing_is_is_named_with_the_near_one(tmp_path: Path):
    recordings(tmp_path / "recordings", takes=1)
    assert "the recordings: nothing is at recordngs yet" in left(tmp_path, recordings="recordngs")
    assert "is recordings meant?" in left(tmp_path, recordings="recordngs")
    assert "the noise: nothing is at hum yet" in left(tmp_path, place="cafe", noise="hum")


def test_a_missing_licence_is_named(tmp_path: Path):
    said = left(tmp_path, place="cafe", noise="hum")
    assert "the recordings have no licence yet" in said
    assert "the noise recordings have no licence yet" in said


def test_a_place_without_noise_is_named_with_the_way_to_it(tmp_path: Path):
    assert "test data will sound like the place (café or canteen)" in left(tmp_path, place="cafe")
    assert "remove `snr_db: null`" in left(tmp_path, place="cafe")
    assert "(by the lake)" in left(tmp_path, place="other", place_words="by the lake")


def test_a_voice_nobody_recorded_and_its_consent_are_named(tmp_path: Path):
    recordings(tmp_path / "recordings", speakers=("nora", "ben"), takes=1)
    given = {"task": "converse", "output": "speech", "voice": "licensed"}
    assert "did you mean nora?" in left(tmp_path, **given, voice_speaker="norra")
    said = left(tmp_path, **given, voice_speaker="nora")
    assert "did you mean" not in said
    assert "consents.yaml is still to be written" in said


def test_a_scenario_comes_with_what_is_left(tmp_path: Path):
    facts = Facts(tmp_path)
    assert composed(tmp_path, place="cafe").remaining == tuple(remaining(defaults(facts, place="cafe"), facts))
