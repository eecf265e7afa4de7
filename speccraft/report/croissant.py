"""Describe a data set as Croissant 1.0 (JSON-LD): its files with their digests, its records, its licences and whom to name.

http://mlcommons.org/croissant/1.0; the Responsible AI vocabulary for personal data is http://mlcommons.org/croissant/RAI/1.0.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from speccraft import store
from speccraft.report.numerals import duration, plural
from speccraft.report.obligations import attribution_lines, ids_of, share_alike_lines, url_of, waiver_lines
from speccraft.scenario.contracts import SPLITS

FILE = "croissant.json"
PRIVATE_TABLES = ("ledger.parquet", "segments.parquet", "measures.parquet")
"""The tables of a build that hold names and files of people, which `trace` and `revoke` need: they stay in the house."""
NOT_TO_BE_PASSED_ON = ("BUILD.json", *PRIVATE_TABLES)
"""What the description of a build leaves out: the tables, and the record, which holds the scenario as it was written and the digest of the description."""
CONTEXT: Mapping[str, Any] = {
    "@language": "en",
    "@vocab": "https://schema.org/",
    **{name: f"cr:{name}" for name in (
        "citeAs", "column", "equivalentProperty", "extract", "field", "fileProperty", "fileObject", "fileSet", "format", "includes", "isLiveDataset",
        "jsonPath", "key", "md5", "parentField", "path", "recordSet", "references", "regex", "repeated", "replace", "samplingRate", "separator", "source",
        "subField", "transform",
    )},
    "conformsTo": "dct:conformsTo",
    "cr": "http://mlcommons.org/croissant/",
    "rai": "http://mlcommons.org/croissant/RAI/",
    "data": {"@id": "cr:data", "@type": "@json"},
    "dataType": {"@id": "cr:dataType", "@type": "@vocab"},
    "examples": {"@id": "cr:examples", "@type": "@json"},
    "dct": "http://purl.org/dc/terms/",
    "sc": "https://schema.org/",
}  # fmt: skip
"""The context of the specification, appendix 1."""
FORMATS = {
    ".json": "application/json", ".jsonl": "application/jsonlines", ".parquet": "application/x-parquet", ".tar": "application/x-tar", ".flac": "audio/flac",
    ".wav": "audio/x-wav", ".html": "text/html", ".md": "text/markdown", ".yaml": "application/yaml",
}  # fmt: skip
TEXT, NUMBER, INTEGER, TRUTH, AUDIO = "sc:Text", "sc:Float", "sc:Integer", "sc:Boolean", "sc:AudioObject"


@dataclass(frozen=True)
class Field:
    """One field of a record: where it stands in its file, and what it is; `inside` is a JSON path in the column."""

    type: str
    column: str
    says: str
    inside: str = ""
    repeated: bool = False


@dataclass(frozen=True)
class Records:
    """The records of one file."""

    name: str
    file: str
    says: str
    fields: Mapping[str, Field]


@dataclass(frozen=True)
class Described:
    """A data set to describe: `used` are source and licence of everything in it, `attributions` and `waivers` the rows of `report.json`, `as_of` its day."""

    name: str
    says: str
    as_of: str
    languages: Sequence[str]
    intended: Sequence[str]
    used: Sequence[tuple[str, str]]
    attributions: Sequence[Mapping[str, str]]
    waivers: Sequence[Mapping[str, Any]] = ()
    personal: str = ""
    notes: Sequence[str] = ()
    records: Sequence[Records] = field(default_factory=tuple)


CUT_FIELDS = {
    "id": Field(TEXT, "id", "id of the cut"),
    "seconds": Field(NUMBER, "duration", "length in seconds"),
    "texts": Field(TEXT, "supervisions", "what is said, one text a supervision", "text", repeated=True),
    "languages": Field(TEXT, "supervisions", "BCP 47 tag of what is said, one a supervision", "language", repeated=True),
    "speaker": Field(TEXT, "custom", "who speaks, by pseudonym where the scenario asks for that", "speaker"),
    "source": Field(TEXT, "custom", "source of the recording", "source"),
    "licence": Field(TEXT, "custom", "licence of the recording, as an SPDX expression", "licence"),
    "unseen": Field(TRUTH, "custom", "whether its speaker stands in no other split by intention", "unseen"),
}
"""What the records of a build's cuts hold; their audio lies in the shards, by id."""


