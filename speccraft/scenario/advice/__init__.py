"""Does the scenario make sense: checks across fields, as a table of small pure functions."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from speccraft.scenario.diagnostics import Diagnostic, in_order
from speccraft.scenario.document import Document, Where, dotted
from speccraft.scenario.model import Scenario

from . import job, manual, place, sources, targets, training
from .remark import Check, Remark, Written

PENDING: Mapping[Where, str] = {
    ("preference", "criteria"): "listening tests",
    ("acceptance", "model", "manual"): "the job manual",
}
"""Fields that this version reads and does not use yet, and what they come with."""


def advise(scenario: Scenario, document: Document) -> tuple[Diagnostic, ...]:
    """Everything there is to say about the meaning of a scenario whose form is right: errors, warnings and notes."""
    remarks = [remark for check in CHECKS for remark in check(scenario, document.values)]
    return in_order(_placed(remark, document) for remark in remarks)


def _placed(remark: Remark, document: Document) -> Diagnostic:
    """A remark in the text: other fields are shown where they are written, and told in words where they are not."""
    related = tuple((document.shown(where), text) for where, text, *_ in remark.also if where in document.values)
    unwritten = [f"no `{dotted(where)}` is written, so {default[0]}" for where, _, *default in remark.also if where not in document.values and default]
    message = f"{remark.message} ({'; '.join(unwritten)})" if unwritten else remark.message
    return document.diagnostic(remark.code, message, remark.where, severity=remark.severity, help=remark.help, related=related)


def no_effect_yet(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Nothing is ignored in silence."""
    pending = [(where, with_what) for where, with_what in PENDING.items() if where in written]
    if scenario.job.task == "converse" and not scenario.sources_with("demonstrations"):
        pending.append((("job", "task"), "demonstrations, such as `speccraft manual compile` makes; models transcribe until then"))
    for where, with_what in pending:
        yield Remark("SC290", f"has no effect yet (comes with {with_what})", where, severity="note")


CHECKS: Sequence[Check] = (
    sources.repeated_sources,
    sources.no_speech,
    sources.given_without_table,
    sources.one_column_twice,
    sources.same_recordings,
    sources.paths_as_written,
    sources.addresses,
    sources.languages_of_sources,
    sources.styles_of_sources,
    sources.nobody_unseen,
    place.unknown_banks,
    place.halves_of_a_place,
    place.taken_names,
    place.bit_rate_of_the_channel,
    place.band_of_the_channel,
    place.clean_without_a_place,
    place.unused_banks,
    job.voice_of_the_answers,
    job.licensed_voice,
    job.consents_for_nobody,
    job.manual_for_transcription,
    manual.patterns,
    manual.phrases,
    manual.schemas,
    manual.orders,
    job.language_tags,
    job.nothing_heard,
    training.stages_without_data,
    training.stages_out_of_order,
    training.training_not_intended,
    training.preference_without_stage,
    training.setting_of_another_detector,
    training.repetitions,
    targets.unseen_without_values,
    targets.targets_that_all_meet,
    targets.place_without_anything,
    targets.manual_without_rules,
    targets.nothing_to_test_on,
    targets.too_few_speakers,
    targets.too_few_hours,
    targets.rules_that_drop_all,
    targets.targets_of_other_stages,
    no_effect_yet,
)
"""Every check; a new one is one function in the file of its subject and one entry."""
