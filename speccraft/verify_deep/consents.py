"""Prove again that the consent log is the one that a build was made with, gone on perhaps, where it lies beside the workspace."""

from __future__ import annotations

import hashlib
import json
import re
from collections.abc import Iterator
from pathlib import Path

from speccraft.verify import Problem

from .evidence import Build

HEAD = re.compile("([0-9a-f]{64})?")


def consents(build: Build) -> Iterator[Problem]:
    """The record names a head of a consent log, the log beside the workspace holds it unbroken, and what is waived stands in it."""
    head, waivers = build.info.get("consent_head"), build.info.get("waivers")
    if not isinstance(head, str) or not HEAD.fullmatch(head) or not isinstance(waivers, list):
        yield Problem("SC526", "BUILD.json", "names no head of a consent log, or no list of waivers")
        return
    if waivers and not head:
        yield Problem("SC531", "BUILD.json", "something is waived, and there is no consent log that could say so")
    if _ids(build.report.get("waivers")) != _ids(waivers):
        yield Problem("SC526", "report.json", "the waivers are not those of the record")
    log = log_of(build)
    if log is None or not head:
        return
    heads, waived = _chain(log)
    if heads is None:
        yield Problem("SC531", log.name, "the consent log is broken")
    elif head not in heads:
        yield Problem("SC531", log.name, f"the consent log no longer holds the head that the build was made with, {head[:12]}")
    elif missing := [id for id in _ids(waivers) if id not in waived]:
        yield Problem("SC531", log.name, f"the consent log does not hold what is waived: {', '.join(map(str, missing))}")


def _ids(waivers: object) -> list[object]:
    return [one.get("id") if isinstance(one, dict) else one for one in waivers] if isinstance(waivers, list) else [waivers]


def log_of(build: Build) -> Path | None:
    """The consent log of a build that lies in `speccraft-work/builds/<name>/`, beside its scenario; None where there is none, or it lies elsewhere."""
    path = build.folder.resolve()
    consents = Path(build.scenario.rights.consents or "consents.yaml")
    log = path.parents[3] / consents.with_name(f"{consents.stem}.log.jsonl") if len(path.parents) > 3 else path
    return log if log.is_file() else None


def _chain(log: Path) -> tuple[set[str] | None, set[str]]:
    """The hashes of all lines, or None where one does not follow the line before it; and the ids of what is waived."""
    heads, waived, before = set[str](), set[str](), ""
    for line in log.read_bytes().splitlines():
        try:
            entry = json.loads(line)
            said = entry.pop("hash")
            content = json.dumps(entry, sort_keys=True, ensure_ascii=False, separators=(",", ":")) + "\n"
        except (ValueError, AttributeError, KeyError, TypeError):
            return None, waived
        if said != hashlib.sha256(content.encode("utf-8", "surrogatepass")).hexdigest() or entry.get("before") != before:
            return None, waived
        before = said
        heads.add(said)
        if entry.get("kind") == "waive":
            waived.add(f"LicenseRef-waived-{said[:12]}")
    return heads, waived
