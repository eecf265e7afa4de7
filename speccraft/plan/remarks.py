"""What a plan's rows say about the scenario: files that are not there, recordings too long, people and languages that nobody has."""

from __future__ import annotations

from collections import Counter, defaultdict
from collections.abc import Iterator

from speccraft.plan.fates import Plan, language_of
from speccraft.plan.supply import is_missing, is_speech, is_too_long
from speccraft.rights.people import skeleton
from speccraft.scenario.source_base import HEARD


def remarks(plan: Plan) -> tuple[str, ...]:
    """Sentences about what will not go as the scenario's author expects."""
    return (*_missing_files(plan), *_too_long(plan), *_nobody(plan), *_languages(plan), *_voice(plan), *_alike(plan))


def _missing_files(plan: Plan) -> Iterator[str]:
    all, gone = Counter(item.source.id for item in plan.admitted), Counter(item.source.id for item in plan.admitted if is_missing(item))
    for source, count in gone.items():
        example = next(item.row.input for item in plan.admitted if item.source.id == source and is_missing(item))
        yield f"{count} of {all[source]} files of source '{source}' are not there, {example} among them; --data names the folder that paths start from"


def _too_long(plan: Plan) -> Iterator[str]:
    count = sum(is_speech(item) and is_too_long(plan, item) for item in plan.admitted)
    if count:
        limit = f"`job.longest_utterance_s` ({plan.scenario.job.longest_utterance_s:g} s)"
        yield f"{count} recordings are longer than {limit} and are not counted: what has a transcript is never cut apart"


def _nobody(plan: Plan) -> Iterator[str]:
    speech = [item.row for item in plan.admitted if is_speech(item)]
    known = {"speaker": {row.speaker for row in speech}, "session": {row.session for row in speech}}
    for axis, values in plan.scenario.splits.unseen.items():
        for value in values:
            if speech and value not in known[axis]:
                yield f"`splits.unseen` names the {axis} {value}, and no recording is of that {axis}"


def _languages(plan: Plan) -> Iterator[str]:
    there = {language_of(plan.scenario, item.source, item.row).lower().split("-")[0] for item in plan.admitted if item.source.role in HEARD}
    for language in plan.scenario.job.languages:
        if there and language.lower().split("-")[0] not in there:
            yield f"`job.languages` names {language}, and no recording is in it"


def _voice(plan: Plan) -> Iterator[str]:
    voice = plan.scenario.voice
    if voice.kind == "licensed" and plan.admitted and voice.speaker not in {item.row.speaker for item in plan.admitted}:
        yield f"the voice is to be {voice.speaker}'s, and no recording is by {voice.speaker}"


def _alike(plan: Plan) -> Iterator[str]:
    """Speakers whose names look alike may be one person, who would stand in training and in test."""
    by_skeleton: dict[str, set[str]] = defaultdict(set)
    for speaker in {item.row.speaker for item in plan.admitted} - {None}:
        by_skeleton[skeleton(str(speaker))].add(str(speaker))
    for names in sorted(sorted(names) for names in by_skeleton.values() if len(names) > 1):
        yield f"the speakers {', '.join(f'`{name}`' for name in names)} are written alike: where they are one person, write one name"
