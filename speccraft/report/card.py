"""Write the dataset card: Hugging Face's YAML header and plain words, from measured facts alone."""

from __future__ import annotations

import json
import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from typing import Any

from speccraft.report.croissant import PRIVATE_TABLES, personal_line
from speccraft.report.numerals import duration, number, plural
from speccraft.report.obligations import Attributions, asks_for_attribution, attribution_lines, ids_of, share_alike_lines, url_of, waiver_lines
from speccraft.scenario.language import primary

TASKS = {"transcribe": ["automatic-speech-recognition"], "converse": ["automatic-speech-recognition", "audio-text-to-text"]}
HUB_LICENCES = {"CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "Apache-2.0", "MIT"}
"""SPDX ids that the Hub knows by the same name in lower case; anything else is `other` there."""
RIGHTS_LINK = "README.md#sources-and-licences"
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"))


def card_of(report: Mapping[str, Any]) -> str:
    """The dataset card of a `report.json`, as Markdown with a YAML header."""
    licences, cuts = [row["licence"] for row in report["licences"]], report["totals"]["cuts"]
    header = header_of(report["name"], report["scenario"]["languages"], licences, report["scenario"]["task"], cuts)
    sections = [_what(report), _size(report), _how(report), _splits(report), _rights(report), _people(report), _judgement(report)]
    return f"---\n{header}---\n\n# {plain(report['name'])}\n\n" + "\n\n".join(sections) + "\n"


def plain(text: str) -> str:
    """Text that Markdown and HTML show as it is."""
    escaped = re.sub(r"([\\`*_{}\[\]#+!|~$])", r"\\\1", text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def header_of(name: str, languages: Iterable[str], licences: Iterable[str], task: str, cuts: int) -> str:
    """The YAML header that the Hub reads, without the lines around it.

    Args:
        licences: expressions of everything in the data set; the Hub is told the ids in them.
    """
    ids = sorted({id for licence in licences for id in ids_of(licence)})
    known = [id for id in ids if id in HUB_LICENCES]
    tags = sorted(set(map(primary, languages)))
    header: dict[str, Any] = {
        "pretty_name": name,
        "language": tags,
        "multilinguality": ["multilingual" if len(tags) > 1 else "monolingual"],
        "license": [id.lower() for id in known] + ["other"] * (len(known) < len(ids)),
        "task_categories": TASKS[task],
        "size_categories": [next((name for limit, name in SIZES if cuts < limit), "n>10M")],
        "tags": ["audio", "speech", "speccraft", "croissant"],
    }
    if len(known) < len(ids):
        header |= {"license_name": " AND ".join(ids), "license_link": RIGHTS_LINK}
    # A JSON string is a YAML string, with nothing left to interpret.
    return "".join(_yaml(key, value) for key, value in header.items())


def _yaml(key: str, value: str | list[str]) -> str:
    if isinstance(value, str):
        return f"{key}: {json.dumps(value)}\n"
    return f"{key}:{''.join(f'{chr(10)}- {json.dumps(item)}' for item in value) or ' []'}\n"


def _what(report: Mapping[str, Any]) -> str:
    scenario, totals = report["scenario"], report["totals"]
    place = f" It is meant for this place: {plain(scenario['place'])}." if scenario["place"] else ""
    return (
        f"Speech for the task `{scenario['task']}` in {', '.join(map(plain, scenario['languages']))}: "
        f"{plural(totals['cuts'], 'cut')}, {duration(totals['seconds'])}, {plural(totals['speakers'], 'speaker')}, {scenario['sampling_rate']} Hz.{place} "
        "Every number on this card was measured on the data."
    )


def _size(report: Mapping[str, Any]) -> str:
    rows = [(row["name"], row["cuts"], duration(row["seconds"]), row["speakers"]) for row in report["groups"]["split"]]
    unseen = report["unseen"]
    note = ""
    if unseen["cuts"]:
        note = f"\n\nThe group `unseen` holds {plural(unseen['cuts'], 'test cut')} of {plural(unseen['speakers'], 'speaker')} who stand in no other split."
    return "## Size\n\n" + _table(("split", "cuts", "speech", "speakers"), rows) + note


def _how(report: Mapping[str, Any]) -> str:
    scenario = report["scenario"]
    segmentation = scenario["segmentation"]
    lines = [
        f"Recordings were resampled to {scenario['sampling_rate']} Hz and cut at pauses by the `{segmentation['detector']}` voice activity detector "
        f"(up to {segmentation['keep_pause_s']:g} s of silence kept, utterances up to {scenario['longest_utterance_s']:g} s).",
        *(f"Rule `{rule['measure']}`: kept {_range(rule)}." for rule in scenario["quality"]),
        *(_loss(step) for step in report["speech"]["steps"] if step["kind"] in ("refused", "failed", "dropped") and (step["rows"] or step["seconds"])),
        f"Made by speccraft {report['version']} as of {report['as_of']} with seed {scenario['seed']}, from the scenario with SHA-256 `{scenario['sha256']}`.",
    ]
    return "## How it was made\n\n" + "\n".join(f"- {line}" for line in lines)


def _splits(report: Mapping[str, Any]) -> str:
    certificate = report["certificate"]
    lines = [
        f"{plain(row['axis'])}: {row['train']} in train, {row['dev']} in dev, {row['test']} in test; {row['shared'] or 'none'} in more than one"
        for row in certificate["axes"] + [{**bank, "axis": f"{bank['role']} bank"} for bank in certificate["banks"]]
    ]
    return "## Splits\n\n" + "\n".join(f"- {line}" for line in lines + [plain(note) for note in certificate["notes"]] or ["no axis was declared"])


def _rights(report: Mapping[str, Any]) -> str:
    rows = [(plain(row["source"]), row["used_as"], linked(row["licence"]), row["items"]) for row in report["licences"]]
    used = {(row["source"], row["licence"]) for row in report["licences"]}
    told = rights_told(used, report["attributions"], report["waivers"])
    return f"## Sources and licences\n\n{_table(('source', 'used as', 'licence', 'items'), rows)}\n\n{told}"


def rights_told(used: Collection[tuple[str, str]], attributions: Attributions, waivers: Iterable[Mapping[str, Any]]) -> str:
    """Whom to name, what share-alike licences ask, and what was let in by a waiver, as Markdown.

    Args:
        used: source and licence of everything that is passed on.
    """
    licences = sorted({licence for _, licence in used if asks_for_attribution(licence)})
    lines = attribution_lines(used, attributions)
    head = f"Attribution ({', '.join(map(plain, licences))}): name the authors" if licences else "No licence above asks for attribution"
    told = [head + (", with these lines:" if lines and licences else ". The sources name:" if lines else "."), _bullets(lines)]
    if alike := share_alike_lines(licence for _, licence in used):
        told += ["Share-alike:", _bullets(alike)]
    if waived := list(waiver_lines(waivers)):
        told += ["**Waivers**: what the licences do not permit, and somebody answers for:", _bullets(waived)]
    return "\n\n".join(part for part in told if part)


def linked(licence: str) -> str:
    """A licence expression as Markdown, with links to the texts of its licences."""
    return " AND ".join(f"[{plain(id)}]({url})" if (url := url_of(id)) else plain(id) for id in ids_of(licence))


def _bullets(lines: Iterable[str]) -> str:
    return "\n".join(f"- {plain(line)}" for line in lines)


def _people(report: Mapping[str, Any]) -> str:
    private = ", ".join(f"`{name}`" for name in PRIVATE_TABLES)
    keep = f"{private} name speakers and files, and `BUILD.json` holds the scenario as it was written: they stay with whoever made this build."
    return f"## People\n\n{personal_line(report)} {keep}"


def _judgement(report: Mapping[str, Any]) -> str:
    lines = [f"{finding['severity']} {finding['code']} {plain(finding['clause'])}: {plain(finding['message'])}" for finding in report["findings"]]
    head = f"## Judgement\n\n**{report['verdict']}** against the scenario; `report.html` shows the evidence.\n\n"
    return head + "\n".join(f"- {line}" for line in lines)


def _table(head: Sequence[str], rows: Sequence[Sequence[object]]) -> str:
    lines = [head, ["---"] * len(head), *rows]
    return "\n".join(f"| {' | '.join(str(cell) for cell in line)} |" for line in lines)


def _range(rule: Mapping[str, Any]) -> str:
    ends = [f"{sign} {number(rule[end])}" for end, sign in (("min", "≥"), ("max", "≤")) if rule[end] is not None]
    return " and ".join(ends)


def _loss(step: Mapping[str, Any]) -> str:
    rule = f" by the rule {plain(step['rule'])}" if step["rule"] else ""
    return f"Speech {step['kind']}{rule}: {duration(step['seconds'])}, {plural(step['rows'], 'row')} as a whole."
