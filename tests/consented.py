"""Consents as a test needs them: a consents file with its documents beside it, and the consent log that holds them as granted."""

from __future__ import annotations

import hashlib
import json
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from speccraft.rights.log import Entry, append
from speccraft.scenario.consent import Consents

FORM = b"I, whom a test invented, allow what is written here."
RECORD: dict[str, Any] = {
    "id": "nora-2026",
    "speaker": "nora",
    "uses": ["train", "evaluate", "synthesise", "clone"],
    "from": "2020-01-01",
    "adult": True,
    "terms": "2026-01",
    "evidence": "form.txt",
    "evidence_sha256": hashlib.sha256(FORM).hexdigest(),
}
"""A record that allows what most tests ask for; its document is FORM."""
LOG = "consents.log.jsonl"


def write_consents(folder: Path, *records: Mapping[str, Any], granted: bool = True, form: bytes | None = FORM, day: str = "2020-01-01") -> list[dict[str, Any]]:
    """Write `consents.yaml` with these records over RECORD (RECORD alone, if none is given), the form, and a log that holds them, unless they are not granted.

    A value of None leaves a field out.
    """
    rows = [{field: value for field, value in {**RECORD, **record}.items() if value is not None} for record in records or ({},)]
    (folder / "consents.yaml").write_text(json.dumps({"consents": rows}))
    if form is not None:
        (folder / "form.txt").write_bytes(form)
    if granted:
        grant(folder, *rows, day=day)
    return rows


def grant(folder: Path, *rows: Mapping[str, Any], day: str = "2020-01-01") -> None:
    """Put records into the log as `speccraft consent add` does."""
    for consent in Consents.model_validate_json(json.dumps({"consents": rows})).consents:
        append(folder / LOG, "grant", consent.model_dump(mode="json", by_alias=True), day)


def withdraw(folder: Path, speaker: str, day: str = "2021-01-01") -> Entry:
    """Let a speaker withdraw, as `speccraft revoke` does."""
    return append(folder / LOG, "withdraw", {"speaker": speaker, "reason": "asked for", "revocation": "0" * 16}, day)


def waive(folder: Path, source: str, licence: str | None, day: str = "2021-01-01", **changes: Any) -> Entry:
    """Waive what a licence lacks for a source."""
    body = {"source": source, "licence": licence, "uses": ["train", "evaluate"], "reason": "the author wrote to us", "decided_by": "J. Doe", "until": None}
    return append(folder / LOG, "waive", body | changes, day)
