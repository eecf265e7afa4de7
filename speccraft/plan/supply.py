"""What there is against what acceptance asks for: hours and speakers per stage, as the splits would fall, and what is missing."""

from __future__ import annotations

import math
from collections import Counter, defaultdict
from collections.abc import Iterable, Sequence
from dataclasses import dataclass

import polars as pl

from speccraft.errors import SpeccraftError
from speccraft.plan.fates import Admitted, Plan, keeps_untranscribed
from speccraft.plan.groups import groups
from speccraft.plan.members import MEMBERS, plain, stratum_of
from speccraft.plan.splits import Assignment, assign
from speccraft.scenario.contracts import SPLITS
from speccraft.scenario.job import Stage, Style
from speccraft.scenario.source_base import HEARD

HOUR_S = 3600.0


@dataclass(frozen=True)
class StageSupply:
    """Speech for one training stage: what is in its sources, what of it would go to training, and what acceptance asks for.

    Hours are those of whole recordings; silence and quality rules take their part when the build runs. `short_hours` is what
    to record: more than what training lacks, since dev and test take their share of it.
    """

    stage: Stage
    rows: int
    hours: float
    speakers: int
    training_hours: float
    wanted_hours: float | None
    short_hours: float


@dataclass(frozen=True)
class Supply:
    """The speech of a plan, in recorded hours; of what nobody wrote down only the `untranscribed_hours` for training are told.

    `training_share` is the part of new speech that goes to training, `short_speakers` how many people to find, `lengths` counts
    rows by who says how long they are, `split_problem` is why the declared splits cannot be made, as far as can be seen now.
    """

    stages: tuple[StageSupply, ...]
    hours: dict[str, float]
    style_hours: dict[Style, float]
    training_speakers: int
    wanted_speakers: int | None
    short_speakers: int
    training_share: float
    lengths: dict[str, int]
    split_problem: str
    untranscribed_hours: float


def supply(plan: Plan) -> Supply:
    """Count the speech that enters, and split it as the build would if it kept all that is not missing or too long."""
    there = [item for item in plan.admitted if is_speech(item) and not (is_missing(item) or is_too_long(plan, item))]
    assignment, problem = assigned(plan, there)
    speech = [item for item in there if not is_untranscribed(plan, item)]
    training = [item for item in speech if assignment.split.get(_name(item)) == "train"]
    shared = [item for item in speech if _is_shared_out(plan, item)]
    settled = [item for item in training if not _is_shared_out(plan, item)]
    share, wanted = _training_share(plan, speech), plan.scenario.acceptance.data.speakers
    apart = share if "speaker" in plan.scenario.splits.disjoint else 1.0
    return Supply(
        stages=tuple(_stage(plan, stage, speech, training, share) for stage in plan.scenario.training.stages),
        hours={split: _hours(item for item in speech if assignment.split.get(_name(item)) == split) for split in SPLITS},
        style_hours={style: _hours(item for item in speech if style_of(plan, item) == style) for style in _styles(plan, speech)},
        training_speakers=(speakers := len(_speakers(training))),
        wanted_speakers=wanted,
        short_speakers=math.ceil(_short(wanted, speakers, len(_speakers(settled)), len(_speakers(shared)), apart)),
        training_share=share,
        lengths=dict(Counter(item.row.length_from or "unknown" for item in speech)),
        split_problem=problem,
        untranscribed_hours=_hours(item for item in there if is_untranscribed(plan, item) and assignment.split.get(_name(item)) == "train"),
    )


def missing(plan: Plan, found: Supply) -> tuple[str, ...]:
    """What acceptance would miss, as sentences that say what to collect."""
    people = found.short_speakers
    some = f" from at least {people} more speaker{'' if people == 1 else 's'}" if people else ""
    style = "" if plan.scenario.job.style == "mixed" else f"{plan.scenario.job.style} "
    sentences = []
    for stage in found.stages:
        if stage.short_hours:
            needed, why = amount_words(stage.short_hours, "more "), _why(stage, found, plan.scenario.job.style)
            sentences.append(f"you need {needed} of {style}speech for `{stage.stage}`{some}: {why}")
    if people and not sentences:
        sentences.append(f"you need {style}speech{some}: {found.training_speakers} of {found.wanted_speakers} speakers are in training")
    return tuple(sentences)


def needed_hours(found: Supply) -> float:
    """Hours to record so that no stage is short; one recording serves every stage."""
    return max((stage.short_hours for stage in found.stages), default=0.0)


def style_of(plan: Plan, item: Admitted) -> Style:
    """Style of a row: its source's, or the job's."""
    return item.source.style or plan.scenario.job.style


def is_speech(item: Admitted) -> bool:
    """Whether a row is a recording of speech, alone or in a dialogue."""
    return item.source.role in HEARD and not item.row.is_text


def is_missing(item: Admitted) -> bool:
    """Whether the file of a row is not there."""
    return item.row.length_from == "missing"


def is_too_long(plan: Plan, item: Admitted) -> bool:
    """Whether a row with a transcript or of a dialogue is longer than the job allows: only silence at its ends could save it from being dropped."""
    is_whole = (item.row.text or item.row.dialogue is not None) and not is_untranscribed(plan, item)
    return bool(is_whole) and (item.row.seconds or 0.0) > plan.scenario.job.longest_utterance_s


def is_untranscribed(plan: Plan, item: Admitted) -> bool:
    """Whether a row is speech that nobody wrote down, or so long that its transcript says nothing about its parts: it serves pre-training alone."""
    if not keeps_untranscribed(plan.scenario, item.source):
        return False
    is_long = item.row.start is None and item.row.end is None and (item.row.seconds or 0.0) > plan.scenario.job.longest_utterance_s
    return not item.row.text or is_long


