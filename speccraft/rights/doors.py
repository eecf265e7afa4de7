"""The doors besides those of a build's rows: the assistant's voice, base models, and a build that is taken up again. Each asks the gate, and refuses."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime
from pathlib import Path
from typing import TYPE_CHECKING

from speccraft.errors import BrokenIntegrity, RefusedByRights
from speccraft.rights import gate
from speccraft.rights.consents import record_named
from speccraft.rights.papers import Papers, read_papers
from speccraft.scenario import Scenario
from speccraft.scenario.consent import Consent
from speccraft.scenario.source import Source
from speccraft.scenario.text import check, parse

if TYPE_CHECKING:
    from speccraft.store import Artefact

ANOTHER_VOICE = "correct the consent record, put it into the consent log (`speccraft consent add`), or choose another voice"


@dataclass(frozen=True)
class VoiceDecision:
    """Whether the assistant's voice may be used: `refusal` says why not, `consent` is the record that was judged."""

    refusal: str = ""
    consent: Consent | None = None


NOBODYS_VOICE = VoiceDecision()
"""A voice that belongs to nobody needs no consent."""


def door_of(source: Source) -> gate.Door:
    """The door by which the rows of a source come in."""
    match source.format:
        case "synthesis":
            return "synthesis"
        case "tts":
            return "tts"
    return source.role


def voice_decision(scenario: Scenario, papers: Papers) -> VoiceDecision:
    """Decide whether the scenario's voice may be used; a voice that is nobody's may."""
    voice = scenario.voice
    if voice.kind != "licensed":
        return NOBODYS_VOICE
    decision = gate.may(papers, door="voice", speaker=voice.speaker, consent=voice.consent)
    record, _ = record_named(voice.consent, papers)
    return VoiceDecision("" if decision.allowed else decision.reason or "the gate refuses it", None if record is None else record.consent)


def need_voice(scenario: Scenario, folder: Path, day: str) -> None:
    """Check, before it is used again, that the scenario's voice may be used; to be asked at train and at serve.

    Args:
        folder: the scenario's, where `rights.consents` starts from.
        day: today (YYYY-MM-DD).

    Raises:
        RefusedByRights: it may not; the message says why.
        InvalidScenario: the consents file is not valid.
        BrokenIntegrity: the consent log is broken.
    """
    _need_voice(scenario, read_papers(scenario, folder, day))


def _need_voice(scenario: Scenario, papers: Papers) -> None:
    if refusal := voice_decision(scenario, papers).refusal:
        raise RefusedByRights(f"the voice is refused by rights: {refusal}", try_this=ANOTHER_VOICE)


def need_base_models(licences: Mapping[str, str | None], papers: Papers) -> None:
    """Check that every model that training starts from may serve what is intended.

    Args:
        licences: the licence of each, as the recipe states it, by what the recipe calls the model (such as `encoder`); None where it states none.

    Raises:
        RefusedByRights: some may not; every one is named with the reason.
    """
    decisions = {name: gate.may(papers, door="base-model", source=name, licence=licence) for name, licence in licences.items()}
    if refused := [f"{name}: {decision.reason}" for name, decision in decisions.items() if not decision.allowed]:
        raise RefusedByRights("a base model is refused by rights", details=refused, try_this="state its licence in the recipe, or start from another model")


def today() -> str:
    """The day (YYYY-MM-DD), in UTC, that a build is taken up on."""
    return datetime.now(UTC).date().isoformat()


def scenario_of(build: Artefact) -> Scenario:
    """The scenario that a build was made from, out of its own record."""
    return check(parse(build.record.info["scenario"]["text"], str(build.path / "BUILD.json")), Scenario)


def papers_of(build: Artefact, folder: Path, day: str) -> Papers:
    """What is on file by now about a build that was made earlier.

    Args:
        folder: where its scenario, consents and consent log are.

    Raises:
        InvalidScenario: the consents file is not valid.
        BrokenIntegrity: the consent log is broken.
    """
    return read_papers(scenario_of(build), folder, day)


def need_build(build: Artefact, papers: Papers) -> Papers:
    """Check, before a run takes up a build, that all that is in it may still be used: its voice, its speech by source, licence and speaker, noise and rooms.

    Returns:
        The papers.

    Raises:
        RefusedByRights: something may not any more; build again, and it is left out.
        BrokenIntegrity: the consent log is not the one, gone on, that the build was made with.
    """
    scenario = scenario_of(build)
    need_log(papers, str(build.record.info.get("consent_head", "")), f"build {build.record.id}")
    _need_voice(scenario, papers)
    refused = Counter[str]()
    for door, source, licence, speaker, count in _contents(build, {source.id: source for source in scenario.sources}):
        decision = gate.may(papers, door=door, source=source, licence=licence, speaker=speaker)
        if not decision.allowed:
            refused[f"source '{source}': {decision.reason}"] += count
    if refused:
        told = [f"{count} cuts or clips of {said}" for said, count in sorted(refused.items())]
        help = "speccraft build-manifest SCENARIO builds it again without them"
        raise RefusedByRights(f"build {build.record.id} holds what rights refuse by now", details=told, try_this=help)
    return papers


def _contents(build: Artefact, sources: Mapping[str, Source]) -> Iterator[tuple[gate.Door, str, str | None, str | None, int]]:
    """Door, source, licence and speaker of everything in a build, with how much there is."""
    import polars as pl

    from speccraft import store

    for prefix in ("measures.", "banks."):
        store.check_files(build, prefix=prefix)
    measures = pl.scan_parquet(build.path / "measures.parquet").group_by("source", "licence", "speaker").len().collect()
    for source, licence, speaker, count in measures.sort("source", "licence", "speaker").iter_rows():
        yield door_of(sources[source]), source, licence, speaker, count
    # Made noise is made of the build's own cuts, which are asked for themselves, and simulated rooms are nobody's.
    banks = store.rows_in(build.path / "banks.jsonl")
    recorded = Counter((item["source"], item["licence"]) for item in banks if item["source"] in sources and not item["simulated"])
    for (source, licence), count in sorted(recorded.items()):
        yield door_of(sources[source]), source, licence, None, count


def need_log(papers: Papers, head: str, whose: str) -> None:
    """Check that the consent log is the one that something was made with, and perhaps went on: nothing was taken out of it.

    Raises:
        BrokenIntegrity: it is not.
    """
    if not papers.log.holds(head):
        raise BrokenIntegrity(
            f"{papers.log.path}: the consent log is not the one that {whose} was made with: it no longer holds {head[:12]}",
            try_this="restore the consent log from a copy; nothing may be taken out of it",
        )
