"""The three questions of stage 1, answered from the plan: transcription or interaction, scripted or spontaneous, and is more worth it?"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from speccraft.plan.estimate import Estimate
from speccraft.plan.fates import Plan
from speccraft.plan.supply import Supply, amount_words, hours_words, needed_hours
from speccraft.scenario.job import Style

WORK_PER_HOUR: Mapping[Style, float] = {"scripted": 4.0, "spontaneous": 14.0, "mixed": 14.0}
"""Hours of work to transcribe an hour of speech. 4 for prepared speech that a recogniser has drafted (Bazillon, Estève & Luzzati, "Manual vs
Assisted Transcription of Prepared and Spontaneous Speech", LREC 2008); 12 to 14, and 2 to check, for telephone conversations (Saon et al.,
"English Conversational Telephone Speech Recognition by Humans and Machines", 2017)."""


@dataclass(frozen=True)
class Answer:
    """One question, what the scenario answers, and what follows from it."""

    question: str
    answer: str
    consequence: str


def questions(plan: Plan, found: Supply, cost: Estimate) -> tuple[Answer, ...]:
    """The three questions with the answers that scenario and data give."""
    return (_interaction(plan), _spontaneity(plan, found), _worth_it(plan, found, cost))


def untranscribed_hours(plan: Plan) -> float:
    """Hours of speech that are dropped for want of a transcript."""
    return sum(item.row.seconds or 0.0 for item in plan.turned_away if item.rule == "transcript") / 3600


def _interaction(plan: Plan) -> Answer:
    scenario, question = plan.scenario, "Transcription or interaction?"
    if scenario.job.task == "transcribe":
        without = sum(item.rule == "transcript" for item in plan.turned_away)
        dropped = f" (rows dropped for want of them: {without})" if without else ""
        said = f"Judged by word error rate alone: every training recording needs the exact words that were said{dropped}. No manual, no demonstrations."
        return Answer(question, "transcription", said)
    spoken = "a licensed voice speaks the answers, under its consent" if scenario.voice.kind == "licensed" else "a stock voice speaks the answers"
    voice = spoken if "speech" in scenario.job.output else "answers are text"
    manual = f"demonstrations of its job manual's {len(scenario.manual.rules)} rules" if scenario.manual.rules else "a job manual, which has no rules yet"
    said = f"Needs transcripts to learn to listen, then {manual}; {voice}. Judged by word error rate and by the manual."
    return Answer(question, "interaction", f"{said} This version trains and judges the listening alone, as `check` notes.")


def _spontaneity(plan: Plan, found: Supply) -> Answer:
    wanted, question = plan.scenario.job.style, "Scripted or spontaneous?"
    there = ", ".join(f"{hours_words(hours)} {style}" for style, hours in found.style_hours.items()) or "no hours of speech"
    other = sum(hours for style, hours in found.style_hours.items() if style != wanted)
    effort = f"an hour of it takes about {WORK_PER_HOUR[wanted]:g} hours to transcribe"
    match wanted:
        case "scripted":
            said = "Texts can be written first and read out, so transcripts cost little; a model that heard only read speech does worse on free speech."
        case "spontaneous":
            said = f"Hesitations, corrections and overlaps are part of what it must hear; {effort}."
        case _:
            said = f"Both are tested, so both should be there; free speech costs more: {effort}."
    if wanted != "mixed" and other:
        said += f" {hours_words(other)} of what is there is of another style: it helps to train, and says little about the job when it tests."
    return Answer(question, f"{wanted}; there is {there}", said)


def _worth_it(plan: Plan, found: Supply, cost: Estimate) -> Answer:
    short, silent = needed_hours(found), untranscribed_hours(plan)
    rate = WORK_PER_HOUR[plan.scenario.job.style]
    if short:
        answer = _against(short * rate, plan.scenario.budget.annotation_hours, "hours of people's time", "annotation_hours")
        said = f"{amount_words(short)} are missing; at about {rate:g} hours of work an hour of speech, that is {short * rate:.1f} hours of work."
    elif found.short_speakers:
        answer = "recordings of more people are needed, not more hours"
        said = f"At least {found.short_speakers} more people have to be recorded, a little each."
    else:
        answer = "not needed for the targets"
        targets = any(stage.wanted_hours for stage in found.stages)
        said = "Every target of hours is met before silence and rules take their part." if targets else "No target of hours is set."
    if silent:
        said += f" {hours_words(silent)} that you have lack a transcript: {silent * rate:.1f} hours of work would admit them, with no new recording."
    return Answer("Is extra annotation and compute worth it?", answer, f"{said} {_compute(cost, plan.scenario.budget.gpu_hours)}")


def _compute(cost: Estimate, gpu_hours: float | None) -> str:
    if not cost.training:
        return "How long training takes is not known: the recipe does not say."
    if cost.gpu_hours:
        return f"Training takes about {cost.gpu_hours:.1f} GPU hours: {_against(cost.gpu_hours, gpu_hours, 'GPU hours', 'gpu_hours')}."
    return "Training takes no GPU" + (f"; the {gpu_hours:g} GPU hours of the budget are not used." if gpu_hours else ".")


def _against(needed: float, budget: float | None, of_what: str, field: str) -> str:
    """Whether a budget covers what is needed."""
    if budget is None:
        return f"{needed:.1f} {of_what} are needed, and `budget.{field}` does not say what you have"
    return f"within the budget of {budget:g} {of_what}" if needed <= budget else f"over the budget: {needed:.1f} {of_what} are needed, {budget:g} are there"