def hours_words(hours: float) -> str:
    """A length as people say it: hours, minutes or seconds."""
    if hours >= 1:
        return f"{hours:.1f} h"
    return f"{hours * 60:.1f} min" if hours * HOUR_S >= 60 else f"{hours * HOUR_S:.0f} s"


def amount_words(hours: float, more: str = "") -> str:
    """What to collect, rounded up."""
    unit_h, unit = (1.0, "hours") if hours >= 1 else (1 / 60, "minutes")
    return f"{math.ceil(hours / unit_h * 10 - 1e-9) / 10:.1f} {more}{unit}"


def assigned(plan: Plan, speech: Sequence[Admitted]) -> tuple[Assignment, str]:
    """The splits that the build would make if it kept all of this speech, or why it could make none; copies show only when they are decoded."""
    members = _members(plan, sorted(speech, key=lambda one: (one.source.id, one.row.input)))
    try:
        return assign(members, plan.scenario.splits, plan.scenario.seed), ""
    except SpeccraftError as error:
        return Assignment(), f"{error.message}; {error.try_this}"


def _members(plan: Plan, speech: Sequence[Admitted]) -> pl.DataFrame:
    together = _together(speech)
    columns: dict[str, Iterable[str | float | None]] = {
        "id": (_name(item) for item in speech),
        "seconds": (0.0 if is_untranscribed(plan, item) else item.row.seconds or 0.0 for item in speech),
        "given": (item.row.split for item in speech),
        "stratum": (stratum_of(item.row.groups, plan.scenario.splits.stratify) for item in speech),
        "recording": (f"{item.source.id}:{item.row.recording or item.row.input}" for item in speech),
        "speaker": (item.row.speaker for item in speech),
        "session": (item.row.session for item in speech),
        "text": (plain(item.row.text) for item in speech),
        "dialogue": (together.get(str(item.row.path)) for item in speech),
    }
    return pl.DataFrame([pl.Series(name, list(columns.get(name, [None] * len(speech))), dtype=dtype) for name, dtype in MEMBERS.items()])


def _together(speech: Sequence[Admitted]) -> dict[str, str]:
    """For each file that is heard in dialogues, the name of what it hangs together with."""
    heard: dict[tuple[str, str], list[str]] = defaultdict(list)
    for item in speech:
        if item.row.dialogue is not None:
            heard[item.source.id, item.row.dialogue.id].append(str(item.row.path))
    return groups(heard.values())


def _name(item: Admitted) -> str:
    return f"{item.source.id}:{item.row.input}"


def _training_share(plan: Plan, speech: Sequence[Admitted]) -> float:
    """What part of new recordings goes to training: an official dev or test split takes nothing of them."""
    splits, official = plan.scenario.splits, {item.row.split for item in speech}
    return 1 - (0.0 if "dev" in official else splits.dev) - (0.0 if "test" in official else splits.test)


def _is_shared_out(plan: Plan, item: Admitted) -> bool:
    """Whether the declared shares decide the split of a row: no official split does, and it is not of somebody unseen."""
    unseen = plan.scenario.splits.unseen
    return item.row.split is None and item.row.speaker not in unseen.get("speaker", ()) and item.row.session not in unseen.get("session", ())


def _short(wanted: float | None, training: float, settled: float, shared: float, share: float) -> float:
    """How much more is needed for training to reach what is wanted, when it is shared out with what is shared out already.

    Args:
        training: what training has now, `settled` of it whatever the shares are.
        shared: what is shared out now, wherever it went.
    """
    return 0.0 if wanted is None or training >= wanted else max((wanted - settled) / share - shared, wanted - training)


def _stage(plan: Plan, stage: Stage, speech: Sequence[Admitted], training: Sequence[Admitted], share: float) -> StageSupply:
    mine = [item for item in speech if stage in item.source.stages]
    trained = [item for item in training if stage in item.source.stages]
    hours, training_hours = _hours(mine), _hours(trained)
    shared, settled = _hours(item for item in mine if _is_shared_out(plan, item)), _hours(item for item in trained if not _is_shared_out(plan, item))
    wanted = plan.scenario.acceptance.data.hours.get(stage)
    return StageSupply(
        stage=stage,
        rows=len(mine),
        hours=hours,
        speakers=len(_speakers(mine)),
        training_hours=training_hours,
        wanted_hours=wanted,
        short_hours=_short(wanted, training_hours, settled, shared, share),
    )


def _hours(items: Iterable[Admitted]) -> float:
    return sum(item.row.seconds or 0.0 for item in items) / HOUR_S


def _speakers(items: Iterable[Admitted]) -> set[str]:
    return {item.row.speaker for item in items if item.row.speaker is not None}


def _styles(plan: Plan, speech: Sequence[Admitted]) -> list[Style]:
    return sorted({style_of(plan, item) for item in speech})


def _why(stage: StageSupply, found: Supply, wanted: Style) -> str:
    goes = "" if found.training_share == 1 else f", and {found.training_share:.0%} of what you record goes to training"
    there = f"{hours_words(stage.training_hours)} of {hours_words(stage.wanted_hours or 0.0)} are there"
    return there + _of_style(found, wanted) + goes


def _of_style(found: Supply, wanted: Style) -> str:
    """How much of what is there is not of the style that the job wants; it counts, for acceptance counts every style."""
    other = 0.0 if wanted == "mixed" else sum(hours for style, hours in found.style_hours.items() if style != wanted)
    return f" (not {wanted}: {hours_words(other)} of all that was recorded)" if other else ""
