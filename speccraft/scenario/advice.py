"""Does the scenario make sense: checks across fields, as a table of small pure functions."""

from __future__ import annotations

import difflib
from collections.abc import Callable, Container, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import TypeAlias

from .diagnostics import Diagnostic, Severity, in_order
from .document import Document, Where
from .model import Scenario

PENDING: Mapping[Where, str] = {
    ("budget",): "estimates of time and cost",
    ("voice",): "spoken answers",
    ("rights", "consents"): "the consent log",
    ("privacy", "pii"): "the search for personal data",
    ("manual",): "the job manual",
    ("preference",): "listening tests",
    ("acceptance", "model", "manual"): "the job manual",
}
"""Fields that this version reads and does not use yet, and what they come with."""


Also: TypeAlias = tuple[tuple[Where, str], ...]
"""Other fields that belong to a remark, with what they say."""


@dataclass(frozen=True)
class Remark:
    """One thing to say about the meaning of a field."""

    code: str
    message: str
    where: Where
    help: str = ""
    severity: Severity = "error"
    also: Also = ()


Written: TypeAlias = Container[Where]
"""The fields that the file sets, as against those that have their default."""
Check: TypeAlias = Callable[[Scenario, Written], Iterator[Remark]]


def advise(scenario: Scenario, document: Document) -> tuple[Diagnostic, ...]:
    """Everything there is to say about the meaning of a scenario whose form is right: errors, warnings and notes."""
    remarks = [remark for check in CHECKS for remark in check(scenario, document.values)]
    return in_order(_placed(remark, document) for remark in remarks)


def _placed(remark: Remark, document: Document) -> Diagnostic:
    related = tuple((document.shown(where), text) for where, text in remark.also if where in document.values)
    return document.diagnostic(remark.code, remark.message, remark.where, severity=remark.severity, help=remark.help, related=related)


