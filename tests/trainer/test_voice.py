from __future__ import annotations

from pathlib import Path

import numpy as np
import pytest
from tones_world import INSTRUCTION, RATE, WORDS, make_build

from speccraft import store
from speccraft.errors import SpeccraftError
from speccraft.scenario.contracts import Message, Part
from speccraft.trainer.checkpoint import fresh
from speccraft.trainer.data import dialogues, read_cuts, transcripts
from speccraft.trainer.order import Order
from speccraft.trainer.recipe import Recipe
from speccraft.trainer.speaking import aloud_of, voiced
from speccraft.trainer.voice import READ, REPEAT, Voice, plain, practised, read_aloud, repeated

SPEAKING = """speccraft: 1
name: tones
job: {task: converse, languages: [en], output: [text, speech]}
voice: {kind: stock}
environment: {sampling_rate: 8000, noise: [hiss], snr_db: {low: 5.0, high: 25.0}}
sources:
  - {id: tones, format: synthesis, licence: CC0-1.0, texts: [ba], voices: [{id: osc, voice: en}]}
  - {id: hiss, format: folder, path: hiss, role: noise, licence: CC0-1.0}
"""
LICENSED = "voice: {kind: licensed, speaker: SPEAKER, consent: c}\nrights: {use: [train, clone], consents: consents.yaml}"
VOICE = Voice("osc", {"a": ("Ba.", 0.2), "b": ("ba", 0.3), "c": ("di", 0.2)})


def order_of(parent: Path, recipe: Recipe, scenario: str = SPEAKING) -> Order:
    small = recipe.model_copy(update={"speech_out": recipe.speech_out.model_copy(update={"units": 32})})
    build = store.open_artefact(make_build(parent, scenario=scenario), "build")
    return Order(build, parent / "speccraft-work", small, ("pretrain", "align"), "tones", 0)


