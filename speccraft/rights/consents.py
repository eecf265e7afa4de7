"""May this voice be used? A licensed voice needs a consent record that is about it, covers every use, holds that day and is proven."""

from __future__ import annotations

import difflib
import hashlib
import os
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from speccraft.errors import InvalidScenario, UnreadableInput
from speccraft.scenario import Scenario
from speccraft.scenario.consent import Consent, Consents
from speccraft.scenario.text import read_model

MOST_EVIDENCE_BYTES = 64 << 20
SPEAKING = "clone"
"""The use that an assistant makes of a voice by speaking with it. No licence permits it: it is the speaker's to allow."""


@dataclass(frozen=True)
class VoiceDecision:
    """Whether the assistant's voice may be used: `refusal` says why not, `consent` is the record that was judged."""

    refusal: str = ""
    consent: Consent | None = None


NOBODYS_VOICE = VoiceDecision()
"""A voice that belongs to nobody needs no consent."""


def voice_decision(scenario: Scenario, folder: Path, at: str) -> VoiceDecision:
    """Decide whether the scenario's voice may be used on a day; a voice that is nobody's may.

    Args:
        folder: the scenario's, where `rights.consents` starts from.
        at: the day (YYYY-MM-DD).

    Raises:
        InvalidScenario: the consents file is not what its schema asks for.
    """
    voice = scenario.voice
    if voice.kind != "licensed":
        return NOBODYS_VOICE
    if scenario.rights.consents is None:
        return VoiceDecision(f"the voice of {voice.speaker} is licensed, and `rights.consents` names no consents file")
    file = folder / scenario.rights.consents
    if not any(Path(os.path.realpath(file)).is_relative_to(os.path.realpath(folder / root)) for root in (".", *scenario.roots)):
        return VoiceDecision(f"the consents file {scenario.rights.consents} lies outside the scenario's folder and `roots`")
    try:
        records = read_model(file, Consents)[0].consents
    except UnreadableInput as error:
        # Its finding, not its message: a refusal is kept in saved plans, which hold no folder of this machine.
        return VoiceDecision(f"the consents file {scenario.rights.consents} {error.findings[0].message}")
    except InvalidScenario as error:
        raise InvalidScenario(f"{file.name}: the consents file is not valid", findings=error.findings) from error
    record = next((one for one in records if one.id == voice.consent), None)
    if record is None:
        near = difflib.get_close_matches(voice.consent, [one.id for one in records], n=1)
        return VoiceDecision(f"{file.name} has no record `{voice.consent}`" + (f"; the nearest is `{near[0]}`" if near else ""))
    refusals = [*_refusals(record, voice.speaker, scenario, at), _unproven(record, file)]
    return VoiceDecision("; ".join(filter(None, refusals)), record)


def _refusals(record: Consent, speaker: str, scenario: Scenario, at: str) -> Iterator[str]:
    if record.speaker != speaker:
        yield f"consent `{record.id}` is about {record.speaker}, not about {speaker}"
    if at < record.since:
        yield f"consent `{record.id}` holds from {record.since}, not yet on {at}"
    if record.until is not None and at > record.until:
        yield f"consent `{record.id}` held until {record.until}, no longer on {at}"
    if missing := [use for use in dict.fromkeys((*scenario.rights.use, SPEAKING)) if use not in record.uses]:
        yield f"consent `{record.id}` does not allow {', '.join(missing)}"


def _unproven(record: Consent, file: Path) -> str:
    named = f"the evidence of consent `{record.id}`, {record.evidence},"
    # Path.resolve raises where links run in a circle; here that is a document that cannot be read, like any other.
    evidence = Path(os.path.realpath(file.parent / record.evidence))
    if not evidence.is_relative_to(os.path.realpath(file.parent)):
        return f"{named} lies outside the folder of {file.name}"
    try:
        if not evidence.is_file():
            return f"{named} is missing"
        if evidence.stat().st_size > MOST_EVIDENCE_BYTES:
            return f"{named} is over {MOST_EVIDENCE_BYTES >> 20} MB"
        found = hashlib.sha256(evidence.read_bytes()).hexdigest()
    except OSError as error:
        return f"{named} cannot be read: {error.strerror}"
    return "" if found == record.evidence_sha256 else f"{named} is not the document whose SHA-256 it states"
