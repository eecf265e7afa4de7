"""A plan kept in a file, and what has changed in the world since: the scenario, the rows, their files, what rights say, the tool."""

from __future__ import annotations

import difflib
from collections import Counter
from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any, Literal

from pydantic import ValidationError

from speccraft import __version__, store
from speccraft.errors import BrokenIntegrity, RefusedByRights, UnreadableInput, WrongUsage
from speccraft.ingest.rows import Row
from speccraft.plan.fates import Plan, judge_of
from speccraft.rights.papers import Papers
from speccraft.scenario import LoadedScenario
from speccraft.scenario.base import Words

MOST_LINES = 10
"""Lines of a changed scenario that are shown."""
MOST_NAMED = 3
"""Inputs that a difference names, of all that it counts."""


class SavedPlan(Words):
    """A plan as it is saved: what it was made from, and the fate of every row."""

    speccraft_plan: Literal[1]
    version: str
    name: str
    as_of: str
    scenario: str
    voice: str
    """Why the voice may not be used, and a digest of the consent record that was judged."""
    consent_head: str
    """The digest of the last entry of the consent log, and so of all of it."""
    rows: dict[str, dict[str, str]]
    """By source and input: digests of what the row says, of its file's size and time of change, and of its fate, with dots between."""


def save(plan: Plan, loaded: LoadedScenario, path: Path) -> None:
    """Write a plan to a file; the same world gives the same bytes.

    Raises:
        WrongUsage: the file exists and is no saved plan.
    """
    if path.exists():
        try:
            read(path)
        except UnreadableInput as error:
            raise WrongUsage(f"{path} exists and is no saved plan", try_this="name another file") from error
    store.write_bytes(path, store.canonical_json(_saved(plan, loaded).model_dump(mode="json")))


def read(path: Path) -> SavedPlan:
    """Read a saved plan.

    Raises:
        UnreadableInput: there is no such file, or it is no saved plan.
    """
    if not path.is_file():
        raise UnreadableInput(f"{path}: cannot be read: there is no such file", try_this="speccraft plan SCENARIO --out FILE saves one")
    try:
        return SavedPlan.model_validate_json(path.read_bytes())
    except OSError as error:
        raise UnreadableInput(f"{path}: cannot be read: {error.strerror}") from error
    except ValidationError as error:
        raise UnreadableInput(f"{path} is no saved plan", try_this="speccraft plan SCENARIO --out FILE saves one") from error


def need_same_world(saved: SavedPlan, plan: Plan, loaded: LoadedScenario) -> None:
    """Check that a plan made now is the saved one.

    Raises:
        BrokenIntegrity: it is not; the message says what changed.
    """
    changes = list(differences(saved, _saved(plan, loaded)))
    if changes:
        raise BrokenIntegrity("the world has changed since the plan was saved", details=changes, try_this="look at a new plan, and save it with --out")


def need_still_allowed(plan: Plan, papers: Papers) -> None:
    """Check that what a plan let in on its day may come in today: a consent may have ended since, without anything in the world being changed.

    Raises:
        RefusedByRights: something may not.
    """
    judges = {source.id: judge_of(papers, source) for source in plan.scenario.sources}
    refused = Counter[str]()
    for item in plan.admitted:
        source = item.source
        decision = judges[source.id](item.row.licence or source.licence, item.row.speaker)
        if not decision.allowed:
            refused[f"source '{source.id}': {decision.reason}"] += 1
    if refused:
        details = [f"{count} rows of {said}" for said, count in sorted(refused.items())]
        raise RefusedByRights("what the saved plan let in is refused by rights today", details=details, try_this="look at a new plan, and save it with --out")


def differences(then: SavedPlan, now: SavedPlan) -> Iterator[str]:
    """What differs between two plans, in words."""
    if then.version != now.version:
        yield f"speccraft was {then.version} and is {now.version}"
    if then.as_of != now.as_of:
        yield f"rights were judged at {then.as_of}, not at {now.as_of}"
    if then.scenario != now.scenario:
        changed = difflib.unified_diff(then.scenario.splitlines(), now.scenario.splitlines(), lineterm="", n=0)
        lines = [line for line in changed if not line.startswith(("---", "+++", "@@"))]
        yield f"the scenario has {len(lines)} other lines" if lines else "the scenario has other line ends"
        yield from lines[:MOST_LINES]
    if then.voice != now.voice:
        yield "the voice: its consent record is another one, or it is allowed or refused as it was not before"
    if then.consent_head != now.consent_head:
        yield "the consent log has other entries"
    for source in sorted({*then.rows, *now.rows}):
        yield from _rows(source, then.rows.get(source, {}), now.rows.get(source, {}))


def _rows(source: str, then: Mapping[str, str], now: Mapping[str, str]) -> Iterator[str]:
    groups = {
        "new": sorted(now.keys() - then.keys()),
        "gone": sorted(then.keys() - now.keys()),
    }
    for number, what in enumerate(("with other words or facts", "whose file was changed or touched", "that rights or rules judge otherwise")):
        groups[what] = sorted(input for input in then.keys() & now.keys() if then[input].split(".")[number] != now[input].split(".")[number])
    for what, inputs in groups.items():
        if inputs:
            more = f" and {len(inputs) - MOST_NAMED} more" if len(inputs) > MOST_NAMED else ""
            yield f"source '{source}': {len(inputs)} {what}: {', '.join(inputs[:MOST_NAMED])}{more}"


def _saved(plan: Plan, loaded: LoadedScenario) -> SavedPlan:
    rows: dict[str, dict[str, str]] = {source.id: {} for source in plan.scenario.sources}
    for item in plan.admitted:
        rows[item.source.id][item.row.input] = _digest(item.row, "admitted", item.licence)
    for away in plan.turned_away:
        rows[away.source.id][away.row.input] = _digest(away.row, away.fate, away.reason)
    return SavedPlan(
        speccraft_plan=1,
        version=__version__,
        name=plan.scenario.name,
        as_of=plan.as_of,
        scenario=loaded.text,
        voice=_voice(plan),
        consent_head=plan.papers.log.head,
        rows=rows,
    )


def _voice(plan: Plan) -> str:
    record = plan.voice.consent
    return f"{plan.voice.refusal}.{'' if record is None else store.digest_of(record.model_dump(mode='json'))[:16]}"


def _digest(row: Row, fate: str, detail: str) -> str:
    said = [row.input, row.recording, row.start, row.end, row.channel, row.text, row.speaker, row.session, row.language, row.licence, row.attribution]
    spoken = row.say and row.say.facts
    packed = row.inside and [row.inside.kind, row.inside.offset, row.inside.size, row.inside.column]
    dialogue = [row.part, row.dialogue and row.dialogue.as_data()]
    parts = ([*said, row.groups, row.split, row.problem, spoken, packed, dialogue], _stamp(row), [fate, detail])
    return ".".join(store.digest_of(part)[:8] for part in parts)


def _stamp(row: Row) -> list[Any] | None:
    """Size, time of change and inode of a file, without opening it, or size and tag of an object; None where there is none."""
    if row.remote is not None:
        return [row.remote.size, row.remote.tag]
    if row.path is None:
        return None
    try:
        status = row.path.stat()
    except OSError:
        return None
    return [status.st_size, status.st_mtime_ns, status.st_ino]
