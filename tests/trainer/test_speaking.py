from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import numpy as np
import pytest
import soundfile
import torch
from test_voice import SPEAKING
from tones_world import INSTRUCTION, RATE, WORDS, make_build, tone

from speccraft import store
from speccraft.errors import RefusedByRights, SpeccraftError
from speccraft.trainer import checkpoint as checkpoints
from speccraft.trainer.checkpoint import Checkpoint, fresh
from speccraft.trainer.generate import LoadedRun, hypotheses, load_run
from speccraft.trainer.order import Order
from speccraft.trainer.recipe import Recipe
from speccraft.trainer.run import train
from speccraft.trainer.speaking import voiced, with_speech
from speccraft.trainer.speech_tokens import KMeansMel
from speccraft.trainer.voice import READ

CODEC = KMeansMel.fitted([tone(word, 0.3 + 0.02 * take, phase=take) for word in WORDS for take in range(12)], RATE, 24, seed=0)


@pytest.fixture(scope="module")
def written(recipe: Recipe) -> Checkpoint:
    return fresh(recipe, RATE, 0)


@pytest.fixture(scope="module")
def speaking(recipe: Recipe) -> Checkpoint:
    return with_speech(fresh(recipe, RATE, 0), CODEC, seed=0)


def text_logits(checkpoint: Checkpoint) -> torch.Tensor:
    with torch.no_grad():
        logits: torch.Tensor = checkpoint.model.eval()(input_ids=torch.arange(7, 40)[None]).logits
    return logits


def test_old_ids_keep_their_rows_and_new_ones_follow_them(written: Checkpoint, speaking: Checkpoint) -> None:
    assert speaking.speech is not None
    before, after = (one.model.get_input_embeddings().weight for one in (written, speaking))
    assert speaking.speech.marker == len(before)
    assert len(after) == len(before) + 1 + CODEC.num_codes
    assert torch.equal(after[: len(before)], before)
    assert torch.equal(text_logits(speaking)[..., : len(before)], text_logits(written))


def test_input_and_output_stay_one_table(speaking: Checkpoint) -> None:
    assert speaking.model.get_input_embeddings().weight is speaking.model.get_output_embeddings().weight


def test_no_two_units_begin_alike(speaking: Checkpoint) -> None:
    rows = speaking.model.get_input_embeddings().weight[-CODEC.num_codes :]
    assert len(torch.unique(rows, dim=0)) == CODEC.num_codes


def test_a_saved_model_speaks_by_the_same_ids(speaking: Checkpoint, tmp_path: Path) -> None:
    with store.scratch_folder(tmp_path) as scratch:
        checkpoints.save(speaking, scratch)
        loaded = checkpoints.load(store.commit(scratch, tmp_path / "c", kind="checkpoint", name="c", id="c"))
    assert loaded.speech is not None
    assert speaking.speech is not None
    assert loaded.speech.marker == speaking.speech.marker
    assert torch.equal(text_logits(loaded), text_logits(speaking))
    assert loaded.model.get_input_embeddings().weight is loaded.model.get_output_embeddings().weight
    codes = CODEC.encode(tone("ba", 0.3))
    np.testing.assert_array_equal(loaded.speech.codec.decode(codes), CODEC.decode(codes))


def test_a_model_that_only_writes_has_no_ids_for_units(written: Checkpoint, recipe: Recipe, tmp_path: Path) -> None:
    build = store.open_artefact(make_build(tmp_path), "build")
    order = Order(build, tmp_path / "w", recipe, ("pretrain",), "tones", 0)
    assert voiced(order, written) is written
    assert written.speech is None


def order_of(parent: Path, recipe: Recipe) -> Order:
    return Order(store.open_artefact(make_build(parent, scenario=SPEAKING), "build"), parent / "w", recipe, ("align",), "tones", 0)


def test_what_cannot_learn_units_is_refused(written: Checkpoint, recipe: Recipe, tmp_path: Path) -> None:
    order = order_of(tmp_path, recipe)
    with pytest.raises(SpeccraftError, match="kind ctc only writes"):
        voiced(order, replace(written, kind="ctc"))
    frozen = recipe.align.model_copy(update={"parts": recipe.align.parts.model_copy(update={"language_model": "lora"})})
    with pytest.raises(SpeccraftError, match="trained in full in no stage"):
        voiced(replace(order, recipe=recipe.model_copy(update={"align": frozen})), written)


@pytest.fixture(scope="module")
def spoken_recipe(recipe: Recipe) -> Recipe:
    speech = recipe.speech_out.model_copy(update={"units": 32, "longest_s": 0.6, "temperature": 0.3, "read_weight": 1.0})
    stages = {stage: getattr(recipe, stage).model_copy(update={"steps": steps}) for stage, steps in (("pretrain", 200), ("align", 150))}
    return recipe.model_copy(update={"speech_out": speech, **stages})


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> Path:
    return make_build(tmp_path_factory.mktemp("spoken"), scenario=SPEAKING)


