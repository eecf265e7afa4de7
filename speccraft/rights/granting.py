"""What is put into the consent log, and whether all that was put into it is still so."""

from __future__ import annotations

import difflib
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from speccraft import store
from speccraft.errors import RefusedByRights, SpeccraftError, UnreadableInput, WrongUsage
from speccraft.rights.log import Entry, append
from speccraft.rights.papers import Papers, Record, read_papers
from speccraft.rights.waivers import WaiverBody
from speccraft.scenario import Scenario


def grant(scenario: Scenario, folder: Path, ids: tuple[str, ...], day: str) -> list[Entry]:
    """Put consent records into the log: those with these ids, or all that it does not hold as they stand; every one with its document.

    Raises:
        UnreadableInput: there is no consents file.
        WrongUsage: there is no such record.
        RefusedByRights: a record's document is not there, is another one, or was withdrawn; nothing is put into the log.
    """
    papers = read_papers(scenario, folder, day)
    if papers.missing or papers.shut:
        raise UnreadableInput(papers.shut or papers.missing, try_this="name it in `rights.consents`; `speccraft schema consent` says what is in it")
    known = {record.consent.id: record for record in papers.records}
    for id in ids:
        if id not in known:
            near = difflib.get_close_matches(id, known, n=1)
            raise WrongUsage(f"the consents file has no record `{id}`", try_this=f"did you mean `{near[0]}`?" if near else f"there are {', '.join(known)}")
    wanted = [known[id] for id in ids] if ids else [record for record in papers.records if record.standing in ("new", "changed")]
    if bad := [_without_proof(record) for record in wanted if record.unproven]:
        help = "put the signed document there; what `sha256sum` says of it belongs into `evidence_sha256`"
        raise RefusedByRights("a record counts only with its signed document", details=bad, try_this=help)
    if gone := [f"consent `{record.consent.id}` {record.problem}" for record in wanted if record.standing == "withdrawn"]:
        raise RefusedByRights("who has withdrawn consents anew by a new document", details=gone, try_this="a new record with the document signed anew")
    return [append(papers.log.path, "grant", record.consent.model_dump(mode="json", by_alias=True), day) for record in wanted if record.standing != "granted"]


def _without_proof(record: Record) -> str:
    return f"the evidence of consent `{record.consent.id}`, {record.consent.evidence}, {record.unproven}"


def waive_licence(scenario: Scenario, folder: Path, body: Mapping[str, Any], day: str) -> Entry:
    """Put a waiver into the log.

    Raises:
        WrongUsage: the scenario has no such source, or something in it is not what a waiver says.
    """
    try:
        said = WaiverBody.model_validate(dict(body))
    except ValidationError as error:
        wrong = "; ".join(f"{'.'.join(map(str, one['loc']))}: {one['msg']}" for one in error.errors())
        raise WrongUsage(f"this is no waiver: {wrong}", try_this="speccraft consent add --help") from error
    sources = [source.id for source in scenario.sources]
    if said.source not in sources:
        near = difflib.get_close_matches(said.source, sources, n=1)
        raise WrongUsage(f"the scenario has no source '{said.source}'", try_this=f"did you mean '{near[0]}'?" if near else f"there are {', '.join(sources)}")
    return append(read_papers(scenario, folder, day).log.path, "waive", said.model_dump(mode="json"), day)


def problems(papers: Papers, workspace: Path) -> Iterator[str]:
    """What is no longer as it was put into the log: records, documents, and heads that builds and runs were made with."""
    if papers.shut:
        yield papers.shut
    for record in papers.records:
        if record.standing == "changed":
            yield f"consent `{record.consent.id}` {record.problem}"
        if record.unproven and record.standing != "new":
            yield _without_proof(record)
    there = {record.consent.id for record in papers.records}
    granted = dict.fromkeys(str(entry.body.get("id")) for entry in papers.log.entries if entry.kind == "grant")
    for id in granted:
        if id not in there:
            yield f"consent `{id}` is in the consent log, and no longer in the consents file"
    for kind in ("build", "run"):
        for file in sorted((workspace / store.KINDS[kind].folder).glob(f"*/*/{store.KINDS[kind].record}")):
            try:
                head = str(store.open_artefact(file.parent, kind).record.info.get("consent_head", ""))
            except SpeccraftError as error:
                yield error.message
                continue
            if not papers.log.holds(head):
                yield f"{kind} {file.parent.name} was made with a consent log that held {head[:12]}: this one does not"
