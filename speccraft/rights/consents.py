"""Does somebody's consent cover this? A record has to be about the speaker, granted, of age, in force that day, for every use and place, and proven."""

from __future__ import annotations

import difflib
from collections.abc import Iterator
from pathlib import PurePosixPath

from speccraft.rights.papers import Papers, Record
from speccraft.rights.people import skeleton

SPEAKING = "clone"
"""The use that an assistant makes of a voice by speaking with it. No licence permits it: it is the speaker's to allow."""


def refusal_of(record: Record, speaker: str, uses: tuple[str, ...], papers: Papers, *, named: bool) -> str:
    """Why a record does not allow these uses of a speaker's voice; empty where it does.

    Args:
        named: whether the answer may name the record, its document and the speaker; what is said of rows is counted and shown, so it names nobody.
    """
    return "; ".join(_refusals(record, speaker, uses, papers, named))


def _refusals(record: Record, speaker: str, uses: tuple[str, ...], papers: Papers, named: bool) -> Iterator[str]:
    consent, rights = record.consent, papers.rights
    it = f"consent `{consent.id}`" if named else "the consent of its speaker"
    if record.problem:
        yield f"{it} {record.problem}"
    if consent.speaker != speaker:
        yield f"{it} is about {consent.speaker}, not about {speaker}" if named else f"{it} is about somebody else"
    if papers.day < consent.since:
        yield f"{it} holds from {consent.since}, not yet on {papers.day}"
    if consent.until is not None and papers.last_day > consent.until:
        yield f"{it} held until {consent.until}, no longer on {papers.last_day}"
    if missing := [use for use in dict.fromkeys(uses) if use not in consent.uses]:
        yield f"{it} does not allow {', '.join(missing)}"
    if not consent.adult:
        yield f"{it} is a minor's own"
    if rights.terms and consent.terms not in rights.terms:
        yield f"{it} was given on the terms of {consent.terms}, which `rights.terms` does not accept"
    if consent.territory and (beyond := [country for country in rights.territory if country not in consent.territory]):
        yield f"{it} holds in {', '.join(consent.territory)}, not in {', '.join(beyond)}"
    if record.unproven:
        yield f"the evidence of {it}, {consent.evidence}, {_of_file(record.unproven, papers)}" if named else f"the evidence of {it} {record.unproven}"


def _of_file(problem: str, papers: Papers) -> str:
    return problem.replace("outside the folder", f"outside the folder of {PurePosixPath(papers.rights.consents or '').name}")


def consent_of(speaker: str, uses: tuple[str, ...], papers: Papers) -> tuple[str, str]:
    """The id of a record by which a speaker allows these uses, or else why there is none, without a name."""
    told = []
    for record in papers.of(speaker):
        if not (refusal := refusal_of(record, speaker, uses, papers, named=False)):
            return record.consent.id, ""
        told.append(refusal)
    if told:
        return "", told[-1]
    if any(skeleton(record.consent.speaker) == skeleton(speaker) for record in papers.records):
        return "", "no consent record is about its speaker, but one is about a name that is written alike: names have to be the same, letter for letter"
    return "", papers.missing or "no consent record is about its speaker"


def record_named(id: str, papers: Papers) -> tuple[Record | None, str]:
    """The record with an id, or why there is none."""
    if papers.missing:
        return None, papers.missing
    found = next((one for one in papers.records if one.consent.id == id), None)
    if found is not None:
        return found, ""
    near = difflib.get_close_matches(id, [one.consent.id for one in papers.records], n=1)
    file = PurePosixPath(papers.rights.consents or "").name
    return None, f"{file} has no record `{id}`" + (f"; the nearest is `{near[0]}`" if near else "")