@pytest.fixture(scope="module")
def loaded(build: Path, spoken_recipe: Recipe, tmp_path_factory: pytest.TempPathFactory) -> tuple[LoadedRun, Path]:
    run = train(build, tmp_path_factory.mktemp("workspace"), spoken_recipe, stages=("pretrain", "align"), name="tones")
    return load_run(run.path), run.path


def word_of(wave: np.ndarray) -> str:
    """Which word it is by the loudest tone of each half."""
    halves = [half * np.hanning(len(half)) for half in np.array_split(wave, 2)]
    loudest = [np.argmax(np.abs(np.fft.rfft(half))) * RATE / len(half) for half in halves]
    return min(WORDS, key=lambda word: sum(abs(np.log(heard / hertz)) for heard, hertz in zip(loudest, WORDS[word], strict=True)))


@pytest.mark.slow
def test_a_tiny_model_answers_tones_in_words_and_in_tones(loaded: tuple[LoadedRun, Path]) -> None:
    answers = loaded[0].generate([tone(word, 0.28, phase=0.5) for word in WORDS], INSTRUCTION)
    texts = loaded[0].generate([f"{READ}{word}" for word in WORDS])
    assert [one.text for one in answers] == [f"{word}!" for word in WORDS]
    assert [one.text for one in texts] == list(WORDS)
    assert [word_of(one.samples) for one in (*answers, *texts)] == [*WORDS, *WORDS]
    assert {one.sampling_rate for one in answers} == {RATE}
    assert all(one.samples.dtype == np.float32 and len(one.samples) <= 0.6 * RATE for one in answers)


@pytest.mark.slow
def test_spoken_answers_do_not_depend_on_the_batch_they_are_in(loaded: tuple[LoadedRun, Path]) -> None:
    asked = [tone(word, seconds, phase=seconds) for word in WORDS for seconds in (0.15, 0.31)]
    for together, one in zip(loaded[0].generate(asked, INSTRUCTION), asked, strict=True):
        alone = loaded[0].generate(one, INSTRUCTION)
        assert alone.text == together.text
        np.testing.assert_array_equal(alone.samples, together.samples)


@pytest.mark.slow
def test_text_is_no_longer_than_asked(loaded: tuple[LoadedRun, Path]) -> None:
    answer = loaded[0].generate(tone("ba", 0.3), INSTRUCTION, max_new_tokens=1)
    assert answer.text == "b"
    assert len(answer.samples) == 0


@pytest.mark.slow
def test_answers_to_test_cuts_lie_beside_them_as_sound(loaded: tuple[LoadedRun, Path], build: Path, tmp_path: Path) -> None:
    spoken = list(hypotheses(loaded[1], build, conditions=["clean", "place"], spoken=tmp_path))
    silent = list(hypotheses(loaded[1], build, conditions=["clean", "place"]))
    assert [one.text for one in spoken] == [one.text for one in silent]
    assert {one.audio for one in silent} == {None}
    files = [one.audio for one in spoken if one.audio]
    assert len(files) == len(set(files)) == len(spoken)
    assert {path.relative_to(tmp_path).as_posix() for path in tmp_path.rglob("*.flac")} == set(files)
    clean = [one for one in spoken if one.condition == "clean" and one.audio]
    assert [word_of(soundfile.read(tmp_path / str(one.audio))[0]) for one in clean] == [one.reference for one in clean]


def test_a_voice_without_consent_is_not_learnt(recipe: Recipe, tmp_path: Path) -> None:
    licensed = SPEAKING.replace("voice: {kind: stock}", "voice: {kind: licensed, speaker: osc, consent: c}\nrights: {use: [train, clone]}")
    with pytest.raises(RefusedByRights, match="the voice is refused"):
        train(make_build(tmp_path, scenario=licensed), tmp_path / "w", recipe, stages=("align",), name="tones")


@pytest.mark.slow
def test_a_published_codec_needs_a_licence_that_the_gate_allows_and_is_part_of_the_order(recipe: Recipe, tmp_path: Path) -> None:
    from test_published_codec import dac

    dac().save_pretrained(tmp_path / "dac")
    source = {"path": str(tmp_path / "dac")}
    build = make_build(tmp_path, scenario=SPEAKING)

    def begun(**said: str) -> store.Artefact:
        speech = {"codec": "published", "checkpoint": {**source, **said}, "longest_s": 0.2}
        short = {stage: getattr(recipe, stage).model_copy(update={"steps": 1}) for stage in ("pretrain", "align")}
        changed = Recipe.model_validate_json(recipe.model_copy(update=short).model_dump_json())
        told = changed.model_copy(update={"speech_out": type(changed.speech_out).model_validate(speech)})
        return train(build, tmp_path / "w", told, stages=("align",), name="tones")

    with pytest.raises(RefusedByRights, match=r"base model|licence"):
        begun()
    run = begun(licence="MIT")
    assert set(run.record.info["bases"]) == {"speech_out.checkpoint"}
    loaded = load_run(run.path)
    assert loaded.checkpoint.speech is not None
    assert loaded.checkpoint.speech.codec.sampling_rate == 16000
    assert loaded.generate(tone("ba", 0.2), INSTRUCTION).sampling_rate == 16000
