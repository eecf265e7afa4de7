from __future__ import annotations

from pathlib import Path

import pytest
from interview_world import Person, defaults, recordings

from speccraft.cli.init import KEYS
from speccraft.errors import WrongUsage
from speccraft.interview.answers import Facts
from speccraft.interview.ask import MOST_TRIES, confirmed, interview, keys_in_words, parse_given
from speccraft.interview.questions import questions


def test_enter_takes_every_default(tmp_path: Path):
    person = Person([""] * 30)
    assert interview(Facts(tmp_path), {}, person.talk) == defaults(Facts(tmp_path))


def test_a_transcription_takes_a_dozen_questions(tmp_path: Path):
    person = Person([""] * 30)
    interview(Facts(tmp_path), {}, person.talk)
    assert 10 <= 30 - len(person.lines) <= 12


def test_every_choice_tells_its_consequence(tmp_path: Path):
    person = Person([""] * 30)
    interview(Facts(tmp_path), {}, person.talk)
    for question in questions():
        if question.choices and question.applies(defaults(Facts(tmp_path))):
            for choice in question.choices:
                assert f" {choice.value} " in person.heard
                assert choice.means[:30] in person.heard
    assert max(map(len, person.heard.splitlines())) <= 100


def test_a_wrong_answer_is_explained_and_asked_again(tmp_path: Path):
    person = Person(["job one", "job-one", "conv", "converse", *[""] * 30])
    answers = interview(Facts(tmp_path), {}, person.talk)
    assert (answers["name"], answers["task"]) == ("job-one", "converse")
    assert "did you mean job-one?" in " ".join(person.heard.split())
    assert "did you mean converse?" in " ".join(person.heard.split())


def test_the_end_of_input_names_the_question_and_the_way_out(tmp_path: Path):
    with pytest.raises(WrongUsage, match=r"before `languages`.*nothing was written") as caught:
        interview(Facts(tmp_path), {}, Person(["a", ""]).talk)
    assert "--no-input" in caught.value.try_this


def test_endless_wrong_answers_come_to_an_end(tmp_path: Path):
    person = Person(["y y"] * 1000)
    with pytest.raises(WrongUsage, match=f"{MOST_TRIES} answers to `name`"):
        interview(Facts(tmp_path), {}, person.talk)


def test_given_answers_are_not_asked(tmp_path: Path):
    person = Person([""] * 30)
    answers = interview(Facts(tmp_path), {"task": "converse", "name": "x"}, person.talk)
    assert (answers["task"], answers["name"]) == ("converse", "x")
    assert "task [" not in person.heard
    assert "persona [" in person.heard


def test_an_answer_without_effect_is_refused(tmp_path: Path):
    with pytest.raises(WrongUsage, match="--answer voice: has no effect here, it is asked only when output is speech"):
        defaults(Facts(tmp_path), voice="stock")


def test_a_misspelt_key_gets_the_near_one_and_all(tmp_path: Path):
    with pytest.raises(WrongUsage, match="did you mean licence") as caught:
        defaults(Facts(tmp_path), license="CC0-1.0")
    assert "place" in caught.value.try_this


def test_pairs_are_keys_and_values():
    assert parse_given(["name=a", "persona=x = y"]) == {"name": "a", "persona": "x = y"}
    with pytest.raises(WrongUsage, match="not KEY=VALUE"):
        parse_given(["name"])
    with pytest.raises(WrongUsage, match="given twice"):
        parse_given(["name=a", "name=b"])


def test_help_and_list_name_every_key():
    keys = [question.key for question in questions()]
    assert KEYS.split(", ") == keys
    assert [line.split(":")[0] for line in keys_in_words().splitlines()] == keys


@pytest.mark.parametrize(("line", "said"), [("y", True), ("YES", True), ("", False), ("no", False), ("yesterday", False)])
def test_only_yes_is_yes(line: str, said: bool):
    assert confirmed(Person([line]).talk, "Really?") is said
    assert confirmed(Person([]).talk, "Really?") is False


def test_every_wrong_answer_is_named_at_once_and_what_follows_from_one_is_not_blamed(tmp_path: Path):
    given = {"place": "caffe", "noise": "hum", "wer": "0.1 0.2", "licence": "CC-BY", "persona": "foo", "plaec": "x"}
    with pytest.raises(WrongUsage, match="4 answers") as caught:
        defaults(Facts(tmp_path), **given)
    assert [line.split(":")[0] for line in caught.value.details] == ["--answer plaec", "--answer persona", "--answer place", "--answer licence"]


def test_wrong_answers_are_named_before_anyone_is_asked_and_open_ones_are_not_judged(tmp_path: Path):
    person = Person([])
    with pytest.raises(WrongUsage, match="2 answers") as caught:
        interview(Facts(tmp_path), {"persona": "foo", "wer": "0.1 0.2", "licence": "CC-BY", "uses": "fun"}, person.talk)
    assert [line.split(":")[0] for line in caught.value.details] == ["--answer uses", "--answer licence"]
    assert person.heard == ""
    person = Person(["", "converse", *[""] * 30])
    assert interview(Facts(tmp_path), {"persona": "foo"}, person.talk)["persona"] == "foo"


def test_pairs_that_are_none_are_named_together():
    with pytest.raises(WrongUsage, match="2 answers") as caught:
        parse_given(["name", "task=converse", "task=transcribe"])
    assert len(caught.value.details) == 2


def test_a_doubted_path_is_asked_again_and_the_same_answer_keeps_it(tmp_path: Path):
    (tmp_path / "takes").mkdir()
    corrected = Person(["takse", "takes", *[""] * 30])
    given = {"name": "x", "task": "transcribe", "languages": "en", "style": "mixed", "place": "as-recorded"}
    assert interview(Facts(tmp_path), given, corrected.talk)["recordings"] == "takes"
    assert "did you mean takes? The same answer once more keeps it." in " ".join(corrected.heard.split())
    insisting = Person(["takse", "takse", *[""] * 30])
    assert interview(Facts(tmp_path), given, insisting.talk)["recordings"] == "takse"
    assert defaults(Facts(tmp_path), recordings="takse")["recordings"] == "takse"


def test_defaults_state_no_budget_and_no_amount(tmp_path: Path):
    answers = defaults(Facts(tmp_path))
    assert (answers["budget"], answers["amount"]) == ("none", "none")


def test_whose_voice_it_is_is_asked_when_the_speakers_are_known(tmp_path: Path):
    recordings(tmp_path / "recordings", speakers=("nora", "ben"), takes=1)
    given = {"task": "converse", "output": "speech", "voice": "licensed"}
    person = Person([""] * 30)
    interview(Facts(tmp_path), given, person.talk)
    shown = " ".join(person.heard.split())
    assert "Speakers' folders: ben, nora." in shown
    assert "--template licensed-narrator" in shown
    for word in ("uses", "from when until when", "territory", "evidence", "SHA-256"):
        assert word in shown
