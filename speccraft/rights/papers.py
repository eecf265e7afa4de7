"""What is on file about rights, read once for all doors: intentions, licences of one's own, consent records that count, withdrawals, waivers."""

from __future__ import annotations

import hashlib
import os
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

from speccraft.errors import InvalidScenario, UnreadableInput
from speccraft.rights.licences import Licence
from speccraft.rights.log import ConsentLog, log_path, read_log
from speccraft.rights.standing import History, Standing
from speccraft.rights.waivers import Waiver, waivers_of
from speccraft.scenario import Scenario
from speccraft.scenario.acceptance import Rights
from speccraft.scenario.consent import Consent, Consents
from speccraft.scenario.text import read_model

MOST_EVIDENCE_BYTES = 64 << 20


@dataclass(frozen=True)
class Record:
    """A consent record as it stands in the consents file, how it stands in the consent log, and why it does not count, if so.

    `problem` continues "the consent ...", `unproven` continues "its document ...".
    """

    consent: Consent
    standing: Standing = "granted"
    problem: str = ""
    unproven: str = ""


@dataclass(frozen=True, eq=False)
class Papers:
    """Everything that the gate decides by, on a day (YYYY-MM-DD).

    `own` are licences of one's own whose texts are those that were read, `unread` says why others are not. `withdrawn` has the day since which a speaker's
    recordings may no longer be used, by the skeleton of the name. `missing` says why there are no consent records, `shut` why nothing can be decided.
    """

    rights: Rights
    day: str
    own: Mapping[str, Licence] = field(default_factory=dict)
    unread: Mapping[str, str] = field(default_factory=dict)
    records: tuple[Record, ...] = ()
    missing: str = "`rights.consents` names no consents file"
    withdrawn: Mapping[str, str] = field(default_factory=dict)
    waivers: tuple[Waiver, ...] = ()
    log: ConsentLog = field(default_factory=lambda: ConsentLog(Path()))
    shut: str = ""

    def of(self, speaker: str) -> list[Record]:
        """The records about a speaker."""
        return [record for record in self.records if record.consent.speaker == speaker]

    @property
    def last_day(self) -> str:
        """The day that consent must not have ended before: a clock that was set back does not go behind the log."""
        return max(self.day, self.log.day)


def read_papers(scenario: Scenario, folder: Path, day: str) -> Papers:
    """Read everything that is on file about a scenario's rights.

    Args:
        folder: the scenario's, where relative paths start.
        day: the day (YYYY-MM-DD) that is judged at.

    Raises:
        InvalidScenario: the consents file is not what its schema asks for.
        BrokenIntegrity: the consent log is broken.
        UnreadableInput: the consent log cannot be read.
    """
    rights, roots = scenario.rights, [folder / root for root in (".", *scenario.roots)]
    own, unread = dict[str, Licence](), dict[str, str]()
    for one in rights.licences:
        if problem := unproven(folder / one.text, one.sha256, roots):
            unread[one.id] = f"the text of {one.id}, {one.text}, {problem}"
        else:
            uses, consent = frozenset(one.permits), frozenset(one.consent)
            own[one.id] = Licence(one.id, uses, consent, one.commercial, one.attribution, share_alike=False, source=f"{one.text}, read by {one.read_by}")
    if rights.consents is not None and not _is_within(folder / rights.consents, roots):
        return Papers(rights, day, shut=f"the consents file {rights.consents} lies outside the scenario's folder and `roots`")
    log = read_log(log_path(scenario, folder))
    consents, missing = _consents(rights, folder)
    file, history = folder / (rights.consents or "."), History(log)
    records = tuple(Record(one, *history.of(one), unproven(file.parent / one.evidence, one.evidence_sha256, [file.parent])) for one in consents)
    return Papers(rights, day, own, unread, records, missing, history.withdrawn, waivers_of(log), log)


def _consents(rights: Rights, folder: Path) -> tuple[Sequence[Consent], str]:
    """The records of the consents file, or why there are none."""
    if rights.consents is None:
        return (), Papers.missing
    file = folder / rights.consents
    try:
        return read_model(file, Consents)[0].consents, ""
    except UnreadableInput as error:
        # Its finding, not its message: a refusal is kept in saved plans, which hold no folder of this machine.
        return (), f"the consents file {rights.consents} {error.findings[0].message}"
    except InvalidScenario as error:
        raise InvalidScenario(f"{file.name}: the consents file is not valid", findings=error.findings) from error


def unproven(file: Path, sha256: str, roots: Sequence[Path]) -> str:
    """Why a document is not the one with a SHA-256, in words that follow its name; empty where it is."""
    if not _is_within(file, roots):
        return "lies outside the folder"
    # Path.resolve raises where links run in a circle; here that is a document that cannot be read, like any other.
    document = Path(os.path.realpath(file))
    try:
        if not document.is_file():
            return "is missing"
        if document.stat().st_size > MOST_EVIDENCE_BYTES:
            return f"is over {MOST_EVIDENCE_BYTES >> 20} MB"
        found = hashlib.sha256(document.read_bytes()).hexdigest()
    except OSError as error:
        return f"cannot be read: {error.strerror}"
    return "" if found == sha256 else "is not the document whose SHA-256 it states"


def _is_within(file: Path, roots: Sequence[Path]) -> bool:
    return any(Path(os.path.realpath(file)).is_relative_to(os.path.realpath(root)) for root in roots)