@pytest.fixture(scope="module")
def order(recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> Order:
    return order_of(tmp_path_factory.mktemp("speaking"), recipe)


def said(*parts: Part) -> tuple[Message, ...]:
    return (Message(role="user", content=(Part(type="audio", cut="x"),)), Message(role="assistant", content=parts))


def test_a_synthetic_voice_is_one_that_a_rule_made(order: Order) -> None:
    assert order.voice.speaker == "osc"
    assert len(order.voice.cuts) == len(read_cuts(order.build.path, "train"))


def test_a_recorded_person_is_no_stock_voice(recipe: Recipe, tmp_path: Path) -> None:
    recorded = SPEAKING.replace("format: synthesis, licence: CC0-1.0, texts: [ba], voices: [{id: osc, voice: en}]", "format: folder, path: t, licence: CC0-1.0")
    with pytest.raises(SpeccraftError, match="no training cut with words is of a synthetic voice"):
        _ = order_of(tmp_path, recipe, recorded).voice


@pytest.mark.parametrize(("speaker", "privacy", "found"), [("osc", "false", True), ("bela", "false", False), ("osc", "true", False)])
def test_a_licensed_voice_is_the_speaker_of_the_consent_by_the_name_that_the_build_gave(
    recipe: Recipe, tmp_path: Path, speaker: str, privacy: str, found: bool
) -> None:
    licensed = SPEAKING.replace("voice: {kind: stock}", LICENSED.replace("SPEAKER", speaker)) + f"privacy: {{pseudonyms: {privacy}}}\n"
    if found:
        assert order_of(tmp_path, recipe, licensed).voice.speaker == speaker
    else:
        # under pseudonyms the cuts of a build carry no plain names, so that "osc" there is somebody else
        with pytest.raises(SpeccraftError, match=f"is of the voice '{speaker}'"):
            _ = order_of(tmp_path, recipe, licensed).voice


def test_an_answer_is_its_text_and_then_a_recording_of_the_same_text() -> None:
    drawn = {VOICE.spoken(said(Part(type="text", text="BA!")), np.random.default_rng(seed))[1].content for seed in range(20)}
    assert drawn == {(Part(type="text", text="BA!"), Part(type="audio", cut=cut)) for cut in "ab"}


def test_the_answers_own_recording_comes_first() -> None:
    own = VOICE.spoken(said(Part(type="audio", cut="b"), Part(type="text", text="di")), np.random.default_rng(0))[1]
    assert own.content == (Part(type="text", text="di"), Part(type="audio", cut="b"))
    assert VOICE.spoken(said(Part(type="audio", cut="c")))[1].content == (Part(type="text", text="di"), Part(type="audio", cut="c"))


def test_an_answer_in_another_voice_is_never_imitated() -> None:
    assert VOICE.spoken(said(Part(type="text", text="zu"), Part(type="audio", cut="somebody")), np.random.default_rng(0))[1].content == (
        Part(type="text", text="zu"),
    )


def test_what_users_say_and_what_nobody_recorded_stays_as_it_is() -> None:
    messages = said(Part(type="text", text="zu"))
    assert VOICE.spoken(messages, np.random.default_rng(0)) == messages
    assert VOICE.spoken(said(Part(type="text", text="ba"))) == said(Part(type="text", text="ba"))


def test_words_are_compared_without_case_and_signs() -> None:
    assert plain("It's  ten, o'clock.") == plain("it s ten o clock") != plain("its ten")


def test_units_stand_after_the_text_and_are_learnt_with_the_end(order: Order) -> None:
    checkpoint = voiced(order, fresh(order.recipe, RATE, 0))
    aloud, speech, tokenizer = aloud_of(order, checkpoint, "align"), checkpoint.speech, checkpoint.tokenizer
    assert aloud is not None
    assert speech is not None
    demonstration = next(iter(dialogues(order.build.path, "train", read_cuts(order.build.path, "train"))))
    heard: list[str] = []
    example = aloud.example(
        (demonstration.messages[0], Message(role="assistant", content=(Part(type="text", text="ba"),))),
        checkpoint.collator(), tokenizer, lambda cut: heard.append(cut), id="d", epoch=0,  # type: ignore[arg-type, return-value, func-returns-value]
    )  # fmt: skip
    answer = [id for id, learn in zip(example.ids, example.learnt, strict=True) if learn]
    units = answer[3:-1]
    assert answer == [*tokenizer("ba").input_ids, speech.marker, *units, tokenizer.eos_token_id]
    assert all(speech.marker < id <= speech.marker + 32 for id in units)
    assert len(units) in {len(aloud.codes(cut)) for cut in aloud.voice.by_text["ba"]}
    assert heard == [demonstration.messages[0].content[0].cut]
    assert list(example.ids[: -len(answer)])[-1] == tokenizer.convert_tokens_to_ids("<|assistant|>")


def test_a_stage_practises_by_the_recipes_weights(order: Order) -> None:
    cuts = read_cuts(order.build.path, "train")
    found = practised(order, "align", cuts, shown := dialogues(order.build.path, "train", cuts))
    by_kind = [sum(name.startswith(kind) for name in found.names) for kind in ("read/", "repeat/")]
    assert len(shown) == len(cuts)
    assert by_kind == [len(shown) // 2, len(shown) // 2]
    assert [name for name in practised(order, "pretrain", cuts, transcripts(cuts)).names if name.startswith("repeat/")] == []
    read = next(one for one in found if one.id.startswith("read/"))
    assert read.messages[0].content == (Part(type="text", text=f"{READ}{read.messages[1].content[0].text}"),)
    assert read.seconds == cuts[read.messages[1].content[1].cut or ""].seconds


def test_what_is_read_comes_from_everywhere() -> None:
    many = Voice("osc", {str(number): (f"text {number:03d}", 0.2) for number in range(100)})
    read = {one.messages[1].content[0].text or "" for one in read_aloud(many, 20, seed=0)}
    assert len(read) == 20
    assert max(read) > "text 070"
    assert len({one.id for one in read_aloud(many, 250, seed=0)}) == 250


def test_without_demonstrations_every_recording_is_repeated(order: Order) -> None:
    cuts, voice = read_cuts(order.build.path, "train"), order.voice
    found = list(repeated(voice, cuts, None, seed=0))
    assert sorted(one.messages[0].content[0].cut or "" for one in found) == sorted(cuts)
    assert {one.messages[0].content[1].text for one in found} == {REPEAT} != {INSTRUCTION}
    assert {one.messages[1].content[0].text for one in found} == set(WORDS)
