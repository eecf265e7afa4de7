"""Whatever is answered, the scenario passes `check`, says what it decides, and says what was answered."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st
from interview_world import composed, recordings
from jsonschema import Draft202012Validator

from speccraft.errors import WrongUsage
from speccraft.interview.answers import Answers, Facts
from speccraft.interview.ask import Talk, interview
from speccraft.interview.compose import MODELINE, compose
from speccraft.interview.questions import Question, questions
from speccraft.resources import data_folder
from speccraft.rights.licences import licence_table
from speccraft.scenario import load_scenario
from speccraft.scenario.text import parse

NUMBERS = st.decimals(0, 999, places=2).map(str)
ANYTHING = st.text(st.characters(categories=["L", "N", "P", "S", "Zs"]), min_size=1, max_size=30)
PATHS = st.sampled_from(["data", "../elsewhere", "/srv/audio", "t.csv", "deep/er/t.parquet", "with space/ü", "no", "#1", "-"]) | ANYTHING
SCHEMA = Draft202012Validator(json.loads((data_folder("schemas") / "scenario.schema.json").read_bytes()))
"""What an editor holds against the file."""
EVERY_OTHER_COLUMN = "speaker=s, session=x, licence=l, language=g, duration=d, attribution=c, split=p"
POOLS = {
    "name": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
    "languages": st.sampled_from(["en", "no", "en, de-CH", "zh-Hans-TW", "i-klingon"]),
    "voice_speaker": st.from_regex(r"[A-Za-z0-9][A-Za-z0-9._-]{0,63}", fullmatch=True),
    "persona": ANYTHING,
    "place_words": ANYTHING,
    "noise": PATHS | st.just("none"),
    "noise_licence": st.sampled_from([*licence_table(), "unknown"]),
    "licence": st.sampled_from([*licence_table(), "unknown"]),
    "snr_db": st.tuples(NUMBERS, NUMBERS).map(lambda pair: " ".join(sorted(pair, key=float))) | st.just("-5 5.25"),
    "recordings": PATHS,
    "speaker_folder": st.integers(0, 9).map(str),
    "columns": st.sampled_from(["audio=a", f"audio=no, text=t, {EVERY_OTHER_COLUMN}", "audio=a b, split=ü"]),
    "budget": st.tuples(NUMBERS, NUMBERS).map(" ".join),
    "wer": st.sampled_from(["none", "0", "0.000001", "1", "0.1 0.2", "0.15"]),
    "amount": st.sampled_from(["none", "0", "0.5", "10 20", "1000 1"]),
}  # fmt: skip


def answer_to(draw: st.DrawFn, question: Question) -> str:
    """Some answer, right or wrong; now and then the default."""
    pool = st.sampled_from([choice.value for choice in question.choices]) if question.choices else POOLS[question.key]
    return draw(pool | st.just(""))


@st.composite
def interviews(draw: st.DrawFn) -> tuple[Answers, Facts]:
    by_key = {question.key: question for question in questions()}
    asked: list[str] = []

    def read() -> str:
        # A wrong answer is followed by the default, which always fits here: nothing exists at the paths.
        repeated = asked[-1:] == asked[-2:-1]
        return ("" if repeated else answer_to(draw, by_key[asked[-1]])) + "\n"

    def write(text: str) -> None:
        if text.endswith("]: "):
            asked.append(text.partition(" [")[0])

    facts = Facts(Path("/nonexistent/project"))
    return interview(facts, {}, Talk(read, write)), facts


@pytest.mark.slow
@settings(max_examples=150, deadline=None, suppress_health_check=[HealthCheck.too_slow])
@given(interviews())
def test_any_answers_make_a_scenario_that_passes_check(tmp_path_factory: pytest.TempPathFactory, interviewed: tuple[Answers, Facts]):
    answers, facts = interviewed
    file = tmp_path_factory.getbasetemp() / "scenario.yaml"
    file.write_text(compose(answers, facts).text, encoding="utf-8")
    loaded = load_scenario(file)
    assert loaded.scenario.name == answers["name"]
    assert not list(SCHEMA.iter_errors(parse(loaded.text).data))
    assert not [one for one in loaded.advice if one.severity == "error"]


def test_the_text_opens_with_the_schema_and_every_section_says_what_it_decides(tmp_path: Path):
    text = composed(tmp_path, task="converse", output="speech", place="office", noise="hum", budget="20 8").text
    assert text.startswith(MODELINE + "\n")
    lines = text.splitlines()
    for section in ("budget", "job", "environment", "voice", "rights", "sources", "quality", "splits", "manual", "training", "acceptance"):
        assert lines[lines.index(f"{section}:") - 1].startswith("# ")


def test_what_was_answered_is_what_it_says(tmp_path: Path):
    scenario = composed(
        tmp_path, name="x", task="converse", output="speech", voice="licensed", voice_speaker="nora", languages="en, de-CH", style="scripted",
        persona="You are x: #1.", place="office", noise="hum", noise_licence="CC0-1.0", recordings="t.csv",
        columns="audio=a, text=t, speaker=s, session=e, split=p", uses="sold-model", licence="CC-BY-4.0", budget="3 4", wer="0.1 0.2", amount="5 6",
    ).scenario  # fmt: skip
    assert scenario.job.output == ("text", "speech")
    assert scenario.voice.model_dump() == {"kind": "licensed", "speaker": "nora", "consent": "nora-consent"}
    assert scenario.job.languages == ("en", "de-CH")
    assert scenario.manual.persona == "You are x: #1."
    assert scenario.environment.preset == "office"
    assert scenario.environment.snr_db is not None
    assert scenario.environment.noise == ("noise",)
    assert scenario.rights.use == ("train", "evaluate", "redistribute-model", "synthesise")
    assert scenario.rights.commercial
    assert [source.licence for source in scenario.sources] == ["CC-BY-4.0", "CC0-1.0"]
    assert scenario.splits.given == "p"
    assert "session" in scenario.splits.disjoint
    assert scenario.budget.model_dump() == {"annotation_hours": 3, "gpu_hours": 4}
    assert scenario.acceptance.model.wer == {"clean": 0.1, "environment": 0.2}
    assert scenario.acceptance.data.hours == {"pretrain": 5, "align": 5}
    assert scenario.acceptance.data.speakers == 6
    assert scenario.training.recipe is None


def test_a_preset_without_noise_promises_no_snr(tmp_path: Path):
    made = composed(tmp_path, place="metro-platform")
    assert made.scenario.environment.snr_db is None
    assert made.scenario.environment.rt60_s is None
    assert "the preset says -5 to 10" in made.text
    assert not [one for one in made.advice if one.severity == "warning"]


def test_without_a_licence_the_file_says_that_the_recordings_are_refused(tmp_path: Path):
    made = composed(tmp_path)
    assert made.scenario.sources[0].licence is None
    assert "No licence is stated, so these recordings are refused" in made.text


def test_folders_elsewhere_become_roots(tmp_path: Path):
    assert composed(tmp_path, recordings="../a/t.csv", place="car", noise="/srv/hum").scenario.roots == ("../a", "/srv/hum")
    assert composed(tmp_path, recordings="inside/t.csv").scenario.roots == ()


def test_endings_and_speakers_are_those_of_the_folder(tmp_path: Path):
    recordings(tmp_path / "data", takes=1)
    source = composed(tmp_path, recordings="data").scenario.sources[0]
    assert source.format == "folder"
    assert (source.endings, source.speaker_folder) == ((".wav",), 1)


def test_an_unknown_default_cannot_be_taken_silently(tmp_path: Path):
    (tmp_path / "t.csv").write_text("one,two\n")
    with pytest.raises(WrongUsage, match="columns"):
        composed(tmp_path, recordings="t.csv")


def test_what_nobody_said_is_not_in_the_file(tmp_path: Path):
    scenario = composed(tmp_path).scenario
    assert (scenario.budget.annotation_hours, scenario.budget.gpu_hours) == (None, None)
    assert scenario.acceptance.data is None or not scenario.acceptance.data.hours
    assert "budget" not in composed(tmp_path).text
    assert "nobody's measurement" in composed(tmp_path).text
    assert "nobody's measurement" not in composed(tmp_path, wer="0.2").text


def test_a_path_where_nothing_is_says_so_in_the_file(tmp_path: Path):
    (tmp_path / "recordings").mkdir()
    text = composed(tmp_path, recordings="recordngs", place="car", noise="../hum").text
    assert "nothing is at recordngs yet; until something is, nothing can be planned or built (is recordings meant?)" in text
    assert "nothing is at ../hum yet" in text
    assert "nothing is at" not in composed(tmp_path, recordings="recordings").text


@pytest.mark.parametrize("place", ["cafe", "other"])
def test_a_place_without_noise_says_that_nothing_will_sound_like_it_and_how_to_change_that(tmp_path: Path, place: str):
    text = " ".join(composed(tmp_path, place=place).text.replace("\n#", "").split())
    assert "neither training nor test data will sound like the place" in text
    assert "`role: noise`" in text
    assert "sound like the place" not in composed(tmp_path, place=place, noise="hum").text.replace("\n#", "").split("environment:")[0].split("made to")[0]


def test_a_licensed_voice_comes_with_what_a_consent_record_says(tmp_path: Path):
    text = " ".join(composed(tmp_path, task="converse", output="speech", voice="licensed").text.replace("\n#", "").split())
    assert "A consent record says whose voice it is" in text
