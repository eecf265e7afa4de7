"""Does the job make sense: its voice, its languages, and how they fit together."""

from __future__ import annotations

from collections.abc import Iterator

from speccraft.scenario.diagnostics import Severity
from speccraft.scenario.document import Where
from speccraft.scenario.language import near_tag, well_formed
from speccraft.scenario.model import Scenario

from .remark import Also, Remark, Written


def voice_of_the_answers(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Spoken answers need a voice, and written ones use none."""
    speaks = "speech" in scenario.job.output
    kind = scenario.voice.kind
    if speaks and kind == "none":
        also: Also = ((("voice",), "no voice may be used", "`kind: none` holds"),)
        yield Remark("SC205", "answers are spoken, but there is no voice", ("job", "output"), "add `voice: {kind: stock}`, or answer in text", also=also)
    if speaks or kind == "none":
        return
    silent: Also = ((("job", "task"), "the job is to transcribe"),)
    if scenario.job.task == "converse":
        silent = ((("job", "output"), "answers are text", "answers are text"),)
    # A stock voice belongs to nobody, so naming one too many harms nobody; a person's consent must not be asked for nothing.
    severity: Severity = "error" if kind == "licensed" else "warning"
    whose = "a person's voice" if kind == "licensed" else "a voice"
    yield Remark(
        "SC205", f"{whose} is chosen, but nothing is spoken", ("voice",), "remove `voice:`, or let a `converse` job answer in speech", severity, silent
    )


def licensed_voice(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """A person's voice needs a consent record, and an intention that the record can allow."""
    if scenario.voice.kind != "licensed":
        return
    if scenario.rights.consents is None:
        also: Also = ((("rights",), "no `consents:` here", "no consents file is named"),)
        help = "add `consents: consents.yaml` under `rights:`; the record has to allow `clone`, which speaking in a voice is, and each of `rights.use`"
        yield Remark("SC213", "a person's voice needs the file that holds the consent record", ("voice", "consent"), help, also=also)
    if not {"synthesise", "clone"} & set(scenario.rights.use):
        uses = ", ".join(scenario.rights.use)
        also = ((("rights", "use"), "neither `synthesise` nor `clone` is intended", f"`use: [{uses}]` holds"),)
        help = "add `synthesise` (or `clone`, to imitate the voice) to `rights.use`, or take a stock voice"
        yield Remark("SC213", "a person's voice is to speak, but that is no intended use", ("voice", "kind"), help, also=also)


def manual_for_transcription(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """A transcript follows the speech, not a manual."""
    also: Also = ((("job", "task"), "the job is to transcribe"),)
    about: tuple[tuple[bool, Where, str], ...] = (
        (bool(scenario.manual.rules), ("manual", "rules"), "rules for answers"),
        (bool(scenario.manual.persona), ("manual", "persona"), "somebody who answers"),
        (scenario.manual.format.kind != "plain", ("manual", "format"), "a form of answers"),
        (scenario.acceptance.model.manual is not None, ("acceptance", "model", "manual"), "a target for answers"),
    )
    for is_set, where, what in about:
        if is_set and scenario.job.task == "transcribe":
            yield Remark("SC206", f"{what}, but the job only transcribes", where, "choose `task: converse`, or remove it", also=also)


def consents_for_nobody(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """A consents file is asked for a licensed voice, and for speakers where a licence leaves a use to them: always `clone`, more where `licences` say so."""
    consents: Where = ("rights", "consents")
    is_asked = scenario.voice.kind == "licensed" or "clone" in scenario.rights.use or any(one.consent for one in scenario.rights.licences)
    if consents in written and scenario.rights.consents is not None and not is_asked:
        also: Also = ((("voice",), "is nobody's", "`kind: none` holds"),)
        yield Remark("SC212", "is asked for by nothing: no voice is licensed, and no licence leaves a use to speakers", consents, severity="warning", also=also)


def language_tags(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Languages are written as BCP 47 tags."""
    places: list[tuple[Where, str | None]] = [(("job", "languages", index), tag) for index, tag in enumerate(scenario.job.languages)]
    places += [(("sources", index, "language"), source.language) for index, source in enumerate(scenario.sources)]
    for where, tag in places:
        if tag is not None and not well_formed(tag):
            near = near_tag(tag)
            help = f"did you mean '{near}'?" if near else "two or three letters, and a region if it matters: en, de-CH, cmn"
            yield Remark("SC221", f"`{tag}` is no language tag by BCP 47", where, help)


def nothing_heard(scenario: Scenario, written: Written) -> Iterator[Remark]:
    """Who neither hears nor speaks need not learn to listen."""
    if "speech" in (*scenario.job.input, *scenario.job.output) or "pretrain" not in scenario.training.stages:
        return
    stages = ", ".join(scenario.training.stages)
    also: Also = ((("training", "stages"), "`pretrain` learns to listen", f"`stages: [{stages}]` holds, and `pretrain` learns to listen"),)
    yield Remark("SC228", "users send text and get text, so no speech is heard", ("job", "input"), "add `speech` to the input", "warning", also)