def repeated_sources(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Ids name sources in reports and files, so each belongs to one source."""
    first: dict[str, Where] = {}
    for index, source in enumerate(scenario.sources):
        where: Where = ("sources", index, "id")
        if source.id in first:
            yield Remark("SC201", f"two sources are called `{source.id}`", where, "choose another id", also=((first[source.id], "first used here"),))
        first.setdefault(source.id, where)


def unknown_banks(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Noise and rooms are ids of sources with that role."""
    for field, role in (("noise", "noise"), ("rooms", "rir")):
        known = [source.id for source in scenario.sources_with(role)]
        for index, id in enumerate(getattr(scenario.environment, field)):
            if id not in known:
                others = [number for number, source in enumerate(scenario.sources) if source.id == id]
                also: Also = tuple((("sources", number, "id"), f"has role `{scenario.sources[number].role}`") for number in others)
                message = f"no source with role `{role}` is called `{id}`"
                yield Remark("SC202", message, ("environment", field, index), _bank_help(id, role, known, is_source=bool(others)), also=also)


def _bank_help(id: str, role: str, known: Sequence[str], is_source: bool) -> str:
    if is_source:
        return f"write `role: {role}` at the source, or name another one"
    near = difflib.get_close_matches(id, known, 1)
    return f"did you mean '{near[0]}'?" if near else f"add a source with `id: {id}` and `role: {role}`"


def halves_of_a_place(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """An SNR needs noise to reach it and noise needs an SNR; a reverberation time needs rooms."""
    place = scenario.environment
    if place.snr_db is not None and not place.noise:
        help = "name sources with role `noise` under `environment.noise`, or remove it"
        yield Remark("SC203", "is declared, but there is no noise to reach it", ("environment", "snr_db"), help)
    if place.noise and place.snr_db is None:
        yield Remark("SC203", "noise is declared, but not how loud", ("environment", "noise"), "add `snr_db: {low: 0, high: 20}` under `environment:`")
    if place.rt60_s is not None and not place.rooms:
        help = "name sources with role `rir` under `environment.rooms`"
        yield Remark("SC203", "is declared, but there are no rooms to reach it", ("environment", "rt60_s"), help, "warning")


def no_speech(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """There is something to learn from."""
    if not scenario.sources_with("speech"):
        also: Also = tuple((("sources", index, "role"), f"has role `{one.role}`") for index, one in enumerate(scenario.sources))
        yield Remark("SC204", "no source has role `speech`", ("sources",), "add a source with recordings to learn from", also=also)


def voice_of_the_answers(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Spoken answers need a voice, and written ones use none."""
    speaks = "speech" in scenario.job.output
    if speaks and scenario.voice.kind == "none":
        help = "add `voice: {kind: stock}`, or answer in text"
        yield Remark("SC205", "answers are spoken, but there is no voice", ("job", "output"), help, also=((("voice",), "no voice may be used"),))
    if not speaks and scenario.voice.kind != "none":
        yield Remark("SC205", "a voice is chosen, but answers are text", ("voice",), "remove `voice:`", "warning", ((("job", "output"), "answers are text"),))


def manual_for_transcription(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """A transcript follows the speech, not a manual."""
    if scenario.job.task == "transcribe" and scenario.manual.rules:
        also: Also = ((("job", "task"), "the job is to transcribe"),)
        yield Remark("SC206", "rules for answers, but the job only transcribes", ("manual", "rules"), "choose `task: converse`, or remove the rules", also=also)


def unseen_without_values(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """A target for the group `unseen` needs someone in that group."""
    if "unseen" in scenario.acceptance.model.wer and not any(scenario.splits.unseen.values()):
        help = "add `unseen: {speaker: [NAME]}` under `splits:`"
        yield Remark("SC207", "a target for the group `unseen`, but nobody is in it", ("acceptance", "model", "wer", "unseen"), help)


def place_without_anything(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Targets for the place need a place that differs from the recordings."""
    place = scenario.environment
    if place.noise or place.rooms or place.channel.codec != "none":
        return
    targets: tuple[Where, ...] = (("acceptance", "model", "wer", "environment"), ("acceptance", "data", "environment_match"))
    for where in targets:
        if where in written:
            yield Remark("SC208", "a target for the place, but the place has no noise, rooms or channel", where, "declare one of them under `environment:`")
    fraction: Where = ("environment", "clean_fraction")
    if fraction in written:
        yield Remark("SC212", "every cut stays as recorded: there is no noise, room or channel", fraction, severity="warning")


def given_without_table(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Official splits are a column, and only tables have columns."""
    if scenario.splits.given is not None and not any(source.format == "table" for source in scenario.sources_with("speech")):
        yield Remark("SC209", "names a table column, but no speech source is a table", ("splits", "given"), "remove it; splits are drawn then")


def stages_without_data(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Each training stage has something to train on."""
    speech = [(index, source) for index, source in enumerate(scenario.sources) if source.role == "speech"]
    for index, stage in enumerate(scenario.training.stages):
        where: Where = ("training", "stages", index)
        if stage == "prefer" and scenario.preference is None:
            yield Remark("SC210", "the stage `prefer` needs to know what is preferred", where, "add `preference: {criteria: [natural]}`")
        elif stage != "prefer" and speech and not any(stage in source.stages for _, source in speech):
            also: Also = tuple((("sources", number, "stages"), f"without `{stage}`") for number, _ in speech)
            yield Remark("SC210", f"no speech source serves the stage `{stage}`", where, f"add `{stage}` to the `stages` of a source", also=also)


def targets_of_other_stages(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Hours are wanted for stages that run."""
    for stage in scenario.acceptance.data.hours:
        if stage not in scenario.training.stages:
            where: Where = ("acceptance", "data", "hours", stage)
            yield Remark("SC211", f"`{stage}` is not among the training stages", where, severity="warning", also=((("training", "stages"), "these run"),))


def used_by_nothing(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """What is declared is used."""
    for field, role in (("noise", "noise"), ("rooms", "rir")):
        for index, source in enumerate(scenario.sources):
            if source.role == role and source.id not in getattr(scenario.environment, field):
                help = f"add `{source.id}` to `environment.{field}`"
                yield Remark("SC212", f"the environment does not use `{source.id}`", ("sources", index, "id"), help, "warning")
    if scenario.preference is not None and "prefer" not in scenario.training.stages:
        run: Also = ((("training", "stages"), "these run"),)
        yield Remark("SC212", "is for the stage `prefer`, which does not run", ("preference",), severity="warning", also=run)
    mode: Where = ("segmentation", "aggressiveness")
    if scenario.segmentation.detector == "energy" and mode in written:
        also: Also = ((("segmentation", "detector"), "chosen here"),)
        yield Remark("SC212", "is a setting of the detector `webrtc`, which is not chosen", mode, severity="warning", also=also)


def no_effect_yet(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Nothing is ignored in silence."""
    pending = [(where, with_what) for where, with_what in PENDING.items() if where in written]
    if scenario.job.task == "converse":
        pending.append((("job", "task"), "the job manual; models transcribe until then"))
    pending += [(("training", "stages", index), "listening tests") for index, stage in enumerate(scenario.training.stages) if stage == "prefer"]
    for where, with_what in pending:
        yield Remark("SC290", f"has no effect yet (comes with {with_what})", where, severity="note")


CHECKS: Sequence[Check] = (
    repeated_sources,
    unknown_banks,
    halves_of_a_place,
    no_speech,
    voice_of_the_answers,
    manual_for_transcription,
    unseen_without_values,
    place_without_anything,
    given_without_table,
    stages_without_data,
    targets_of_other_stages,
    used_by_nothing,
    no_effect_yet,
)
"""Every check; a new one is one function and one entry."""
