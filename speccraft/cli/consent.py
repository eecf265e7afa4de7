"""Commands about the consent log: `consent add` grants and waives, `consent show` tells what holds, `consent verify` proves it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import typer

from speccraft.cli.options import AsOf, Json, ScenarioFile, Workspace
from speccraft.console import Command
from speccraft.errors import WrongUsage

if TYPE_CHECKING:
    from speccraft.rights.papers import Papers
    from speccraft.scenario import LoadedScenario

consent = typer.Typer(no_args_is_help=True, rich_markup_mode=None, help="Grant, waive, show and prove consents: the consent log beside the consents file.")


@consent.command("add")
def add(
    scenario: ScenarioFile,
    records: Annotated[list[str] | None, typer.Argument(help="Ids of records in the consents file; default all that the log does not hold yet.")] = None,
    waive: Annotated[str | None, typer.Option("--waive", metavar="SOURCE", help="Instead: use this source although its licence lacks something.")] = None,
    licence: Annotated[str | None, typer.Option("--licence", help="With --waive: the licence as it is written; left out, that none is stated.")] = None,
    use: Annotated[list[str] | None, typer.Option("--use", help="With --waive: a use that is waived for; repeatable; default `rights.use`.")] = None,
    reason: Annotated[str | None, typer.Option("--reason", help="With --waive: why. Every card shows it.")] = None,
    decided_by: Annotated[str | None, typer.Option("--decided-by", metavar="WHO", help="With --waive: who decided. Every card shows it.")] = None,
    until: Annotated[str | None, typer.Option("--until", metavar="DAY", help="With --waive: last day (YYYY-MM-DD) that it holds.")] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Put consent records into the consent log, where they begin to count; or with --waive the decision to use a source in spite of its licence.

    A record needs its signed document beside it. Nothing is ever taken out of the log: who withdraws is added, too (`speccraft revoke`).

    Example: speccraft consent add examples/licensed-narrator/scenario.yaml nora-2026

    Example: speccraft consent add scenario.yaml --waive street --licence CC-BY --reason "the author wrote to us" --decided-by "J. Doe"
    """
    with Command("consent add", as_json=as_json) as command:
        from speccraft.plan import day
        from speccraft.rights.granting import grant, waive_licence

        loaded, folder = _loaded(scenario)
        if waive is None:
            if any(one is not None for one in (licence, use or None, reason, decided_by, until)):
                raise WrongUsage("--licence, --use, --reason, --decided-by and --until are about a waiver", try_this="--waive SOURCE")
            made = grant(loaded.scenario, folder, tuple(records or ()), day(as_of))
        else:
            if records:
                raise WrongUsage("a waiver is about a source, and names no record", try_this="--waive SOURCE --reason WHY --decided-by WHO")
            if reason is None or decided_by is None:
                raise WrongUsage("a waiver says why, and who decided", try_this="--reason WHY --decided-by WHO")
            if until is not None and until < day(as_of):
                raise WrongUsage(f"a waiver until {until} holds on no day any more", try_this="a later --until, or none")
            said = {"source": waive, "licence": licence, "uses": use or list(loaded.scenario.rights.use), "reason": reason, "decided_by": decided_by}
            made = [waive_licence(loaded.scenario, folder, {**said, "until": until}, day(as_of))]
        for entry in made:
            command.findings.append({"severity": "info", **entry.model_dump(mode="json")})
            command.data(f"{entry.kind}  {entry.body.get('id') or entry.body.get('source')}  line {entry.number} of the consent log, {entry.hash[:12]}")
        command.counts = {"entries": len(made)}
        if not made:
            command.say("every record is in the consent log already")


