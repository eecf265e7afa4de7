from __future__ import annotations

import json
from dataclasses import replace

import pytest
from tones_world import INSTRUCTION, RATE, make_build

from speccraft import store
from speccraft.rights.doors import scenario_of
from speccraft.scenario.contracts import Message, Pair, Part
from speccraft.trainer.checkpoint import Checkpoint, fresh
from speccraft.trainer.data import read_cuts
from speccraft.trainer.faults import RULES, Shown
from speccraft.trainer.pairs import Judged, Prompt, better_and_worse, how_many, made, some_prompts
from speccraft.trainer.recipe import Answer, Automatic, Recipe

ASKED = (Message(role="user", content=(Part(type="text", text="so?"),)),)


def judged(text: str, **faults: float) -> Judged:
    return Judged(text, dict.fromkeys(RULES, 0.0) | faults)


def prompt(*shown: str) -> Prompt:
    return Prompt("q", ASKED, 1.0, Shown(shown, ()))


def text_of(answer: tuple[Message, ...]) -> str:
    return "".join(part.text or "" for message in answer for part in message.content)


@pytest.fixture(scope="module")
def build(tmp_path_factory: pytest.TempPathFactory) -> store.Artefact:
    return store.open_artefact(make_build(tmp_path_factory.mktemp("answered")), "build")


@pytest.fixture(scope="module")
def checkpoint(recipe: Recipe) -> Checkpoint:
    return fresh(recipe, RATE, seed=0)


def files(build: store.Artefact, checkpoint: Checkpoint, *, wanted: int = 100, seed: int = 0, **changes: object) -> dict[str, bytes]:
    automatic = Automatic.model_validate({"share": 1.0, **changes})
    cuts = read_cuts(build.path, "train")
    return made(checkpoint, build, cuts, automatic, Answer(max_new_tokens=6), wanted=wanted, seed=seed, on_answered=lambda *_: None)


@pytest.mark.parametrize(("share", "given", "wanted"), [(0.0, 10, 0), (0.5, 10, 10), (0.2, 10, 3), (0.9, 1000, 400), (1.0, 10, 400), (0.5, 0, 400)])
def test_automatic_pairs_are_the_share_that_was_asked_for_of_all(share: float, given: int, wanted: int) -> None:
    assert how_many(Automatic(share=share), given) == wanted


def test_the_best_and_the_worst_answer_make_a_pair_that_names_the_rule_that_tells_them_apart() -> None:
    pair = better_and_worse(prompt("yes"), [judged("no", words=1.0), judged("yes"), judged("yes yes yes", words=0.5, length=1.0)])
    assert pair is not None
    assert (text_of(pair.chosen), text_of(pair.rejected)) == ("yes", "no")
    assert (pair.criterion, pair.origin, pair.n_votes, pair.split) == ("words", "automatic", 0, "train")


def test_a_broken_rule_of_the_manual_is_worse_than_any_wrong_word() -> None:
    pair = better_and_worse(prompt(), [judged("polite and wrong", words=1.0), judged("right and rude", manual=1.0)])
    assert pair is not None
    assert (text_of(pair.rejected), pair.criterion) == ("right and rude", "manual")


def test_where_all_answers_are_as_good_as_each_other_there_is_nothing_to_prefer() -> None:
    assert better_and_worse(prompt("yes"), [judged("yes"), judged("Yes.")]) is None
    assert better_and_worse(prompt(), [judged("a", words=0.5), judged("b", words=0.5)]) is None


def test_where_even_the_best_answer_is_wrong_the_one_that_was_shown_is_preferred() -> None:
    pair = better_and_worse(prompt("yes"), [judged("no", words=1.0), judged("never", words=1.0)])
    assert pair is not None
    assert (text_of(pair.chosen), text_of(pair.rejected)) == ("yes", "no")


def test_the_same_model_and_seed_make_the_same_files_of_pairs_by_the_contract(build: store.Artefact, checkpoint: Checkpoint) -> None:
    first = files(build, checkpoint, answers=3)
    assert first == files(build, checkpoint, answers=3)
    assert first != files(build, checkpoint, answers=3, seed=1)
    pairs = [Pair.model_validate_json(line) for line in first["pairs.jsonl"].splitlines()]
    assert len(pairs) == len({pair.id for pair in pairs}) == 12
    assert {text_of(pair.chosen) for pair in pairs} <= {"ba!", "di!", "zu!"}
    assert all(pair.prompt[0].content[1].text == INSTRUCTION for pair in pairs)
    answers = [json.loads(line) for line in first["answers.jsonl"].splitlines()]
    assert len(answers) == 12 * 3
    assert all(list(answer["faults"]) == sorted(RULES) for answer in answers)


def test_no_more_prompts_are_answered_and_no_more_pairs_kept_than_are_wanted(build: store.Artefact, checkpoint: Checkpoint) -> None:
    few = files(build, checkpoint, wanted=2, prompts=5, answers=2)
    assert few["answers.jsonl"].count(b"\n") == 10
    assert few["pairs.jsonl"].count(b"\n") == 2


def test_prompts_are_training_demonstrations_with_every_answer_that_was_shown_to_them(build: store.Artefact) -> None:
    prompts = some_prompts(build, read_cuts(build.path, "train"), 100, 0)
    assert len(prompts) == 12
    assert all(one.shown.rules == ("transcribe",) and len(one.shown.answers) == 1 for one in prompts)
    assert len({one.messages for one in prompts}) == 12


def test_the_manual_is_that_of_the_build_s_own_scenario(build: store.Artefact) -> None:
    converses = "job: {task: converse, languages: [en]}\nmanual: {rules: [{id: brief, must: answer, pattern: now}]}"
    text = build.record.info["scenario"]["text"].replace("job: {task: transcribe, languages: [en]}", converses)
    other = replace(build, record=build.record.model_copy(update={"info": {"scenario": {"text": text}}}))
    assert scenario_of(build).manual.rules == ()
    assert [(rule.id, rule.pattern) for rule in scenario_of(other).manual.rules] == [("brief", "now")]
