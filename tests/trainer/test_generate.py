from __future__ import annotations

import json
import shutil
from pathlib import Path

import numpy as np
import pytest
from tones_world import INSTRUCTION, RATE, WORDS, tone

from speccraft import store
from speccraft.errors import BrokenIntegrity, SpeccraftError
from speccraft.scenario.contracts import Demonstration, Hypothesis, Message, Part
from speccraft.trainer.data import read_cuts
from speccraft.trainer.generate import LoadedRun, answer, hypotheses, instruction, load_run, questions


@pytest.fixture(scope="module")
def loaded(trained: store.Artefact) -> LoadedRun:
    return load_run(trained.path)


@pytest.fixture(scope="module")
def answers(trained: store.Artefact, build: Path) -> list[Hypothesis]:
    return list(hypotheses(trained.path, build))


def test_a_tiny_model_learns_a_few_tones(answers: list[Hypothesis]) -> None:
    assert all(one.text == f"{one.reference}!" for one in answers if one.condition == "clean")


def test_every_test_cut_is_answered_once_in_every_condition(answers: list[Hypothesis]) -> None:
    asked = [(one.condition, one.cut) for one in answers]
    assert len(asked) == len(set(asked)) == 2 * 2 * len(WORDS)
    assert {condition for condition, _ in asked} == {"clean", "place"}
    assert all(one.prompt == INSTRUCTION and one.seconds > 0 and one.reference in WORDS for one in answers)


def test_answers_do_not_depend_on_the_batch_they_are_in(loaded: LoadedRun) -> None:
    # words the model never heard at these lengths: hard cases, where a leak through padding would show
    samples = [tone(word, seconds, phase=seconds) for word in WORDS for seconds in (0.11, 0.29, 0.83)]
    together = answer(loaded, samples, INSTRUCTION)
    assert together == [answer(loaded, [waveform], INSTRUCTION)[0] for waveform in samples]
    assert len(set(together)) > 1


def test_an_answer_is_never_longer_than_asked(loaded: LoadedRun) -> None:
    assert [len(text.encode()) for text in answer(loaded, [tone("ba", 0.3)], INSTRUCTION, max_new_tokens=1)] == [1]


def test_audio_longer_than_the_model_can_hear_is_refused(loaded: LoadedRun) -> None:
    with pytest.raises(SpeccraftError, match="longer than the 2 s"):
        answer(loaded, [np.zeros(3 * RATE, np.float32)], INSTRUCTION)


def test_a_condition_the_build_does_not_hold_is_named(trained: store.Artefact, build: Path) -> None:
    with pytest.raises(SpeccraftError, match="snr_20"):
        next(hypotheses(trained.path, build, conditions=["snr_20"]))


def test_progress_counts_up_to_all_answers(trained: store.Artefact, build: Path) -> None:
    seen: list[tuple[int, int]] = []
    list(hypotheses(trained.path, build, conditions=["clean"], on_progress=lambda *done: seen.append(done)))
    assert seen[-1] == (6, 6)


def test_a_damaged_checkpoint_never_answers(trained: store.Artefact, tmp_path: Path) -> None:
    copy = shutil.copytree(trained.path, tmp_path / "run")
    model = copy / "checkpoints" / "align" / "model.safetensors"
    model.write_bytes(model.read_bytes()[:-4] + b"\0\0\0\0")
    with pytest.raises(BrokenIntegrity, match=r"model\.safetensors"):
        load_run(copy)


def transcribing(cut: str, *texts: str) -> Demonstration:
    system = [Message(role="system", content=(Part(type="text", text=text),)) for text in texts[1:]]
    user = Message(role="user", content=(Part(type="audio", cut=cut), Part(type="text", text=texts[0])))
    assistant = Message(role="assistant", content=(Part(type="text", text="ba"),))
    return Demonstration(id=cut, split="test", rule="transcribe", messages=(*system, user, assistant))


def test_each_cut_is_asked_as_its_demonstration_asks_and_others_as_most_do(build: Path) -> None:
    cuts = read_cuts(build, "test")
    first, second, third, *rest = cuts
    shown = [transcribing(first, "type"), transcribing(second, "write"), transcribing(third, "write", "be brief")]
    asked = questions(shown, cuts)
    assert asked[third] == shown[2].messages[:-1]
    assert [instruction(asked[id]) for id in (first, second, third)] == ["type", "write", "write"]
    assert {instruction(asked[id]) for id in rest} == {"write"}


def test_without_a_transcript_demonstration_there_is_nothing_to_ask() -> None:
    with pytest.raises(SpeccraftError, match="plain transcript"):
        questions([], {})


def test_another_sampling_rate_is_refused(trained: store.Artefact, build: Path, tmp_path: Path) -> None:
    other = shutil.copytree(build, tmp_path / "build")
    record = json.loads((other / "BUILD.json").read_text())
    record["info"]["sampling_rate"] = 16000
    (other / "BUILD.json").write_text(json.dumps(record))
    with pytest.raises(SpeccraftError, match="16000 Hz"):
        next(hypotheses(trained.path, other))
