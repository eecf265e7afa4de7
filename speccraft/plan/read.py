"""Make the plan of a scenario file: read its sources' rows and its consents, then decide. No audio is decoded."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date
from pathlib import Path

from speccraft.errors import WrongUsage
from speccraft.ingest import reach_of, read_sources
from speccraft.machine import without_collector
from speccraft.plan.fates import Plan, plan
from speccraft.rights.doors import today, voice_decision
from speccraft.rights.papers import read_papers
from speccraft.scenario import LoadedScenario

Progress = Callable[[str, int, int], None]


def plan_of(
    loaded: LoadedScenario, *, data: Path | None = None, as_of: str | None = None, lengths: bool = False, on_progress: Progress = lambda *_: None
) -> Plan:
    """The plan of a scenario as things stand.

    Args:
        data: what source paths start from; default the scenario's folder.
        as_of: the day (YYYY-MM-DD) that rights are judged at; default today in UTC.
        lengths: ask headers how long recordings are, where no table says so.

    Raises:
        UnreadableInput: a source cannot be read.
        InvalidScenario: the consents file is not valid.
        BrokenIntegrity: the consent log is broken.
        WrongUsage: `as_of` is no day.
        MissingExtra: the scenario's detector of speech is not installed.
    """
    at = day(as_of)
    if loaded.scenario.segmentation.detector == "silero":
        from speccraft.sound.silero import model_file

        model_file()
    papers = read_papers(loaded.scenario, loaded.path.parent, at)
    with without_collector():
        rows = read_sources(loaded.scenario, reach_of(loaded.path, loaded.scenario, data, on_progress))
        if lengths:
            from speccraft.ingest.lengths import with_lengths

            rows = with_lengths(rows, on_progress)
        return plan(loaded.scenario, rows, as_of=at, voice=voice_decision(loaded.scenario, papers), papers=papers)


def day(as_of: str | None) -> str:
    """A day as written (YYYY-MM-DD), or today in UTC.

    Raises:
        WrongUsage: it is no day.
    """
    if as_of is None:
        return today()
    try:
        return date.fromisoformat(as_of).isoformat()
    except ValueError as error:
        raise WrongUsage(f"'{as_of}' is no day", try_this="write it as 2026-11-22") from error
