"""Decide, from the scenario and the rows alone, what enters a build and what is turned away, and why."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache, cached_property
from typing import Any

from speccraft.ingest.rows import Row
from speccraft.plan.dialogues import INCOMPLETE
from speccraft.rights import gate
from speccraft.rights.doors import NOBODYS_VOICE, VoiceDecision, door_of
from speccraft.rights.gate import Decision
from speccraft.rights.licences import need_known
from speccraft.rights.papers import Papers
from speccraft.rights.people import known_speaker
from speccraft.rights.personal import kinds
from speccraft.rights.waivers import Waiver, row_of
from speccraft.scenario import Scenario
from speccraft.scenario.contracts import SNR_LADDER_DB
from speccraft.scenario.source import Source


@dataclass(frozen=True)
class Admitted:
    """One row that enters the build, with its normalised licence, and the waiver that lets it in where its licence does not."""

    source: Source
    row: Row
    licence: str
    waiver: Waiver | None = None


@dataclass(frozen=True)
class TurnedAway:
    """One row that does not: `refused` by rights, `dropped` by a rule, `failed` because its row is broken."""

    source: Source
    row: Row
    fate: str
    rule: str
    reason: str


@dataclass(frozen=True)
class Plan:
    """What will be done. Every row of every source is in exactly one of the two lists.

    `as_of` is the day (YYYY-MM-DD) that rights were judged at, `voice` whether the assistant's voice may be used, `papers` what was on file then.
    """

    scenario: Scenario
    admitted: tuple[Admitted, ...]
    turned_away: tuple[TurnedAway, ...]
    as_of: str
    voice: VoiceDecision
    papers: Papers

    @cached_property
    def refused_sources(self) -> dict[str, str]:
        """Sources of which rights refused every row, with the first reason."""
        passed = {item.source.id for item in self.admitted} | {item.source.id for item in self.turned_away if item.fate != "refused"}
        refused = {item.source.id: item.reason for item in reversed(self.turned_away) if item.fate == "refused"}
        return {id: reason for id, reason in refused.items() if id not in passed}

    @cached_property
    def stopped_by(self) -> dict[str, str]:
        """What rights refuse so that nothing is built: sources that may not be left out, and the voice."""
        stopping = {source.id for source in self.scenario.sources if source.on_refusal == "stop"}
        sources = {f"source '{id}'": reason for id, reason in self.refused_sources.items() if id in stopping}
        return sources | ({"the voice": self.voice.refusal} if self.voice.refusal else {})

    @property
    def way_out(self) -> str:
        """What to try where rights stop the build."""
        ways = []
        if any("no licence is stated" in reason for reason in self.stopped_by.values()):
            ways.append("state the licence, such as `licence: CC-BY-4.0`")
        if any(what != "the voice" and "no licence is stated" not in reason for what, reason in self.stopped_by.items()):
            ways.append("correct the licence, or set `on_refusal: exclude` on a source that can be spared")
        if self.voice.refusal:
            ways.append("correct the consent record, put it into the consent log with `speccraft consent add`, or choose another voice")
        return "; ".join(ways)

    @cached_property
    def attributions(self) -> list[tuple[str, str, str]]:
        """(source, licence, whom to name) of everything that enters and names somebody."""
        named = ((item.source.id, item.licence, item.row.attribution or item.source.attribution) for item in self.admitted)
        return sorted({(source, licence, whom) for source, licence, whom in named if whom is not None})

    @cached_property
    def waivers(self) -> list[tuple[str, str | None, int, Waiver]]:
        """(source, licence as it is written, rows, waiver) of everything that enters although its licence does not let it in."""
        counts: dict[tuple[str, str | None, str], int] = {}
        known = {item.waiver.id: item.waiver for item in self.admitted if item.waiver is not None}
        for item in self.admitted:
            if item.waiver is not None:
                key = (item.source.id, item.row.licence or item.source.licence, item.waiver.id)
                counts[key] = counts.get(key, 0) + 1
        return [(source, licence, count, known[id]) for (source, licence, id), count in sorted(counts.items(), key=str)]

    @property
    def waiver_rows(self) -> list[dict[str, Any]]:
        """The same as records and cards say it."""
        return [row_of(*one) for one in self.waivers]

    @cached_property
    def refusals(self) -> list[tuple[str, str, int]]:
        """(source, reason, rows) of everything rights refused, most rows first."""
        counts: dict[tuple[str, str], int] = {}
        for item in self.turned_away:
            if item.fate == "refused":
                counts[item.source.id, item.reason] = counts.get((item.source.id, item.reason), 0) + 1
        return sorted(((source, reason, n) for (source, reason), n in counts.items()), key=lambda row: (-row[2], row[0], row[1]))


def plan(scenario: Scenario, rows: Mapping[str, Sequence[Row]], *, as_of: str, voice: VoiceDecision = NOBODYS_VOICE, papers: Papers | None = None) -> Plan:
    """Decide the fate of every row that can be decided without touching audio. A speaker called `unknown` is nobody known.

    Args:
        as_of: the day (YYYY-MM-DD) that rights are judged at.
        voice: whether the assistant's voice may be used.
        papers: what is on file about consents, waivers and licences of one's own; nothing when left out.

    Raises:
        SpeccraftError: `rights.accept` names a licence we do not know.
    """
    papers = papers or Papers(scenario.rights, as_of)
    need_known(scenario.rights.accept, [one.id for one in scenario.rights.licences])
    admitted: list[Admitted] = []
    turned_away: list[TurnedAway] = []
    for source in scenario.sources:
        judge = judge_of(papers, source)
        for row in map(_with_known_speaker, rows[source.id]):
            decision = _decide(scenario, source, row, judge(row.licence or source.licence, row.speaker))
            if isinstance(decision, Admitted):
                admitted.append(decision)
            else:
                turned_away.append(decision)
    whole = whole_dialogues(admitted, turned_away)
    return Plan(scenario, tuple(whole), tuple(turned_away), as_of, voice, papers)


def judge_of(papers: Papers, source: Source) -> Callable[[str | None, str | None], Decision]:
    """Ask the gate about rows of a source by licence and speaker; a corpus has a million rows, and a few of these."""
    door, id, choice = door_of(source), source.id, source.licence_choice

    @cache
    def judge(licence: str | None, speaker: str | None) -> Decision:
        return gate.may(papers, door=door, licence=licence, source=id, speaker=speaker, choice=choice)

    return judge


def _with_known_speaker(row: Row) -> Row:
    return row if (speaker := known_speaker(row.speaker)) == row.speaker else row.having(speaker=speaker)


def conditions(scenario: Scenario) -> tuple[str, ...]:
    """The fixed conditions that dev and test cuts are materialised in: `clean`, `place`, and the SNR ladder where noise is declared."""
    environment = scenario.environment
    if not environment.does_something:
        return ("clean",)
    return ("clean", "place", *(f"snr_{snr}" for snr in SNR_LADDER_DB if environment.has_noise))


def _decide(scenario: Scenario, source: Source, row: Row, decision: Decision) -> Admitted | TurnedAway:
    if not decision.allowed:
        return TurnedAway(source, row, "refused", "rights", decision.reason)
    if row.problem:
        return TurnedAway(source, row, "failed", "row", row.problem)
    if rule_and_reason := _metadata_rule(scenario, source, row):
        return TurnedAway(source, row, "dropped", *rule_and_reason)
    return Admitted(source, row, decision.licence, decision.waiver)


def whole_dialogues(admitted: Sequence[Admitted], turned_away: list[TurnedAway]) -> list[Admitted]:
    """What enters without dialogues of which a part does not; their other parts are turned away for it."""
    missing: dict[tuple[str, str], TurnedAway] = {}
    for away in turned_away:
        if away.row.dialogue is not None:
            missing.setdefault((away.source.id, away.row.dialogue.id), away)
    whole: list[Admitted] = []
    for item in admitted:
        gone = missing.get((item.source.id, item.row.dialogue.id)) if item.row.dialogue else None
        if gone is None:
            whole.append(item)
        else:
            turned_away.append(TurnedAway(item.source, item.row, "dropped", INCOMPLETE, f"{gone.row.input} is {gone.fate} ({gone.rule}): {gone.reason}"))
    return whole


def _metadata_rule(scenario: Scenario, source: Source, row: Row) -> tuple[str, str] | None:
    match source.role:
        case "noise" if source.id not in scenario.environment.recorded_noise:
            return "environment.noise", "the environment does not name this source"
        case "rir" if source.id not in scenario.environment.rooms:
            return "environment.rooms", "the environment does not name this source"
        case "speech" | "demonstrations" | "preferences":
            if scenario.privacy.pii == "drop" and (held := _personal_data(row)):
                return "pii", f"what is written holds personal data: {', '.join(held)}"
            language = language_of(scenario, source, row)
            if not _is_one_of(language, scenario.job.languages):
                return "job.languages", f"is in '{language}'"
            if not row.text and row.dialogue is None and not keeps_untranscribed(scenario, source):
                return "transcript", "has no transcript to train on"
            if scenario.segmentation.detector == "given" and not _is_speech_throughout(row):
                return "segmentation.detector", "no row and no annotation says when somebody speaks in it, and the detector is `given`"
    return None


def _personal_data(row: Row) -> list[str]:
    """The rules that find personal data in the transcript of a row, or in its dialogue."""
    texts = [row.text, *(part.text for turn in (row.dialogue.turns if row.dialogue else ()) for part in turn.content)]
    return list(dict.fromkeys(kind for text in texts for kind in kinds(text)))


def keeps_untranscribed(scenario: Scenario, source: Source) -> bool:
    """Whether speech of a source goes to pre-training where nobody wrote it down."""
    return source.role == "speech" and "pretrain" in source.stages and scenario.segmentation.untranscribed == "pretrain"


def _is_speech_throughout(row: Row) -> bool:
    """Whether a row is known to be speech from end to end: a stretch with times, what is spoken for the build, and the audio of a dialogue."""
    return row.start is not None or row.end is not None or row.say is not None or row.dialogue is not None


@cache
def _is_one_of(language: str, wanted: tuple[str, ...]) -> bool:
    return language.lower().split("-")[0] in {one.lower().split("-")[0] for one in wanted}


def language_of(scenario: Scenario, source: Source, row: Row) -> str:
    """Language of a row: its own, its source's, or the job's first."""
    return row.language or source.language or scenario.job.languages[0]
