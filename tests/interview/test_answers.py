"""What counts as an answer: every wrong one is explained, every right one has one form."""

from __future__ import annotations

from pathlib import Path

import pytest
from interview_world import defaults, recordings

from speccraft.errors import WrongUsage
from speccraft.interview.answers import Doubtful, Facts
from speccraft.interview.answers import noise as read_noise
from speccraft.interview.answers import recordings as read_recordings
from speccraft.interview.answers import speaker as read_speaker

RIGHT = [
    ("name", "metro.2", "metro.2"),
    ("task", "2", "converse"),
    ("task", "CONVERSE", "converse"),
    ("languages", "en,de-CH, en", "en, de-CH"),
    ("licence", "cc-by-4.0", "CC-BY-4.0"),
    ("licence", "CC0-1.0 AND CC-BY-4.0", "CC0-1.0 AND CC-BY-4.0"),
    ("licence", "Unknown", "unknown"),
    ("budget", "20, 8.50", "20 8.5"),
    ("budget", "None", "none"),
    ("wer", "none", "none"),
    ("wer", ".15", "0.15"),
    ("amount", "10", "10"),
    ("recordings", "data/./x", "data/x"),
    ("columns", "audio=path , license=spdx", None),
]
WRONG = [
    ("name", "metro demo", "did you mean metro-demo"),
    ("name", "é", "a to z"),
    ("task", "conv", "did you mean converse"),
    ("task", "3", "from 1 to 2"),
    ("task", "²", "from 1 to 2"),
    ("languages", "english", "did you mean en"),
    ("languages", ",", "at least one"),
    ("licence", "CC-BY", "did you mean CC-BY-4.0 (or CC-BY-3.0"),
    ("licence", "cc by v4.0", "did you mean CC-BY-4.0?"),
    ("licence", "public domain", "did you mean CC0-1.0 (or PDDL-1.0"),
    ("licence", "Frob-1.0", "CDLA-Permissive-2.0"),
    ("budget", "much", "not made of numbers"),
    ("budget", "20", "2 numbers"),
    ("budget", "20,8.50", "a dot for decimals"),
    ("budget", "0,15 0,35", "a dot for decimals, and a space between two numbers; did you mean 0.15 0.35?"),
    ("wer", "0,15", "did you mean 0.15?"),
    ("amount", "2,5", "did you mean 2.5?"),
    ("budget", "-1 2", "below 0"),
    ("budget", "nan 1", "not made of numbers"),
    ("budget", "1e9 1", "not made of numbers"),
    ("wer", "15", "write shares, not per cent: 0.15"),
    ("wer", "0.1 0.2", "only the first number"),
    ("amount", "10 20", "nobody knows who speaks"),
    ("recordings", "~/data", "write the path out"),
    ("speaker_folder", "ten", "0 to 9"),
]


@pytest.mark.parametrize(("key", "text", "form"), RIGHT)
def test_a_right_answer_has_one_form(tmp_path: Path, key: str, text: str, form: str | None):
    if form is not None:
        assert defaults(Facts(tmp_path), **{key: text})[key] == form


@pytest.mark.parametrize(("key", "text", "said"), WRONG)
def test_a_wrong_answer_is_explained(tmp_path: Path, key: str, text: str, said: str):
    with pytest.raises(WrongUsage, match=key) as caught:
        defaults(Facts(tmp_path), **{key: text})
    assert said in caught.value.message


@pytest.mark.parametrize("text", ["", "   ", "a\x1b[31mb", "a\u202eb", "x" * 5000, "\ufffd"])
def test_nothing_empty_endless_or_invisible_is_an_answer(tmp_path: Path, text: str):
    with pytest.raises(WrongUsage):
        defaults(Facts(tmp_path), task="converse", persona=text)


def test_a_licence_is_held_against_what_is_done_with_the_model(tmp_path: Path):
    assert defaults(Facts(tmp_path), uses="research", licence="CC-BY-NC-4.0")["licence"] == "CC-BY-NC-4.0"
    with pytest.raises(WrongUsage, match="does not permit commercial use"):
        defaults(Facts(tmp_path), uses="product", licence="CC-BY-NC-4.0")
    with pytest.raises(WrongUsage, match="does not permit train"):
        defaults(Facts(tmp_path), licence="CC-BY-ND-4.0")