@consent.command("show")
def show(
    scenario: ScenarioFile,
    speaker: Annotated[str | None, typer.Argument(help="Show what is about this speaker alone.")] = None,
    as_of: AsOf = None,
    as_json: Json = False,
) -> None:
    """Tell who allows what, whether it counts on that day, who has withdrawn, and what is waived.

    Example: speccraft consent show examples/licensed-narrator/scenario.yaml
    """
    with Command("consent show", as_json=as_json) as command:
        papers = _papers(scenario, as_of)
        for row in _shown(papers, speaker):
            command.findings.append({"severity": "info", **row})
            command.data(f"{row['state']:>9}  {row['what']}: {row['told']}")
        command.counts = {state: sum(row["state"] == state for row in command.findings) for state in sorted({row["state"] for row in command.findings})}
        if not command.findings:
            command.say("there are no consents, withdrawals or waivers" + (f" about {speaker}" if speaker else ""))


@consent.command("verify")
def verify_consents(scenario: ScenarioFile, workspace: Workspace = None, as_json: Json = False) -> None:
    """Follow the log's chain, compare records and documents with it, and check that it holds the head that every build and run was made with.

    Exit code 5 when something is not what it was.

    Example: speccraft consent verify examples/licensed-narrator/scenario.yaml
    """
    with Command("consent verify", as_json=as_json) as command:
        from speccraft.locate import workspace_of
        from speccraft.rights.granting import problems

        papers = _papers(scenario, None)
        found = list(problems(papers, workspace_of(scenario, workspace)))
        command.counts = {"entries": len(papers.log.entries), "records": len(papers.records), "problems": len(found), "head": papers.log.head}
        for problem in found:
            command.findings.append({"severity": "error", "message": problem})
            command.data(problem)
        command.exit_code = 5 if found else 0
        if not found:
            lines = f"{len(papers.log.entries)} line{'' if len(papers.log.entries) == 1 else 's'}"
            command.data(f"{papers.log.path}: {lines}, as they were written; head {papers.log.head[:12] or 'none'}")


def _loaded(scenario: Path) -> tuple[LoadedScenario, Path]:
    from speccraft.scenario import load_scenario

    loaded = load_scenario(scenario)
    return loaded, loaded.path.parent


def _papers(scenario: Path, as_of: str | None) -> Papers:
    from speccraft.plan import day
    from speccraft.rights.papers import read_papers

    loaded, folder = _loaded(scenario)
    return read_papers(loaded.scenario, folder, day(as_of))


def _shown(papers: Papers, speaker: str | None) -> list[dict[str, Any]]:
    """Records, withdrawals and waivers, a row each."""
    from speccraft.rights.consents import refusal_of
    from speccraft.rights.people import skeleton

    rows = list[dict[str, Any]]()
    for record in papers.records:
        one = record.consent
        if speaker in (None, one.speaker):
            refusal = refusal_of(record, one.speaker, (), papers, named=True)
            until, where = f"to {one.until}" if one.until else "until it is withdrawn", f" in {', '.join(one.territory)}" if one.territory else ""
            told = refusal or f"{one.speaker} allows {', '.join(one.uses)} from {one.since} {until}{where}, on the terms of {one.terms}"
            rows.append({"state": "refused" if refusal else "granted", "what": one.id, "told": told, "speaker": one.speaker})
    for entry in papers.log.entries:
        if entry.kind == "withdraw" and (speaker is None or skeleton(speaker) == skeleton(str(entry.body.get("speaker")))):
            told = f"{entry.body.get('speaker')} withdrew: {entry.body.get('reason')}"
            rows.append({"state": "withdrawn", "what": entry.day, "told": told, "speaker": entry.body.get("speaker")})
    for waiver in papers.waivers if speaker is None else ():
        said, under = waiver.said, f"`{waiver.said.licence}`" if waiver.said.licence else "no licence"
        until = f" until {said.until}" if said.until else ""
        told = f"source {said.source} under {under}, for {', '.join(said.uses)}{until}: {said.reason} (decided by {said.decided_by})"
        rows.append({"state": "waived", "what": waiver.day, "told": told, "source": said.source, "id": waiver.id})
    return rows
