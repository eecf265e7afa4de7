"""The job against its voice, its manual and its languages."""

from __future__ import annotations

import pytest
from scenario_world import FULL, about, conversing, said, source_as

LICENSED = "voice: {kind: licensed, speaker: nora, consent: nora-2026}\n"
SPEAKING = conversing("output: [speech]")


@pytest.mark.parametrize(("voice", "severity"), [("{kind: stock}", "warning"), ("{kind: licensed, speaker: nora, consent: n}", "error")])
def test_a_transcription_needs_no_voice_and_a_persons_least_of_all(voice: str, severity: str) -> None:
    (found,) = about("SC205", f"voice: {voice}\n")
    assert (found.severity, found.path, found.related) == (severity, "voice", ((3, 13, "the job is to transcribe"),))


def test_a_voice_for_written_answers_shows_the_output_or_says_what_it_is() -> None:
    (found,) = about("SC205", "voice: {kind: stock}\n", conversing("output: [text]"))
    assert found.related == ((3, 31, "answers are text"),)
    (found,) = about("SC205", "voice: {kind: stock}\n", conversing())
    assert (found.related, found.message.endswith("(no `job.output` is written, so answers are text)")) == ((), True)


def test_spoken_answers_without_a_voice_show_it_or_say_that_it_is_not_written() -> None:
    (found,) = about("SC205", "voice: {kind: none}\n", SPEAKING)
    assert found.related == ((6, 8, "no voice may be used"),)
    (found,) = about("SC205", "", SPEAKING)
    assert found.message == "answers are spoken, but there is no voice (no `voice` is written, so `kind: none` holds)"


def test_a_persons_voice_needs_consents_and_a_use_that_they_can_allow() -> None:
    found = about("SC213", LICENSED + "rights: {use: [train]}\n", SPEAKING)
    assert [(one.severity, one.path, one.related) for one in found] == [
        ("error", "voice.kind", ((7, 15, "neither `synthesise` nor `clone` is intended"),)),
        ("error", "voice.consent", ((7, 9, "no `consents:` here"),)),
    ]
    assert [one.related for one in about("SC213", LICENSED, SPEAKING)] == [(), ()]


@pytest.mark.parametrize("use", ["synthesise", "clone"])
def test_a_persons_voice_with_both_is_nobodys_business(use: str) -> None:
    assert not about("SC213", f"{LICENSED}rights: {{use: [train, {use}], consents: c.yaml}}\n", SPEAKING)


@pytest.mark.parametrize(("tag", "help"), [("english", "did you mean 'en'?"), ("de_DE", "did you mean 'de-DE'?"), ("e", "two or three letters")])
def test_a_language_that_is_no_tag_is_told_with_the_one_that_was_meant(tag: str, help: str) -> None:
    (found,) = about("SC221", "", source_as(f"format: folder, path: p, language: {tag}"))
    assert (found.severity, found.path, found.line) == ("error", "sources[0].language", 5)
    assert found.help.startswith(help)
    (found,) = about("SC221", "", conversing().replace("[en]", f"[de, {tag}]"))
    assert found.path == "job.languages[1]"


def rules(*patterns: str) -> str:
    return "manual:\n  rules:\n" + "".join(f"    - {{id: r{number}, must: answer, pattern: '{one}'}}\n" for number, one in enumerate(patterns))


def test_a_pattern_that_is_none_is_told_at_its_place_with_the_character() -> None:
    (found,) = about("SC227", rules("fine", "shall I (buy", r"\d+ euros?"), conversing())
    assert (found.severity, found.path, found.line) == ("error", "manual.rules[1].pattern", 9)
    assert found.message == "is no regular expression: unclosed group, at its character 9"


def test_patterns_that_cost_too_much_together_are_told_once_where_it_is_too_much() -> None:
    (found,) = about("SC227", rules(*[r"\w{150}"] * 8), conversing())
    assert found.path == "manual.rules[6].pattern"


def test_a_job_of_text_alone_is_warned_of_learning_to_listen() -> None:
    (found,) = about("SC228", "training: {stages: [pretrain]}\n", conversing("input: [text]"))
    assert (found.severity, found.path, found.related) == ("warning", "job.input", ((6, 20, "`pretrain` learns to listen"),))
    assert "`stages: [pretrain, align]` holds" in about("SC228", "", conversing("input: [text]"))[0].message


@pytest.mark.parametrize("job", ["input: [text, speech]", "input: [text], output: [text, speech]", ""])
def test_a_job_that_hears_or_speaks_may_learn_to_listen(job: str) -> None:
    assert not about("SC228", "", conversing(job))


def test_a_manual_shows_that_the_job_only_transcribes() -> None:
    assert about("SC206", rules("x"))[0].related == ((3, 13, "the job is to transcribe"),)


def test_a_full_scenario_has_nothing_of_this() -> None:
    assert {one.code for one in said("", FULL)} == {"SC290"}


@pytest.mark.parametrize("line", ["manual: {persona: a porter}", "manual: {format: {kind: json, schema: {}}}", "acceptance: {model: {manual: 0.9}}"])
def test_nothing_about_answers_fits_a_job_that_transcribes(line: str) -> None:
    found = [one for one in said(line + "\n") if one.code == "SC206"]
    assert [one.severity for one in found] == ["error"]
    assert found[0].related[0][2] == "the job is to transcribe"


def test_a_consents_file_for_nobodys_voice_is_said_to_be_used_by_nothing() -> None:
    (found,) = [one for one in said("rights: {consents: c.yaml}\n") if one.code == "SC212"]
    assert found.severity == "warning"
