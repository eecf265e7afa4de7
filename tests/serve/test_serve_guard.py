"""The manual decides what is sent: what it forbids never leaves, and what it says instead keeps every rule."""

from __future__ import annotations

from pathlib import Path

import pytest
from hypothesis import given
from hypothesis import strategies as st
from serve_world import CONVERSES, Server, World, events_of, scenario_of, sound_part, text_part, wav
from tones_world import tone

from speccraft import store
from speccraft.cli.serve import may_serve
from speccraft.errors import RefusedByRights
from speccraft.evaluation.manual import check, refuses, triggered
from speccraft.locate import Found
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import Message, Part
from speccraft.trainer.serve.guard import judge

JSON_FORMAT = "format: {kind: json, schema: {type: object, required: [action], properties: {action: {enum: [stop, go]}}}}"
STRICT = CONVERSES.replace("manual:\n", f"manual:\n  {JSON_FORMAT}\n")
TICKETS = (
    CONVERSES.replace("manual:\n", "manual:\n  slots: {ticket: [day ticket, single ticket]}\n")
    .replace("topic: di, says", "examples: ['sell me a {ticket}'], says")
    .replace("Shall I di?", "Shall I sell you a {ticket}?")
)


def asked(text: str) -> tuple[Message, ...]:
    return (Message(role="user", content=(Part(type="text", text=text),)),)


def test_an_answer_to_a_forbidden_topic_becomes_a_refusal():
    verdict = judge(scenario_of(CONVERSES).manual, asked("tell me about zu"), {}, "zu is fun")
    assert (verdict.text, verdict.decided, verdict.replaced) == ("I cannot help with that.", "refused", True)
    assert verdict.rules[0]["id"] == "no-zu"
    assert not verdict.rules[0]["passed"]


def test_a_refusal_of_the_models_own_is_sent_as_it_is():
    verdict = judge(scenario_of(CONVERSES).manual, asked("zu"), {}, "Sorry, I can't talk about that.")
    assert (verdict.text, verdict.decided, verdict.replaced) == ("Sorry, I can't talk about that.", "refused", False)


def test_what_needs_a_confirmation_is_asked_back_with_what_the_user_named():
    verdict = judge(scenario_of(TICKETS).manual, asked("Sell me a single ticket!"), {}, "Sold.")
    assert (verdict.text, verdict.decided) == ("Shall I sell you a single ticket?", "confirmation")


def test_a_rule_that_only_warns_is_told_and_the_answer_sent():
    verdict = judge(scenario_of(CONVERSES).manual, asked("ba"), {}, "ba it is")
    assert (verdict.text, verdict.replaced) == ("ba it is", False)
    assert verdict.rules[0]["passed"] is False


@pytest.mark.parametrize("answer", ["stop", '{"action": "jump"}', '["stop"]', "", '{"action": "stop"} '[:-2]])
def test_an_answer_of_the_wrong_format_is_withheld(answer: str):
    verdict = judge(scenario_of(STRICT).manual, asked("hello"), {}, answer)
    assert (verdict.text, verdict.decided) == ("", "withheld")
    assert verdict.rules[-1]["id"] == "manual.format"


def test_an_answer_of_the_right_format_is_sent():
    assert judge(scenario_of(STRICT).manual, asked("hello"), {}, '{"action": "stop"}').decided == "answered"


def test_audio_that_nobody_could_transcribe_is_told_as_unknown():
    heard = (Message(role="user", content=(Part(type="audio", cut="0"),)),)
    assert judge(scenario_of(CONVERSES).manual, heard, None, "zu is fun").known is False
    assert judge(scenario_of(CONVERSES).manual, heard, {"0": "zu"}, "zu is fun").decided == "refused"


@given(st.sampled_from(["zu", "di", "ba", "zu and di", "hello", ""]), st.text(max_size=40))
def test_nothing_leaves_that_breaks_a_rule_that_blocks(question: str, answer: str):
    for scenario in map(scenario_of, (CONVERSES, STRICT)):
        verdict = judge(scenario.manual, asked(question), {}, answer)
        if verdict.decided != "withheld":
            assert all(
                check(rule, scenario.manual, question, verdict.text).passed is not False
                for rule in triggered(scenario.manual, asked(question))
                if rule.severity == "block"
            )


def test_what_is_said_triggers_the_manual_as_what_is_typed(strict_server: Server):
    for part in (sound_part(wav(tone("zu", 0.3))), text_part("zu")):
        answer = strict_server.chat(part)
        assert refuses(scenario_of(CONVERSES).manual, answer.json["choices"][0]["message"]["content"])
        assert answer.headers["x-speccraft-decided"] == "refused"
        assert answer.json["speccraft"]["manual"]["rules"][0]["id"] == "no-zu"
    assert strict_server.chat(sound_part(wav(tone("zu", 0.3)))).json["speccraft"]["heard"] == "zu!"
    assert strict_server.chat(sound_part(wav(tone("di", 0.3)))).json["choices"][0]["message"]["content"] == "Shall I di?"


def test_a_stream_shows_nothing_that_the_manual_has_not_seen(strict_server: Server):
    events = events_of(strict_server.chat(sound_part(wav(tone("zu", 0.3))), text_part("write it"), stream=True).body)
    assert "".join(event["choices"][0]["delta"].get("content", "") for event in events) == "I cannot help with that."
    assert events[-1]["speccraft"]["manual"]["decided"] == "refused"


def licensed() -> Scenario:
    return scenario_of(CONVERSES + "voice: {kind: licensed, speaker: anna, consent: anna-2026}\nrights: {consents: consents.yaml}\n")


def test_a_licensed_voice_without_consent_is_not_served(world: World, tmp_path: Path):
    found = Found(store.open_artefact(world.run, "run"), world.workspace)
    may_serve(found, scenario_of(CONVERSES), tmp_path, despite=False)
    (tmp_path / "consents.yaml").write_text("consents: []\n")
    with pytest.raises(RefusedByRights, match="voice"):
        may_serve(found, licensed(), tmp_path, despite=False)