def test_columns_are_those_of_the_table(tmp_path: Path):
    (tmp_path / "t.csv").write_text("file,words,who\n")
    facts = Facts(tmp_path)
    assert defaults(facts, recordings="t.csv")["columns"] == "audio=file, text=words"
    assert defaults(facts, recordings="t.csv", columns="audio=file,  speaker = who")["columns"] == "audio=file, speaker=who"
    for columns, said in [
        ("audio=fil", "did you mean file"),
        ("audi=file", "did you mean audio"),
        ("text=words", "audio=COLUMN"),
        ("audio=file, text=file", "two things"),
        ("audio=file, audio=who", "named twice"),
        ("audio", "FIELD=COLUMN"),
    ]:
        with pytest.raises(WrongUsage) as caught:
            defaults(facts, recordings="t.csv", columns=columns)
        assert said in caught.value.message


def test_a_folder_level_is_one_that_every_recording_has(tmp_path: Path):
    recordings(tmp_path / "data", takes=1)
    facts = Facts(tmp_path)
    assert defaults(facts, recordings="data")["speaker_folder"] == "1"
    assert defaults(facts, recordings="data", speaker_folder="0")["speaker_folder"] == "0"
    with pytest.raises(WrongUsage, match="only 1 folder"):
        defaults(facts, recordings="data", speaker_folder="2")


def test_a_place_is_a_folder_of_noise_and_not_that_of_the_speech(tmp_path: Path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(WrongUsage, match="no folder"):
        defaults(Facts(tmp_path), place="office", noise="a.wav")
    with pytest.raises(WrongUsage, match="folder of the noise"):
        defaults(Facts(tmp_path), place="office", noise="data/", recordings="data")


def test_a_file_that_is_no_table_is_no_source(tmp_path: Path):
    (tmp_path / "a.wav").touch()
    with pytest.raises(WrongUsage, match="neither a folder nor a table"):
        defaults(Facts(tmp_path), recordings="a.wav")


def test_two_error_rates_need_a_place_that_changes_the_sound(tmp_path: Path):
    assert defaults(Facts(tmp_path), place="telephone-line", wer="0.1 0.2")["wer"] == "0.1 0.2"
    assert defaults(Facts(tmp_path), place="office", noise="hum", wer="0.1 0.2")["wer"] == "0.1 0.2"
    with pytest.raises(WrongUsage, match="only the first"):
        defaults(Facts(tmp_path), place="office", wer="0.1 0.2")


def test_the_lower_end_of_a_band_comes_first(tmp_path: Path):
    with pytest.raises(WrongUsage, match="did you mean 5 20"):
        defaults(Facts(tmp_path), place="other", noise="hum", snr_db="20 5")


@pytest.mark.parametrize(("name", "ending"), [("recordings", ""), ("Recordings", ""), ("recordings", ".csv")])
def test_a_path_nearly_called_like_one_that_is_there_is_doubted(tmp_path: Path, name: str, ending: str):
    (tmp_path / "in").mkdir()
    there = tmp_path / "in" / f"{name}{ending}"
    there.write_text("path\n") if ending else there.mkdir()
    with pytest.raises(Doubtful, match=f"did you mean in/{there.name}") as caught:
        read_recordings(f"in/recordngs{ending}", {}, Facts(tmp_path))
    assert caught.value.answer == f"in/recordngs{ending}"
    assert read_recordings("in/quite-another", {}, Facts(tmp_path)) == "in/quite-another"
    assert read_recordings(f"in/{there.name}", {}, Facts(tmp_path)) == f"in/{there.name}"


def test_the_noise_may_be_doubted_too(tmp_path: Path):
    (tmp_path / "noises").mkdir()
    with pytest.raises(Doubtful, match="did you mean noises"):
        read_noise("noise", {}, Facts(tmp_path))


def test_a_speaker_nobody_recorded_is_doubted(tmp_path: Path):
    recordings(tmp_path / "data", speakers=("nora", "ben"), takes=1)
    answers = {"recordings": "data", "speaker_folder": "1"}
    assert read_speaker("nora", answers, Facts(tmp_path)) == "nora"
    with pytest.raises(Doubtful, match="did you mean nora"):
        read_speaker("norra", answers, Facts(tmp_path))
    with pytest.raises(Doubtful, match="there are ben, nora"):
        read_speaker("zoe", answers, Facts(tmp_path))
    assert read_speaker("zoe", answers | {"speaker_folder": "0"}, Facts(tmp_path)) == "zoe"
