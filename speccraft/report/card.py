"""Write the dataset card: Hugging Face's YAML header and plain words, from measured facts alone."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from typing import Any

from speccraft.report.numerals import duration, number, plural

TASKS = {"transcribe": ["automatic-speech-recognition"], "converse": ["automatic-speech-recognition", "audio-text-to-text"]}
HUB_LICENCES = {"CC0-1.0", "CC-BY-3.0", "CC-BY-4.0", "CC-BY-SA-3.0", "CC-BY-SA-4.0", "CC-BY-NC-4.0", "CC-BY-NC-SA-4.0", "CC-BY-ND-4.0", "Apache-2.0", "MIT"}
"""SPDX ids that the Hub knows by the same name in lower case; anything else is `other` there."""
SIZES = ((1_000, "n<1K"), (10_000, "1K<n<10K"), (100_000, "10K<n<100K"), (1_000_000, "100K<n<1M"), (10_000_000, "1M<n<10M"))


def card_of(report: Mapping[str, Any]) -> str:
    """The dataset card of a `report.json`, as Markdown with a YAML header."""
    sections = [_what(report), _size(report), _how(report), _splits(report), _rights(report), _judgement(report)]
    return f"---\n{_header(report)}---\n\n# {plain(report['name'])}\n\n" + "\n\n".join(sections) + "\n"


def plain(text: str) -> str:
    """Text that Markdown and HTML show as it is."""
    escaped = re.sub(r"([\\`*_{}\[\]()#+!|~$])", r"\\\1", text)
    return escaped.replace("&", "&amp;").replace("<", "&lt;").replace(">", "&gt;")


def _header(report: Mapping[str, Any]) -> str:
    licences = sorted({row["licence"] for row in report["licences"]})
    known = [licence for licence in licences if licence in HUB_LICENCES]
    header: dict[str, Any] = {
        "pretty_name": report["name"],
        "language": sorted({tag.split("-")[0].lower() for tag in report["scenario"]["languages"]}),
        "license": [licence.lower() for licence in known] + ["other"] * (len(known) < len(licences)),
        "task_categories": TASKS[report["scenario"]["task"]],
        "size_categories": [next((name for limit, name in SIZES if report["totals"]["cuts"] < limit), "n>10M")],
        "tags": ["audio", "speech", "speccraft"],
    }
    if len(known) < len(licences):
        header["license_name"] = " ; ".join(licences)
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
    rows = [(plain(row["source"]), row["used_as"], plain(row["licence"]), row["items"]) for row in report["licences"]]
    attribution = sorted({row["licence"] for row in report["licences"] if "BY" in row["licence"]})
    note = "No licence above asks for attribution."
    if attribution:
        whom = f"Attribution ({', '.join(map(plain, attribution))}): name the authors of the sources{' below' if report['attributions'] else ''}, "
        note = whom + "and say that the recordings were changed (resampled, cut, mixed with noise and rooms)."
    named = "".join(f"\n- {plain(row['source'])}, {plain(row['licence'])}: {plain(row['whom'])}" for row in report["attributions"])
    return f"## Sources and licences\n\n{_table(('source', 'used as', 'licence', 'items'), rows)}\n\n{note}{named and chr(10) + named}"


def _judgement(report: Mapping[str, Any]) -> str:
    lines = [f"{finding['severity']} {finding['code']} {plain(finding['clause'])}: {plain(finding['message'])}" for finding in report["findings"]]
    people = "Speakers are named by pseudonyms in the report." if report["pseudonyms"] else "The report names speakers as the sources do."
    head = f"## Judgement\n\n**{report['verdict']}** against the scenario; `report.html` shows the evidence. {people}\n\n"
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