def croissant(told: Described, folder: Path, files: Iterable[str]) -> bytes:
    """The JSON-LD of a data set, the same bytes for the same content.

    Args:
        folder: where the files are; they are hashed.
    """
    licences = sorted({id for _, licence in told.used for id in ids_of(licence)})
    lines = [*attribution_lines(told.used, told.attributions), *share_alike_lines(licence for _, licence in told.used), *waiver_lines(told.waivers)]
    content = {
        "@context": CONTEXT,
        "@type": "sc:Dataset",
        "conformsTo": "http://mlcommons.org/croissant/1.0",
        "name": told.name,
        "description": told.says,
        "datePublished": told.as_of,
        # A data set has the day that it was made as of; ids that follow from its content cannot stand in it.
        "version": ".".join(str(int(part)) for part in told.as_of.split("-")),
        "inLanguage": list(told.languages),
        "keywords": ["audio", "speech", "speccraft"],
        "license": [url_of(id) or id for id in licences],
        "creditText": attribution_lines(told.used, told.attributions),
        "usageInfo": {"@type": "sc:CreativeWork", "name": "Intended uses and obligations", "text": _usage(told, lines)},
        "citeAs": _citation(told),
        **({"rai:personalSensitiveInformation": told.personal} if told.personal else {}),
        "distribution": [_file(folder, name) for name in sorted(files)],
        "recordSet": [_record_set(one) for one in told.records],
    }
    return (json.dumps(content, indent=1, ensure_ascii=False, allow_nan=False) + "\n").encode("utf-8", "surrogatepass")


def described(report: Mapping[str, Any], folder: Path) -> Described:
    """A build, by its `report.json` and the cuts in its folder."""
    totals, scenario = report["totals"], report["scenario"]
    says = f"{plural(totals['cuts'], 'cut')} of speech, {duration(totals['seconds'])}, {plural(totals['speakers'], 'speaker')}, {scenario['sampling_rate']} Hz"
    cuts = {split: f"cuts.{split}.jsonl" for split in SPLITS}
    return Described(
        name=report["name"],
        says=f"{says}, for the task {scenario['task']}; made by speccraft {report['version']} and judged {report['verdict']} against its scenario.",
        as_of=report["as_of"],
        languages=sorted(scenario["languages"]),
        intended=scenario["use"],
        used=sorted({(row["source"], row["licence"]) for row in report["licences"]}),
        attributions=report["attributions"],
        waivers=report["waivers"],
        personal=personal_line(report),
        records=[
            Records(split, name, f"The cuts of the {split} split; the audio of each is <id>.flac in shards/{split}/.", CUT_FIELDS)
            for split, name in cuts.items()
            if (folder / name).stat().st_size
        ],
    )


def write_croissant(folder: Path, report: Mapping[str, Any]) -> None:
    """Write the description of a build beside its other files, all of which are there."""
    names = (path.relative_to(folder).as_posix() for path in folder.rglob("*") if path.is_file())
    store.write_bytes(folder / FILE, croissant(described(report, folder), folder, (name for name in names if name not in (*NOT_TO_BE_PASSED_ON, FILE))))


def personal_line(report: Mapping[str, Any]) -> str:
    """What is said of people: how they are called, and how many texts hold personal data."""
    called = "Speakers and sessions are called by pseudonyms" if report["pseudonyms"] else "Speakers and sessions have the names that the sources give them"
    held = report["personal_data"]
    found = ", ".join(f"{name} in {count}" for name, count in held["rules"].items() if count)
    flagged = "No transcript was found to hold an e-mail or IP address, phone, card or bank account number"
    if found:
        flagged = f"{plural(held['cuts'], 'transcript')} and {plural(held['dialogues'], 'dialogue')} hold personal data ({found})"
    dropped = f"; {plural(held['rows_dropped'], 'row')} were left out for it" if held["rows_dropped"] else ""
    return f"{called}; voices are personal data. {flagged}{dropped}."


def _usage(told: Described, obligations: Sequence[str]) -> str:
    return " ".join([*(f"{note}." for note in told.notes), f"Made for: {', '.join(told.intended)}.", *(f"{line}." for line in obligations)])


def _citation(told: Described) -> str:
    year, month, _ = told.as_of.split("-")
    title = "".join(char for char in told.name if char.isalnum() or char in " -_.")
    return f"@misc{{{title.replace(' ', '-')}, title = {{{title}}}, year = {{{year}}}, month = {{{int(month)}}}, note = {{made by speccraft}}}}"


def _file(folder: Path, name: str) -> dict[str, Any]:
    path = folder / name
    return {
        "@type": "cr:FileObject",
        "@id": name,
        "name": name,
        "contentUrl": name,
        "contentSize": f"{path.stat().st_size} B",
        "encodingFormat": FORMATS.get(path.suffix, "application/octet-stream"),
        "sha256": store.sha256_of(path),
    }


def _record_set(records: Records) -> dict[str, Any]:
    fields = [_field(records, name, one) for name, one in records.fields.items()]
    return {"@type": "cr:RecordSet", "@id": records.name, "name": records.name, "description": records.says, "field": fields}


def _field(records: Records, name: str, told: Field) -> dict[str, Any]:
    source: dict[str, Any] = {"fileObject": {"@id": records.file}, "extract": {"column": told.column}}
    if told.inside:
        source["transform"] = {"jsonPath": told.inside}
    repeated = {"repeated": True} if told.repeated else {}
    id = f"{records.name}/{name}"
    return {"@type": "cr:Field", "@id": id, "name": id, "description": told.says, "dataType": told.type, **repeated, "source": source}
