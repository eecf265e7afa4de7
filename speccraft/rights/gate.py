"""The gate: may this be used for what we intend? One function, asked at every door; whatever it does not understand, it refuses."""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import Literal, TypeAlias

from speccraft.rights.consents import SPEAKING, consent_of, record_named, refusal_of
from speccraft.rights.licences import Licence, NotALicence, licence_ids, licence_table
from speccraft.rights.papers import Papers
from speccraft.rights.people import known_speaker, skeleton
from speccraft.rights.waivers import Waiver
from speccraft.scenario.acceptance import Rights

Door: TypeAlias = Literal["speech", "demonstrations", "preferences", "tts", "synthesis", "noise", "rir", "base-model", "voice", "export"]
"""By which way something wants to enter or leave: recordings by their role, what a checkpoint (`tts`) or a rule (`synthesis`) speaks, the model that
training starts from, the assistant's voice, and what is given to others."""
IMITATED = frozenset({"speech", "demonstrations", "preferences", "tts", "export"})
"""Doors of recordings that a voice can be learnt from. At the others nobody asks for `clone`: a train, a room and a base model are not imitated."""
HEARD = IMITATED | {"noise"}
"""Doors of recordings that somebody may be heard in. Rooms, base models and espeak-ng's voices belong to nobody."""


@dataclass(frozen=True)
class Decision:
    """What the gate says.

    `licence` is the normalised expression when something under a licence is allowed, `reason` says why it is not; `consent` is the id of the record and
    `waiver` the decision that it rests on, if it rests on one.
    """

    allowed: bool
    licence: str = ""
    reason: str = ""
    consent: str = ""
    waiver: Waiver | None = field(default=None, compare=False)


def may(
    papers: Papers,
    *,
    door: Door,
    licence: str | None = None,
    source: str = "",
    speaker: str | None = None,
    uses: tuple[str, ...] | None = None,
    choice: str | None = None,
    consent: str = "",
) -> Decision:
    """Decide whether something may come in by a door, for every intended use. It never raises: what it cannot judge is refused.

    Args:
        papers: what is on file, and the day.
        licence: SPDX expression as written; at the door `voice` there is none.
        source: id of the source, which waivers speak of.
        speaker: who is heard, if somebody is known.
        uses: what is intended; default `rights.use`.
        choice: what was chosen where the licence offers a choice.
        consent: at the door `voice`, the id of the record that is to allow it.
    """
    try:
        asked = papers.rights.use if uses is None else uses
        if papers.shut:
            return Decision(False, reason=papers.shut)
        if door == "voice":
            return _voice(papers, str(speaker), asked, consent)
        return _recording(papers, door, licence, source, known_speaker(speaker), asked, choice)
    except Exception as error:
        # The one place where any error has an answer: no.
        return Decision(False, reason=f"the gate cannot judge this ({type(error).__name__})")


def may_be_passed_on(licence: str, papers: Papers | None = None) -> Decision:
    """Decide whether what is under a licence may be given to others; whether we accept it for our own work was decided before."""
    intended = Rights(use=("redistribute-data",))
    own = {} if papers is None else papers.own
    return may(Papers(intended, "", own=own), door="export", licence=licence)


def _recording(papers: Papers, door: Door, licence: str | None, source: str, speaker: str | None, uses: tuple[str, ...], choice: str | None) -> Decision:
    if speaker is not None and (day := papers.withdrawn.get(skeleton(speaker))) is not None:
        return Decision(False, reason=f"its speaker withdrew on {day}")
    asked = tuple(use for use in uses if use != SPEAKING or door in IMITATED)
    ids, reason = _judged(papers, licence, choice, asked)
    waiver = None
    if reason:
        waiver = next((one for one in papers.waivers if one.covers(source, licence, ids, asked, papers.last_day)), None)
        if waiver is None:
            return Decision(False, reason=reason)
        ids = tuple(dict.fromkeys((*ids, waiver.id)))
    known = [row for id in ids if (row := _row(papers, id)) is not None]
    if (left := tuple(use for use in asked if any(use in row.consent for row in known))) and door in HEARD:
        who = ", ".join(row.id for row in known if row.consent.intersection(left))
        given, problem = ("", "nobody knows who that is") if speaker is None else consent_of(speaker, left, papers)
        if problem:
            return Decision(False, reason=f"{who} leaves {', '.join(left)} to whoever is heard, and {problem}")
        return Decision(True, " AND ".join(ids), consent=given, waiver=waiver)
    return Decision(True, " AND ".join(ids), waiver=waiver)


def _judged(papers: Papers, licence: str | None, choice: str | None, uses: tuple[str, ...]) -> tuple[tuple[str, ...], str]:
    """The ids that a licence means, and why they do not let something in, consent aside."""
    named = (*papers.own, *papers.unread, *(waiver.id for waiver in papers.waivers))
    try:
        ids = licence_ids(licence, choice=choice, own=named)
    except NotALicence as error:
        return (), str(error)
    return ids, next(filter(None, (_refusal(papers, id, uses) for id in ids)), "")


def _row(papers: Papers, id: str) -> Licence | None:
    return papers.own.get(id) or licence_table().get(id)


def _refusal(papers: Papers, id: str, uses: tuple[str, ...]) -> str:
    rights, row = papers.rights, _row(papers, id)
    if rights.accept and id not in rights.accept:
        return f"{id} is not among the accepted licences"
    if row is None:
        return papers.unread.get(id) or f"{id} is not in our table of what licences permit"
    if missing := [use for use in uses if use not in row.uses | row.consent]:
        return f"{id} does not permit {', '.join(missing)}"
    if rights.commercial and not row.commercial:
        return f"{id} does not permit commercial use"
    return ""


def _voice(papers: Papers, speaker: str, uses: tuple[str, ...], id: str) -> Decision:
    """The assistant's voice: the record that the scenario names has to allow everything intended, and speaking with it."""
    if papers.rights.consents is None:
        return Decision(False, reason=f"the voice of {speaker} is licensed, and `rights.consents` names no consents file")
    record, problem = record_named(id, papers)
    if record is None:
        return Decision(False, reason=problem)
    if refusal := refusal_of(record, speaker, (*uses, SPEAKING), papers, named=True):
        return Decision(False, reason=refusal)
    return Decision(True, consent=id)
