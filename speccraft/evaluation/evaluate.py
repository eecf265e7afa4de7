"""Judge a run's answers and commit the evaluation: scores, acceptance, page and model card."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path

from speccraft import store
from speccraft.errors import BrokenIntegrity, UnreadableInput
from speccraft.evaluation.acceptance import Verdict, judge
from speccraft.evaluation.card import model_card, recipe_digest, training_data
from speccraft.evaluation.page import render_page, worst_answers
from speccraft.evaluation.scores import HeldOutCut, condition_order, groups_of, held_out_cuts, scores
from speccraft.evaluation.wer import NORMALISER, normalised
from speccraft.scenario.contracts import Demonstration, Hypothesis, Score
from speccraft.scenario.model import Scenario
from speccraft.store import Artefact


def evaluate(
    run: Artefact, build: Artefact, workspace: Path, scenario: Scenario, hypotheses: Iterable[Hypothesis], spoken: Path | None = None
) -> tuple[Artefact, Verdict]:
    """Judge answers to a build's test cuts, commit the evaluation and make it the current one.

    Args:
        spoken: folder of the sound of answers, which goes into the evaluation; None where answers have none.

    Raises:
        UnreadableInput: there are no answers, or the build has no transcribed test cuts.
        BrokenIntegrity: the build is damaged, or an answer is not to its test cuts.
    """
    for prefix in ("cuts.", "banks.", "demonstrations.", "report.json"):
        store.check_files(build, prefix=prefix)
    cuts = held_out_cuts(build)
    answers = sorted(hypotheses, key=lambda answer: (condition_order(answer.condition), answer.cut, answer.prompt))
    _check(answers, cuts, build)
    rows = scores(answers, cuts, seed=scenario.seed)
    sizes = {group: len(ids) for group, ids in groups_of(cuts).items()}
    verdict = judge(scenario.acceptance.model, rows, sizes, _notes(run, build))
    name = run.record.name
    folder = workspace / store.KINDS["evaluation"].folder / name
    with store.scratch_folder(folder) as scratch:
        _write(scratch, run, build, scenario, answers, rows, verdict)
        if spoken is not None:
            store.write_many(scratch, ((answer.audio, (spoken / answer.audio).read_bytes()) for answer in answers if answer.audio))
        evaluation = store.commit(
            scratch,
            folder,
            kind="evaluation",
            name=name,
            derives_from=(run.as_parent, build.as_parent),
            info={"scenario": scenario.name, "verdict": verdict.verdict, "normaliser": {"name": NORMALISER.name, "digest": NORMALISER.digest}},
            counts={"hypotheses.jsonl": len(answers)},
        )
    store.set_current(workspace, evaluation)
    return evaluation, verdict


def _write(scratch: Path, run: Artefact, build: Artefact, scenario: Scenario, answers: Sequence[Hypothesis], rows: Sequence[Score], verdict: Verdict) -> None:
    facts = {
        "run": f"{run.record.name}/{run.record.id}, {run.digest}",
        "data build": f"{build.record.name}/{build.record.id}, {build.digest}",
        "recipe": f"recipe.yaml of the run ({', '.join(run.record.info['stages'])}), {recipe_digest(run)}",
        "text normalisation": f"{NORMALISER.name}, {NORMALISER.digest}",
    }
    page = render_page(scenario.name, facts, verdict, rows, worst_answers(answers))
    store.write_bytes(scratch / "hypotheses.jsonl", store.json_lines([answer.model_dump(mode="json") for answer in answers]))
    store.write_bytes(scratch / "scores.json", store.canonical_json({"rows": [row.model_dump(mode="json") for row in rows]}))
    store.write_bytes(scratch / "acceptance.json", store.canonical_json(verdict.model_dump(mode="json")))
    store.write_bytes(scratch / "acceptance.html", page.encode())
    store.write_bytes(scratch / "MODEL_CARD.md", model_card(scenario, run, build, training_data(build), rows, verdict).encode())


def _check(answers: Sequence[Hypothesis], cuts: Mapping[str, HeldOutCut], build: Artefact) -> None:
    """An answer counts once, is to a test cut of this build, and is compared with what was said or asked for there."""
    if not cuts:
        raise UnreadableInput(f"{build.path}: holds no transcribed test cuts", try_this="give splits.test a share in the scenario and build again")
    if not answers:
        raise UnreadableInput(f"{build.path}: no answers to judge", try_this="let the run answer the test cuts first")
    (most, times), *_ = Counter((answer.cut, answer.condition, answer.prompt) for answer in answers).most_common(1)
    if times > 1:
        raise BrokenIntegrity(f"hypotheses: {most[0]} is answered {times} times in condition {most[1]}", try_this="answer the test cuts again")
    allowed = _references(cuts, build)
    for answer in answers:
        if answer.cut not in allowed:
            raise BrokenIntegrity(f"hypotheses: {answer.cut} is not a transcribed test cut of {build.path}", try_this="evaluate on the build that was answered")
        if normalised(answer.reference) not in allowed[answer.cut]:
            raise BrokenIntegrity(f"hypotheses: the reference of {answer.cut} is not what the build says", try_this="evaluate on the build that was answered")


def _references(cuts: Mapping[str, HeldOutCut], build: Artefact) -> dict[str, set[str]]:
    allowed = {id: {normalised(cut.text)} for id, cut in cuts.items()}
    path = build.path / "demonstrations.test.jsonl"
    for line in path.read_bytes().splitlines() if path.is_file() else ():
        demonstration = Demonstration.model_validate_json(line)
        answer = " ".join(part.text or "" for part in demonstration.messages[-1].content)
        for part in (part for message in demonstration.messages for part in message.content):
            if part.cut in allowed:
                allowed[part.cut].add(normalised(answer))
    return allowed


def _notes(run: Artefact, build: Artefact) -> list[str]:
    if any(parent.kind == "build" and parent.digest == build.digest for parent in run.record.derives_from):
        return []
    return ["this run was trained on another build: whether its training speech overlaps these test cuts was not checked"]


def scores_of(evaluation: Path) -> list[Score]:
    """The score rows of a committed evaluation."""
    return [Score.model_validate(row) for row in json.loads((evaluation / "scores.json").read_bytes())["rows"]]
