"""The whole judgement: honest verdicts, what is written, what is refused."""

from __future__ import annotations

import json
from collections.abc import Callable

import pytest
from evaluation_world import WORDS, World, committed, scenario

from speccraft import store
from speccraft.errors import BrokenIntegrity, UnreadableInput
from speccraft.evaluation.evaluate import evaluate
from speccraft.scenario.contracts import Hypothesis, Score
from speccraft.verify import verify

ASKED = {"wer": {"clean": 0.15, "environment": 0.35, "unseen": 0.3}, "real_time_factor": 0.5}


@pytest.mark.parametrize(
    ("say", "passed"),
    [
        (lambda text, condition: text, True),
        (lambda text, condition: "", False),
        (lambda text, condition: "zero", False),
        (lambda text, condition: text if condition == "clean" else "", False),
        (lambda text, condition: " ".join(WORDS), False),
    ],
    ids=["a perfect oracle", "answers nothing", "always says zero", "deaf in the place", "says everything"],
)
def test_models_get_the_verdict_they_deserve(world: World, say: Callable[[str, str], str], passed: bool) -> None:
    _, verdict = evaluate(world.run, world.build, world.workspace, scenario(**ASKED), world.answers(say))
    assert verdict.passed == passed


def test_swapped_references_are_refused_because_the_build_knows_what_was_said(world: World) -> None:
    swapped = [one["supervisions"][0]["text"] for one in world.cuts[1:] + world.cuts[:1]]
    with pytest.raises(BrokenIntegrity, match="not what the build says"):
        evaluate(world.run, world.build, world.workspace, scenario(**ASKED), world.answers(lambda text, condition: text, lambda index: swapped[index]))


def test_a_run_whose_answers_belong_to_other_cuts_is_blocked(world: World) -> None:
    answers = list(world.answers(lambda text, condition: text))
    shifted = [answer.model_copy(update={"text": other.text}) for answer, other in zip(answers, answers[5:] + answers[:5], strict=True)]
    _, verdict = evaluate(world.run, world.build, world.workspace, scenario(**ASKED), shifted)
    assert not verdict.passed


def test_leaving_out_the_hard_cuts_is_no_pass(world: World) -> None:
    easy = (answer for answer in world.answers(lambda text, condition: text) if "-four-" not in answer.cut)
    _, verdict = evaluate(world.run, world.build, world.workspace, scenario(**ASKED), easy)
    assert {clause.verdict for clause in verdict.clauses} == {"not proven"}


def test_the_evaluation_holds_what_it_promises_and_proves_clean(world: World) -> None:
    evaluation, verdict = evaluate(world.run, world.build, world.workspace, scenario(**ASKED), world.answers(lambda text, condition: text))
    assert evaluation.path == world.workspace / "evaluations" / "digits" / evaluation.record.id
    assert [entry.path for entry in evaluation.record.files] == ["MODEL_CARD.md", "acceptance.html", "acceptance.json", "hypotheses.jsonl", "scores.json"]
    assert evaluation.record.derives_from == (world.run.as_parent, world.build.as_parent)
    assert store.current(world.workspace, "evaluation", "digits") == evaluation
    rows = [Score.model_validate_json(json.dumps(row)) for row in json.loads((evaluation.path / "scores.json").read_text())["rows"]]
    assert next(row for row in rows if row.group == "unseen").n == 25
    lines = (evaluation.path / "hypotheses.jsonl").read_text().splitlines()
    assert len([Hypothesis.model_validate_json(line) for line in lines]) == 600
    assert json.loads((evaluation.path / "acceptance.json").read_text())["verdict"] == verdict.verdict
    report = verify(evaluation.path)
    assert (report.problems, report.notes) == ([], [])


def test_the_same_answers_give_the_same_evaluation(world: World) -> None:
    answers = list(world.answers(lambda text, condition: "one"))
    first, _ = evaluate(world.run, world.build, world.workspace, scenario(**ASKED), answers)
    second, _ = evaluate(world.run, world.build, world.workspace, scenario(**ASKED), answers[::-1])
    assert first == second


def test_no_answers_an_answer_twice_and_a_foreign_cut_are_refused(world: World) -> None:
    answers = list(world.answers(lambda text, condition: text))
    with pytest.raises(UnreadableInput):
        evaluate(world.run, world.build, world.workspace, scenario(), [])
    with pytest.raises(BrokenIntegrity, match="answered 2 times"):
        evaluate(world.run, world.build, world.workspace, scenario(), [*answers, answers[0]])
    with pytest.raises(BrokenIntegrity, match="not a transcribed test cut"):
        evaluate(world.run, world.build, world.workspace, scenario(), [answers[0].model_copy(update={"cut": "other"})])
    assert not list((world.workspace / "evaluations").rglob("EVALUATION.json"))


def test_a_damaged_build_is_not_judged_on(world: World) -> None:
    with (world.build.path / "cuts.test.jsonl").open("ab") as file:
        file.write(b"\n")
    with pytest.raises(BrokenIntegrity, match="differs"):
        evaluate(world.run, world.build, world.workspace, scenario(), world.answers(lambda text, condition: text))


def test_what_a_demonstration_asks_for_is_a_reference_too(world: World) -> None:
    id = world.cuts[0]["id"]
    dialogue = {
        "id": "d0",
        "split": "test",
        "rule": "format",
        "messages": [{"role": "user", "content": [{"type": "audio", "cut": id}]}, {"role": "assistant", "content": [{"type": "text", "text": '{"digit": 4}'}]}],
    }
    names = ("cuts.test.jsonl", "cuts.train.jsonl", "report.json")
    files = {name: (world.build.path / name).read_bytes() for name in names} | {"demonstrations.test.jsonl": store.json_lines([dialogue])}
    build = committed(world.workspace, "build", files)
    answer = Hypothesis(cut=id, condition="clean", prompt="", text="4", reference='{"digit": 4}', seconds=0.1)
    evaluation, verdict = evaluate(world.run, build, world.workspace, scenario(), [answer])
    assert evaluation.path.is_dir()
    assert any("another build" in note for note in verdict.notes)
